"""The path of a job: the folders that it is in, and names that Jenkins takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNSAFE_NAME = re.compile(r'[?*/\\%!@#$^&|<>\[\]:;"\x00-\x1f\x7f]')
"""What Jenkins refuses in a name."""


def ancestors(path: str) -> tuple[str, ...]:
    """Name the folders that a job is in, outermost first."""
    parts = path.split("/")
    return tuple("/".join(parts[:depth]) for depth in range(1, len(parts)))


def name_faults(path: str) -> Iterator[str]:
    """Say what is wrong with each name of a path."""
    for name in path.split("/"):
        if not name.strip() or name != name.strip() or name in {".", ".."} or name.endswith("."):
            yield f"found the name {name!r}, wanted one with no space around it and no dot at its end"
        elif unsafe := sorted(set(_UNSAFE_NAME.findall(name))):
            yield f"found {' '.join(map(repr, unsafe))} in {name!r}, which Jenkins refuses in a name"
