"""A scale set that lives by a virtual clock: updates take their time, fail, and are watched for what they take down.

It stands for Azure in the tests of the engine and in `benchmarks/rollout.py`.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.actions import Strategy
from vmss_jenkins.rollout.plan.claims import Claim, Ended
from vmss_jenkins.rollout.plan.headcount import Headcount

if TYPE_CHECKING:
    from typing_extensions import Self

MINUTE = 60.0
IN_PLACE = (Strategy.WAVES, Strategy.WINDOW)
"""The strategies that update instances where they are."""
PAGE = 100


class Killed(BaseException):
    """`kill -9`: nothing of the program runs after it."""


@dataclass
class VirtualClock:
    """A clock that moves when somebody waits, and at which things happen."""

    time: float = 0.0
    due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    count: itertools.count[int] = field(default_factory=itertools.count)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, "a wait of nothing never ends"
        until = self.time + seconds
        while self.due and self.due[0][0] <= until:
            self.time, _, happen = heapq.heappop(self.due)
            happen()
        self.time = until

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self.due, (self.time + seconds, next(self.count), happen))


@dataclass
class Bucket:
    """A token bucket that is refilled once a minute, as Azure's."""

    size: int
    refill: int
    tokens: int = 0
    filled: float | None = None
    lowest: int = 0

    def take(self, now: float, cost: int) -> bool:
        if self.filled is None:
            self.filled, self.tokens, self.lowest = now, self.size, self.size
        minutes = int((now - self.filled) // MINUTE)
        self.tokens = min(self.size, self.tokens + minutes * self.refill)
        self.filled += minutes * MINUTE
        if self.tokens < cost:
            return False
        self.tokens -= cost
        self.lowest = min(self.lowest, self.tokens)
        return True


SUBSCRIPTION = {
    "set": (2400, 800),
    "list": (1080, 360),
    "views": (30000, 10000),
    "instance": (6000, 2000),
    "operation": (15000, 5000),
    "update": (1500, 500),
    "batch": (6000, 2000),
    "patch": (1500, 500),
}
RESOURCE = {"set": (36, 12), "list": (30, 10), "instance": (36, 12), "operation": (45, 15), "patch": (12, 4)}


@dataclass
class CloudOperation:
    action: str
    request_id: str | None
    key: str
    failure: Failure | None = None
    ended: bool = False
    done: bool = False
    retry_after: float | None = None


@dataclass
class Behaviour:
    """How instances take an update; the hooks of a test."""

    seconds: Callable[[str, ImageReference | None], float] = lambda _id, _image: 20.0
    fails: Callable[[str, ImageReference | None], bool] = lambda _id, _image: False
    healthy_after: Callable[[str, ImageReference | None], float | None] = lambda _id, _image: 0.0
    """Seconds from the end of the update; None for never."""
    listed_after: Callable[[str], float] = lambda _id: 0.0
    """Seconds until a new instance is listed; longer than its creation takes, it is listed as it is by then."""
    no_room: bool = False
    """Azure takes a larger capacity, and makes no instances."""
    deletes_in: float = 10.0
    """Seconds that a deletion takes."""
    overlaps: bool = True
    """False: Azure refuses an update while another one runs."""
    flags_follow_image: bool = True
    """False: every change of the model makes every instance outdated, also the change back."""


@dataclass
class CloudEnds:
    """How rollouts ended, in order."""

    written: list[Ended] = field(default_factory=list)

    def write(self, ended: Ended) -> None:
        self.written.append(ended)


@dataclass
class CloudHeadcounts:
    """What is written down of a surge."""

    cloud: Cloud
    text: str = ""

    def read(self) -> Headcount | None:
        self.cloud._call("headcount")
        return Headcount.parse(self.text)

    def write(self, headcount: Headcount) -> None:
        self.cloud._call("write headcount")
        self.text = headcount.text()

    def remove(self) -> None:
        self.cloud._call("remove headcount")
        self.text = ""


@dataclass
class Cloud:
    """One scale set, what is done to it, and the record of what was down."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    behaviour: Behaviour = field(default_factory=Behaviour)
    scale_set: ScaleSet = field(default_factory=lambda: ScaleSet(WEB, OLD, id="/web"))
    there: dict[str, Instance] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)
    """Instances that are down by an update, since when."""
    updates: list[tuple[float, str, ImageReference | None]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """Instances that served until they were updated and have not come up since, without those of a second try."""
    again: set[str] = field(default_factory=set)
    """Those of them that are updated a second time, being down."""
    peak: int = 0
    """The most that were taken at a time."""
    throttled: int = 0
    buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)
    fault: Callable[[str], BaseException | None] = lambda _call: None
    """Asked before and after each call (`begin_update_instances`, `begin_update_instances answer`, ...)."""
    remaining: dict[str, int] = field(default_factory=dict)
    number: itertools.count[int] = field(default_factory=itertools.count)
    dead: bool = False
    changes: int = 0
    """Changes of the capacity that Azure works on."""
    claims: dict[str, Claim] = field(default_factory=dict)
    ends: CloudEnds = field(default_factory=CloudEnds)
    removed: list[tuple[float, Instance]] = field(default_factory=list)
    """Instances that were deleted, as they were before."""
    unlisted: dict[str, Instance] = field(default_factory=dict)
    """New instances that Azure does not list yet."""
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))
    """Of those that come."""
    fewest: int = 10**6
    """Instances that served at the least after one was deleted."""
    most: int = 0
    """The largest capacity."""
    zones_lost: list[tuple[float, str]] = field(default_factory=list)

    @classmethod
    def of(cls, count: int, zones: int = 0, domains: int = 0, **changes: object) -> Self:
        world = cls()
        for n in range(count):
            zone = str(n % zones + 1) if zones else None
            world.add(str(n), zone, n // max(zones, 1) % domains if domains else None, **changes)
        world.scale_set = replace(world.scale_set, capacity=count)
        return world

    def add(self, key: str, zone: str | None = None, domain: int | None = None, **changes: object) -> None:
        plain = Instance(key, f"web_{key}", zone, domain, self.scale_set.image, latest_model_applied=True)
        ready = replace(plain, power="running", health=Health.HEALTHY)
        self.there[key] = replace(ready, **changes)  # type: ignore[arg-type]

    # -- what the engine calls ------------------------------------------------------------------------------------

    def get(self, name: ScaleSetName) -> ScaleSet:
        self._call("get", ("set", str(name), 1))
        return self.scale_set

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        pages = max(1, -(-len(self.there) // PAGE))
        for _ in range(pages):
            self._call("instances", ("list", "", 1), ("views", "", min(PAGE, len(self.there))))
        return tuple(self.there.values())

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        self._call("instance", ("instance", instance_id, 1), ("views", "", 1))
        if instance_id not in self.there:
            raise refusal(404, "NotFound", "The entity was not found in this Azure location.")
        return self.there[instance_id]

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[AutoscaleSetting, ...] | None:
        return ()

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> CloudOperation:
        assert isinstance(image, ImageReference)
        self._call("begin_set_image", ("patch", "", 1))
        operation = CloudOperation(f"set the image of {scale_set.name}", f"r{next(self.number)}", "model")
        self.set_model(image)
        self.clock.after(2.0, lambda: setattr(operation, "ended", True))
        self._fault("begin_set_image answer")
        return operation

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> CloudOperation:
        self._call("begin_update_instances", ("update", "", 1), ("batch", "", len(ids)))
        if gone := [key for key in ids if key not in self.there]:
            message = f"The provided instanceId {gone[0]} is not an active Virtual Machine Scale Set VM instanceId."
            raise refusal(400, "InvalidParameter", message)
        running = [key for key in ids if self.there[key].is_updating]
        if running or (self.busy and not self.behaviour.overlaps and any(i.is_updating for i in self.there.values())):
            raise refusal(409, "Conflict", "The request failed due to conflict with a concurrent request.")
        key = f"op{next(self.number)}"
        operation = CloudOperation(f"update instances {', '.join(ids)}", f"r{key}", key)
        longest = 0.0
        for each in ids:
            found = self.there[each]
            outdated = not found.latest_model_applied or found.provisioning_state == "Failed"
            if outdated and not found.protected_from_scale_set_actions:
                longest = max(longest, self._begin_update(each, operation))
        self.clock.after(longest, lambda: setattr(operation, "ended", True))
        self._fault("begin_update_instances answer")
        return operation

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> CloudOperation:
        self._call("begin_set_capacity", ("patch", "", 1), ("batch", "", abs(capacity - self.scale_set.capacity)))
        if scale_set.etag != self.scale_set.etag:
            raise refusal(412, "PreconditionFailed", "The condition was not met.")
        staying = [
            key for key, found in {**self.there, **self.unlisted}.items() if found.provisioning_state != "Deleting"
        ]
        assert capacity >= len(staying), "no test lets Azure choose who goes"
        key = f"op{next(self.number)}"
        operation = CloudOperation(f"set the capacity to {capacity}", f"r{key}", key)
        grows = capacity > self.scale_set.capacity
        self._resize(capacity)
        if self.behaviour.no_room and grows:
            operation.failure = Failure("AllocationFailed", "Allocation failed. There is no room.")
            staying = ["" for _ in range(capacity)]
        longest = max((self._create(operation) for _ in range(capacity - len(staying))), default=2.0)
        self._works_for(longest)
        self.clock.after(longest, lambda: setattr(operation, "ended", True))
        self._fault("begin_set_capacity answer")
        return operation

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> CloudOperation:
        self._call("begin_delete_instances", ("update", "", 1), ("batch", "", len(ids)))
        if gone := [key for key in ids if key not in self.there]:
            message = f"The provided instanceId {gone[0]} is not an active Virtual Machine Scale Set VM instanceId."
            raise refusal(400, "InvalidParameter", message)
        if any(self.there[key].is_updating for key in ids):
            raise refusal(409, "Conflict", "The request failed due to conflict with a concurrent request.")
        key = f"op{next(self.number)}"
        operation = CloudOperation(f"delete instances {', '.join(ids)}", f"r{key}", key)
        self._resize(self.scale_set.capacity - len(ids))
        served = sum(one.is_healthy for one in self.there.values())
        lost = sum(self.there[each].is_healthy for each in ids)
        self.fewest = min(self.fewest, served - lost) if lost else self.fewest
        for each in ids:
            self.removed.append((self.clock.time, self.there[each]))
            self.change(each, provisioning_state="Deleting", power="stopped", health=Health.UNKNOWN)
            self.clock.after(self.behaviour.deletes_in, lambda each=each: self.delete(each))  # type: ignore[misc]
        self.clock.after(self.behaviour.deletes_in, lambda: setattr(operation, "ended", True))
        self._fault("begin_delete_instances answer")
        return operation

    def _resize(self, capacity: int) -> None:
        self.most = max(self.most, capacity)
        self.scale_set = replace(self.scale_set, capacity=capacity, etag=f"W/{next(self.number)}")

    def _works_for(self, seconds: float) -> None:
        """Azure shows the set as `Updating` until the last change of its capacity ends."""
        self.changes += 1
        self.scale_set = replace(self.scale_set, provisioning_state="Updating")
        self.clock.after(seconds, self._worked)

    def _worked(self) -> None:
        self.changes -= 1
        if not self.changes:
            self.scale_set = replace(self.scale_set, provisioning_state="Succeeded")

    def scale(self, by: int) -> None:
        """Somebody changes the capacity; fewer is the newest gone at once."""
        self._resize(max(1, self.scale_set.capacity + by))
        for _ in range(by):
            self._create(CloudOperation("scale", None, "scale"))
        for key in sorted(self.there, key=int)[by:] if by < 0 else ():
            self.delete(key)

    def _create(self, operation: CloudOperation) -> float:
        """A new instance of the model of this moment, in the emptiest zone; the seconds until it is there."""
        key, zones = str(next(self.ids)), [i.zone for i in (*self.there.values(), *self.unlisted.values()) if i.zone]
        zone = min(sorted(set(zones)), key=zones.count, default=None)
        image, made = self.scale_set.image, 1e6 + self.clock.time
        self.add(key, zone, provisioning_state="Creating", power=None, health=Health.NOT_REPORTED, created=made)
        seconds, late = self.behaviour.seconds(key, image), self.behaviour.listed_after(key)
        if late:
            self.unlisted[key] = self.there.pop(key)
            self.clock.after(late, lambda: self._list(key))
        self.clock.after(max(seconds, late), lambda: self._end_update(key, operation, image))
        return max(seconds, late)

    def _list(self, key: str) -> None:
        found = self.unlisted.pop(key)
        self.there[key] = replace(found, latest_model_applied=found.image is self.scale_set.image)

    def poll(self, operation: CloudOperation) -> None:
        self._call("poll", ("operation", operation.key, 1))
        operation.done = operation.ended
        if operation.done and operation.failure:
            raise AzureError(operation.action, operation.failure)

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        self._call("claims")
        return self.clock.time + 1e6, tuple(self.claims.values())

    def write(self, claim: Claim) -> None:
        self._call("claim")
        self.claims[claim.run] = claim

    def remove(self, runs: Sequence[str]) -> None:
        self._call("unclaim")
        for run in runs:
            self.claims.pop(run, None)

    # -- what happens ---------------------------------------------------------------------------------------------

    def _call(self, name: str, *charges: tuple[str, str, int]) -> None:
        if self.dead:
            raise Killed
        self.calls.append(name)
        self._fault(name)
        for bucket, resource, cost in charges:
            kinds = [("", SUBSCRIPTION)] if bucket in SUBSCRIPTION else []
            kinds += [(resource or "-", RESOURCE)] if bucket in RESOURCE else []
            for place, limits in kinds:
                record = self.buckets.setdefault((bucket, place), Bucket(*limits[bucket]))
                if not record.take(self.clock.time, cost):
                    self.throttled += 1
                    raise refusal(429, "OperationNotAllowed", f"too many requests: {bucket} {place}", 20.0)

    def _fault(self, name: str) -> None:
        if error := self.fault(name):
            self.dead = isinstance(error, Killed)
            raise error

    def _begin_update(self, key: str, operation: CloudOperation) -> float:
        image = self.scale_set.image
        self.updates.append((self.clock.time, key, image))
        self.busy.setdefault(key, self.clock.time)
        if self.there[key].is_healthy:
            self.taken.add(key)
        elif key in self.taken:
            self.again.add(key)
        self.peak = max(self.peak, len(self.taken))
        self._watch_zones()
        self.change(key, provisioning_state="Updating", health=Health.UNKNOWN, power="stopped")
        seconds = self.behaviour.seconds(key, image)
        self.clock.after(seconds, lambda: self._end_update(key, operation, image))
        return seconds

    def _end_update(self, key: str, operation: CloudOperation, image: ImageReference | None) -> None:
        if key not in self.there:
            return
        if self.behaviour.fails(key, image):
            operation.failure = Failure("VMExtensionProvisioningError", "the extension failed")
            self.change(key, provisioning_state="Failed", error="the extension failed", power="running")
            self._given_up(key)
            return
        latest = self.behaviour.flags_follow_image and image is not None and image.same_as(self.scale_set.image)
        latest = latest or image is self.scale_set.image
        done = {"provisioning_state": "Succeeded", "power": "running", "error": None}
        self.change(key, image=image, latest_model_applied=latest, **done)
        after = self.behaviour.healthy_after(key, image)
        if after is None:
            self.change(key, health=Health.UNHEALTHY)
            self._given_up(key)
        else:
            self.clock.after(after, lambda: self._heal(key, image))

    def _heal(self, key: str, image: ImageReference | None) -> None:
        found = self.there.get(key)
        if found and found.image is image and not found.is_updating:
            self.change(key, health=Health.HEALTHY)
            self.busy.pop(key, None)
            self.taken.discard(key)
            self.again.discard(key)

    def _given_up(self, key: str) -> None:
        """One that was down when it was updated, and stays so, was not taken by that update."""
        if key in self.again:
            self.taken.discard(key)
            self.again.discard(key)

    def _watch_zones(self) -> None:
        zones = {i.zone for i in self.there.values() if i.zone}
        for zone in zones if len(zones) > 1 else ():
            members = [i for i in self.there.values() if i.zone == zone]
            if len(members) > 1 and all(i.id in self.taken for i in members):
                self.zones_lost.append((self.clock.time, zone))

    def change(self, key: str, **changes: object) -> None:
        self.there[key] = replace(self.there[key], **changes)  # type: ignore[arg-type]

    def set_model(self, image: ImageReference) -> None:
        self.scale_set = replace(self.scale_set, image=image)
        for key, found in self.there.items():
            same = found.image is not None and found.image.same_as(image)
            self.change(key, latest_model_applied=same and self.behaviour.flags_follow_image)

    def delete(self, key: str) -> None:
        self.there.pop(key, None)
        self.busy.pop(key, None)
        self.taken.discard(key)
        self.again.discard(key)

    def join(self, key: str, seconds: float = 30.0) -> None:
        """Autoscale adds an instance: it comes with the model of this moment."""
        self.add(key, provisioning_state="Creating", power=None, health=Health.NOT_REPORTED)
        ready = {"provisioning_state": "Succeeded", "power": "running", "health": Health.HEALTHY}
        self.clock.after(seconds, lambda: self.change(key, **ready) if key in self.there else None)

    # -- what a test asks -----------------------------------------------------------------------------------------

    def images(self) -> set[ImageReference | None]:
        return {instance.image for instance in self.there.values()}

    def all_updated(self, image: ImageReference) -> bool:
        return all(i.image is image and i.is_healthy for i in self.there.values())

    def drained_share(self) -> dict[str, float]:
        """The largest part of each of the subscription's buckets that was ever gone."""
        return {kind: 1 - bucket.lowest / bucket.size for (kind, place), bucket in self.buckets.items() if not place}


def refusal(status: int, code: str, message: str, retry_after: float | None = None) -> AzureError:
    return AzureError("call", Failure(code, message, status, "request-9", retry_after))


def lognormal(seed: int, median: float = 20.0, sigma: float = 0.6) -> Callable[[str, ImageReference | None], float]:
    """Update times with a long tail, the same for the same instance and image."""

    def seconds(key: str, image: ImageReference | None) -> float:
        chance = random.Random(f"{seed} {key} {image}")  # noqa: S311 - a simulation
        return median * float(chance.lognormvariate(0.0, sigma))

    return seconds


def by_ids(ids: Iterable[str]) -> Callable[[str, ImageReference | None], bool]:
    """True for these instances on the new release."""
    chosen = frozenset(ids)
    return lambda key, image: key in chosen and image is NEW
