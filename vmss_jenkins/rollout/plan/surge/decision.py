"""The next action of a surge: make new instances first, delete old ones after, so that serving capacity never drops.

Rollout: set the model; make as many instances as the canary has, which get the new release; run the gates when they are
healthy; delete as many old ones; make the next ones, and so on, until no old one is left and there are as many as
before. Rollback, the same with the releases exchanged: restore the model first, delete new ones while more than wanted
serve, make old ones if some are gone already, and so on.

At every moment there are no more than `max_surge` (or the canary) above the wanted number, and no serving instance is
deleted while no more than the wanted number serve. Instances that do not serve may be deleted while there is a surplus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.rollout.plan.actions import (
    Action,
    Done,
    Drain,
    Remove,
    RolloutSpec,
    RunGate,
    ScaleOut,
    Shrink,
    Wait,
)
from vmss_jenkins.rollout.plan.decision import (
    failure,
    halt,
    model_first,
    next_moment,
    on_bad_release,
    published,
    restore,
    resumes_at,
    undecided,
)
from vmss_jenkins.rollout.plan.history import History, Observed, Stage
from vmss_jenkins.rollout.plan.surge.scale_in import order
from vmss_jenkins.rollout.plan.surge.situation import SurgeSituation


def choose(spec: RolloutSpec, observed: Observed, history: History, found: SurgeSituation, now: float) -> Action:
    """Choose the next action for instances that are sorted already."""
    return (
        model_first(observed, history)
        or undecided(observed, history)
        or _failure(spec, observed, history, found, now)
        or published(observed, history)
        or restore(observed, history, found)
        or _judge(spec, history, found)
        or _end(spec, observed, history, found)
        or _change(spec, observed, history, found, now)
        or _stuck(observed, history, found, now)
        or _wait(spec, history, found, now)
    )


def _failure(
    spec: RolloutSpec, observed: Observed, history: History, found: SurgeSituation, now: float
) -> Action | None:
    reason = _not_made(observed, history) or failure(spec, history, found, now)
    return on_bad_release(spec, observed, history, found, now, reason) if reason else None


def _not_made(observed: Observed, history: History) -> str | None:
    """Azure's reason for making no instances in this direction; what began before a rollback is no fault of it."""
    if history.refusal:
        return history.refusal
    ended = (op for op in observed.operations if op.resizes and op.error and op.began >= history.began)
    return next((f"Azure could not make instances: {operation.error}" for operation in ended), None)


def _judge(spec: RolloutSpec, history: History, found: SurgeSituation) -> Action | None:
    """Run the gates on the new instances when all of them are healthy."""
    if history.rolling_back or not found.unjudged or _under_way(found):
        return None
    if not found.in_canary:
        return RunGate(Stage.BATCH, found.unjudged)
    return None if _missing_canary(spec, found) else RunGate(Stage.CANARY, found.unjudged)


def _missing_canary(spec: RolloutSpec, found: SurgeSituation) -> int:
    size = spec.canary_of(found.headcount.wanted)
    return min(max(0, size - len(found.new)), len(found.old)) if found.in_canary else 0


def _under_way(found: SurgeSituation) -> bool:
    return bool(found.in_flight or found.leaving or found.coming or found.resizing)


def _end(spec: RolloutSpec, observed: Observed, history: History, found: SurgeSituation) -> Action | None:
    if _under_way(found) or found.awaited or found.in_canary:
        return None
    judged_canary = spec.canary_only and not history.rolling_back
    if not judged_canary and (found.old or found.surplus > 0 or found.empty_zones):
        return None
    if found.failed:
        reasons = "; ".join(f"{instance_id}: {reason}" for instance_id, reason in found.failed.items())
        return halt(f"all but {len(found.failed)} instance(s): {reasons}", observed, history)
    return Done(found.skipped)


def _stuck(observed: Observed, history: History, found: SurgeSituation, now: float) -> Action | None:
    """Halt a rollback that has rolled back all that it can."""
    if not history.rolling_back or not found.failed or _under_way(found) or now < history.held_until or history.drained:
        return None
    reasons = "; ".join(f"{instance_id}: {reason}" for instance_id, reason in found.failed.items())
    return halt(f"the rollback failed too: {len(found.failed)} instance(s) failed: {reasons}", observed, history)


