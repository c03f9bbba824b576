"""When an update is likely to end, learnt from the updates of this run: when a read is worth its call."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field

ENOUGH = 8
"""Updates that must have ended before their times are used."""


@dataclass
class UpdateTimes:
    """How long updates took."""

    seconds: list[float] = field(default_factory=list)
    """In order."""

    def add(self, seconds: float) -> None:
        """Add an update that ended."""
        insort(self.seconds, seconds)

    @property
    def known(self) -> bool:
        """Whether enough updates ended."""
        return len(self.seconds) >= ENOUGH

    def lateness(self, seen: float, now: float, together: int = 1) -> float:
        """Expected delay with which the end of an update is seen now: what a read is worth.

        Args:
            seen: seconds from its start to the last read.
            now: seconds from its start to now.
            together: instances of the operation; it ends with the last one.
        """
        chance = 1.0
        if self.known:
            before, after = self._share(seen) ** together, self._share(now) ** together
            tail = (now - seen) / (2.0 * self.seconds[len(self.seconds) // 2])
            hidden = min(1.0, tail) * after
            chance = max((after - before) / (1.0 - before), hidden)
        return (now - seen) * chance / 2.0

    def _share(self, seconds: float) -> float:
        return bisect_right(self.seconds, seconds) / (len(self.seconds) + 1)
