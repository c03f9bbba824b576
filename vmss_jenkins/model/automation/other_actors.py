"""Who else acts on a scale set, what each may do, and what a rollout does about it: one row of a short table each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Response(Enum):
    """What a rollout does about another actor."""

    SUSPEND = "suspend"
    """It is off from before the first change to the end."""
    BOUND = "bound"
    """It goes on; the rollout counts again after what it did, and judges what it brought."""
    WAIT = "wait"
    """The rollout waits longer, since this may take longer."""
    TELL = "tell"
    """Nothing: people should know it."""
    REFUSE = "refuse"
    """The rollout is refused."""


HEADINGS = ("also acts on the set", "setting", "may", "in a rollout")


@dataclass(frozen=True)
class OtherActor:
    """Somebody who acts on a scale set beside the rollout."""

    name: str
    setting: str
    """How it is set, for people; empty if it only is on."""
    may: str
    """What it may do in the middle of a rollout."""
    response: Response
    handling: str
    """What becomes of it, for people."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of a table, in the order of `HEADINGS`."""
        return (self.name, self.setting or "on", self.may, self.handling)

    def __str__(self) -> str:
        setting = f" ({self.setting})" if self.setting else ""
        return f"{self.name}{setting} may {self.may}: {self.handling}"
