"""Scales and marks of the report's pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Possible seconds between two marks of time."""


@dataclass(frozen=True)
class Mark:
    """A place on an axis."""

    at: float
    """Position, in units of the picture."""
    label: str


@dataclass(frozen=True)
class Scale:
    """Converts values to positions in the picture.

    Args:
        most: the greatest value, more than 0; the least is 0.
        start: where 0 is, in the picture's units.
        end: where the greatest value is.
    """

    most: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the position of a value, rounded to a tenth."""
        return round(self.start + (self.end - self.start) * min(value, self.most) / self.most, 1)


def times(scale: Scale, most_marks: int = 8) -> tuple[Mark, ...]:
    """Return the marks of time on a scale of seconds."""
    step = next((step for step in _STEPS if scale.most / step <= most_marks), _STEPS[-1])
    return tuple(Mark(scale(at), clock(at)) for at in range(0, int(scale.most) + 1, step))


def clock(seconds: float) -> str:
    """Write a time since the beginning: 0:05, 12:30, 1:02:30."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ceiling(value: float) -> float:
    """Return the next round number that is not less: 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))
