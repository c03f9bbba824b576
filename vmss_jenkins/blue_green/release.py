"""A release by blue-green, carried out step by step; each step looks first, so that each can be done again."""

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
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import ScaleSetName, UpgradeMode
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.engine import Order, Outcome, RolloutResult, RunContext, run_rollout
from vmss_jenkins.rollout.lease import Lease
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec
from vmss_jenkins.rollout.plan.claims import LEASE
from vmss_jenkins.rollout.plan.selection import Amount, Include, Scope
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter, complete


class Step(Enum):
    """How a step that changes a set ended."""

    UNCHANGED = "unchanged"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class StepResult:
    """What a step that changes a set came to."""

    step: Step
    scale_set: ScaleSetName
    """The set that it is about."""
    reason: str = ""
    """Why it failed."""
    rollout: RolloutResult | None = None
    """What the rollout to the idle set came to, where there was one."""


@dataclass(frozen=True)
class Pace:
    """How long the idle set may take, in seconds; see `RolloutSpec`."""

    min_healthy_time: float = 0.0
    instance_timeout: float = 900.0
    timeout: float = 7200.0

    @property
    def spec(self) -> RolloutSpec:
        """All of an idle set at once, those that failed before too.

        It halts where it fails: with all instances updated at once none is left to tell what to go back to, and the
        other set serves.
        """
        return RolloutSpec(
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
        context: gates and claims.
        waiter: clock and listener.
        claims: those of the hooks, where they are joint ones.
    """

    sets: ScaleSets[OperationT]
    store: LoadBalancerStore
    order: ReleaseOrder
    context: SwitchContext
    waiter: Waiter
    claims: JointClaims | None = None
    build: str = ""
    _reported: set[str] = field(default_factory=set)

    def plan(self) -> ReleasePlan:
        """Look and decide.

        Raises:
            AzureError: where something cannot be read.
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

    def deploy(self, pace: Pace = Pace()) -> StepResult:
        """Bring the release to all of the idle set, scaled out to the size of the other one before.

        Raises:
            AnotherRollout: where somebody else works on the pair; nothing was changed.
            ConfigError: for a pair that cannot be released to; nothing was changed.
            AzureError: where Azure refuses, or cannot be reached.
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
            self._prepare(plan, lease, pace)
            target = plan.target.scale_set.name
            context = RunContext(
                claims=replace(self.claims, ending=target) if self.claims else None,
                run=self.context.run,
                owner=self.context.owner,
                build=self.build,
            )
            found = run_rollout(self.sets, target, Order(plan.image), pace.spec, context, self.waiter)
        finally:
            lease.release()
        return self._deployed(found)

    def _prepare(self, plan: ReleasePlan, lease: Lease, pace: Pace) -> None:
        """Set the model, then scale out: so the instances that are added come up with the release."""
        target = plan.target.scale_set
        if not plan.image.same_as(target.image):
            if target.upgrade_mode is not UpgradeMode.MANUAL:
                lease.renew(lease=LEASE + pace.instance_timeout)  # Azure answers when all instances have it
            options = steps.Options(allow_automatic_rollout=True)
            steps.update(self.sets, target.name, plan.image, options, self.waiter, plan.target.instances)
        if plan.scale_out is not None:
            self._resize(target.name, plan.scale_out, lease, lambda now, wanted: now < wanted)

    def check(self) -> SwitchResult:
        """Ask the gates about the idle set, which has to have the release.

        Raises:
            VmssJenkinsError: as `switching.run_check`.
        """
        return run_check(self.sets, self.store, self._switch(), self.context, self.waiter)

    def switch(self) -> SwitchResult:
        """Check, switch to the set that has the release, watch, and back where it is bad.

        Raises:
            VmssJenkinsError: as `switching.run_switch`.
        """
        return run_switch(self.sets, self.store, self._switch(), self.context, self.waiter)

    def scale_in(self) -> StepResult:
        """Make the other set smaller, once the one with the release serves.

        Raises:
            AnotherRollout: where somebody else works on the pair; nothing was changed.
            ConfigError: where the release does not serve, and under an autoscale setting; nothing was changed.
            AzureError: where Azure refuses, or cannot be reached.
        """
        plan = self._planned()
        if not plan.serves:
            told = f"{plan.other.name} serves, without {plan.image.short_name}"
            raise ConfigError(self._source, [f"{told}: nothing is scaled in before the switch"])
        if plan.scale_in is None:
            return StepResult(Step.UNCHANGED, plan.other.scale_set.name)
        lease = self._lease()
        lease.take()
        try:
            plan = self._planned()
            if not plan.serves or plan.scale_in is None:
                raise ConfigError(self._source, ["it was changed meanwhile; look who changed it, then run it again"])
            name = plan.other.scale_set.name
            self._resize(name, plan.scale_in, lease, lambda now, wanted: now > wanted)
        finally:
            lease.release()
        return StepResult(Step.DONE, name)

    def _planned(self) -> ReleasePlan:
        """Plan, tell what is there, and refuse what stands in the way."""
        plan = self.plan()
        refuse(self.order.pair.load_balancer, plan.findings)
        for one in plan.findings:
            if one.severity is Severity.WARNING and one.text not in self._reported:
                self._reported.add(one.text)
                self.waiter.on_event(PreflightFound(one))
        return plan

    def _switch(self) -> SwitchOrder:
        """The switch to the set that has the release."""
        plan = self._planned()
        if not plan.serves and not plan.deployed:
            lacking = ", ".join(plan.outdated) or f"{plan.scale_out} instances are wanted"
            release = f"{plan.image.short_name} on all its instances ({lacking})"
            reason = f"{plan.target.name} does not have {release}: deploy it first"
            raise ConfigError(self._source, [reason])
        return replace(self.order.pair, to=plan.target.scale_set.name, other=plan.other.scale_set.name, to_idle=False)

    def _resize(self, name: ScaleSetName, wanted: int, lease: Lease, lacks: Callable[[int, int], bool]) -> None:
        """Set a capacity, where it is still on the other side of the wanted one."""
        for attempt in range(ATTEMPTS):
            scale_set = self.waiter.retry(lambda: self.sets.get(name))
            if not lacks(scale_set.capacity, wanted):
                return
            try:
                operation = self.sets.begin_set_capacity(scale_set, wanted)
                complete(self.sets, operation, self.waiter, lease.beat)
            except AzureError as error:
                if error.failure.status != CHANGED_MEANWHILE or attempt == ATTEMPTS - 1:
                    raise
            else:
                self.waiter.on_event(events.SetScaled(name, scale_set.capacity, wanted))

    def _unchanged(self, plan: ReleasePlan) -> StepResult:
        name, image = plan.target.scale_set.name, plan.image
        self.waiter.on_event(events.ReleaseThere(name, image.short_name, plan.serves))
        return StepResult(Step.UNCHANGED, name)

    def _deployed(self, found: RolloutResult) -> StepResult:
        """Every instance must have the release, also those that a rollout would leave alone."""
        name, plan = found.scale_set, self.plan()
        if found.outcome is Outcome.ROLLED_OUT and plan.deployed:
            return StepResult(Step.DONE, name, rollout=found)
        left = "; ".join(f"{key}: {reason}" for key, reason in found.skipped.items())
        reason = found.reason or left or f"{', '.join(plan.outdated)} do not have it"
        return StepResult(Step.FAILED, name, reason, found)

    def _autoscale(self, member: Member) -> tuple[str, ...] | None:
        return self.sets.autoscale_settings(member.scale_set)

    def _lease(self) -> Lease:
        return Lease(self.claims, self.context.run, self.context.owner, self.waiter)

    @property
    def _source(self) -> str:
        return f"load balancer {self.order.pair.load_balancer}"
