"""Times in which no upgrade is approved: whole days, in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from vmss_jenkins.errors import ConfigError

WANTED = "wanted two days, first and last, such as 2026-12-20..2027-01-03"


@dataclass(frozen=True)
class Window:
    """Days in which nothing is approved, the first and the last included.

    Raises:
        ConfigError: the last day is before the first.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ConfigError("deny", [f"found {self}, which ends before it begins; {WANTED}"])

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `2026-12-20..2027-01-03`.

        Raises:
            ConfigError: any other text.
        """
        found = re.fullmatch(r"\s*(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)\s*", text, re.ASCII)
        try:
            days = [date.fromisoformat(part) for part in found.groups()] if found else []
        except ValueError:
            days = []
        if not days:
            raise ConfigError("deny", [f"found {text!r}; {WANTED}"])
        return cls(*days)

    @property
    def ends(self) -> float:
        """The first moment after it, in seconds UTC."""
        after = datetime.combine(self.last + timedelta(days=1), time(), timezone.utc)
        return after.timestamp()

    def covers(self, now: float) -> bool:
        """Whether a moment, in seconds UTC, is in it."""
        return self.first <= datetime.fromtimestamp(now, timezone.utc).date() <= self.last

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


def denied(windows: Iterable[Window], now: float) -> Window | None:
    """The window that a moment is in; of several, the one that ends last."""
    return max((one for one in windows if one.covers(now)), key=lambda one: one.ends, default=None)
