"""The next action of a rollout: decided from values alone, one action at a time.

The same decision serves a rollout and a rollback. Rollout: set the model, update the canary, run its gates, update the
others in steps, run the gates after each step. Rollback: restore the model first, so that an instance that autoscale
adds gets the old release, then update the instances that have the new one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.rollout.plan.actions import (
    Action,
    Done,
    Drain,
    Halt,
    OnFailure,
    Restore,
    RestoreModel,
    RolloutSpec,
    RunGate,
    SetModel,
    Strategy,
    Update,
    Wait,
)
from vmss_jenkins.rollout.plan.history import History, Observed, Stage
from vmss_jenkins.rollout.plan.rollback import rollback_target, state_of
from vmss_jenkins.rollout.plan.situation import Situation, survey

_NO_CANARY = "no instance with the release runs, and no other can be the canary"


def decide(spec: RolloutSpec, observed: Observed, history: History, now: float) -> Action:
    """Choose the next action.

    Args:
        spec: what is wanted.
        observed: the set as the last reads show it.
        history: what this run did, with `observed` taken in.
        now: the time, by the clock of `history`.
    """
    return choose(spec, observed, history, survey(spec, observed, history, now), now)


def choose(spec: RolloutSpec, observed: Observed, history: History, situation: Situation, now: float) -> Action:
    """Choose the next action for instances that are sorted already."""
    return (
        model_first(observed, history)
        or undecided(observed, history)
        or _failure(spec, observed, history, situation, now)
        or published(observed, history)
        or restore(observed, history, situation)
        or _judge(spec, history, situation)
        or _end(spec, observed, history, situation)
        or _update(spec, history, situation, now)
        or _wait(spec, observed, history, situation, now)
    )


def model_first(observed: Observed, history: History) -> Action | None:
    """Set the model once; a later change is somebody else's and halts the rollout."""
    wanted, found = history.target.model, observed.scale_set.release
    unnoticed = _is_unnoticed(observed, history)
    if wanted is None or (wanted.same_as(found) and not unnoticed):
        return None
    if unnoticed or not history.model_set:
        set_model = RestoreModel(wanted, history.cause or "") if history.rolling_back else SetModel(wanted)
        return published(observed, history) or set_model
    what = "image" if isinstance(wanted, ImageReference) else "script"
    reason = f"somebody changed the model's {what} to {found or 'an unknown one'} while {wanted} was rolled out"
    return halt(reason, observed, history)


def _is_unnoticed(observed: Observed, history: History) -> bool:
    """Whether Azure does not know yet that a moving name means another version: it looks only at a PATCH.

    Until then it takes instances of an older version for up to date; a flexible set does not show that. A rollback
    leaves it so: the version that it leaves is not wanted.
    """
    if history.target.floats_as is None or history.model_sent or history.cause is not None:
        return False
    current = (one for one in observed.instances if one.latest_model_applied is not False)
    return not all(history.target.is_on(one, observed.scale_set) for one in current)


def published(observed: Observed, history: History) -> Action | None:
    """Halt a rollout of a moving name if a newer version was published in its middle: nobody chose that one.

    Instances that had a newer version when the run began are those to update: that version was excluded since.
    """
    target, named = history.target.image, history.target.floats_as
    if named is None or not isinstance(target, ImageReference):
        return None
    running = {one.id: one.image for one in observed.instances if one.image and one.image.is_newer_than(target)}
    changed = history.newest if history.newest and not history.newest.same_as(target) else None
    since = (image for image in running.values() if not any(image.same_as(before) for before in history.previous))
    found = next(since, changed)
    if found is None:
        return None
    ids = [key for key, image in running.items() if found.same_as(image)]
    return halt(_published(named, target, found, ids), observed, history)


