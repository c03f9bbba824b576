"""The emulated subscription: its resources, its time and its long-running operations."""

from __future__ import annotations

import math
import random
import threading
import uuid
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import (
    ArmError,
    gateway,
    inactive_instance,
    instance_not_found,
    resource_not_found,
)
from vmss_jenkins.emulator.arm.image_reference import image_key
from vmss_jenkins.emulator.arm.providers import COMPUTE, NETWORK
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.faults.armed_fault import strike
from vmss_jenkins.emulator.scenario.release import Release
from vmss_jenkins.emulator.scenario.timings import Timings
from vmss_jenkins.emulator.state.automation.autoscale import AutoscaleSetting, Metric
from vmss_jenkins.emulator.state.availability import Availability, Cause
from vmss_jenkins.emulator.state.clock import Schedule
from vmss_jenkins.emulator.state.image import Image
from vmss_jenkins.emulator.state.instance import Instance
from vmss_jenkins.emulator.state.operation import Operation, ScheduledEvent
from vmss_jenkins.emulator.state.resource_group import ResourceGroup
from vmss_jenkins.emulator.state.scale_set import ScaleSet
from vmss_jenkins.emulator.state.servers import NoServers, Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmss_jenkins.emulator.faults.armed_fault import ArmedFault
    from vmss_jenkins.emulator.faults.fault import Fault, Moment
    from vmss_jenkins.emulator.scenario.scenario import Scenario
    from vmss_jenkins.emulator.state.clock import Clock
    from vmss_jenkins.emulator.state.deployment import Deployment
    from vmss_jenkins.emulator.state.gallery import Gallery
    from vmss_jenkins.emulator.state.network import LoadBalancer, PassiveResource, PublicIp

_KEPT_CALLS = 100_000


