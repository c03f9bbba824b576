"""How often Azure may be called, from its own limits, so that it never answers 429.

Azure throttles by token buckets that are refilled every minute
(https://learn.microsoft.com/azure/virtual-machines/compute-throttling-limits). A rollout keeps to a tenth
of each bucket that the subscription shares, so that ten can run side by side, and to each resource's own.

| requests | bucket of the subscription | a tenth a minute | bucket of the resource |
|---|---|---|---|
| manualupgrade | 1,500 | 150 | none |
| GET of an operation | 15,000 | 1,500 | 45, and 15 a minute |
| GET of an instance | 6,000 | 600 | 36, and 12 a minute |
| list of instances, a page | 1,080 | 108 | 30, and 10 a minute |
| GET of the set | 2,400 | 240 | 36, and 12 a minute |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor

MINUTE = 60.0

SPARE = 2
"""Requests that are left to others in the bucket of a resource."""


def updates() -> RateLimit:
    """The rate limit of manualupgrade."""
    return RateLimit(150, 30)


def operations() -> RateLimit:
    """The rate limit of reads of operations."""
    return RateLimit(1500, 60)


def instances() -> RateLimit:
    """The rate limit of reads of single instances; a batch that ended is read at once."""
    return RateLimit(600, 100)


PAGE = 100
"""Instances on a page of the list, as assumed; larger pages leave more room."""
LIST_EVERY = 10.0
"""Seconds between two lists of a small set."""
PAGE_EVERY = 7.5
"""Seconds for each page: 8 a minute of the 10 that the set's bucket is refilled with."""
SET_EVERY = 6.0
"""Seconds between two reads of the set."""


@dataclass
class RateLimit:
    """Requests of one kind: no more than so many in any minute, some of them at once, the others evenly."""

    per_minute: int
    at_once: int
    saved: float = field(init=False)
    at: float | None = None

    def __post_init__(self) -> None:
        self.saved = self.at_once

    def available(self, now: float) -> int:
        """How many requests may be made now."""
        gone = now - self.at if self.at is not None else 0.0
        self.at = now
        self.saved = min(self.at_once, self.saved + gone * (self.per_minute - self.at_once) / MINUTE)
        return floor(self.saved)

    def take(self) -> None:
        """Count a request that is made."""
        self.saved -= 1


@dataclass
class Tokens:
    """The bucket of one resource, counted as Azure does: full at the first request, refilled every minute."""

    size: int
    refill: int
    tokens: int = field(init=False)
    filled: float | None = None

    def __post_init__(self) -> None:
        self.tokens = self.size

    def spacing(self, now: float) -> float:
        """Seconds between two requests so that the tokens last until the next refill."""
        left = self._left(now)
        refilled = (self.filled if self.filled is not None else now) + MINUTE
        return (refilled - now) / max(left, 0.5)

    def take(self, now: float) -> bool:
        """Take a token if one is left; return whether it was."""
        if self._left(now) < 1:
            return False
        self.filled = now if self.filled is None else self.filled
        self.tokens -= 1
        return True

    def _left(self, now: float) -> int:
        if self.filled is not None:
            minutes = floor((now - self.filled) / MINUTE)
            self.tokens = min(self.size, self.tokens + minutes * self.refill)
            self.filled += minutes * MINUTE
        return self.tokens - SPARE


def operation_tokens() -> Tokens:
    """The bucket that each operation has."""
    return Tokens(45, 15)


def instance_tokens() -> Tokens:
    """The bucket that each instance has."""
    return Tokens(36, 12)


def list_interval(instances: int) -> float:
    """Seconds between two lists of all instances."""
    return max(LIST_EVERY, PAGE_EVERY * -(-instances // PAGE))


def calls(ids: Sequence[str], count: int, longest: int) -> tuple[tuple[str, ...], ...]:
    """Spread ids evenly over `count` calls, or over more if one had more than `longest` ids."""
    count = min(len(ids), max(count, -(-len(ids) // longest)))
    return tuple(tuple(ids[start::count]) for start in range(count))
