"""The loop of a rollout: observe, decide, act, until done.

One turn of the loop reads Azure and carries out one action. `plan.decision` chooses the action; `actor` carries it out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.release_log import BEGUN, Record
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.actor import Actor
from vmss_jenkins.rollout.change_reporter import ChangeReporter
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.claims.ports import Claims, Processes, Services
from vmss_jenkins.rollout.claims.suspension import Suspension
from vmss_jenkins.rollout.ending import PutBack, Recorder, RolloutResult, finish
from vmss_jenkins.rollout.plan.accounting import account, as_found
from vmss_jenkins.rollout.plan.actions import (
    Action,
    Done,
    Halt,
    OnFailure,
    RolloutSpec,
    RunGate,
    ScaleOut,
    SetModel,
    Strategy,
    Update,
    Wait,
)
from vmss_jenkins.rollout.plan.claims import Claim
from vmss_jenkins.rollout.plan.decision import choose, halt
from vmss_jenkins.rollout.plan.headcount import Headcounts
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.protection.decision import lacking
from vmss_jenkins.rollout.plan.rollback import from_and_to, resume_rollback, start
from vmss_jenkins.rollout.plan.selection import Include
from vmss_jenkins.rollout.plan.situation import Situation, survey
from vmss_jenkins.rollout.plan.surge import decision as surge_decision
from vmss_jenkins.rollout.plan.surge import situation as surge_situation
from vmss_jenkins.rollout.ports import Drainer, Gates, Protection, ReleaseLog, ScaleSets
from vmss_jenkins.rollout.start_checks import (
    begin_surge,
    check_release,
    check_rollback_target,
    known_releases,
    note_down_before,
    refuse_idle,
    refuse_unfinished,
    warn_of_same_script,
    with_recorded,
)
from vmss_jenkins.rollout.watcher import TICK, Watcher
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter


@dataclass(frozen=True)
class Order:
    """The release, and whether to roll it out or to roll back."""

    image: Release | None = None
    """None for the release of the model."""
    rolling_back: bool = False
    """Roll back from the release of the model, to `RolloutSpec.rollback_to` or to the only other image that runs."""


@dataclass(frozen=True)
class RunContext:
    """What a rollout uses beside the scale set; None for none."""

    gates: Gates | None = None
    drainer: Drainer | None = None
    claims: Claims | None = None
    log: ReleaseLog | None = None
    """Where the releases of the set are recorded, for later rollbacks."""
    by: str = ""
    """Who runs it, for the log."""
    newest: Callable[[], ImageReference] | None = None
    """Looks up the version that a moving name means now, for a rollout whose model keeps that name."""
    why_missing: Callable[[ImageReference], str | None] | None = None
    """Tells why no instance can be made of an image, such as a version that was deleted; None if one can."""
    services: Services[Any] | None = None
    """By which Azure replaces instances of the set by itself."""
    protection: Protection | None = None
    """Of the instances, while Azure would bring a new model to them by itself."""
    headcounts: Headcounts | None = None
    """Where a surge records how many instances the set has in the end."""
    run: str = "run"
    """A unique name of the run, for the claim."""
    owner: str = "vmss-jenkins"
    """Who runs which command, for the claim; the same command again has the same owner."""
    processes: Processes | None = None
    """Shows whether the process of another run has ended."""
    build: str = ""
    """URL of the build in Jenkins, for reports."""
    allow_automatic_rollout: bool = False
    """Set the model although Azure then updates every instance by itself."""


def run_rollout(
    sets: ScaleSets[OperationT],
    name: ScaleSetName,
    order: Order,
    spec: RolloutSpec,
    context: RunContext,
    waiter: Waiter,
) -> RolloutResult:
    """Roll out or roll back. The state is in Azure, so a run after a kill continues the earlier one.

    Args:
        sets: Azure.
        name: the scale set.
        order: the release and the direction.
        spec: canary, steps, limits.
        context: gates, drainer, claims.
        waiter: clock and listener; its deadline limits the retries of each call.

    Raises:
        AnotherRollout: another rollout of the set runs; nothing was changed.
        ConfigError: Azure would refuse the image, or no instance could get it.
        UnsafeRollout: Azure would update every instance by itself.
        AzureError: Azure refuses or cannot be reached.
    """
    lease = Lease(context.claims, context.run, context.owner, waiter, context.processes)
    killed = lease.take()
    suspension, watcher = Suspension(context.services, spec, lease, waiter, context.allow_automatic_rollout), None
    put_back = PutBack(suspension, context.protection, spec)
    try:
        if context.protection:
            context.protection.begin(lease.renew_if_due)
        watcher = Watcher(sets, name, spec.min_healthy_time, waiter)
        _refuse_unknown_ids(spec, watcher.observed)
        known = known_releases(context.log, waiter)
        named, spec = spec.rollback_to, _continued(spec, order, killed, context.owner)
        spec = with_recorded(spec, order.image, watcher.observed, known, waiter, rolling_back=order.rolling_back)
        history = _begin(watcher.observed, order, spec, killed, waiter.clock.now())
        options = steps.Options(allow_automatic_rollout=context.allow_automatic_rollout)
        actor = Actor(sets, name, spec, context.gates, context.drainer, options, watcher, lease, waiter)
        refuse_idle(actor, history, options)
        check_release(actor, order.image, history, context.why_missing)
        check_rollback_target(actor, order.image, history, context.why_missing, named)
        history = note_down_before(actor, order.image, history, resumed=killed is not None)
        warn_of_same_script(actor, order.image, history)
        history = _counted(actor, context, history)
        if killed:
            _restore_all(context.drainer, watcher.observed, waiter)
        new = Record(context.run, 0.0, BEGUN, "", "", context.by or context.owner, context.build)
        recorder = Recorder(context.log, new, known, waiter)
        planned = _planned(watcher.observed, history, spec, context)
        return _loop(actor, history, planned, recorder, put_back, context.newest)
    except KeyboardInterrupt:
        _report_what_goes_on(watcher, name, waiter)
        raise
    finally:
        lease.release(keep=not put_back.end_anyhow(watcher))


def _counted(actor: Actor[OperationT], context: RunContext, history: History) -> History:
    """Begin the count of a surge; refuse the other strategies while a surge of the set is unfinished."""
    if actor.spec.strategy is Strategy.SURGE:
        return begin_surge(actor, context.headcounts, history)
    if context.headcounts:
        refuse_unfinished(context.headcounts, actor.watcher.observed.scale_set, actor.waiter)
    return history


def _continued(spec: RolloutSpec, order: Order, killed: Claim | None, owner: str) -> RolloutSpec:
    """Include the instances that the killed run broke; a rollback never stops at a failure to wait for a person."""
    scope = spec.scope
    if killed and killed.owner == owner:
        scope = replace(scope, include=scope.include | {Include.FAILED})
    return replace(spec, scope=scope, on_failure=OnFailure.ROLLBACK if order.rolling_back else spec.on_failure)


def _begin(observed: Observed, order: Order, spec: RolloutSpec, killed: Claim | None, now: float) -> History:
    """The first history of the run."""
    resumed = resume_rollback(observed, killed.rolling_back if killed else "", order.image, now)
    begun = resumed or start(observed, spec, order.image, now, rolling_back=order.rolling_back)
    return replace(begun, rollback_all=order.rolling_back)


def _refuse_unknown_ids(spec: RolloutSpec, observed: Observed) -> None:
    """Refuse ids that no instance has at the start; ids that disappear later are dropped."""
    if not spec.scope.ids.is_all:
        spec.scope.ids.choose(observed.instances)


def _restore_all(drainer: Drainer | None, observed: Observed, waiter: Waiter) -> None:
    """Put instances back that a killed run may have left out of the load balancer."""
    if drainer:
        ids = tuple(instance.id for instance in observed.instances)
        waiter.retry(lambda: drainer.restore(observed.scale_set, ids))


def _planned(
    observed: Observed, history: History, spec: RolloutSpec, context: RunContext
) -> rollout_events.RolloutPlanned:
    left, to = from_and_to(observed, history, spec)
    return rollout_events.RolloutPlanned(
        scale_set=observed.scale_set.name,
        image_from=left,
        image_to=to,
        rolling_back=history.rolling_back or history.cause is not None,
        owner=context.owner,
        build=context.build,
        strategy=spec.strategy.value,
        canary=str(spec.canary or ""),
        max_unavailable=str(spec.max_unavailable),
        on_failure=spec.on_failure.value,
        timeout=spec.timeout,
        max_surge=str(spec.max_surge or spec.canary or 1) if spec.strategy is Strategy.SURGE else "",
    )


def _loop(
    actor: Actor[OperationT],
    history: History,
    planned: rollout_events.RolloutPlanned,
    recorder: Recorder,
    put_back: PutBack,
    look_up: Callable[[], ImageReference] | None,
) -> RolloutResult:
    began, fresh, halted = actor.now, False, ""
    reporter = ChangeReporter(planned, actor.waiter.on_event, drains=actor.spec.drain is not None or actor.spec.idle)
    while True:
        observed = actor.watcher.observed
        history = history.observe(observed, actor.now)
        history = actor.resizer.look(history) if actor.resizer else history
        situation, action = _decided(actor.spec, observed, history, actor.now)
        action = halt(halted, observed, history) if halted else action
        if isinstance(action, Done | Halt) and (not fresh or put_back.end(action, observed, history)):
            halted = action.reason if fresh and isinstance(action, Halt) else ""  # whoever acts on the set after that
            fresh = True
            actor.watcher.refresh_for_end(required=isinstance(action, Done))
            continue
        final = account(actor.spec, observed, history, situation.skipped)
        action = as_found(action, final, observed, history)
        reporter.report(observed, history, situation, action, final)
        if isinstance(action, Done | Halt):
            result = replace(
                finish(actor, history, action, final, actor.now - began), actors=put_back.suspension.actors
            )
            recorder.end(result.outcome.value)
            return result
        fresh = False
        if isinstance(action, Wait):
            if lacking(observed):  # an earlier run set the model: until the end nobody else gives its release to others
                put_back.before(action, observed, actor.autoscale, going_back=history.rolling_back)
            _wait(actor, history, action)
        elif (newest := _newest(actor, history, action, look_up)) and newest != history.newest:
            history = replace(history, newest=newest)
        else:
            if actor.gates or not isinstance(action, RunGate):
                put_back.before(action, observed, actor.autoscale, going_back=history.rolling_back)
            with recorder.begun(action, history, observed):
                history = actor.act(action, history)
            actor.lease.renew_if_due()


def _decided(spec: RolloutSpec, observed: Observed, history: History, now: float) -> tuple[Situation, Action]:
    if spec.strategy is Strategy.SURGE:
        found = surge_situation.survey(spec, observed, history, now)
        return found, surge_decision.choose(spec, observed, history, found, now)
    situation = survey(spec, observed, history, now)
    return situation, choose(spec, observed, history, situation, now)


def _newest(
    actor: Actor[OperationT], history: History, action: Action, look_up: Callable[[], ImageReference] | None
) -> ImageReference | None:
    """The version that instances would get now, just before some get it; None if the name does not move."""
    gets = isinstance(action, SetModel | Update | ScaleOut) and history.target.floats_as
    return actor.waiter.retry(look_up) if look_up and gets else None


def _wait(actor: Actor[OperationT], history: History, action: Wait) -> None:
    """Make the reads that are due until something changed or the time is over."""
    while True:
        actor.waiter.clock.sleep(max(0.001, min(TICK, action.until - actor.now)))
        actor.lease.renew_if_due()
        if actor.watcher.look(history) or actor.now >= action.until:
            return


def _report_what_goes_on(watcher: Watcher[OperationT] | None, name: ScaleSetName, waiter: Waiter) -> None:
    pending = watcher.pending if watcher else ()
    own = [key for pending in pending for key in pending.instance_ids]
    busy = [one.id for one in watcher.observed.instances if one.is_updating] if watcher else []  # of a killed run too
    ids = tuple(dict.fromkeys((*own, *busy)))
    request_ids = tuple(filter(None, (pending.operation.request_id for pending in pending)))
    waiter.on_event(rollout_events.RolloutInterrupted(name, ids, request_ids))
