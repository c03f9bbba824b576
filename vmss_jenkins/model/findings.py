"""What the user must know before anything changes: a note, a warning, or a reason to refuse."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """What a finding means for the step."""

    NOTE = "note"
    WARNING = "warning"
    UNSAFE = "unsafe"
    """Refused, unless the finding's flag is given."""
    IMPOSSIBLE = "impossible"
    """Azure would refuse it."""


@dataclass(frozen=True)
class Finding:
    """One thing to know before the step runs."""

    severity: Severity
    text: str
    flag: str | None = None
    """The option that allows an UNSAFE one."""
