"""What exists in the emulated subscription. Plain state; the rules that change it live beside it."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from vmss_jenkins.emulator.arm.disclosure import disclosed
from vmss_jenkins.emulator.state.availability import Cause

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmss_jenkins.emulator.compute.extensions import Ran
    from vmss_jenkins.emulator.scenario.scenario import Release
    from vmss_jenkins.emulator.state.rolling_upgrade import RollingUpgrade

Json = dict[str, Any]


@lru_cache(maxsize=8192)  # a list of instances shows the same moments again and again
def timestamp(seconds: float) -> str:
    """Return the time as Azure writes it: UTC with seven digits after the seconds."""
    text = datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="microseconds")
    return text.replace("+", "0+")


class Servers(Protocol):
    """The data plane as the control plane sees it: one HTTP server an instance."""

    def serve(self, name: str, release: Release) -> None:
        """The instance is up and serves the release."""

    def take_down(self, name: str) -> None:
        """The instance stops serving."""

    def remove(self, name: str) -> None:
        """The instance is gone."""

    def port(self, name: str, wished: Sequence[int] = ()) -> int | None:
        """Return the loopback port that is the instance's own, None where there is none.

        An instance that has none yet gets the first of those that are ``wished`` and free, else any.
        """
        ...


class NoServers:
    """No data plane."""

    def serve(self, name: str, release: Release) -> None:
        """Do nothing."""

    def take_down(self, name: str) -> None:
        """Do nothing."""

    def remove(self, name: str) -> None:
        """Do nothing."""

    def port(self, name: str, wished: Sequence[int] = ()) -> int | None:
        """Return None."""


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
        """Call ``transition`` once the time is ``due``."""
        heapq.heappush(self._heap, (due, next(self._order), transition))

    def pop(self) -> tuple[float, Callable[[], None]]:
        """Take out the next transition."""
        due, _, transition = heapq.heappop(self._heap)
        return due, transition


@dataclass
class ResourceGroup:
    """A resource group."""

    name: str
    location: str
    tags: Json = field(default_factory=dict)
    provisioning: str = "Succeeded"


@dataclass
class Image:
    """A managed image."""

    name: str
    group: str
    body: Json
    provisioning: str = "Succeeded"


@dataclass
class Operation:
    """A long-running operation: it ends when the last of its ``pending`` parts has ended."""

    id: str
    location: str
    started: float
    on_end: Callable[[Operation], None]
    cause: Cause = field(default_factory=Cause)
    ended: float | None = None
    pending: int = 0
    error: Json | None = None

    @property
    def status(self) -> str:
        """InProgress, Succeeded, Failed or Canceled."""
        if self.ended is None:
            return "InProgress"
        if self.error and self.error["code"] in ("OperationCanceled", "OperationPreempted"):
            return "Canceled"
        return "Failed" if self.error else "Succeeded"

    def then(self, follow: Callable[[Operation], None]) -> None:
        """Call ``follow`` too when it ends."""
        before = self.on_end

        def both(operation: Operation) -> None:
            before(operation)
            follow(operation)

        self.on_end = both


@dataclass(frozen=True)
class Model:
    """One version of what a set wants its instances to be; two of equal content are the same model."""

    profile: Json
    """The ``virtualMachineProfile``, never changed in place."""
    size: str
    """The name of the sku."""

    @cached_property
    def disclosed(self) -> Json:
        """The profile as clients may read it, made once for all instances: not to be changed in place either."""
        shown: Json = disclosed(self.profile)
        return shown

    @property
    def extensions(self) -> list[Json]:
        """The extensions, as clients write them."""
        found: list[Json] = self.profile.get("extensionProfile", {}).get("extensions", [])
        return found

    @property
    def image(self) -> Json:
        """The ``imageReference``, or ``{"uri": ...}`` of a VHD."""
        storage = self.profile.get("storageProfile", {})
        reference: Json = storage.get("imageReference") or storage.get("osDisk", {}).get("image", {})
        return reference


@dataclass
class Instance:
    """One virtual machine of a set."""

    id: str
    name: str
    number: int
    """Counts the instances of its set, those that are gone too."""
    zone: str | None
    fault_domain: int
    vm_id: str
    created: float
    model: Model
    image: Json
    """What its disk was made from: a reimage changes it without the model."""
    disk: Release
    """What that image holds."""
    release: Release
    """What it serves: the disk, and what the extensions' scripts make of it."""
    ran: dict[str, Ran] = field(default_factory=dict)
    """How each extension's last run went, by its name."""
    provisioning: str = "Creating"
    power: str = "starting"
    changed: float = 0.0
    """When ``provisioning`` last changed."""
    healthy_at: float = 0.0
    """When its health becomes known after it came up."""
    protected_from_scale_in: bool = False
    protected_from_actions: bool = False
    operation: Operation | None = None
    """What works on it now."""
    failing: bool = False
    """Whether that is going to fail, by a fault."""
    up: bool = False
    """Whether it serves."""
    up_since: float = 0.0


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
    """The PUT, PATCH or DELETE of the set itself that is under way."""
    rolling: RollingUpgrade | None = None
    """The latest rolling upgrade."""
    os_upgrades: list[RollingUpgrade] = field(default_factory=list)
    """Those of the operating system, the latest first."""

    @property
    def is_only_rolling(self) -> bool:
        """Whether its rolling upgrade is all that is left of what is under way."""
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
