"""The source of the emulated time, and the schedule of transitions."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock(Protocol):
    """The source of the emulated time."""

    def now(self) -> float:
        """Return the emulated time in seconds since the epoch."""
        ...


class Schedule:
    """Transitions in the order in which they are due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    @property
    def next_due(self) -> float | None:
        """When the next transition is due, in emulated seconds since the epoch."""
        return self._heap[0][0] if self._heap else None

    def add(self, due: float, transition: Callable[[], None]) -> None:
        """Schedule ``transition`` for the time ``due``."""
        heapq.heappush(self._heap, (due, next(self._order), transition))

    def pop(self) -> tuple[float, Callable[[], None]]:
        """Remove and return the next transition."""
        due, _, transition = heapq.heappop(self._heap)
        return due, transition