def _published(named: ImageReference, target: ImageReference, found: ImageReference, running: Collection[str]) -> str:
    """Why the rollout of a moving name halts.

    Args:
        named: the moving name.
        target: the version that is rolled out.
        found: the version that the name means now; the name itself if it means none.
        running: ids of the instances that have it.
    """
    name, wanted = found.short_name, target.short_name
    if found.moves:
        return f"no version of {name} can be used any more, and {wanted} was rolled out: roll back"
    if not found.is_newer_than(target):
        return f"{named.short_name} means {name} now, and {wanted} was rolled out: roll {name} out, or roll back"
    who = f"; it is on {', '.join(running)}" if running else ""
    published = f"{name} was published while {wanted} was rolled out, and the model names the newest version"
    return f"{published}{who}: roll {name} out, or roll back"


def undecided(observed: Observed, history: History) -> Action | None:
    """Halt if the gates are inconclusive: a person must decide."""
    if history.rolling_back or not history.gates or history.gates[-1].consequence is not Consequence.HALT:
        return None
    last = history.gates[-1]
    return halt(f"the gates after the {last.stage.value} are inconclusive: {last.reason}", observed, history)


def _failure(
    spec: RolloutSpec, observed: Observed, history: History, situation: Situation, now: float
) -> Action | None:
    """Roll back or stop if the release is bad; halt if the rollback fails too."""
    reason = failure(spec, history, situation, now)
    return on_bad_release(spec, observed, history, situation, now, reason) if reason else None


def on_bad_release(
    spec: RolloutSpec, observed: Observed, history: History, situation: Situation, now: float, reason: str
) -> Action | None:
    """Roll back, stop or halt for a reason; None while updates under way have to end first."""
    if history.rolling_back:
        return halt(f"the rollback failed too: {reason}", observed, history)
    if spec.on_failure is OnFailure.STOP:
        if situation.in_flight and now < history.began + spec.timeout:
            return None
        return halt(reason, observed, history)
    image, obstacle = rollback_target(spec, observed, history)
    if image is None:
        return halt(f"{reason}; {obstacle}", observed, history)
    return RestoreModel(image, reason)


def failure(spec: RolloutSpec, history: History, situation: Situation, now: float) -> str | None:
    """Why the rollout, or the rollback, cannot go on; None if it can."""
    if history.cause and not history.rolling_back:
        return history.cause
    last = history.gates[-1] if history.gates and not history.rolling_back else None
    if last and last.consequence is Consequence.FAIL:
        return f"the gates after the {last.stage.value} failed: {last.reason}"
    allowed = 0 if situation.in_canary else spec.max_failed
    if not history.rolling_back and len(situation.failed) > allowed:
        reasons = "; ".join(f"{instance_id}: {reason}" for instance_id, reason in situation.failed.items())
        return f"{len(situation.failed)} instance(s) failed, allowed {allowed}: {reasons}"
    if now >= history.began + spec.timeout:
        return f"not done after {spec.timeout:.0f} s"
    return None


def restore(observed: Observed, history: History, situation: Situation) -> Action | None:
    """Put updated instances back into the load balancer."""
    waiting = {key for key, record in history.records.items() if record.asked is None}
    back = [i.id for i in observed.instances if i.id in history.drained - waiting and i.id in situation.updated]
    return Restore(tuple(back)) if back else None


def _judge(spec: RolloutSpec, history: History, situation: Situation) -> Action | None:
    """Run the gates that are due: after the canary and after each batch; in a window, after as many as its size."""
    if history.rolling_back or not situation.unjudged or failure(spec, history, situation, history.began):
        return None
    everything_landed = not situation.in_flight
    if situation.in_canary:
        due = everything_landed and not situation.canary
        return RunGate(Stage.CANARY, situation.unjudged) if due else None
    if strategy_of(spec, history) is Strategy.WAVES:
        due = everything_landed
    else:
        nothing_left = everything_landed and not situation.pending
        due = nothing_left or len(situation.unjudged) >= situation.capacity.limit
    return RunGate(Stage.BATCH, situation.unjudged) if due else None


def strategy_of(spec: RolloutSpec, history: History) -> Strategy:
    """The strategy in force: waves once Azure refused overlapping operations."""
    return Strategy.WAVES if history.waves_only else spec.strategy


