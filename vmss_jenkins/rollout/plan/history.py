"""What one run of a rollout did and saw: a value that each step replaces by the next one.

Nothing of it has to survive the run. What must survive is in Azure: each instance shows which release it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.selection import Target

SETTLED = 15.0
"""Seconds after which an instance shows an update whose answer was lost, if Azure took it."""


class Stage(Enum):
    """What a gate judges."""

    CANARY = "canary"
    BATCH = "batch"


@dataclass(frozen=True)
class GateResult:
    """One run of the gates."""

    stage: Stage
    instance_ids: tuple[str, ...]
    consequence: Consequence
    at: float
    """When it ended, by the run's clock; in a result, the seconds since the run began."""
    reason: str = ""
    """What was measured, for people."""
    verdicts: tuple[Verdict, ...] = ()
    """The verdict of each gate."""


@dataclass(frozen=True)
class InstanceRecord:
    """An instance that this run took out of service."""

    at: float
    """When it was first touched."""
    asked: float | None = None
    """When Azure was asked to update it; None while it drains."""
    answered: bool = True
    """False if the answer was lost: the instance shows whether Azure took the update."""
    provisioning_before: str = "Succeeded"
    ran: bool = True
    """False for an instance that did not run: it gets the model, and its health is not awaited."""
    seen_busy: bool = False
    """A read showed that Azure updated it."""
    was_down: bool = False
    """It was down when this run took it: the update took no capacity."""
    came_up: bool = False
    """A read showed it with the release and healthy; this run does not cause later failures."""

    def seen(self, *, busy: bool, updated: bool) -> InstanceRecord:
        """Take in what a read showed."""
        if self.seen_busy >= busy and self.came_up >= updated:
            return self
        return replace(self, seen_busy=self.seen_busy or busy, came_up=self.came_up or updated)


@dataclass(frozen=True)
class OperationState:
    """An operation of this run on instances, as last read."""

    instance_ids: tuple[str, ...]
    ended: float | None = None
    """When a read showed its end; None while it runs."""
    error: str | None = None
    """Azure's error at its end."""
    resizes: bool = False
    """It changes the capacity of the set."""
    began: float = 0.0
    """When Azure accepted it."""


@dataclass(frozen=True)
class Observed:
    """A scale set as the last reads show it."""

    scale_set: ScaleSet
    instances: tuple[Instance, ...]
    read: Mapping[str, float]
    """When each instance was last read."""
    operations: tuple[OperationState, ...] = ()

    def by_id(self) -> dict[str, Instance]:
        """The instances by their ids."""
        return {instance.id: instance for instance in self.instances}


