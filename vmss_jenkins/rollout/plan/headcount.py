"""How many instances a set had before it was surged: written down in Azure, since no instance tells it.

While instances are replaced, a set has more of them than it is to have in the end. All else that a rollout needs to
know is on the instances; this number is not. So it is a tag of the resource group, written before the capacity is
changed for the first time and taken away at the end (`tag_claims.TagHeadcounts`; there, for the reasons of `claims`).
Beside it stand the capacity before and after the change under way, so that a run that finds neither knows that
somebody else scaled the set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class Headcount:
    """What a set is to have in the end, and by what this rollout did."""

    wanted: int
    """Instances in the end."""
    before: int
    """The capacity before the last change of this rollout."""
    asked: int
    """The capacity that this change comes to."""
    at: float = 0.0
    """When Azure was asked; by the clock of the run, never written down."""
    answered: bool = True
    """False where the answer was lost."""

    @classmethod
    def of(cls, capacity: int) -> Headcount:
        """A set that nobody surges."""
        return cls(capacity, capacity, capacity)

    def asking(self, found: int, capacity: int, now: float) -> Headcount:
        """A change from the capacity that was found, about to be asked for."""
        return Headcount(self.wanted, found, capacity, now, answered=False)

    def accepted(self) -> Headcount:
        """Azure took the change."""
        return replace(self, before=self.asked, answered=True)

    def refused(self) -> Headcount:
        """Azure did not take it."""
        return replace(self, asked=self.before, answered=True)

    def seen(self, capacity: int) -> Headcount:
        """What follows from the capacity that was read; another one than ours is somebody else's doing.

        What somebody adds is added to what is wanted. What somebody takes away was surplus first: the set ends with
        what it was to have, or with the capacity where that is less. In doubt it ends with more.
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
        """Read a tag's value; None where it is none of ours."""
        found = re.fullmatch(r"wanted=(\d{1,6}) before=(\d{1,6}) asked=(\d{1,6})", text, re.ASCII)
        return cls(int(found[1]), int(found[2]), int(found[3])) if found else None


class Headcounts(Protocol):
    """Where the headcount of a set is written down; each call raises `AzureError`."""

    def read(self) -> Headcount | None:
        """What is written down; None for nothing."""
        ...

    def write(self, headcount: Headcount) -> None:
        """Write it down."""
        ...

    def remove(self) -> None:
        """Take it away."""
        ...
