"""Carry out a blue-green switch: read, check the idle set, point the rule at it, watch, and perhaps switch back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic

from vmss_jenkins.blue_green.conditional_writer import ConditionalWriter
from vmss_jenkins.blue_green.observation import observe_pair
from vmss_jenkins.blue_green.plan.preview import SwitchPreview, preview
from vmss_jenkins.blue_green.plan.rules import has_test_rule, pool_name, with_test_rule, without_test_rule
from vmss_jenkins.blue_green.plan.switch import SwitchOrder, SwitchPlan, refuse
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.events import switch as events
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.specs import AnyGate
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.claims.ports import Claims, Processes
from vmss_jenkins.rollout.plan.claims import LEASE, others
from vmss_jenkins.rollout.ports import Gates, ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter


class SwitchOutcome(Enum):
    """The result of a switch."""

    SWITCHED = "switched"
    UNCHANGED = "unchanged"
    """The set gets the traffic already."""
    CHECKED = "checked"
    """The gates passed, and no switch was wanted."""
    REFUSED = "refused"
    """The gates refused the idle set; the rule was not changed."""
    SWITCHED_BACK = "switched back"
    """The gates refused the set in production."""
    DRY_RUN = "dry run"
    """Only a preview was wanted."""


@dataclass(frozen=True)
class SwitchResult:
    """The result of a switch, in detail."""

    outcome: SwitchOutcome
    rule: str
    pool: str
    """The name of the backend pool that gets the traffic in the end."""
    serves: str
    """The name of the set that gets the traffic in the end."""
    reason: str
    """Why the traffic was not switched, or was switched back; empty after a success."""
    verdicts: tuple[Verdict, ...] = ()
    """The verdict of each gate."""
    preview: SwitchPreview | None = None
    """What would happen; only in a dry run."""


@dataclass(frozen=True)
class SwitchContext:
    """What a switch uses in addition to Azure; None for none."""

    check: Callable[[ScaleSetName], Gates] | None = None
    """The gates before the switch, for the set that is to get the traffic."""
    watch: Callable[[ScaleSetName], Gates] | None = None
    """The gates after the switch."""
    claims: Claims | None = None
    run: str = "run"
    owner: str = "vmss-jenkins"
    processes: Processes | None = None


def run_switch(
    sets: ScaleSets[OperationT], store: LoadBalancerStore, order: SwitchOrder, context: SwitchContext, waiter: Waiter
) -> SwitchResult:
    """Switch a pair, or find that it is switched already.

    A run that was killed between the switch and the end of its watch leaves its lock: the same command then runs the
    watch gates, although the pair is switched already.

    Args:
        sets: the scale sets.
        store: the load balancer.
        order: what is wanted.
        context: gates and locks.
        waiter: clock and listener.

    Raises:
        AnotherRollout: if another switch of the load balancer runs; nothing was changed.
        ConfigError: for a pair that cannot be switched; nothing was changed.
        UnsafeRollout: if the idle set has fewer healthy instances than the active one; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    lease = Lease(context.claims, context.run, context.owner, waiter, context.processes)
    killed = lease.take()
    unjudged = killed.rolling_back if killed and killed.owner == context.owner else ""
    if unjudged:
        lease.renew(rolling_back=unjudged)
    switch = _Switch(sets, store, order, context, lease, waiter, unjudged)
    try:
        return switch.run()
    finally:
        lease.release(keep=bool(switch.unjudged))


def run_check(
    sets: ScaleSets[OperationT], store: LoadBalancerStore, order: SwitchOrder, context: SwitchContext, waiter: Waiter
) -> SwitchResult:
    """Run the check gates, as `run_switch` does first, and do not switch.

    Returns:
        `UNCHANGED` if the set gets the traffic already and no gate ran, `CHECKED` if the gates pass, else `REFUSED`.

    Raises:
        VmssJenkinsError: as `run_switch`.
    """
    lease = Lease(context.claims, context.run, context.owner, waiter, context.processes)
    lease.take()
    try:
        return _Switch(sets, store, order, context, lease, waiter).check()
    finally:
        lease.release()


def dry_switch(
    sets: ScaleSets[OperationT],
    store: LoadBalancerStore,
    order: SwitchOrder,
    context: SwitchContext,
    waiter: Waiter,
    gates: tuple[Sequence[AnyGate], Sequence[AnyGate]],
) -> SwitchResult:
    """Read and plan as `run_switch` does, and change nothing.

    Args:
        sets: the scale sets.
        store: the load balancer.
        order: what is wanted.
        context: the locks.
        waiter: clock and listener.
        gates: those before and those after the switch; they do not run.

    Raises:
        AzureError: if Azure refuses, or cannot be reached.
    """
    plan = observe_pair(sets, store, order, waiter).plan(order)
    now, claims = waiter.retry(context.claims.read) if context.claims else (0.0, ())
    running = [one.owner for one in others(claims, context.run, now) if one.owner != context.owner]
    locked = [Finding(Severity.IMPOSSIBLE, f"another switch or rollout runs: {one}") for one in running]
    check, watch = (tuple(map(str, some)) for some in gates)
    found = preview(order, plan, check, watch, tuple(locked))
    serves = (plan.other if plan.changes else plan.to).name.name
    return SwitchResult(SwitchOutcome.DRY_RUN, plan.rule, found.pool_before, serves, "", preview=found)


