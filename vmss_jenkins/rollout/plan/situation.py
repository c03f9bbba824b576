"""The state of a rollout at one moment: the last read and the history, sorted for the decision."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import PARKED, Instance
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.capacity import Capacity, counts, unhealthy
from vmss_jenkins.rollout.plan.history import SETTLED, History, InstanceRecord, Observed, OperationState, Stage
from vmss_jenkins.rollout.plan.selection import Include, Scope, Selection, choose_canary, select

LAG = 5.0
"""Seconds that an instance's own state may come after the end of its operation."""


@dataclass(frozen=True)
class Situation:
    """The instances of a rollout, sorted by what to do with them; ids, or instances if the type says so."""

    have_it: frozenset[str]
    """They have the release, healthy or not."""
    updated: frozenset[str]
    """They have it and are healthy for long enough."""
    in_flight: frozenset[str]
    """Their update is awaited."""
    recovering: frozenset[str]
    """They were down before the run, have the release, and are still down: nothing waits for them but the end."""
    still_down: Mapping[str, str]
    """They were down when they were updated and did not come up, with the reason: no fault of the release."""
    failed: Mapping[str, str]
    """Their update failed, or they are not healthy in time, with the reason."""
    pending: frozenset[str]
    """They are still to be updated."""
    candidates: tuple[Instance, ...]
    """Those of them that could be updated now, as far as capacity allows, in order."""
    in_canary: bool
    """The gates have not passed the canary yet."""
    canary: tuple[Instance, ...]
    """Those still to be updated for the canary."""
    awaited: frozenset[str]
    """Azure works on them, but not for this run; their release is not known yet."""
    unjudged: tuple[str, ...]
    """They are updated, and no gates ran on them."""
    skipped: Mapping[str, str]
    """They are skipped, with the reason."""
    capacity: Capacity
    surge: int = 0
    """How many additional instances a surge may make; 0 for the other strategies."""
    coming: frozenset[str] = frozenset()
    """They are being created, and do not serve yet."""
    leaving: frozenset[str] = frozenset()
    """They are being deleted."""


def survey(spec: RolloutSpec, observed: Observed, history: History, now: float) -> Situation:
    """Sort the instances."""
    instances = observed.by_id()
    selection = _selection(spec, observed, history)
    unsettled = _unsettled(spec, observed, history, now)
    parked = _parked(observed, history)
    record = history.records.keys() & instances.keys() - parked
    have_it = frozenset(instance.id for instance in selection.have_it)
    touched = (history.forward.keys() & instances.keys() if history.rolling_back else have_it) - parked
    pending = tuple(instance for instance in selection.pending if instance.id not in record)
    required = (record | touched | (history.drained & have_it)) - {instance.id for instance in pending}
    updated = frozenset(
        key for key in required - unsettled if updated_for(observed, history, key) >= spec.min_healthy_time
    )
    done = updated - history.drained
    failures = _failures(spec, observed, history, required - updated - unsettled)
    still_down = {
        key: f"{'was down before the run; ' if key in history.down_before else ''}{reason}"
        for key, reason in failures.items()
        if _is_excused(history, key)
    }
    failed = {key: reason for key, reason in failures.items() if key not in still_down}
    recovering = _recovering(observed, history, required - updated - unsettled) - failures.keys()
    in_canary = _in_canary(spec, observed, history, selection)
    apart = _taken_down(history) | parked
    taking = _taking(selection, observed, record)
    canary = choose_canary(spec.canary, taking, apart) if in_canary and spec.canary else ()
    chosen = _first(spec, pending, canary) if in_canary else pending
    idle = [i for i in chosen if not i.is_updating and i.id not in unsettled]
    judged = {key for gate in history.gates if gate.consequence is Consequence.GO_ON for key in gate.instance_ids}
    unjudged = done - judged
    unjudged = (unjudged - apart or unjudged) if in_canary else unjudged
    settled = recovering | still_down.keys()
    return Situation(
        have_it=have_it,
        updated=updated,
        in_flight=frozenset(required - done - failed.keys() - settled),
        recovering=recovering,
        still_down=still_down,
        failed=failed,
        pending=frozenset(instance.id for instance in pending),
        candidates=tuple(idle),
        in_canary=in_canary,
        canary=canary,
        awaited=frozenset(_awaited(spec, observed, history, pending, now)),
        unjudged=tuple(i.id for i in observed.instances if i.id in unjudged),
        skipped={key: reason for key, reason in selection.skipped.items() if key not in record},
        capacity=_capacity(spec, observed, history, (record - done - settled) | unsettled, have_it, settled),
    )


