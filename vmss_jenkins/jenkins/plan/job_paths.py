"""The path of a job: its folders, and the names that Jenkins accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNSAFE_NAME = re.compile(r'[?*/\\%!@#$^&|<>\[\]:;"\x00-\x1f\x7f]')
"""What Jenkins refuses in a name."""


def ancestors(path: str) -> tuple[str, ...]:
    """Return the folders of a job, outermost first."""
    parts = path.split("/")
    return tuple("/".join(parts[:depth]) for depth in range(1, len(parts)))


def name_faults(path: str) -> Iterator[str]:
    """Say what is wrong with the names in a path."""
    for name in path.split("/"):
        if not name.strip() or name != name.strip() or name.endswith("."):
            yield f"found the name {name!r}; wanted a name without spaces around it and without a dot at its end"
        elif unsafe := sorted(set(_UNSAFE_NAME.findall(name))):
            yield f"found {' '.join(map(repr, unsafe))} in {name!r}; wanted a name without it: Jenkins refuses it"
