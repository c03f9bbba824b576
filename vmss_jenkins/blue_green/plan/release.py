"""Decide a blue-green release: which of the two sets gets it, what is to be done, and what prevents it.

The state is in Azure, as with a rollout: the production rule shows which set gets the traffic, and each instance shows
its image. A release goes to the idle set; if the active set has it on all its instances already, the release is done.
So the same order repeated after success changes nothing, and after an interruption it continues.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vmss_jenkins.blue_green.plan.rules import pool_name
from vmss_jenkins.blue_green.plan.switch import Side, SwitchOrder, SwitchPlan, plan_switch
from vmss_jenkins.model.final_state import FinalState, final_state
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import PARKED, Instance, ScaleSet, has_latest_model
from vmss_jenkins.model.network import Body
from vmss_jenkins.rollout.plan.preflight import plan_update

Autoscale = Mapping[str, tuple[str, ...] | None]
"""By the name of a set: its enabled autoscale settings; None if they could not be read."""


@dataclass(frozen=True)
class Member:
    """One of the two sets, as observed."""

    scale_set: ScaleSet
    instances: tuple[Instance, ...]
    pools: tuple[str, ...]
    """ARM ids of the backend pools that its instances are in."""

    @property
    def name(self) -> str:
        """The set's name."""
        return self.scale_set.name.name

    @property
    def side(self) -> Side:
        """The part that matters for a switch."""
        ids, healthy = tuple(one.id for one in self.instances), sum(one.is_healthy for one in self.instances)
        return Side(self.scale_set.name, ids, healthy, self.pools)

    def without(self, image: ImageReference) -> tuple[Instance, ...]:
        """The instances that do not run an image with the latest model; stopped ones do not count."""
        if not image.same_as(self.scale_set.image):
            return self.instances
        return tuple(one for one in self.instances if one.power not in PARKED and not self._runs(one, image))

    def has(self, image: ImageReference) -> bool:
        """Whether its model and all its instances have an image; an empty set has none."""
        return bool(self.instances) and not self.without(image)

    def final(self, image: ImageReference) -> FinalState:
        """Which of its instances have an image; stopped ones without it are left out."""
        stopped = {one.id: f"is {one.power}" for one in self.instances if one.power in PARKED}
        return final_state(
            self.instances,
            has_it=lambda one: self._runs(one, image),
            left_out=stopped,
            wanted=lambda one: one.id not in stopped,
            release_of=lambda one: one.image.short_name if one.image else "another model",
        )

    def _runs(self, one: Instance, image: ImageReference) -> bool:
        return bool(has_latest_model(one, self.scale_set)) and (one.image is None or image.same_as(one.image))

    @property
    def state(self) -> str:
        """The model's image and the number of healthy instances, for people."""
        image = self.scale_set.image.short_name if self.scale_set.image else "an unknown image"
        return f"{image}, {self.side.healthy} of {len(self.instances)} healthy"


@dataclass(frozen=True)
class PairState:
    """A pair at one moment."""

    to: Member
    other: Member
    body: Body
    """The load balancer."""
    skus: Mapping[str, str]
    """The SKU of each other load balancer in front of a set, by its name."""

    def plan(self, order: SwitchOrder) -> SwitchPlan:
        """The plan of a switch, with what prevents it."""
        return plan_switch(order, self.body, self.to.side, self.other.side, self.skus)


@dataclass(frozen=True)
class ReleaseOrder:
    """What is wanted of a pair."""

    pair: SwitchOrder
    """The two sets; the plan finds out which of them is idle."""
    image: ImageReference
    idle: int | None = None
    """The number of instances left in the other set after a successful watch; None leaves all."""


