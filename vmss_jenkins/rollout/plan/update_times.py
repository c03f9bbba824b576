"""When an update is likely to end, learnt from those that ended in this run: where looking pays."""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass, field

ENOUGH = 8
"""Updates that must have ended before their times tell anything."""


@dataclass
class UpdateTimes:
    """How long updates took."""

    seconds: list[float] = field(default_factory=list)
    """In order."""

    def add(self, seconds: float) -> None:
        """Note one that ended."""
        insort(self.seconds, seconds)

    @property
    def known(self) -> bool:
        """Whether enough ended to tell."""
        return len(self.seconds) >= ENOUGH

    def lateness(self, seen: float, now: float, together: int = 1) -> float:
        """How late, by expectation, the end of an update would be seen now: what a look now is worth.

        Args:
            seen: seconds after its beginning at which it was seen to run.
            now: seconds after its beginning.
            together: instances that the operation waits for; it ends with the last one.
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
