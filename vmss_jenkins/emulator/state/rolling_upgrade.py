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
    """An upgrade of all instances in batches by Azure itself."""

    what: Literal["model", "os", "extensions"]
    """Whether a new model began it, or a client's order to bring the operating system or the extensions up to date."""
    policy: Json
    started: float
    waiting: list[str]
    """Ids of the instances whose turn has not come."""
    operation: Operation
    """What began it, and ends with it."""
    model: Model
    """What it brings the instances to."""
    current: list[str] = field(default_factory=list)
    """Ids of those that needed no upgrade when it began."""
    batch: list[str] = field(default_factory=list)
    """Ids of the instances under way."""
    upgraded: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    before: dict[str, Model] = field(default_factory=dict)
    """What the instances of all batches were before."""
    restored: list[str] = field(default_factory=list)
    """Ids of failed ones that are back at what they were."""
    not_restored: list[str] = field(default_factory=list)
    code: str = "RollingForward"
    """RollingForward, RollingBack, Cancelled, Completed or Faulted."""
    last_action: str = "Start"
    last_action_time: float = 0.0
    ended: float | None = None
    error: Json | None = None

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None