@dataclass
class _Switch(Generic[OperationT]):
    sets: ScaleSets[OperationT]
    store: LoadBalancerStore
    order: SwitchOrder
    context: SwitchContext
    lease: Lease
    waiter: Waiter
    unjudged: str = ""
    """The set that this run or a killed one switched to, while its watch has not ended."""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def _balancer(self) -> ConditionalWriter:
        return ConditionalWriter(self.store, *self.order.balancer, self.waiter)

    def run(self) -> SwitchResult:
        """Plan, check, switch, watch."""
        plan = self._plan()
        watched = self.context.watch is not None and self.unjudged.lower() == plan.to.name.name.lower()
        if not plan.changes:
            self._close_test_rule()
            self.waiter.on_event(events.SwitchUnchanged(plan.rule, pool_name(plan.pool_after), watch_due=watched))
            return self._watch_traffic(plan, SwitchOutcome.UNCHANGED) if watched else self._unchanged(plan)
        if refusal := self._ask_check_gates(plan, leave_open=True):
            return self._refuse(plan, refusal)
        self.unjudged = plan.to.name.name
        self.lease.renew(rolling_back=self.unjudged)
        self._balancer.point(plan.rule, plan.pool_before, plan.pool_after)
        self.waiter.on_event(events.Switched(plan.rule, pool_name(plan.pool_before), pool_name(plan.pool_after)))
        return self._watch_traffic(plan, SwitchOutcome.SWITCHED)

    def check(self) -> SwitchResult:
        """Plan and check."""
        plan = self._plan()
        if not plan.changes:
            self._close_test_rule()
            self.waiter.on_event(events.SwitchUnchanged(plan.rule, pool_name(plan.pool_after)))
            return self._unchanged(plan)
        refusal = self._ask_check_gates(plan, leave_open=False)
        return self._refuse(plan, refusal) if refusal else self._result(SwitchOutcome.CHECKED, plan, plan.pool_before)

    def _plan(self) -> SwitchPlan:
        """Read, decide, report the warnings, and refuse what is not possible."""
        order = self._resume()
        plan = observe_pair(self.sets, self.store, order, self.waiter).plan(order)
        for one in plan.findings:
            if one.severity is Severity.WARNING:
                self.waiter.on_event(PreflightFound(one))
        refuse(plan.load_balancer, plan.findings)
        return plan

    def _resume(self) -> SwitchOrder:
        """The order; after a killed run with `idle`, the set that it switched to."""
        order = self.order
        if not (order.to_idle and self.unjudged):
            return order
        pair = sorted((order.to, order.other), key=lambda one: one.name.lower() != self.unjudged.lower())
        return replace(order, to=pair[0], other=pair[1], to_idle=False)

    def _watch_traffic(self, plan: SwitchPlan, outcome: SwitchOutcome) -> SwitchResult:
        """Run the watch gates, and switch back if they refuse."""
        reason = self._ask_gates(self.context.watch, "production", plan)
        if reason:
            self._balancer.point(plan.rule, plan.pool_after, plan.pool_other)
            self.waiter.on_event(events.SwitchedBack(plan.rule, pool_name(plan.pool_other), reason))
        self.unjudged = ""
        pool = plan.pool_other if reason else plan.pool_after
        return self._result(SwitchOutcome.SWITCHED_BACK if reason else outcome, plan, pool, reason)

    def _unchanged(self, plan: SwitchPlan) -> SwitchResult:
        self.unjudged = ""
        return self._result(SwitchOutcome.UNCHANGED, plan, plan.pool_after)

    def _refuse(self, plan: SwitchPlan, refusal: str) -> SwitchResult:
        self.unjudged = ""
        self.waiter.on_event(events.NotSwitched(refusal))
        return self._result(SwitchOutcome.REFUSED, plan, plan.pool_before, refusal)

    def _ask_check_gates(self, plan: SwitchPlan, *, leave_open: bool) -> str:
        """Run the check gates, with the test rule open; after a pass, the switch may remove the rule."""
        port = self.order.test_port
        if port is None:
            return self._ask_gates(self.context.check, "idle", plan)
        self._balancer.write(lambda body: with_test_rule(body, plan.rule, plan.pool_after, port))
        self.waiter.on_event(events.TestRuleOpened(plan.load_balancer, port, pool_name(plan.pool_after)))
        passed = False
        try:
            refusal = self._ask_gates(self.context.check, "idle", plan)
            passed = not refusal
        finally:
            if not (passed and leave_open):
                self._balancer.write(without_test_rule)
        return refusal

    def _ask_gates(self, gates: Callable[[ScaleSetName], Gates] | None, stage: str, plan: SwitchPlan) -> str:
        """Why the gates refuse; empty if they pass or if there are none."""
        if gates is None:
            return ""
        ids = plan.to.instance_ids
        found = gates(plan.to.name).assess(stage, ids, lambda seconds: self.lease.renew(lease=LEASE + seconds))
        self.verdicts += tuple(found.verdicts)
        reasons = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in found.verdicts)
        return "" if found.consequence is Consequence.GO_ON else " ".join(reasons.split())

    def _close_test_rule(self) -> None:
        """Remove the test rule that a killed run left open."""
        if has_test_rule(self._balancer.read()):
            self._balancer.write(without_test_rule)

    def _result(self, outcome: SwitchOutcome, plan: SwitchPlan, pool: str, reason: str = "") -> SwitchResult:
        serves = plan.other if pool == plan.pool_other else plan.to
        return SwitchResult(outcome, plan.rule, pool_name(pool), serves.name.name, reason, self.verdicts)
