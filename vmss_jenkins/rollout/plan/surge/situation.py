"""The state of a surge at one moment: which instances stay, which are deleted, which are being created."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.capacity import Capacity, unhealthy
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import SETTLED, History, Observed
from vmss_jenkins.rollout.plan.selection import Include, reason_to_stay
from vmss_jenkins.rollout.plan.situation import LAG, Situation, is_judged, updated_for


@dataclass(frozen=True, kw_only=True)
class SurgeSituation(Situation):
    """The situation of a surge. `pending` are the instances to delete, `have_it` those that stay."""

    headcount: Headcount
    surplus: int
    """How many more instances than in the end the capacity asks for."""
    absent: int
    """How many of the capacity neither exist nor are being created."""
    resizing: bool
    """Azure changes the number of instances, or may."""
    new: tuple[Instance, ...]
    """Those that have the release."""
    old: tuple[Instance, ...]
    """Those to delete that Azure was not asked to delete yet."""
    untouched: tuple[Instance, ...]
    """Those that stay as they are."""
    empty_zones: int
    """Zones without an instance that an instance of a fuller zone could be in."""


@dataclass(frozen=True)
class _Sorted:
    new: tuple[Instance, ...]
    old: tuple[Instance, ...]
    leaving: tuple[Instance, ...]
    skipped: Mapping[str, str]
    foreign: tuple[Instance, ...]
    """In a rollback: they have neither the bad release nor the target."""


def survey(spec: RolloutSpec, observed: Observed, history: History, now: float) -> SurgeSituation:
    """Sort the instances."""
    headcount = history.headcount or Headcount.of(observed.scale_set.capacity)
    found = _sort(spec, observed, history)
    present = [i for i in observed.instances if i.provisioning_state != "Deleting"]
    coming = frozenset(i.id for i in found.new if i.provisioning_state == "Creating")
    leaving = frozenset(i.id for i in found.leaving)
    required = _required(history, found)
    updated = frozenset(key for key in required if updated_for(observed, history, key) >= spec.min_healthy_time)
    done = updated - history.drained
    failed = dict(_failures(spec, observed, history, required - updated, leaving))
    judged = {key for gate in history.gates if gate.consequence is Consequence.GO_ON for key in gate.instance_ids}
    capacity = observed.scale_set.capacity
    absent = max(0, capacity - len(present) + len([i for i in found.leaving if i in present]))
    skipped_or_foreign = tuple(i for i in present if i.id in found.skipped or i in found.foreign)
    return SurgeSituation(
        have_it=frozenset(i.id for i in found.new),
        updated=updated,
        in_flight=frozenset(required - done - failed.keys()),
        recovering=frozenset(),
        still_down={},
        failed=failed,
        pending=frozenset(i.id for i in found.old),
        candidates=(),
        in_canary=_in_canary(spec, observed, history, found),
        canary=(),
        awaited=frozenset(i.id for i in (*found.old, *skipped_or_foreign) if i.is_updating),
        unjudged=tuple(i.id for i in found.new if i.id in done - judged),
        skipped=found.skipped,
        capacity=Capacity(tuple(present), unhealthy(present), frozenset(), 0),
        surge=max(spec.surge_of(headcount.wanted), spec.canary_of(headcount.wanted)),
        coming=coming - failed.keys(),
        leaving=leaving,
        headcount=headcount,
        surplus=capacity - headcount.wanted,
        absent=absent,
        resizing=_resizing(observed, headcount, now),
        new=found.new,
        old=found.old,
        untouched=(*skipped_or_foreign, *_down_all_along(history, found)),
        empty_zones=_empty_zones(observed.scale_set, found, present, history),
    )


def _down_all_along(history: History, found: _Sorted) -> tuple[Instance, ...]:
    """In a rollback, the instances that have its target and were down before the run: they were no capacity then."""
    return tuple(i for i in found.new if history.rolling_back and i.id in history.down_before)


def _empty_zones(scale_set: ScaleSet, found: _Sorted, present: list[Instance], history: History) -> int:
    """Azure chooses the zone of a new instance, so a small surge may leave a zone empty; it is filled a few times."""
    there, new = Counter(instance.zone for instance in present), {instance.zone for instance in found.new}
    empty = sum(not there[zone] for zone in scale_set.zones)
    doubled = sum(there[zone] - 1 for zone in new)
    return min(empty, doubled) if history.zone_fills < len(scale_set.zones) else 0


def _sort(spec: RolloutSpec, observed: Observed, history: History) -> _Sorted:
    new, old, leaving, foreign, skipped = [], [], [], [], {}
    include = spec.scope.include | ({Include.FAILED} if history.rolling_back else set())
    for instance in observed.instances:
        record = history.records.get(instance.id)
        has_it = history.target.is_on(instance, observed.scale_set)
        asked = record is not None and record.asked is not None
        if instance.provisioning_state == "Deleting" or (asked and instance.id in history.removed):
            leaving.append(instance)
        elif has_it:
            new.append(instance)
        elif history.rolling_back and not history.in_rollback(instance):
            foreign.append(instance)
        elif reason := reason_to_stay(instance, include, known=has_it is not None):
            skipped[instance.id] = reason
        else:
            old.append(instance)
    return _Sorted(tuple(new), tuple(old), tuple(leaving), skipped, tuple(foreign))


def _required(history: History, found: _Sorted) -> frozenset[str]:
    """Those that have to become healthy: all new ones; in a rollback only those that this run made."""
    if not history.rolling_back:
        return frozenset(i.id for i in found.new)
    made = {key for key, record in history.records.items() if record.asked is not None}
    return frozenset(i.id for i in found.new if i.id in made | history.drained or i.provisioning_state == "Creating")


def _failures(
    spec: RolloutSpec, observed: Observed, history: History, not_updated: Collection[str], leaving: Collection[str]
) -> Iterator[tuple[str, str]]:
    instances, automation = observed.by_id(), observed.scale_set.automation
    to_come, to_go = (
        spec.instance_timeout + automation.creation_tries,
        spec.instance_timeout + automation.termination_notice,
    )
    for key in sorted(key for key in not_updated if key not in history.updated_since):
        found, read = instances[key], observed.read.get(key, 0.0)
        detail = f": {found.error}" if found.error else ""
        if found.provisioning_state == "Failed":
            yield key, f"could not be created{detail}"
        elif read - history.not_updated_since.get(key, read) > to_come:
            yield key, f"not healthy after {to_come:.0f} s"
    operations = {key: operation for operation in observed.operations for key in operation.instance_ids}
    for key, asked in sorted((key, record.asked) for key, record in history.records.items() if key in leaving):
        if asked is None:  # it drained, and somebody else deletes it
            continue
        read = observed.read.get(key, 0.0)
        ended = operations[key].ended if key in operations else None
        if ended is not None and ended >= asked and read >= ended + LAG and not instances[key].is_updating:
            error = operations[key].error or instances[key].error
            yield key, f"its deletion failed{f': {error}' if error else ''}"
        elif read - asked > to_go:
            yield key, f"still there {to_go:.0f} s after its deletion began"


def _in_canary(spec: RolloutSpec, observed: Observed, history: History, found: _Sorted) -> bool:
    judged = is_judged(observed, history)
    return bool(spec.canary and (found.new or found.old) and not judged and not history.rolling_back)


def _resizing(observed: Observed, headcount: Headcount, now: float) -> bool:
    """Whether the number of instances may not match the capacity yet."""
    unheard = not headcount.answered and now < headcount.at + SETTLED
    ours = any(operation.resizes and operation.ended is None for operation in observed.operations)
    return unheard or ours or observed.scale_set.provisioning_state == "Updating"
