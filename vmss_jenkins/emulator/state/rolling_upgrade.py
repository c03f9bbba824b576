"""A rolling upgrade as plain state; ``compute.rolling_upgrades`` has the rules that change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.instance import Model
    from vmss_jenkins.emulator.state.operation import Operation


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
    before: dict[str, Model] = field(default_factory=dict)
    """The former models of the instances of all batches."""
    restored: list[str] = field(default_factory=list)
    """Ids of failed instances that are rolled back to their former model."""
    not_restored: list[str] = field(default_factory=list)
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
