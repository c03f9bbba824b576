"""A release by blue-green, decided: which of the two sets gets it, what is to be done, and what stands in the way.

The state is in Azure, as with a rollout: the production rule tells which set serves, and each instance its image. A
release goes to the set that does not serve; where the one that serves has it on all its instances already, it is done.
So the same order given again after success changes nothing, and after an interruption it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vmss_jenkins.blue_green.plan.switch import Side, SwitchOrder, SwitchPlan, plan_switch, pool_name
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import PARKED, Instance, ScaleSet, has_latest_model
from vmss_jenkins.model.network import Body
from vmss_jenkins.rollout.plan.preflight import plan_update

Autoscale = Mapping[str, tuple[str, ...] | None]
"""By the name of a set: the names of the enabled autoscale settings that target it; None where nobody may know."""


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
        """What of it matters for a switch."""
        ids, healthy = tuple(one.id for one in self.instances), sum(one.is_healthy for one in self.instances)
        return Side(self.scale_set.name, ids, healthy, self.pools)

    def without(self, image: ImageReference) -> tuple[Instance, ...]:
        """The instances that do not run an image by the latest model; parked ones run nothing."""
        if not image.same_as(self.scale_set.image):
            return self.instances
        return tuple(
            one
            for one in self.instances
            if one.power not in PARKED
            and not (has_latest_model(one, self.scale_set) and (one.image is None or image.same_as(one.image)))
        )

    def has(self, image: ImageReference) -> bool:
        """Whether its model and all its instances have an image; an empty set has none."""
        return bool(self.instances) and not self.without(image)

    @property
    def state(self) -> str:
        """What its model has, and how many are well, for people."""
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
    """The sku of each other load balancer that a set stands behind, by its name."""

    def plan(self, order: SwitchOrder) -> SwitchPlan:
        """What a switch is, and what stands in its way."""
        return plan_switch(order, self.body, self.to.side, self.other.side, self.skus)


@dataclass(frozen=True)
class ReleaseOrder:
    """What is wanted of a pair."""

    pair: SwitchOrder
    """The two sets; which of them is to serve is found out."""
    image: ImageReference
    idle: int | None = None
    """How many instances are left of the other set after a good watch; None leaves all."""


@dataclass(frozen=True)
class ReleasePlan:
    """What is to be done, and what stands in the way."""

    image: ImageReference
    target: Member
    """The set that gets the release, and is to serve."""
    other: Member
    serves: bool
    """The target serves already, and all of it has the release."""
    switch: SwitchPlan
    scale_out: int | None
    """The capacity that the target needs before it may serve; None where it has it."""
    outdated: tuple[str, ...]
    """Ids of the target's instances that do not have the release."""
    scale_in: int | None
    """The capacity that the other set is left with in the end; None where nothing changes."""
    findings: tuple[Finding, ...]

    @property
    def deployed(self) -> bool:
        """Whether the target is as it has to be for the check."""
        return self.scale_out is None and self.target.has(self.image)

    @property
    def ready(self) -> bool:
        """Whether all of the target that runs is well too: a run that was killed may have left it in the middle."""
        return self.deployed and all(one.is_healthy for one in self.target.instances if one.power not in PARKED)

    @property
    def refused(self) -> bool:
        """Whether something stands in the way."""
        return any(one.severity in {Severity.IMPOSSIBLE, Severity.UNSAFE} for one in self.findings)

    def lines(self) -> Iterator[str]:
        """Say it, a line each."""
        if self.switch.pool_before:
            yield from self._steps()
        yield from (f"{one.severity.value}: {one.text}" for one in self.findings)

    def _steps(self) -> Iterator[str]:
        name, image = self.target.name, self.image.short_name
        if self.serves:
            yield f"{name} serves {image} already: nothing is to be deployed or switched"
        else:
            yield f"{self.other.name} serves: {self.other.state}"
            yield f"{name} is idle: {self.target.state}"
            if self.scale_out is not None:
                yield f"would scale {name} out from {self.target.scale_set.capacity} to {self.scale_out} instances"
            if self.outdated:
                yield f"would bring {image} to {name}: {', '.join(self.outdated)} at once, since nobody is served by it"
            elif self.scale_out is None:
                yield f"{name} has {image} on all its instances"
            pools = f"from {pool_name(self.switch.pool_before)} to {pool_name(self.switch.pool_after) or 'its pool'}"
            yield f"would check it, and point rule {self.switch.rule} {pools}"
        if self.scale_in is not None:
            before = self.other.scale_set.capacity
            yield f"would scale {self.other.name} in from {before} to {self.scale_in} instances in the end"


def plan_release(order: ReleaseOrder, state: PairState, autoscale: Autoscale) -> ReleasePlan:
    """Decide what is to be done.

    Args:
        order: what is wanted.
        state: the pair.
        autoscale: what scales the sets by itself.
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
        outdated=() if serves else tuple(one.id for one in target.without(order.image)),
        scale_in=keep if keep is not None and keep < other.scale_set.capacity else None,
        findings=(),
    )
    deploying = () if serves else _deploying(plan)
    return replace(plan, findings=(*switch.findings, *deploying, *_scaling(plan, autoscale)))


def _deploying(plan: ReleasePlan) -> Iterator[Finding]:
    """What keeps the release from the idle set. That Azure brings it there by itself is no harm: it serves nobody."""
    target = plan.target
    for one in plan_update(target.scale_set, plan.image, target.instances).findings:
        if one.severity in {Severity.IMPOSSIBLE, Severity.WARNING}:
            yield one
    protected = [one.id for one in target.without(plan.image) if one.protected_from_scale_set_actions]
    if protected:
        text = (
            f"{', '.join(protected)} of {target.name} are protected from scale set actions, without the release: "
            "it would serve two releases; take the protection away"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _scaling(plan: ReleasePlan, autoscale: Autoscale) -> Iterator[Finding]:
    """An autoscale setting would undo what is scaled by hand."""
    for member, wanted, cure in (
        (plan.target, plan.scale_out, f"raise its minimum to {plan.scale_out}, or turn it off for the release"),
        (plan.other, plan.scale_in, "give no number of idle instances, or turn it off"),
    ):
        settings = autoscale.get(member.name)
        if wanted is None or settings == ():
            continue
        if settings is None:
            text = f"whether autoscale is on for {member.name} could not be looked up"
            yield Finding(Severity.WARNING, f"{text} (Microsoft.Insights/autoscaleSettings/read)")
        else:
            text = f"autoscale ({', '.join(settings)}) would undo the scaling of {member.name} to {wanted} instances"
            yield Finding(Severity.IMPOSSIBLE, f"{text}: {cure}")