def _end(spec: RolloutSpec, observed: Observed, history: History, situation: Situation) -> Action | None:
    judged_canary = spec.canary_only and not history.rolling_back and not situation.in_canary
    if situation.in_flight or situation.awaited or (situation.pending and not judged_canary):
        return None
    if situation.recovering and not history.rolling_back:
        return None
    if situation.in_canary and situation.have_it and not situation.still_down:
        return None if situation.unjudged else halt(_NO_CANARY, observed, history)
    if bad := {**situation.failed, **situation.still_down}:
        what = "the rollback failed too: " if history.rolling_back else "all but "
        return halt(f"{what}{_listed(bad, ' failed' if history.rolling_back else '')}", observed, history)
    return Done(situation.skipped)


def _listed(bad: Mapping[str, str], what: str) -> str:
    reasons = "; ".join(f"{instance_id}: {reason}" for instance_id, reason in bad.items())
    return f"{len(bad)} instance(s){what}: {reasons}"


def _update(spec: RolloutSpec, history: History, situation: Situation, now: float) -> Action | None:
    """Update the drained instances; otherwise take the next ones that may be down."""
    if now < history.held_until or failure(spec, history, situation, history.began):
        return None
    under_way = {key for key, record in history.records.items() if record.asked is not None} & situation.in_flight
    if strategy_of(spec, history) is Strategy.WAVES and under_way:
        return None
    drained = [key for key, record in history.records.items() if record.asked is None]
    ready = [key for key in drained if spec.drain is None or now >= history.records[key].at + spec.drain]
    if ready:
        return Update(tuple(ready))
    if now < resumes_at(spec, history) or (strategy_of(spec, history) is Strategy.WAVES and situation.in_flight):
        return None
    chosen = situation.capacity.admit(situation.candidates)
    if not chosen:
        return None
    ids = tuple(instance.id for instance in chosen)
    return Update(ids) if spec.drain is None else Drain(ids)


def resumes_at(spec: RolloutSpec, history: History) -> float:
    """When the pause after the last gates ends; a window pauses after the canary only."""
    last = history.gates[-1] if history.gates and not history.rolling_back else None
    if last is None or (last.stage is Stage.BATCH and strategy_of(spec, history) is Strategy.WINDOW):
        return history.began
    return last.at + spec.pause


def _wait(spec: RolloutSpec, observed: Observed, history: History, situation: Situation, now: float) -> Action:
    deadline = history.began + spec.timeout
    if situation.in_flight:
        return Wait(next_moment(spec, history, now), "not healthy yet", tuple(sorted(situation.in_flight)))
    if now < max(history.held_until, resumes_at(spec, history)):
        return Wait(max(history.held_until, resumes_at(spec, history)), "pause")
    if situation.awaited:
        return Wait(deadline, "Azure works on them", tuple(sorted(situation.awaited)))
    if situation.recovering:
        ids = tuple(sorted(situation.recovering))
        return Wait(next_moment(spec, history, now), "down before, not healthy yet", ids)
    others = situation.capacity.down - situation.failed.keys()
    bad = sorted({*situation.failed, *situation.still_down, *situation.capacity.excused})
    if situation.pending and not others and bad:
        rollback = "the rollback failed too: " if history.rolling_back else ""
        reason = f"{rollback}instances {', '.join(bad)} are down and stay down, so no other may be taken down"
        return halt(reason, observed, history)
    return Wait(deadline, "down for other reasons, so no other may be taken down", tuple(sorted(others)))


def next_moment(spec: RolloutSpec, history: History, now: float) -> float:
    """When something is due although no read shows a change: a drain or a min_healthy_time is over."""
    moments = [
        history.began + spec.timeout,
        *(since + spec.min_healthy_time for since in history.updated_since.values()),
    ]
    if spec.drain is not None:
        moments += [record.at + spec.drain for record in history.records.values() if record.asked is None]
    return min((moment for moment in (*moments, history.held_until) if moment > now), default=now)


def halt(reason: str, observed: Observed, history: History) -> Action:
    """Halt; before that, let the health probes decide about drained instances again."""
    if history.drained:
        return Restore(tuple(instance.id for instance in observed.instances if instance.id in history.drained))
    return Halt(reason, {i.id: state_of(i, observed.scale_set) for i in observed.instances})
