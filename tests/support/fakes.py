"""Stand-ins for the engine's Protocols: a clock that only moves when somebody waits, and a small Azure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.events.base import Event
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.runtime.waiting import Waiter

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
IMAGES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg/providers/Microsoft.Compute/images"
OLD = ImageReference(id=f"{IMAGES}/nginx-base-image")
NEW = ImageReference(id=f"{IMAGES}/nginx-updated-image")
WEB = ScaleSetName("canary-rg", "web")


def three_old_instances() -> tuple[Instance, ...]:
    return tuple(
        Instance(
            str(number),
            name=f"web_{number}",
            zone=str(number + 1),
            image=OLD,
            latest_model_applied=True,
            power="running",
            health=Health.HEALTHY,
        )
        for number in range(3)
    )


@dataclass
class FakeClock:
    time: float = 0.0
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        self.on_sleep()


@dataclass
class FakeOperation:
    action: str
    ends: float
    then: Callable[[], None] = lambda: None
    request_id: str | None = "request-1"
    done: bool = False
    retry_after: float | None = None


@dataclass
class FakeAzure:
    """One scale set whose operations take a fixed time; `faults` are raised by name of the call, in their order."""

    clock: FakeClock
    scale_set: ScaleSet = field(default_factory=lambda: ScaleSet(WEB, OLD, capacity=3, id="/web"))
    listed: tuple[Instance, ...] = field(default_factory=three_old_instances)
    seconds: float = 3.0
    faults: dict[str, list[BaseException]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    remaining: dict[str, int] = field(default_factory=dict)
    autoscale: tuple[AutoscaleSetting, ...] | None = ()
    applies: bool = True
    """False: operations end well and change nothing."""

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.faults.get(name):
            raise self.faults[name].pop(0)

    def get(self, name: ScaleSetName) -> ScaleSet:
        self._call("get")
        return self.scale_set

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        self._call("instances")
        return self.listed

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        self._call(f"instance {instance_id}")
        return next(instance for instance in self.listed if instance.id == instance_id)

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[AutoscaleSetting, ...] | None:
        self._call("autoscale_settings")
        return self.autoscale

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> FakeOperation:
        assert isinstance(image, ImageReference)
        self._call("begin_set_image")
        return FakeOperation(f"set the image of {scale_set.name}", self.clock.now(), lambda: self.set_image(image))

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> FakeOperation:
        self._call(f"begin_update_instances {','.join(ids)}")
        operation = FakeOperation(
            f"update instances {', '.join(ids)}", self.clock.now() + self.seconds, lambda: self.update(ids)
        )
        self._call("answer")
        return operation

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> FakeOperation:
        self._call(f"begin_set_capacity {capacity}")
        ends = self.clock.now() + self.seconds
        return FakeOperation(f"set the capacity of {scale_set.name}", ends, lambda: self.resize(capacity))

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> FakeOperation:
        self._call(f"begin_delete_instances {','.join(ids)}")
        ends = self.clock.now() + self.seconds
        return FakeOperation(f"delete instances {', '.join(ids)}", ends, lambda: self.delete(ids))

    def poll(self, operation: FakeOperation) -> None:
        self._call("poll")
        if not operation.done and self.clock.now() >= operation.ends:
            operation.done = True
            operation.then()

    def set_image(self, image: ImageReference) -> None:
        if self.applies:
            self.scale_set = replace(self.scale_set, image=image)
            self.change({instance.id for instance in self.listed}, latest_model_applied=False)

    def update(self, ids: Sequence[str]) -> None:
        if self.applies:
            chosen = {i.id for i in self.listed if "*" in ids or i.id in ids}
            chosen -= {i.id for i in self.listed if i.protected_from_scale_set_actions}
            self.change(chosen, latest_model_applied=True, image=self.scale_set.image, provisioning_state="Succeeded")

    def resize(self, capacity: int) -> None:
        """Instances of the model come at the end of the list, and go from there."""
        self.scale_set = replace(self.scale_set, capacity=capacity)
        first = 1 + max((int(instance.id) for instance in self.listed), default=-1)
        new = Instance(
            "", image=self.scale_set.image, latest_model_applied=True, power="running", health=Health.HEALTHY
        )
        more = range(first, first + capacity - len(self.listed))
        self.listed = (*self.listed, *(replace(new, id=str(n), name=f"web_{n}") for n in more))[:capacity]

    def delete(self, ids: Sequence[str]) -> None:
        self.listed = tuple(instance for instance in self.listed if instance.id not in ids)
        self.scale_set = replace(self.scale_set, capacity=self.scale_set.capacity - len(ids))

    def change(self, ids: set[str], **changes: object) -> None:
        self.listed = tuple(replace(i, **changes) if i.id in ids else i for i in self.listed)  # type: ignore[arg-type]


def outage(status: int | None = 503, code: str = "ServerBusy", retry_after: float | None = None) -> AzureError:
    return AzureError("read", Failure(code, "try later", status, "request-9", retry_after))


@dataclass
class World:
    """A clock, an Azure and the list of what was told."""

    clock: FakeClock = field(default_factory=FakeClock)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.azure = FakeAzure(self.clock)

    def waiter(self, timeout: float = 3600.0) -> Waiter:
        return Waiter.starting(self.clock, timeout, self.events.append)

    def events_of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
