"""A rollout, run: observe, decide, act, until done.

One turn of the loop is one look and one action. What it does is decided by `rollout.decide`, from values;
how each action is carried out is in `acting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.actor import Actor
from vmss_jenkins.rollout.change_reporter import ChangeReporter
from vmss_jenkins.rollout.lease import Lease
from vmss_jenkins.rollout.plan.actions import Action, Done, Halt, OnFailure, RolloutSpec, Strategy, Wait
from vmss_jenkins.rollout.plan.claims import FULLY_OUT, Claim
from vmss_jenkins.rollout.plan.decision import choose
from vmss_jenkins.rollout.plan.headcount import Headcounts
from vmss_jenkins.rollout.plan.history import GateResult, History, Observed
from vmss_jenkins.rollout.plan.rollback import resume_rollback, start
from vmss_jenkins.rollout.plan.selection import Include
from vmss_jenkins.rollout.plan.situation import Situation, survey
from vmss_jenkins.rollout.plan.surge import decision as surge_decision
from vmss_jenkins.rollout.plan.surge import situation as surge_situation
from vmss_jenkins.rollout.ports import Claims, Drainer, Gates, Processes, ScaleSets
from vmss_jenkins.rollout.surge_start import begin_surge, refuse_unfinished
from vmss_jenkins.rollout.watcher import TICK, Watcher
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter


class Outcome(Enum):
    """How a rollout ended."""

    ROLLED_OUT = FULLY_OUT
    CANARY = "rolled out to the canary"
    ROLLED_BACK = "rolled back"
    HALTED = "halted"


@dataclass(frozen=True)
class RolloutResult:
    """What a rollout came to."""

    scale_set: ScaleSetName
    outcome: Outcome
    image: Release | None
    """The release that was gone to in the end: the new one, or the one gone back to."""
    updated: tuple[str, ...]
    """Instances that this run updated on the way forward."""
    rolled_back: tuple[str, ...]
    skipped: Mapping[str, str]
    """Instances that were left alone, with the reason."""
    reason: str
    """Why it went back or halted; empty where all went well."""
    states: Mapping[str, str]
    """Every instance and how it is, where it halted."""
    gates: tuple[GateResult, ...]
    seconds: float
    request_ids: tuple[str, ...]
    removed: tuple[str, ...] = ()
    """Instances that this run deleted, where it made others in their place."""


@dataclass(frozen=True)
class Order:
    """What is to be rolled out, or back."""

    image: Release | None = None
    """None for what the model has."""
    rolling_back: bool = False
    """Go back from what the model has, to `RolloutSpec.rollback_to` or to the one other image that instances run."""


@dataclass(frozen=True)
class RunContext:
    """What a rollout uses beside the set itself; None for none."""

    gates: Gates | None = None
    drainer: Drainer | None = None
    claims: Claims | None = None
    headcounts: Headcounts | None = None
    """Where a surge writes down how many instances there are to be in the end."""
    run: str = "run"
    """A name that no other run has, for the claim."""
    owner: str = "vmss-jenkins"
    """Who runs which command, for the claim: the same for the same command run again."""
    processes: Processes | None = None
    """Shows whether the process of another run has ended."""
    build: str = ""
    """URL of the build in Jenkins, for reports."""
    allow_automatic_rollout: bool = False
    """Set the model although Azure takes it to every instance by itself."""


def run_rollout(
    sets: ScaleSets[OperationT],
    name: ScaleSetName,
    order: Order,
    spec: RolloutSpec,
    context: RunContext,
    waiter: Waiter,
) -> RolloutResult:
    """Roll out or back, or go on with it where an earlier run was stopped: its state is in Azure.

    Args:
        sets: Azure.
        name: the scale set.
        order: the release, and in which direction.
        spec: how.
        context: gates, draining, claims.
        waiter: clock and listener; its deadline ends the repetition of single calls.

    Raises:
        AnotherRollout: where one is under way; nothing was changed.
        ConfigError: where Azure would refuse the image.
        UnsafeRollout: where Azure would take the image to every instance by itself.
        AzureError: where Azure refuses, or cannot be reached.
    """
    lease = Lease(context.claims, context.run, context.owner, waiter, context.processes)
    killed = lease.take()
    watcher = None
    try:
        watcher = Watcher(sets, name, spec.min_healthy_time, waiter)
        _refuse_unknown_ids(spec, watcher.observed)
        spec = _continued(spec, order, killed, context.owner)
        history = _begin(watcher.observed, order, spec, killed, waiter.clock.now())
        options = steps.Options(allow_automatic_rollout=context.allow_automatic_rollout)
        actor = Actor(sets, name, spec, context.gates, context.drainer, options, watcher, lease, waiter)
        history = _counted(actor, context, history)
        if killed:
            _put_back(context.drainer, watcher.observed, waiter)
        return _loop(actor, history, _planned(watcher.observed, history, spec, context))
    except KeyboardInterrupt:
        _report_what_goes_on(watcher, name, waiter)
        raise
    finally:
        lease.release()


def _counted(actor: Actor[OperationT], context: RunContext, history: History) -> History:
    """Count the instances where they are replaced; else leave a set alone that an earlier run counts."""
    if actor.spec.strategy is Strategy.SURGE:
        return begin_surge(actor, context.headcounts, history)
    if context.headcounts:
        refuse_unfinished(context.headcounts, actor.watcher.observed.scale_set, actor.waiter)
    return history


def _continued(spec: RolloutSpec, order: Order, killed: Claim | None, owner: str) -> RolloutSpec:
    """Take along what an earlier run of the same command broke, and never stop where going back is the order."""
    scope = spec.scope
    if killed and killed.owner == owner:
        scope = replace(scope, include=scope.include | {Include.FAILED})
    return replace(spec, scope=scope, on_failure=OnFailure.ROLLBACK if order.rolling_back else spec.on_failure)


def _begin(observed: Observed, order: Order, spec: RolloutSpec, killed: Claim | None, now: float) -> History:
    """The history of a run that did nothing yet."""
    resumed = resume_rollback(observed, killed.rolling_back if killed else "", order.image, now)
    to = spec.rollback_to if order.rolling_back else None
    return resumed or start(observed, order.image, to, now, rolling_back=order.rolling_back)


def _refuse_unknown_ids(spec: RolloutSpec, observed: Observed) -> None:
    """An id that goes in the middle is dropped; one that was never there is a mistake."""
    if not spec.scope.ids.is_all:
        spec.scope.ids.choose(observed.instances)


def _put_back(drainer: Drainer | None, observed: Observed, waiter: Waiter) -> None:
    """Put back what a killed run may have left out of the load balancer; what is to go out again will."""
    if drainer:
        ids = tuple(instance.id for instance in observed.instances)
        waiter.retry(lambda: drainer.restore(observed.scale_set, ids))


def _planned(
    observed: Observed, history: History, spec: RolloutSpec, context: RunContext
) -> rollout_events.RolloutPlanned:
    found, to = observed.scale_set.release, history.target.image
    rolling_back = history.rolling_back or history.cause is not None
    if rolling_back and not history.rolling_back:
        to = spec.rollback_to or (history.previous[0] if len(history.previous) == 1 else None)
    others = [image for image in (found, *history.previous) if image and not (to and to.same_as(image))]
    return rollout_events.RolloutPlanned(
        scale_set=observed.scale_set.name,
        image_from=others[0] if others else None,
        image_to=to,
        rolling_back=rolling_back,
        owner=context.owner,
        build=context.build,
        strategy=spec.strategy.value,
        canary=str(spec.canary or ""),
        max_unavailable=str(spec.max_unavailable),
        on_failure=spec.on_failure.value,
        timeout=spec.timeout,
        max_surge=str(spec.max_surge or spec.canary or 1) if spec.strategy is Strategy.SURGE else "",
    )


def _loop(actor: Actor[OperationT], history: History, planned: rollout_events.RolloutPlanned) -> RolloutResult:
    began = actor.now
    reporter = ChangeReporter(planned, actor.waiter.on_event, drains=actor.spec.drain is not None or actor.spec.idle)
    while True:
        observed = actor.watcher.observed
        history = history.observe(observed, actor.now)
        history = actor.resizer.look(history) if actor.resizer else history
        situation, action = _decided(actor.spec, observed, history, actor.now)
        reporter.tell(observed, history, situation, action)
        if isinstance(action, Done | Halt):
            return _finish(actor, history, action, actor.now - began)
        if isinstance(action, Wait):
            _wait(actor, history, action)
        else:
            history = actor.act(action, history)
            actor.lease.beat()


def _decided(spec: RolloutSpec, observed: Observed, history: History, now: float) -> tuple[Situation, Action]:
    if spec.strategy is Strategy.SURGE:
        found = surge_situation.survey(spec, observed, history, now)
        return found, surge_decision.choose(spec, observed, history, found, now)
    situation = survey(spec, observed, history, now)
    return situation, choose(spec, observed, history, situation, now)


def _wait(actor: Actor[OperationT], history: History, action: Wait) -> None:
    """Look at what is due until something new is seen or the time has come."""
    while True:
        actor.waiter.clock.sleep(max(0.001, min(TICK, action.until - actor.now)))
        actor.lease.beat()
        if actor.watcher.look(history) or actor.now >= action.until:
            return


def _finish(actor: Actor[OperationT], history: History, action: Done | Halt, seconds: float) -> RolloutResult:
    forward = history.forward if history.rolling_back else history.records
    halted = isinstance(action, Halt)
    if halted:
        outcome = Outcome.HALTED
    elif history.rolling_back:
        outcome = Outcome.ROLLED_BACK
    else:
        outcome = Outcome.CANARY if actor.spec.canary_only else Outcome.ROLLED_OUT
    updated = tuple(key for key, record in forward.items() if record.asked is not None and key not in history.removed)
    back = tuple(key for key in history.records if history.rolling_back)
    result = RolloutResult(
        scale_set=actor.name,
        outcome=outcome,
        image=history.target.image,
        updated=updated,
        rolled_back=back,
        skipped=action.skipped if isinstance(action, Done) else {},
        reason=action.reason if isinstance(action, Halt) else history.cause or "",
        states=action.states if isinstance(action, Halt) else {},
        gates=history.gates,
        seconds=seconds,
        request_ids=tuple(actor.request_ids),
        removed=history.removed,
    )
    if actor.resizer and history.headcount and not halted:
        actor.resizer.finish(history.headcount)
    if updated or back or halted or history.removed:
        actor.lease.record_end(outcome.value, result.image.short_name if result.image else "the model")
    if not halted:
        told = rollout_events.RolloutFinished(
            actor.name, outcome.value, result.image, back or updated, seconds, history.removed
        )
        actor.waiter.on_event(told)
    return result


def _report_what_goes_on(watcher: Watcher[OperationT] | None, name: ScaleSetName, waiter: Waiter) -> None:
    pending = watcher.pending if watcher else ()
    ids = tuple(key for pending in pending for key in pending.instance_ids)
    request_ids = tuple(filter(None, (pending.operation.request_id for pending in pending)))
    waiter.on_event(rollout_events.RolloutInterrupted(name, ids, request_ids))
