"""Governs one OS upgrade of a scale set: look, choose, act, until it ends.

Where an upgrade stands is in Azure: the answers of its events, and the versions that instances run. So a run that was
killed is continued by the same command; it judges again what it cannot know was judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from vmss_jenkins.events import govern as events
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.govern.actor import Actor
from vmss_jenkins.govern.plan.actions import Action, End, Held, Hold, Memory, Nothing, Wait
from vmss_jenkins.govern.plan.decision import choose
from vmss_jenkins.govern.plan.preview import findings
from vmss_jenkins.govern.plan.situation import Observed, Situation, ended_before, survey
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.govern.ports import OsUpgrades
from vmss_jenkins.govern.reporter import Reporter
from vmss_jenkins.govern.watch import Watch
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.claims.ports import Claims, Processes, Services
from vmss_jenkins.rollout.claims.suspension import Suspension
from vmss_jenkins.rollout.ending import RolloutResult
from vmss_jenkins.rollout.plan import history
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.ports import Gates, ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter


@dataclass(frozen=True)
class GovernContext:
    """What a run uses beside the scale set; None for none."""

    gates: Gates | None = None
    claims: Claims | None = None
    services: Services[Any] | None = None
    """By which Azure replaces instances of the set by itself."""
    newest: Callable[[], ImageReference | None] | None = None
    """Looks up the version that the image of the model means now."""
    run: str = "run"
    """A unique name of the run, for the claim."""
    owner: str = "vmss-jenkins"
    """Who runs which command, for the claim; the same command again has the same owner."""
    processes: Processes | None = None
    """Shows whether the process of another run has ended."""
    build: str = ""
    """URL of the build in Jenkins, for reports."""


def govern(
    upgrades: OsUpgrades[OperationT],
    sets: ScaleSets[OperationT],
    name: ScaleSetName,
    spec: GovernSpec,
    context: GovernContext,
    waiter: Waiter,
) -> RolloutResult | None:
    """Govern the upgrade that Azure asks about to its end.

    Args:
        upgrades: the OS upgrades of the set.
        sets: Azure.
        name: the set.
        spec: how.
        context: gates, claims, services, who runs it; `newest` names the version.
        waiter: clock and listener.

    Returns:
        The result; None if Azure asks nothing, or a later run goes on.

    Raises:
        AnotherRollout: a rollout of the set runs; nothing was answered.
        ConfigError: the role does not allow what is needed.
        AzureError: Azure refuses, or cannot be reached.
    """
    watch = Watch(upgrades, sets, name, context.newest, waiter)
    observed = watch.look()
    for finding in findings(observed):
        waiter.on_event(PreflightFound(finding))
    memory = _begin(observed, spec, context, waiter)
    if isinstance(_chosen(spec, observed, memory)[1], Nothing):
        waiter.on_event(events.NothingAsked(name))
        return None
    lease = Lease(context.claims, context.run, context.owner, waiter, context.processes)
    lease.take()
    how = RolloutSpec(repairs=spec.repairs)
    suspension, ended = Suspension(context.services, how, lease, waiter, allow_automatic_rollout=True), False
    actor = Actor(upgrades, sets, name, context.gates, watch, lease, waiter)
    run = _Run(name, spec, actor, suspension, Reporter(name, spec, context.owner, context.build, waiter))
    try:
        result = run.loop(memory)
        ended = True
    finally:
        lease.release(keep=not (suspension.end() and ended))
    return result


def _begin(observed: Observed, spec: GovernSpec, context: GovernContext, waiter: Waiter) -> Memory:
    """The first memory: which upgrade is none of this run's, and when it gives up.

    A run that was killed while the gates judged the last batch left its claim, and nothing that Azure asks.
    """
    over = ended_before(observed)
    claims = context.claims
    if claims and not any(event.waits for event in observed.events):
        killed = any(claim.owner == context.owner for claim in waiter.retry(claims.read)[1])
        over = None if killed else over
    return Memory(over, observed.now + spec.timeout)


def _chosen(spec: GovernSpec, observed: Observed, memory: Memory) -> tuple[Situation, Action]:
    situation = survey(spec, observed, memory.over)
    return situation, choose(situation, memory, spec, observed.now)


@dataclass
class _Run:
    """One run that holds the claim."""

    name: ScaleSetName
    spec: GovernSpec
    actor: Actor[Any]
    suspension: Suspension
    reporter: Reporter

    def loop(self, memory: Memory) -> RolloutResult | None:
        """Look, choose, act, until the end."""
        while True:
            observed = self.actor.watch.look()
            situation, action = _chosen(self.spec, observed, memory)
            self.reporter.report(observed, situation)
            if isinstance(action, Hold):
                if situation.question:
                    self.actor.hold(action, situation.question)
                action = Held(action.reason)
            if isinstance(action, End):
                return self._end(observed, situation, action, memory)
            if not isinstance(action, Wait):
                self._suspend(observed)
            memory = self.actor.act(action, situation.question, observed.now, memory)
            self.actor.lease.renew_if_due()

    def _suspend(self, observed: Observed) -> None:
        """Keep Azure from giving the version to an ill instance by a repair."""
        ungoverned = replace(observed.scale_set, automatic_os_upgrade=False)  # the table is about the others
        seen = history.Observed(ungoverned, observed.instances, {})
        waiter, sets = self.actor.waiter, self.actor.sets
        self.suspension.begin(seen, lambda: waiter.retry(lambda: sets.autoscale_settings(observed.scale_set)))

    def _end(self, observed: Observed, situation: Situation, end: End, memory: Memory) -> RolloutResult | None:
        """Report the end; None if there is nothing to tell, or a later run goes on."""
        on_event = self.actor.waiter.on_event
        if isinstance(end, Held):
            on_event(events.UpgradePending(self.name, end.reason))
        if isinstance(end, Nothing):
            on_event(events.NothingAsked(self.name))
        if isinstance(end, Held | Nothing):
            return None
        self.suspension.end()
        gates, ids = self.actor.measured, tuple(self.actor.request_ids)
        result = self.reporter.finish(observed, situation, end, memory, gates, ids)
        self.actor.lease.record_end(result.outcome.value, result.image.short_name if result.image else "the model")
        return result
