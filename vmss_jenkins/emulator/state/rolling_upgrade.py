"""A rolling upgrade as plain state; ``compute.rolling_upgrades`` has the rules that change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.instance import Model
    from vmss_jenkins.emulator.state.operation import Operation

    Gate = Callable[[list[str], Callable[[list[str]], None]], None]
    """Called with the ids of a batch; calls back, now or later, with those that are to be upgraded."""


@dataclass(frozen=True)
class Automatic:
    """What is different in an upgrade that Azure begins by itself."""

    gate: Gate
    """What decides about each batch."""
    deferred: bool
    """Whether each instance waits for a client's approval."""


@dataclass(frozen=True)
class Former:
    """What an instance was before its upgrade."""

    model: Model
    image: Json
    version: str
    disk: Release
    """The release in the image of its disk."""


@dataclass
class RollingUpgrade:
    """An upgrade of all instances in batches, made by Azure."""

    what: Literal["model", "os", "extensions"]
    """What began it: a new model, or a client's request to upgrade the operating system or the extensions."""
    policy: Json
    started: float
    waiting: list[str]
    """Ids of the instances that are not upgraded yet."""
    operation: Operation
    """The operation that began it and ends with it."""
    model: Model
    """The new model."""
    current: list[str] = field(default_factory=list)
    """Ids of the instances that needed no upgrade when it began."""
    batch: list[str] = field(default_factory=list)
    """Ids of the instances in the present batch."""
    fresh: list[str] = field(default_factory=list)
    """Ids of the new instances that are to replace those of the present batch, in a surge."""
    upgraded: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    before: dict[str, Former] = field(default_factory=dict)
    """What the instances of all batches were before."""
    restored: list[str] = field(default_factory=list)
    """Ids of failed instances that are rolled back to their former model."""
    not_restored: list[str] = field(default_factory=list)
    gate: Gate | None = None
    """What decides, before each batch, which of its instances are upgraded; None if all are."""
    rejected: list[str] = field(default_factory=list)
    """Ids of the instances that the gate has kept out of the upgrade."""
    deferred: bool = False
    """Whether each instance waits until a client approves its upgrade."""
    approved: list[str] = field(default_factory=list)
    """Ids of the instances that a client has approved, if the upgrade is deferred."""
    parked: bool = False
    """Whether it waits for an approval before its next batch."""
    started_by: Literal["User", "Platform"] = "User"
    code: str = "RollingForward"
    """RollingForward, RollingBack, Cancelled, Completed or Faulted."""
    last_action: str = "Start"
    last_action_time: float = 0.0
    ended: float | None = None
    error: Json | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it is still in progress."""
        return self.ended is None
