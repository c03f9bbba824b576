"""Durations as Azure writes them (ISO 8601), in seconds, and in minutes for people."""

from __future__ import annotations

import re

_UNITS = (86_400.0, 3_600.0, 60.0, 1.0)
_LONG = 120.0
"""Seconds up to which a duration is written in seconds."""


def seconds(text: object) -> float:
    """Read `PT10M` or `P1DT2H`; 0 for anything else, such as a missing value.

    Azure's durations have no months and no years.
    """
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", str(text or ""), re.ASCII)
    parts = found.groups() if found else ()
    return sum(float(part) * unit for part, unit in zip(parts, _UNITS, strict=False) if part)


def minutes(value: float) -> str:
    """Write seconds in short: 90 s, 10 min."""
    return f"{value:.0f} s" if value < _LONG else f"{value / 60:.0f} min"