def _taken_down(history: History) -> frozenset[str]:
    """Those that were down when this run took them: from their state nobody can judge the release."""
    return frozenset(key for key, record in history.records.items() if record.was_down)


def _is_excused(history: History, key: str) -> bool:
    """Whether an instance that does not come up costs nothing: it was down before, or when the rollback took it."""
    record = history.records.get(key)
    return record is not None and record.was_down and (history.rolling_back or key in history.down_before)


def _recovering(observed: Observed, history: History, not_updated: Collection[str]) -> frozenset[str]:
    """Those that were down before the run and got the release; only their health is still missing."""
    instances, busy = observed.by_id(), _busy(observed)
    return frozenset(
        key
        for key in history.down_before & _taken_down(history) & set(not_updated) - busy
        if history.records[key].asked is not None
        and history.target.is_on(instances[key], observed.scale_set)
        and instances[key].provisioning_state == "Succeeded"
    )


def _busy(observed: Observed) -> frozenset[str]:
    """Those on which an operation of this run is running."""
    return frozenset(key for one in observed.operations if one.ended is None for key in one.instance_ids)


def _first(spec: RolloutSpec, pending: Iterable[Instance], canary: tuple[Instance, ...]) -> tuple[Instance, ...]:
    """What goes before the gates of the canary: those that are down, since they cost nothing, and the canary."""
    down = () if spec.canary_only else (i for i in pending if not i.is_healthy and i not in canary)
    return (*down, *canary)


def _parked(observed: Observed, history: History) -> frozenset[str]:
    """Those that ran when this run took them and are deallocated now. No update heals them."""
    ran = {key for key, record in {**history.forward, **history.records}.items() if record.ran}
    return frozenset(i.id for i in observed.instances if i.id in ran and i.power in PARKED and not i.is_updating)


def _selection(spec: RolloutSpec, observed: Observed, history: History) -> Selection:
    """Apply the scope. A rollback selects the instances with the bad release and those that this run touched."""
    if not history.rolling_back:
        return select(spec.scope, history.target, observed.scale_set, observed.instances)
    scope = Scope(include=spec.scope.include | {Include.FAILED})
    selection = select(scope, history.target, observed.scale_set, observed.instances)
    concerned = {instance.id for instance in observed.instances if history.in_rollback(instance)}
    broken = tuple(instance for instance in selection.have_it if _broken(spec, history, instance))
    have_it = tuple(instance for instance in selection.have_it if instance not in broken)
    pending = (*broken, *(instance for instance in selection.pending if instance.id in concerned))
    skipped = {key: reason for key, reason in selection.skipped.items() if key in concerned}
    return Selection(have_it, pending, skipped)


def _broken(spec: RolloutSpec, history: History, instance: Instance) -> bool:
    """Whether an update failed and left the old image: the instance still needs the old model."""
    record = history.forward.get(instance.id)
    ours = Include.FAILED in spec.scope.include or (record is not None and record.asked is not None)
    return ours and instance.provisioning_state == "Failed" and instance.id not in history.records


def _taking(selection: Selection, observed: Observed, record: Collection[str]) -> Selection:
    """Count instances under way as part of the canary, whatever they show in the middle of their update."""
    have_it = {instance.id for instance in selection.have_it}
    under_way = tuple(i for i in observed.instances if i.id in record and i.id not in have_it)
    rest = tuple(instance for instance in selection.pending if instance.id not in record)
    return Selection((*selection.have_it, *under_way), rest, selection.skipped)


def _in_canary(spec: RolloutSpec, observed: Observed, history: History, selection: Selection) -> bool:
    there = selection.have_it or selection.pending
    return bool(spec.canary and there and not is_judged(observed, history) and not history.rolling_back)


def is_judged(observed: Observed, history: History) -> bool:
    """Whether the gates passed the canary, and an instance that they passed still runs.

    Autoscale, an eviction or a person may take the whole canary away: then nothing that runs was judged, and the next
    instance is a canary again.
    """
    passed = [gate for gate in history.gates if gate.consequence is Consequence.GO_ON]
    runs = observed.by_id().keys() - _parked(observed, history)
    canary = any(gate.stage is Stage.CANARY for gate in passed)
    return canary and any(runs & set(gate.instance_ids) for gate in passed)


