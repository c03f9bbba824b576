"""A scale set, as plain state; the room ``compute`` has the rules that change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.state.automation.hook_event import HookEvent
from vmss_jenkins.emulator.state.automation.orchestration import OrchestrationService

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.instance import Instance, Model
    from vmss_jenkins.emulator.state.operation import Operation
    from vmss_jenkins.emulator.state.rolling_upgrade import RollingUpgrade


@dataclass
class ScaleSet:
    """A scale set: ``body`` is the resource as clients write it, the rest is what Azure adds."""

    name: str
    group: str
    body: Json
    unique_id: str
    created: float
    model: Model
    provisioning: str = "Creating"
    changed: float = 0.0
    version: int = 1
    """Counts the changes of the body; the etag shows it."""
    next_id: int = 0
    instances: dict[str, Instance] = field(default_factory=dict)
    operation: Operation | None = None
    """The PUT, PATCH or DELETE of the set itself that is in progress."""
    rolling: RollingUpgrade | None = None
    """The latest rolling upgrade."""
    os_upgrades: list[RollingUpgrade] = field(default_factory=list)
    """The rolling upgrades of the operating system, the latest first."""
    written: float = 0.0
    """When a client last sent a PUT, PATCH, POST or DELETE to the set, a part or an instance of it."""
    services: dict[str, OrchestrationService] = field(default_factory=dict)
    """Azure's own services on the set that were suspended, resumed or acted, by name."""
    hook_events: dict[str, HookEvent] = field(default_factory=dict)
    """The latest events of its lifecycle hooks, by name."""
    approved_version: str = ""
    """The version of the image for which a client has approved an automatic OS upgrade."""
    declined_version: str = ""
    """The version of the image for which a client has rejected one."""
    moving: bool = False
    """Whether Azure moves an instance to another zone."""
    moved: float = 0.0
    """When Azure last began to."""
    surging: int = 0
    """How many instances more than its capacity it may have, while a rolling upgrade surges or Azure moves one."""
    watched: bool = False
    """Whether Azure's next look at the set is scheduled."""
    replacing: int = 0
    """How many repairs have deleted their instance and wait for the new one."""

    @property
    def is_only_rolling(self) -> bool:
        """Whether only a rolling upgrade is left of its operation."""
        rolling, operation = self.rolling, self.operation
        return bool(rolling and rolling.goes_on and rolling.operation is operation and operation.pending == 1)

    @property
    def location(self) -> str:
        """The Azure region."""
        return str(self.body["location"])

    @property
    def etag(self) -> str:
        """The entity tag of the current body."""
        return f'"{self.version}"'

    @property
    def uniform(self) -> bool:
        """Whether instances are numbered copies of the model (else Flexible: virtual machines)."""
        return bool(self.body["properties"]["orchestrationMode"] == "Uniform")

    @property
    def mode(self) -> str:
        """Manual, Automatic or Rolling."""
        return str(self.body["properties"]["upgradePolicy"]["mode"])

    @property
    def capacity(self) -> int:
        """How many instances the set wants."""
        return int(self.body["sku"]["capacity"])

    def server(self, instance: Instance) -> str:
        """Return the name of the instance in the data plane."""
        return f"{self.group}/{instance.name}"
