"""Change the number of instances for one run, and keep count of how many there are in the end.

Each change is recorded before Azure is asked, so that neither a killed run nor a lost answer makes it twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Generic

from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.rollout.plan.actions import Remove, RolloutSpec, ScaleOut, Shrink
from vmss_jenkins.rollout.plan.headcount import Headcount, Headcounts
from vmss_jenkins.rollout.plan.history import History
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.rollout.refusals import (
    CHANGED_MEANWHILE,
    CONFLICT,
    ID_IS_GONE,
    THROTTLED,
    may_have_begun,
    until_next_try,
)
from vmss_jenkins.rollout.watcher import Watcher
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import ATTEMPTS, Waiter

CONCURRENT = "Conflict"
"""Code of a refusal because another operation runs."""


@dataclass
class Resizer(Generic[OperationT]):
    """Changes the number of instances for one run."""

    sets: ScaleSets[OperationT]
    spec: RolloutSpec
    watcher: Watcher[OperationT]
    headcounts: Headcounts | None
    waiter: Waiter
    request_ids: list[str]
    known: set[str] = field(default_factory=set)
    """Ids of the instances seen so far, without those that an earlier run began to make."""
    awaited: int = 0
    """How many instances Azure was asked for and has not listed yet."""
    coming: frozenset[str] = frozenset()
    """Ids of listed ones that are being created: with resilient creation Azure may put one with a new id in place."""

    def begin(self) -> Headcount:
        """Return the headcount that an earlier run recorded; otherwise the capacity of the set."""
        self.known = {instance.id for instance in self.watcher.observed.instances if not instance.is_updating}
        headcounts, scale_set = self.headcounts, self._set
        found = self.waiter.retry(headcounts.read) if headcounts else None
        if found is None:
            return Headcount.of(scale_set.capacity)
        self.awaited = min(max(0, found.asked - found.before), max(0, scale_set.capacity - len(self.known)))
        seen = found.seen(scale_set.capacity)
        event: Event = surge_events.SurgeResumed(scale_set.name, found.wanted, scale_set.capacity)
        if seen.wanted != found.wanted:
            event = surge_events.ScaledByOthers(scale_set.name, scale_set.capacity, seen.wanted)
        self.waiter.on_event(event)
        return replace(seen, at=self._now)

    def record(self, headcount: Headcount) -> None:
        """Record the headcount for a later run."""
        headcounts = self.headcounts
        if headcounts:
            self.waiter.retry(lambda: headcounts.write(headcount))

    def finish(self, headcount: Headcount) -> None:
        """Remove the record if the set has the wanted capacity."""
        if self.headcounts and self._set.capacity == headcount.wanted:
            self.waiter.retry(self.headcounts.remove)

    def look(self, history: History) -> History:
        """Take in what was read: new instances of this run, and whether somebody else scaled the set."""
        before = history.headcount
        history = history.creating(self._joined(history), before.at if before else self._now, self._now)
        if before is None:
            return history
        after = before.seen(self._set.capacity)
        if (after.wanted, after.asked) != (before.wanted, before.asked):
            event = surge_events.ScaledByOthers(self._set.name, self._set.capacity, after.wanted)
            self.waiter.on_event(event)
            self.record(after)
        return replace(history, headcount=after)

    def _joined(self, history: History) -> list[Instance]:
        """The instances listed since the last read that are this run's, oldest first: at most as many as asked for.

        Azure may list a new instance late, in any state.
        """
        found = [one for one in self.watcher.observed.instances if one.id not in self.known]
        self.known |= {instance.id for instance in found}
        self.awaited += self._retried()
        fit = [one for one in found if history.target.is_on(one, self._set)]
        ours = sorted(fit, key=lambda one: one.created or 0.0)[: self.awaited]
        self.awaited -= len(ours)
        self.coming |= {one.id for one in ours if one.provisioning_state == "Creating"}
        return ours

    def _retried(self) -> int:
        """How many that were being created are gone since the last read: Azure tries again, with a new id."""
        there, before = self.watcher.observed.by_id(), self.coming
        self.coming = frozenset(key for key in before & there.keys() if there[key].provisioning_state == "Creating")
        return len(before - there.keys()) if self._set.automation.resilient_creation else 0

    def act(self, action: ScaleOut | Shrink | Remove, history: History) -> History:
        """Carry out an action and return the next history."""
        match action:
            case ScaleOut():
                return self.scale_out(action, history)
            case Shrink():
                return self.shrink(action, history)
            case Remove():
                return self.remove(action, history)

    def scale_out(self, action: ScaleOut, history: History) -> History:
        """Ask Azure for more instances; Azure refuses if the set changed since the last read."""
        if self._set.etag is None:
            self.watcher.reread()
        found, headcount = self._set, history.headcount
        if headcount is None or headcount.seen(found.capacity).wanted != headcount.wanted:
            return history  # somebody else scaled the set just now: the next read counts again
        asking = headcount.asking(found.capacity, found.capacity + action.count, self._now)
        self.record(asking)
        history = replace(history, zone_fills=history.zone_fills + action.fills_zone)
        try:
            operation = self.sets.begin_set_capacity(found, asking.asked)
        except AzureError as error:
            lost = may_have_begun(error.failure)
            self.awaited = action.count if lost else 0
            self._report_scaling(asking, error.failure.request_id, answered=False) if lost else None
            self.watcher.refresh()
            return replace(history, headcount=asking) if lost else self._not_taken(error, history, asking.refused())
        self._report_scaling(asking, operation.request_id)
        self.awaited = action.count
        self.watcher.refresh()
        joined = self._joined(history)
        self.watcher.follow(operation, tuple(instance.id for instance in joined), resizes=True)
        return replace(history.creating(joined, asking.at, asking.at), headcount=asking.accepted(), refusals=0)

    def _report_scaling(self, asked: Headcount, request_id: str | None, *, answered: bool = True) -> None:
        self.request_ids.extend(filter(None, [request_id]))
        event = surge_events.ScalingOut(self._set.name, asked.before, asked.asked, request_id, answered)
        self.waiter.on_event(event)

    def shrink(self, action: Shrink, history: History) -> History:
        """Lower the capacity by what Azure could not make; conditional, so that no new instance is deleted."""
        self.watcher.refresh()
        found, headcount = self._set, history.headcount
        there = sum(instance.provisioning_state != "Deleting" for instance in self.watcher.observed.instances)
        if headcount is None or found.capacity - action.count < there:
            return history
        asking = headcount.asking(found.capacity, found.capacity - action.count, self._now)
        self.record(asking)
        try:
            operation = self.sets.begin_set_capacity(found, asking.asked)
        except AzureError as error:
            self.watcher.refresh()
            if may_have_begun(error.failure):
                return replace(history, headcount=asking)
            return self._not_taken(error, history, asking.refused())
        self.awaited = max(0, self.awaited - action.count)
        self.request_ids.extend(filter(None, [operation.request_id]))
        self.waiter.on_event(surge_events.CapacityGivenUp(found.name, asking.before, asking.asked))
        self.watcher.follow(operation, (), resizes=True)
        self.watcher.reread()
        return replace(history, headcount=asking.accepted(), refusals=0)

    def remove(self, action: Remove, history: History) -> History:
        """Ask Azure to delete instances, after one more read: this call ignores instance protection."""
        self.watcher.reread_instances(action.instance_ids)
        found, headcount = self._set, history.headcount
        known = self._free(action.instance_ids[: self.spec.ids_per_call])
        ids = tuple(instance.id for instance in known)
        counted = headcount is not None and headcount.seen(found.capacity).wanted == headcount.wanted
        if headcount is None or not counted or not ids:
            return history
        asking = headcount.asking(found.capacity, found.capacity - len(ids), self._now)
        self.record(asking)
        try:
            operation = self.sets.begin_delete_instances(found, ids)
        except AzureError as error:
            self.watcher.refresh()
            if may_have_begun(error.failure):
                event = surge_events.InstancesRemoving(ids, error.failure.request_id, answered=False)
                self.waiter.on_event(event)
                return replace(history.removing(known, self._now, answered=False), headcount=asking)
            return self._not_deleted(error, history, asking.refused())
        self.request_ids.extend(filter(None, [operation.request_id]))
        self.waiter.on_event(surge_events.InstancesRemoving(ids, operation.request_id))
        self.watcher.follow(operation, ids)
        self.watcher.reread()
        return replace(history.removing(known, self._now), headcount=asking.accepted())

    def _free(self, ids: Iterable[str]) -> list[Instance]:
        instances = self.watcher.observed.by_id()
        there = [instances[key] for key in ids if key in instances]
        return [one for one in there if not one.protected_from_scale_in and not one.protected_from_scale_set_actions]

    def _not_taken(self, error: AzureError, history: History, headcount: Headcount) -> History:
        """Wait and decide again if the refusal may pass; otherwise record that Azure makes no instances."""
        failure, history = error.failure, replace(history, headcount=headcount)
        if failure.status == CHANGED_MEANWHILE:
            return history
        if not self._passes(failure, history):
            return replace(history, refusal=f"Azure made no instances: {failure.code}: {failure.message}")
        return self._retry_later(error, history)

    def _passes(self, failure: Failure, history: History) -> bool:
        """Whether the refusal may pass. A quota error is a conflict too, but then no operation is under way."""
        busy = bool(self.watcher.pending) or self._set.provisioning_state == "Updating"
        concurrent = failure.status == CONFLICT and (failure.code == CONCURRENT or busy)
        return (not failure.sent or failure.status == THROTTLED or concurrent) and history.refusals < ATTEMPTS

    def _not_deleted(self, error: AzureError, history: History, headcount: Headcount) -> History:
        failure, history = error.failure, replace(history, headcount=headcount)
        if failure.code in ID_IS_GONE:
            return history
        if not self._passes(failure, history):
            raise error
        return self._retry_later(error, history)

    def _retry_later(self, error: AzureError, history: History) -> History:
        wait = until_next_try(error.failure, history.refusals)
        self.waiter.on_event(CallRetried(str(error).splitlines()[0], history.refusals + 1, wait))
        return history.refused(self._now + wait, overlapping=False)

    @property
    def _set(self) -> ScaleSet:
        return self.watcher.observed.scale_set

    @property
    def _now(self) -> float:
        return self.waiter.clock.now()