def _change(
    spec: RolloutSpec, observed: Observed, history: History, found: SurgeSituation, now: float
) -> Action | None:
    """Delete instances that are drained or may go; otherwise make the next ones."""
    if now < history.held_until or failure(spec, history, found, history.began):
        return None
    drained = [key for key, record in history.records.items() if record.asked is None]
    ready = [key for key in drained if spec.drain is None or now >= history.records[key].at + spec.drain]
    if ready:
        return Remove(tuple(ready))
    if drained or _under_way(found) or now < resumes_at(spec, history):
        return None
    return _resize(spec, observed, found, rolling_back=history.rolling_back)


def _resize(spec: RolloutSpec, observed: Observed, found: SurgeSituation, *, rolling_back: bool) -> Action | None:
    """Make as many as allowed, then delete as many; in a rollback the bad ones are deleted at once."""
    if found.absent and found.surplus > 0:
        return Shrink(min(found.absent, found.surplus))
    if missing := _missing_canary(spec, found):
        return ScaleOut(missing)
    step = spec.surge_of(found.headcount.wanted)
    full = rolling_back or found.surplus >= min(step, len(found.old))
    if found.surplus > 0 and full:
        if ids := tuple(instance.id for instance in _removable(observed.scale_set, found)):
            return Remove(ids) if spec.drain is None else Drain(ids)
        return ScaleOut(1) if found.old and not rolling_back and found.surplus < step else None
    if found.old:
        return ScaleOut(min(step, len(found.old)) - found.surplus)
    return ScaleOut(min(step, found.empty_zones), fills_zone=True) if found.empty_zones else None


def _removable(scale_set: ScaleSet, found: SurgeSituation) -> tuple[Instance, ...]:
    """The surplus instances, in the order of the set's scale-in policy.

    Serving instances only as far as more than wanted serve, and none that is alone in its zone; if each is alone in its
    zone, one of them: the next new instance fills its zone.
    """
    leaving = [i for i in found.old if not i.is_updating] or [
        i for i in found.new if not _protected(i) and not found.old
    ]
    ordered = order(scale_set.scale_in, leaving, found.capacity.counted)
    tally = _Tally(found)
    chosen = [instance for instance in ordered if tally.takes(instance)]
    if not chosen and tally.every_zone_serves():
        return tuple(ordered[: max(0, min(1, tally.spare))])
    return tuple(chosen)


def _protected(instance: Instance) -> bool:
    return instance.protected_from_scale_in or instance.protected_from_scale_set_actions


class _Tally:
    """Counts what is left, while one instance after the other is deleted."""

    def __init__(self, found: SurgeSituation) -> None:
        serving = [instance for instance in found.capacity.counted if instance.is_healthy]
        idle = sum(not instance.is_healthy for instance in found.untouched)
        self._count = found.surplus
        wanted = found.headcount.wanted
        self.spare = len(serving) - max(min(1, wanted), wanted - idle)
        """How many serving instances may be deleted; ill ones that stay were no capacity before, but one serves."""
        self._serving = Counter(instance.zone for instance in serving)
        self._zones = {instance.zone for instance in found.capacity.counted if instance.zone}

    def takes(self, instance: Instance) -> bool:
        """Take an instance if it may be deleted; return whether it was."""
        serves, zone = instance.is_healthy, instance.zone
        alone = serves and len(self._zones) > 1 and self._serving[zone] == 1
        if self._count <= 0 or (serves and self.spare <= 0) or alone:
            return False
        self._count -= 1
        if serves:
            self.spare -= 1
            self._serving[zone] -= 1
        return True

    def every_zone_serves(self) -> bool:
        """Whether every zone has a serving instance, so that one may lose it for a while."""
        return all(self._serving[zone] for zone in self._zones)


def _wait(spec: RolloutSpec, history: History, found: SurgeSituation, now: float) -> Action:
    deadline, pause = history.began + spec.timeout, max(history.held_until, resumes_at(spec, history))
    soon = next_moment(spec, history, now)
    draining = any(record.asked is None for record in history.records.values())
    down = [instance.id for instance in found.capacity.counted if not instance.is_healthy]
    reasons: Sequence[tuple[bool, float, str, Iterable[str]]] = (
        (bool(found.in_flight), soon, "not healthy yet", found.in_flight),
        (bool(found.leaving), soon, "Azure deletes them", found.leaving),
        (found.resizing or bool(found.coming), soon, "Azure makes instances", found.coming),
        (draining, soon, "their open connections end", history.drained),
        (now < pause, pause, "pause", ()),
        (bool(found.awaited), deadline, "Azure works on them", found.awaited),
        (True, deadline, "down for other reasons, so no serving instance may be deleted", down),
    )
    _, until, reason, ids = next(one for one in reasons if one[0])
    return Wait(until, reason, tuple(sorted(ids)))