@dataclass(frozen=True)
class History:
    """The record of a run; each method returns the next one."""

    began: float
    target: Target
    """The release that instances get at this moment."""
    previous: tuple[Release, ...] = ()
    """The other images that ran when the run began."""
    rolling_back: bool = False
    rolled_back_from: Release | None = None
    """The release that the run rolls back from; None if every other image is replaced."""
    rollback_all: bool = False
    """A rollback was requested: it replaces every other release, not only the one of the model."""
    cause: str | None = None
    """Why the run rolls back, or is to."""
    model_set: bool = False
    """Whether a read showed the target in the model; another release there later is somebody else's."""
    model_sent: bool = False
    """Whether this run sent the model in this direction: without it Azure does not notice a new version."""
    newest: ImageReference | None = None
    """The version that the moving name means now; None if it was not looked up since the run began."""
    records: Mapping[str, InstanceRecord] = field(default_factory=dict)
    """Instances taken in this direction, by id; none is taken twice."""
    forward: Mapping[str, InstanceRecord] = field(default_factory=dict)
    """Those of the rollout, once the rollback began."""
    down_before: frozenset[str] = frozenset()
    """Instances that were down when the run began, and have been down ever since."""
    broken: frozenset[str] = frozenset()
    """Those of them that were down when the rollback began."""
    updated_since: Mapping[str, float] = field(default_factory=dict)
    """Since when reads show an instance with the release, running and healthy, without a break."""
    not_updated_since: Mapping[str, float] = field(default_factory=dict)
    """Since when they do not."""
    drained: frozenset[str] = frozenset()
    """Instances that this run took out of the load balancer."""
    gates: tuple[GateResult, ...] = ()
    waves_only: bool = False
    """Azure refused overlapping operations: from then on updates go in waves."""
    held_until: float = 0.0
    """No update before: Azure asked to wait."""
    refusals: int = 0
    """Refused updates in a row."""
    headcount: Headcount | None = None
    """How many instances the set has in the end; None without a surge."""
    removed: tuple[str, ...] = ()
    """Instances that Azure was asked to delete."""
    zone_fills: int = 0
    """How often instances were made because a zone had none."""
    refusal: str | None = None
    """Why Azure makes no instances in this direction."""

    def observe(self, observed: Observed, now: float) -> History:
        """Take in a read: since when instances are updated, whose update shows, which are gone."""
        instances = observed.by_id()
        updated, not_updated = dict(self.updated_since), dict(self.not_updated_since)
        for instance_id, instance in instances.items():
            record = self.records.get(instance_id)
            going = record is not None and record.asked is not None and instance_id in self.removed
            good = not going and is_updated(instance, self.target, observed.scale_set, record)
            mine, other = (updated, not_updated) if good else (not_updated, updated)
            mine.setdefault(instance_id, observed.read.get(instance_id, now))
            other.pop(instance_id, None)
        return replace(
            self,
            updated_since={key: since for key, since in updated.items() if key in instances},
            not_updated_since={key: since for key, since in not_updated.items() if key in instances},
            records=dict(self._current_records(observed, instances, updated)),
            drained=self.drained & instances.keys(),
            down_before=frozenset(key for key in self.down_before & instances.keys() if not instances[key].is_healthy),
            model_set=self.model_set or self.target.is_in(observed.scale_set),
        )

    def _current_records(
        self, observed: Observed, instances: Mapping[str, Instance], updated: Collection[str]
    ) -> Iterator[tuple[str, InstanceRecord]]:
        """Drop instances that are gone, and those whose update got no answer and did not begin."""
        for instance_id, record in self.records.items():
            if instance_id not in instances:
                continue
            instance = instances[instance_id]
            begun = (
                record.answered
                or record.seen_busy
                or instance.is_updating
                or instance.provisioning_state != record.provisioning_before
                or (instance_id not in self.removed and bool(self.target.is_on(instance, observed.scale_set)))
            )
            if begun or record.asked is None or observed.read.get(instance_id, 0.0) < record.asked + SETTLED:
                yield instance_id, record.seen(busy=instance.is_updating, updated=instance_id in updated)
            elif instance_id in self.drained:
                yield instance_id, replace(record, asked=None, answered=True)

    def draining(self, instances: Iterable[Instance], now: float) -> History:
        """Add instances that were taken out of the load balancer."""
        new = {instance.id: _record_of(instance, now) for instance in instances}
        return replace(self._touched(new, now), drained=self.drained | new.keys())

    def not_drained(self, instances: Iterable[Instance], at: float) -> History:
        """Add instances that could not be taken out of the load balancer: their update does not wait."""
        return self._touched({instance.id: _record_of(instance, at) for instance in instances}, at)

    def asked(self, instances: Iterable[Instance], now: float, *, answered: bool = True) -> History:
        """Add instances that Azure was asked to update."""
        new = {
            instance.id: replace(
                self.records.get(instance.id) or _record_of(instance, now), asked=now, answered=answered
            )
            for instance in instances
        }
        return replace(self._touched(new, now), refusals=0)

    def creating(self, instances: Iterable[Instance], asked: float, now: float) -> History:
        """Add instances that Azure was asked for, when a read shows them."""
        return self._touched({instance.id: InstanceRecord(asked, asked=asked) for instance in instances}, now)

    def removing(self, instances: Iterable[Instance], now: float, *, answered: bool = True) -> History:
        """Add instances that Azure was asked to delete."""
        new = {i.id: replace(_record_of(i, now), asked=now, answered=answered) for i in instances}
        removed = tuple(dict.fromkeys((*self.removed, *new)))
        return replace(self._touched(new, now), removed=removed, refusals=0)

    def _touched(self, new: Mapping[str, InstanceRecord], now: float) -> History:
        return replace(
            self,
            records={**self.records, **new},
            updated_since={key: since for key, since in self.updated_since.items() if key not in new},
            not_updated_since={**self.not_updated_since, **dict.fromkeys(new, now)},
        )

    def refused(self, until: float, *, overlapping: bool) -> History:
        """Azure refused an update: wait until a time, and never overlap again if that was the reason."""
        return replace(self, held_until=until, waves_only=self.waves_only or overlapping, refusals=self.refusals + 1)

    def restored(self, instance_ids: Iterable[str]) -> History:
        """Remove instances that are back in the load balancer."""
        return replace(self, drained=self.drained - frozenset(instance_ids))

    def in_rollback(self, instance: Instance) -> bool:
        """Whether a rollback updates an instance: this run touched it, or it may run the bad release.

        A rollback that was requested updates every instance.

        No instance shows which script it ran; so every instance without the target may have run the bad one.
        """
        if self.rollback_all or not isinstance(self.rolled_back_from, ImageReference):
            return True
        return instance.id in self.forward or self.rolled_back_from.same_as(instance.image)

    def add_gate(self, result: GateResult) -> History:
        """Add the result of the gates."""
        return replace(self, gates=(*self.gates, result))

    def begin_rollback(self, image: Release, cause: str, now: float) -> History:
        """Begin to roll back to a release: the instances taken so far stay known and may be taken again."""
        if self.rolling_back:
            return self
        return replace(
            self,
            began=now,
            target=Target(image, by_image=True),
            rolling_back=True,
            rolled_back_from=self.target.image,
            cause=cause,
            model_set=False,
            model_sent=False,
            records={},
            forward=self.records,
            broken=frozenset(
                key for key, record in self.records.items() if record.asked is not None and not record.came_up
            ),
            updated_since={},
            not_updated_since={},
            held_until=0.0,
            refusal=None,
        )


def is_updated(instance: Instance, target: Target, scale_set: ScaleSet, record: InstanceRecord | None) -> bool:
    """Whether an instance has the release, runs, and is provisioned and healthy.

    An instance that did not run when it was taken needs the release only, and so does one that was never taken and
    does not run.
    """
    if not target.is_on(instance, scale_set) or (record and instance.latest_model_applied is False):
        return False
    parked = not record.ran if record else not runs(instance)
    return instance.provisioning_state == "Succeeded" if parked else instance.is_healthy


def runs(instance: Instance) -> bool:
    """Whether an instance runs: it is neither stopped nor deallocated."""
    return instance.power in {None, "running", "starting"}


def _record_of(instance: Instance, now: float) -> InstanceRecord:
    down = not instance.is_healthy
    return InstanceRecord(now, provisioning_before=instance.provisioning_state, ran=runs(instance), was_down=down)
