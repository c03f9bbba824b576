"""The colours of the report's pictures, light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PALETTES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "": {
            "text": "#1b2330",
            "faint": "#5a6575",
            "grid": "#d9dee6",
            "old": "#8c98a8",
            "skipped": "#8c98a8",
            "updating": "#d98a00",
            "new": "#1f6fd6",
            "creating": "#8bb6ee",
            "deleting": "#8c98a8",
            "unhealthy": "#c22246",
            "passed": "#2f8f5b",
            "failed": "#c22246",
            "error": "#c22246",
            "inconclusive": "#b06f00",
            "unknown": "#8c98a8",
            "side-0": "#1f6fd6",
            "side-1": "#5a6575",
        },
        "-dark": {
            "text": "#e6eaf0",
            "faint": "#a3aebd",
            "grid": "#333d4b",
            "old": "#77839a",
            "skipped": "#77839a",
            "updating": "#f0b03c",
            "new": "#62a5ff",
            "creating": "#3c659d",
            "deleting": "#77839a",
            "unhealthy": "#ff6b88",
            "passed": "#57c58a",
            "failed": "#ff6b88",
            "error": "#ff6b88",
            "inconclusive": "#f0b03c",
            "unknown": "#77839a",
            "side-0": "#62a5ff",
            "side-1": "#a3aebd",
        },
    }
)
"""The colours by the suffix of the file name."""
