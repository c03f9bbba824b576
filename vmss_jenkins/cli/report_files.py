"""Writing a report's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write(pages: Mapping[str, str], directory: Path) -> None:
    """Write the files of a report into a directory, which is created if it does not exist."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (directory / name).write_text(text, encoding="utf-8")