def updated_for(observed: Observed, history: History, instance_id: str) -> float:
    """Seconds for which reads show an instance updated; less than 0 if it is not."""
    since = history.updated_since.get(instance_id)
    return -1.0 if since is None else observed.read.get(instance_id, since) - since


def _unsettled(spec: RolloutSpec, observed: Observed, history: History, now: float) -> frozenset[str]:
    """Instances that Azure may still update to the new release while the rollback has begun."""
    running = _busy(observed)
    present = {instance.id for instance in observed.instances}

    def still(key: str, record: InstanceRecord) -> bool:
        if record.asked is None or now >= record.asked + spec.instance_timeout or key in history.records:
            return False
        shows = record.asked + (0.0 if record.answered else SETTLED)
        return key in running or observed.read.get(key, 0.0) < shows

    return frozenset(key for key, record in history.forward.items() if key in present and still(key, record))


def _failures(
    spec: RolloutSpec, observed: Observed, history: History, instance_ids: Collection[str]
) -> Mapping[str, str]:
    instances = observed.by_id()
    operations = {key: operation for operation in observed.operations for key in operation.instance_ids}
    failed = {}
    for key in sorted(instance_ids):
        record = history.records.get(key)
        if key in history.updated_since or (record and record.asked is None):
            continue
        read = observed.read.get(key, 0.0)
        has_it = bool(history.target.is_on(instances[key], observed.scale_set))
        reason = _failed_update(instances[key], record, operations.get(key), read, has_it=has_it) if record else None
        if record is None and instances[key].provisioning_state == "Failed":
            error = instances[key].error
            reason = f"has the release, but its provisioning failed before{f': {error}' if error else ''}"
        patience = _patience(spec, observed, instances[key])
        if reason is None and read - history.not_updated_since.get(key, read) > patience:
            reason = f"not healthy after {patience:.0f} s"
        if reason:
            failed[key] = reason
    return failed


def _patience(spec: RolloutSpec, observed: Observed, instance: Instance) -> float:
    """Seconds until an instance has failed: one that Azure creates has further tries with resilient creation."""
    creating = instance.provisioning_state == "Creating"
    return spec.instance_timeout + (observed.scale_set.automation.creation_tries if creating else 0.0)


def _failed_update(
    instance: Instance, record: InstanceRecord, operation: OperationState | None, read: float, *, has_it: bool
) -> str | None:
    """Why the update of an instance failed; None if it did not, or not yet."""
    asked = record.asked or 0.0
    ended = operation.ended if operation and (operation.ended or 0.0) >= asked else None
    if instance.is_updating or read < asked:
        return None
    error = instance.error or (operation.error if operation else None)
    if instance.provisioning_state == "Failed":
        fresh = record.provisioning_before != "Failed" or record.seen_busy or (ended is not None and read >= ended)
        return f"its update failed{f': {error}' if error else ''}" if fresh else None
    if ended is not None and read >= ended + LAG and not has_it:
        return f"Azure ended its update, but it does not have the latest model{f': {error}' if error else ''}"
    return None


def _awaited(
    spec: RolloutSpec, observed: Observed, history: History, pending: tuple[Instance, ...], now: float
) -> set[str]:
    ids = {value.lower() for value in spec.scope.ids.ids} if not history.rolling_back else set()
    coming = {
        instance.id
        for instance in observed.instances
        if instance.provisioning_state == "Creating"
        and (not ids or instance.id.lower() in ids)
        and now - history.not_updated_since.get(instance.id, now) <= _patience(spec, observed, instance)
    }
    return coming | {instance.id for instance in pending if instance.is_updating}


def _capacity(
    spec: RolloutSpec,
    observed: Observed,
    history: History,
    under_way: Collection[str],
    have_it: Collection[str],
    settled: Collection[str],
) -> Capacity:
    """What serves. Instances with the new release that are down count as ours: a killed run may have taken them."""
    ran = {key for key, record in {**history.forward, **history.records}.items() if record.ran}
    counted = tuple(instance for instance in observed.instances if counts(instance, ran=instance.id in ran))
    limit = max(1, spec.max_unavailable.rounded_down(len(counted)))
    ids = {instance.id for instance in counted}
    excused = frozenset(ids & (history.down_before | set(settled)) - set(under_way))
    counted = tuple(instance for instance in counted if instance.id not in excused)
    ids -= excused
    down = unhealthy(counted) | (ids & set(under_way))
    ours = frozenset(under_way) | (down & (history.broken if history.rolling_back else set(have_it)))
    return Capacity(counted, down, ours, limit, excused, keeps_zones=not spec.idle)
