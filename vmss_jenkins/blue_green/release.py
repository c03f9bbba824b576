"""Carry out a blue-green release step by step; each step reads Azure first, so each step can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Generic

from vmss_jenkins.blue_green.conditional_writer import ATTEMPTS, CHANGED_MEANWHILE
from vmss_jenkins.blue_green.joint_claims import JointClaims
from vmss_jenkins.blue_green.observation import observe_pair
from vmss_jenkins.blue_green.plan.release import Member, ReleaseOrder, ReleasePlan, plan_release
from vmss_jenkins.blue_green.plan.switch import SwitchOrder, refuse
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.blue_green.switch import SwitchContext, SwitchResult, run_check, run_switch
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events import switch as events
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.automation.autoscale import names
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import ScaleSetName, UpgradeMode
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec
from vmss_jenkins.rollout.plan.claims import LEASE
from vmss_jenkins.rollout.plan.selection import Amount, Include, Scope
from vmss_jenkins.rollout.ports import ReleaseLog, ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import OPERATION_LOST, Waiter, complete


class Step(Enum):
    """The result of a step that changes a set."""

    UNCHANGED = "unchanged"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class StepResult:
    """The result of a step that changes a set, in detail."""

    step: Step
    scale_set: ScaleSetName
    """The set that the step changes."""
    reason: str = ""
    """Why the step failed."""
    rollout: RolloutResult | None = None
    """The result of the rollout to the idle set, if there was one."""


@dataclass(frozen=True)
class DeployTimes:
    """The time limits for the idle set, in seconds; see `RolloutSpec`."""

    min_healthy_time: float = 0.0
    instance_timeout: float = 900.0
    timeout: float = 7200.0

    @property
    def spec(self) -> RolloutSpec:
        """Update all instances of the idle set at once, also those that failed before.

        A failure stops the rollout: with all instances updated at once, no instance shows the previous image, and the
        other set gets the traffic.
        """
        return RolloutSpec(
            canary=None,
            scope=Scope(include=frozenset({Include.FAILED})),
            max_unavailable=Amount(100, is_percent=True),
            min_healthy_time=self.min_healthy_time,
            instance_timeout=self.instance_timeout,
            timeout=self.timeout,
            on_failure=OnFailure.STOP,
            idle=True,
        )


@dataclass
class PairRelease(Generic[OperationT]):
    """The steps of one release to one pair.

    Args:
        sets: the scale sets.
        store: the load balancer.
        order: what is wanted.
        context: gates and locks.
        waiter: clock and listener.
        claims: the locks of the context, if they are joint ones.
        build: the URL of the Jenkins build; empty if there is none.
        by: who runs it, for the log.
        log: the log of the releases of a set; None to write none.
    """

    sets: ScaleSets[OperationT]
    store: LoadBalancerStore
    order: ReleaseOrder
    context: SwitchContext
    waiter: Waiter
    claims: JointClaims | None = None
    build: str = ""
    by: str = ""
    log: Callable[[ScaleSetName], ReleaseLog] | None = None
    _reported: set[str] = field(default_factory=set)

    def plan(self) -> ReleasePlan:
        """Read the pair and decide.

        Raises:
            AzureError: if a part of it cannot be read.
        """
        state = observe_pair(self.sets, self.store, self.order.pair, self.waiter)
        bare = plan_release(self.order, state, {})
        asked = [
            member
            for member, wanted in ((bare.target, bare.scale_out), (bare.other, bare.scale_in))
            if wanted is not None
        ]
        settings = {member.name: self._autoscale(member) for member in asked}
        return plan_release(self.order, state, settings) if asked else bare

    def deploy(self, times: DeployTimes = DeployTimes()) -> StepResult:
        """Scale the idle set out to the size of the other one, and bring the release to all of its instances.

        Raises:
            AnotherRollout: if another run works on the pair; nothing was changed.
            ConfigError: for a pair that cannot get a release; nothing was changed.
            AzureError: if Azure refuses, or cannot be reached.
        """
        plan = self._planned()
        if plan.serves or plan.ready:
            return self._unchanged(plan)
        lease = self._lease()
        lease.take()
        try:
            plan = self._planned()
            if plan.serves or plan.ready:
                return self._unchanged(plan)
            self._prepare(plan, lease, times)
            target = plan.target.scale_set.name
            context = RunContext(
                claims=replace(self.claims, ending=target) if self.claims else None,
                run=self.context.run,
                owner=self.context.owner,
                processes=self.context.processes,
                build=self.build,
                by=self.by,
                log=self.log(target) if self.log else None,
            )
            found = run_rollout(self.sets, target, Order(plan.image), times.spec, context, self.waiter)
        finally:
            lease.release()
        return self._deployed(found)

    def _prepare(self, plan: ReleasePlan, lease: Lease, times: DeployTimes) -> None:
        """Set the model, then scale out: so the new instances start with the release."""
        target = plan.target.scale_set
        if not plan.image.same_as(target.image):
            if target.upgrade_mode is not UpgradeMode.MANUAL:
                lease.renew(lease=LEASE + times.instance_timeout)  # Azure answers after it updated all instances
            options = steps.Options(allow_automatic_rollout=True)
            steps.update(self.sets, target.name, plan.image, options, self.waiter, plan.target.instances)
        if plan.scale_out is not None:
            self._resize(target.name, plan.scale_out, lease, lambda now, wanted: now < wanted)

    def check(self) -> SwitchResult:
        """Let the gates judge the idle set, which must have the release.

        Raises:
            VmssJenkinsError: as `switch.run_check`.
        """
        return run_check(self.sets, self.store, self._switch(), self.context, self.waiter)

    def switch(self) -> SwitchResult:
        """Check, switch to the set with the release, watch, and switch back if the release is bad.

        Raises:
            VmssJenkinsError: as `switch.run_switch`.
        """
        return run_switch(self.sets, self.store, self._switch(), self.context, self.waiter)

    def scale_in(self) -> StepResult:
        """Scale the other set in, once the set with the release gets the traffic.

        Raises:
            AnotherRollout: if another run works on the pair; nothing was changed.
            ConfigError: if the release gets no traffic, or if autoscale is on; nothing was changed.
            AzureError: if Azure refuses, or cannot be reached.
        """
        plan = self._planned()
        if not plan.serves:
            state = f"{plan.other.name} serves, without {plan.image.short_name}"
            raise ConfigError(self._source, [f"{state}: switch first, then scale in"])
        if plan.scale_in is None:
            return StepResult(Step.UNCHANGED, plan.other.scale_set.name)
        lease = self._lease()
        lease.take()
        try:
            plan = self._planned()
            if not plan.serves or plan.scale_in is None:
                raise ConfigError(
                    self._source, ["it was changed meanwhile; find out who changed it, then run the command again"]
                )
            name = plan.other.scale_set.name
            self._resize(name, plan.scale_in, lease, lambda now, wanted: now > wanted)
        finally:
            lease.release()
        return StepResult(Step.DONE, name)

    def _planned(self) -> ReleasePlan:
        """Plan, report the warnings, and refuse what is not possible."""
        plan = self.plan()
        refuse(self.order.pair.balancer[1], plan.findings)
        for one in plan.findings:
            if one.severity is Severity.WARNING and one.text not in self._reported:
                self._reported.add(one.text)
                self.waiter.on_event(PreflightFound(one))
        return plan

    def _switch(self) -> SwitchOrder:
        """The switch to the set with the release."""
        plan = self._planned()
        if not plan.serves and not plan.deployed:
            lacking = ", ".join(plan.outdated) or f"{plan.scale_out} instances are wanted"
            release = f"{plan.image.short_name} on all its instances ({lacking})"
            reason = f"{plan.target.name} does not have {release}: deploy it first"
            raise ConfigError(self._source, [reason])
        return replace(self.order.pair, to=plan.target.scale_set.name, other=plan.other.scale_set.name, to_idle=False)

    def _resize(self, name: ScaleSetName, wanted: int, lease: Lease, lacks: Callable[[int, int], bool]) -> None:
        """Set a capacity, if the current one still differs in the expected direction."""
        before = None
        for attempt in range(ATTEMPTS):
            scale_set = self.waiter.retry(lambda: self.sets.get(name))
            if not lacks(scale_set.capacity, wanted):
                break
            try:
                operation = self.sets.begin_set_capacity(scale_set, wanted)
                before = scale_set.capacity
                complete(self.sets, operation, self.waiter, lease.renew_if_due)
            except AzureError as error:
                passing = error.failure.status == CHANGED_MEANWHILE or error.code == OPERATION_LOST
                if not passing or attempt == ATTEMPTS - 1:
                    raise
        if before is not None:
            self.waiter.on_event(events.SetScaled(name, before, wanted))

    def _unchanged(self, plan: ReleasePlan) -> StepResult:
        name, image = plan.target.scale_set.name, plan.image
        self.waiter.on_event(events.AlreadyReleased(name, image.short_name, plan.serves, plan.target.final(image)))
        return StepResult(Step.UNCHANGED, name)

    def _deployed(self, found: RolloutResult) -> StepResult:
        """Every instance must have the release, also those that a rollout skips."""
        name, plan = found.scale_set, self.plan()
        if found.outcome is Outcome.ROLLED_OUT and plan.deployed:
            return StepResult(Step.DONE, name, rollout=found)
        left = "; ".join(f"{key}: {reason}" for key, reason in found.skipped.items())
        reason = found.reason or left or f"{', '.join(plan.outdated)} do not have it"
        return StepResult(Step.FAILED, name, reason, found)

    def _autoscale(self, member: Member) -> tuple[str, ...] | None:
        return names(self.sets.autoscale_settings(member.scale_set))

    def _lease(self) -> Lease:
        return Lease(self.claims, self.context.run, self.context.owner, self.waiter, self.context.processes)

    @property
    def _source(self) -> str:
        return f"load balancer {self.order.pair.balancer[1]}"