@dataclass(frozen=True)
class ReleasePlan:
    """What is to be done, and what prevents it."""

    image: ImageReference
    target: Member
    """The set that gets the release and then the traffic."""
    other: Member
    serves: bool
    """The target gets the traffic already, and all its instances have the release."""
    switch: SwitchPlan
    scale_out: int | None
    """The capacity that the target needs before the switch; None if it has enough."""
    outdated: tuple[str, ...]
    """The ids of the target's instances without the release."""
    scale_in: int | None
    """The capacity of the other set in the end; None if it does not change."""
    findings: tuple[Finding, ...]

    @property
    def deployed(self) -> bool:
        """Whether the target is prepared for the check."""
        return self.scale_out is None and self.target.has(self.image)

    @property
    def ready(self) -> bool:
        """Whether every running instance of the target is healthy too: a killed run may leave some in the middle."""
        return self.deployed and all(one.is_healthy for one in self.target.instances if one.power not in PARKED)

    @property
    def refused(self) -> bool:
        """Whether the release is refused."""
        return any(one.severity in {Severity.IMPOSSIBLE, Severity.UNSAFE} for one in self.findings)

    def lines(self, *, dry_run: bool = True) -> Iterator[str]:
        """The plan as lines of text.

        Args:
            dry_run: whether nothing of it will be done.
        """
        if self.switch.pool_before:
            yield from self._steps("would" if dry_run else "will")
        yield from (f"{one.severity.value}: {one.text}" for one in self.findings)

    def _steps(self, would: str) -> Iterator[str]:
        name, image = self.target.name, self.image.short_name
        if self.serves:
            yield f"{name} serves {image} already: nothing to deploy or switch"
        else:
            yield f"{self.other.name} serves: {self.other.state}"
            yield f"{name} is idle: {self.target.state}"
            if self.scale_out is not None:
                yield f"{would} scale {name} out from {self.target.scale_set.capacity} to {self.scale_out} instances"
            if self.outdated:
                yield f"{would} bring {image} to {name}: {', '.join(self.outdated)} at once, since it gets no traffic"
            elif self.scale_out is None:
                yield f"{name} has {image} on all its instances"
            pools = f"from {pool_name(self.switch.pool_before)} to {pool_name(self.switch.pool_after) or 'its pool'}"
            yield f"{would} check it, and point rule {self.switch.rule} {pools}"
        if self.scale_in is not None:
            before = self.other.scale_set.capacity
            yield f"{would} scale {self.other.name} in from {before} to {self.scale_in} instances at the end"


def plan_release(order: ReleaseOrder, state: PairState, autoscale: Autoscale) -> ReleasePlan:
    """Decide what to do.

    Args:
        order: what is wanted.
        state: the pair.
        autoscale: the autoscale settings of the sets.
    """
    switch = state.plan(replace(order.pair, to_idle=True, deployed=False))
    by_name = {one.scale_set.name: one for one in (state.to, state.other)}
    idle, serving = by_name[switch.to.name], by_name[switch.other.name]
    serves = bool(switch.pool_before) and serving.has(order.image)
    target, other = (serving, idle) if serves else (idle, serving)
    short = target.scale_set.capacity < other.scale_set.capacity and not serves
    keep = order.idle
    plan = ReleasePlan(
        image=order.image,
        target=target,
        other=other,
        serves=serves,
        switch=switch,
        scale_out=other.scale_set.capacity if short else None,
        outdated=tuple(one.id for one in target.without(order.image)),
        scale_in=keep if keep is not None and keep < other.scale_set.capacity else None,
        findings=(),
    )
    deploying = () if serves else _deploying(plan)
    return replace(plan, findings=(*switch.findings, *deploying, *_scaling(plan, autoscale)))


def _deploying(plan: ReleasePlan) -> Iterator[Finding]:
    """What prevents the release to the idle set. Automatic updates by Azure do no harm: the set gets no traffic."""
    target = plan.target
    for one in plan_update(target.scale_set, plan.image, target.instances).findings:
        if one.severity in {Severity.IMPOSSIBLE, Severity.WARNING}:
            yield one
    protected = [one.id for one in target.without(plan.image) if one.protected_from_scale_set_actions]
    if protected:
        text = (
            f"{', '.join(protected)} of {target.name} are protected from scale set actions and do not have the "
            "release: the set would serve two releases; remove the protection"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _scaling(plan: ReleasePlan, autoscale: Autoscale) -> Iterator[Finding]:
    """An autoscale setting would undo the scaling."""
    for member, wanted, cure in (
        (plan.target, plan.scale_out, f"raise its minimum to {plan.scale_out}, or turn autoscale off for the release"),
        (plan.other, plan.scale_in, "omit --idle, or turn autoscale off"),
    ):
        settings = autoscale.get(member.name)
        if wanted is None or settings == ():
            continue
        if settings is None:
            text = f"the autoscale settings of {member.name} could not be read"
            yield Finding(Severity.WARNING, f"{text} (it needs Microsoft.Insights/autoscaleSettings/read)")
        else:
            text = f"autoscale ({', '.join(settings)}) would undo the scaling of {member.name} to {wanted} instances"
            yield Finding(Severity.IMPOSSIBLE, f"{text}: {cure}")