class Backend:
    """All state of one server. Hold ``lock`` around every use; time moves only in ``advance``."""

    def __init__(
        self,
        scenario: Scenario,
        clock: Clock,
        *,
        download: Callable[..., str],
        timings: Timings | None = None,
        servers: Servers | None = None,
        seed: int = 0,
        page_size: int = 100,
        time_scale: float = 1.0,
    ) -> None:
        self.scenario = scenario
        self.timings = timings or Timings()
        self.servers = servers or NoServers()
        self.page_size = page_size
        self.time_scale = time_scale
        self.blob_endpoint = ""
        self.download = download
        self.lock = threading.RLock()
        self.chance = random.Random(seed)  # noqa: S311  (reproducible times and ids, no secrets)
        self.now = clock.now()
        self.groups: dict[str, ResourceGroup] = {}
        self.images: dict[tuple[str, str], Image] = {}
        self.galleries: dict[tuple[str, str], Gallery] = {}
        self.scale_sets: dict[tuple[str, str], ScaleSet] = {}
        self.load_balancers: dict[tuple[str, str], LoadBalancer] = {}
        self.public_ips: dict[tuple[str, str], PublicIp] = {}
        self.passive_resources: dict[tuple[str, str, str], PassiveResource] = {}
        self.deployments: dict[tuple[str, str], Deployment] = {}
        self.autoscale: dict[tuple[str, str], AutoscaleSetting] = {}
        self.metrics: dict[tuple[str, str], dict[str, Metric]] = {}
        """The metrics of sets that somebody reported, by the key of the set and by name."""
        self.scheduled_events: dict[str, ScheduledEvent] = {}
        self.operations: dict[str, Operation] = {}
        self.published: dict[tuple[str, ...], Release] = {}
        """The releases in images that exist, by the key of the image; those of galleries have their own."""
        self.calls: deque[Json] = deque(maxlen=_KEPT_CALLS)
        self.availability = Availability()
        self.armed: list[ArmedFault] = []
        self.cause = Cause()
        self.on_scheduled: Callable[[], None] = lambda: None
        self.on_balanced: Callable[[LoadBalancer], None] = lambda _: None
        self.on_replicated: Callable[[], None] = lambda: None
        self.on_resized: Callable[[], None] = lambda: None
        self.clock = clock
        self._schedule = Schedule()
        self._stopped = False

    # Time

    @property
    def next_due(self) -> float | None:
        """When the next transition is due, in emulated seconds since the epoch."""
        with self.lock:
            return self._schedule.next_due

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Hold the lock and stop the time, so that everything in the block happens at one time."""
        with self.lock:
            self.advance()
            self._stopped = True
            try:
                yield
            finally:
                self._stopped = False

    def advance(self) -> None:
        """Make every transition that is due, each at its own time, then set the time to the clock's."""
        with self.lock:
            if self._stopped:
                return
            target = self.clock.now()
            while (due := self._schedule.next_due) is not None and due <= target:
                self.now, transition = self._schedule.pop()
                transition()
            self.now = max(self.now, target)

    def after(self, seconds: float, transition: Callable[[], None]) -> None:
        """Call ``transition`` in ``seconds`` of emulated time; never, if they are infinite."""
        if seconds < math.inf:
            self._schedule.add(self.now + seconds, transition)
            self.on_scheduled()

    def retry_after(self, seconds: float) -> str:
        """Return a ``Retry-After`` in real seconds, whole and at least 1, for emulated ``seconds``."""
        return str(max(1, math.ceil(seconds / self.time_scale)))

    def draw(self, median: float) -> float:
        """Return seconds drawn around ``median`` with the spread of the timings."""
        return self.timings.draw(median, self.chance)

    def guid(self) -> str:
        """Return a new GUID; the same seed gives the same ones."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    # Long-running operations

    def begin(self, location: str, seconds: float, on_end: Callable[[Operation], None] = lambda _: None) -> Operation:
        """Begin an operation that takes at least ``seconds``, or longer if parts are added."""
        operation = Operation(self.guid(), location, self.now, on_end, self.cause)
        self.operations[operation.id] = operation
        self.add_part(operation, seconds, lambda: None)
        for fault in self.strike("operation"):
            self.add_part(operation, fault.lasts, lambda: None)
        return operation

    def add_part(self, operation: Operation, seconds: float, finish: Callable[[], Json | None]) -> None:
        """Add a part to the operation: ``finish`` is called in ``seconds`` and returns the part's error, if any."""
        self.begin_part(operation)
        self.after(seconds, lambda: self.end_part(operation, finish()))

    @staticmethod
    def begin_part(operation: Operation) -> None:
        """Let the operation last until ``end_part``."""
        operation.pending += 1

    def end_part(self, operation: Operation, error: Json | None = None) -> None:
        """End a part of the operation; the operation ends with its last part."""
        operation.error = error or operation.error
        operation.pending -= 1
        if not operation.pending:
            operation.ended = self.now
            operation.on_end(operation)

    # Faults

    @contextmanager
    def caused(self, cause: Cause) -> Iterator[None]:
        """Record ``cause`` as the cause of everything that begins in the block."""
        before, self.cause = self.cause, cause
        try:
            yield
        finally:
            self.cause = before

    def strike(self, moment: Moment, cause: Cause | None = None, instance: str = "", place: str = "") -> list[Fault]:
        """Return the faults that strike on this occasion; its cause is the current one by default.

        ``place`` is the zone or the region of what happens.
        """
        cause = cause or self.cause
        self.armed, struck = strike(self.armed, moment, cause.method, cause.path, instance, place)
        return struck

    # Look-ups: Azure ignores upper and lower case in names

    def group(self, name: str) -> ResourceGroup:
        """Return the resource group; raises ``ArmError`` 404."""
        try:
            return self.groups[name.lower()]
        except KeyError:
            raise gateway(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.") from None

    def scale_set(self, group: str, name: str) -> ScaleSet:
        """Return the scale set; raises ``ArmError`` 404."""
        self.group(group)
        try:
            return self.scale_sets[group.lower(), name.lower()]
        except KeyError:
            raise resource_not_found(f"{COMPUTE}/virtualMachineScaleSets", name, group) from None

    def image(self, group: str, name: str) -> Image:
        """Return the managed image; raises ``ArmError`` 404."""
        self.group(group)
        try:
            return self.images[group.lower(), name.lower()]
        except KeyError:
            raise resource_not_found(f"{COMPUTE}/images", name, group) from None

    def load_balancer(self, group: str, name: str) -> LoadBalancer:
        """Return the load balancer; raises ``ArmError`` 404."""
        self.group(group)
        try:
            return self.load_balancers[group.lower(), name.lower()]
        except KeyError:
            raise resource_not_found(f"{NETWORK}/loadBalancers", name, group) from None

    def public_ip(self, group: str, name: str) -> PublicIp:
        """Return the public IP address; raises ``ArmError`` 404."""
        self.group(group)
        try:
            return self.public_ips[group.lower(), name.lower()]
        except KeyError:
            raise resource_not_found(f"{NETWORK}/publicIPAddresses", name, group) from None

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Return the instance that a path names; raises ``ArmError`` 404."""
        for instance in self.chosen(scale_set, [instance_id], missing=lambda _: instance_not_found()):
            return instance
        raise instance_not_found()

    @staticmethod
    def chosen(
        scale_set: ScaleSet, ids: list[str], missing: Callable[[str], ArmError] = inactive_instance
    ) -> list[Instance]:
        """Return the instances of a list of ids, each once; raises ``missing(id)`` for an unknown id."""
        by_id = {key.lower(): instance for key, instance in scale_set.instances.items()}
        unknown = next((key for key in ids if key.lower() not in by_id), None)
        if unknown is not None:
            raise missing(unknown)
        return [by_id[key] for key in dict.fromkeys(key.lower() for key in ids)]

    # Releases

    def release(self, reference: Json) -> Release | None:
        """Return the release in an image, or None if there is no such image.

        A managed image of a client for which the scenario has no release serves a page with its name.
        """
        parts = str(reference.get("id", "")).lower().split("/")
        match parts:
            case ["", "subscriptions", _, "resourcegroups", group, "providers", _, "images", name]:
                if (group, name) not in self.images:
                    return None
                return self.published.get(image_key(reference), Release(f"<title>{name}</title>\n"))
        return self.published.get(image_key(reference))
