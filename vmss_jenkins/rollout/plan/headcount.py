"""How many instances a set has after a surge: recorded in Azure, since no instance shows it.

During a surge a set has more instances than in the end. All else that a rollout needs to know is on the instances; this
number is not. So it is a tag of the resource group, written before the first change of the capacity and removed at the
end (`tag_claims.TagHeadcounts`; a tag of the group for the reasons in `claims`). The tag also holds the capacity before
and after the change under way: a run that finds another capacity knows that somebody else scaled the set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class Headcount:
    """How many instances a set has in the end, and the last change of its capacity."""

    wanted: int
    """Instances in the end."""
    before: int
    """The capacity before the last change of this rollout."""
    asked: int
    """The capacity after this change."""
    at: float = 0.0
    """When Azure was asked, by the clock of the run; not recorded."""
    answered: bool = True
    """False if the answer was lost."""

    @classmethod
    def of(cls, capacity: int) -> Headcount:
        """A set without a surge."""
        return cls(capacity, capacity, capacity)

    def asking(self, found: int, capacity: int, now: float) -> Headcount:
        """A change from the current capacity that Azure will be asked for."""
        return Headcount(self.wanted, found, capacity, now, answered=False)

    def accepted(self) -> Headcount:
        """Azure took the change."""
        return replace(self, before=self.asked, answered=True)

    def refused(self) -> Headcount:
        """Azure did not take it."""
        return replace(self, asked=self.before, answered=True)

    def seen(self, capacity: int) -> Headcount:
        """Take in the capacity that was read; an unknown one means that somebody else scaled the set.

        What somebody adds is added to `wanted`. What somebody removes is taken from the surplus first: the set ends
        with `wanted`, or with the capacity if that is less. In doubt it ends with more.
        """
        least, most = sorted((self.before, self.asked))
        if capacity in {least, most}:
            return self if self.answered or capacity != self.asked else self.accepted()
        wanted = self.wanted + capacity - least if capacity > most else min(self.wanted, capacity)
        return Headcount(wanted, capacity, capacity, self.at)

    def text(self) -> str:
        """The tag's value."""
        return f"wanted={self.wanted} before={self.before} asked={self.asked}"

    @classmethod
    def parse(cls, text: str) -> Headcount | None:
        """Read a tag's value; None for a tag of another kind."""
        found = re.fullmatch(r"wanted=(\d{1,6}) before=(\d{1,6}) asked=(\d{1,6})", text, re.ASCII)
        return cls(int(found[1]), int(found[2]), int(found[3])) if found else None


class Headcounts(Protocol):
    """Where the headcount of a set is recorded; each call raises `AzureError`."""

    def read(self) -> Headcount | None:
        """Read the record; None for none."""
        ...

    def write(self, headcount: Headcount) -> None:
        """Record the headcount."""
        ...

    def remove(self) -> None:
        """Remove the record."""
        ...
