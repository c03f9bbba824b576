"""What is protected, what a run sees of it, and when the protection ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from vmss_jenkins.model.final_state import counted, names
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, OrchestrationMode, ScaleSet, UpgradeMode, has_latest_model
from vmss_jenkins.rollout.plan.actions import Action, Done, RolloutSpec
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.protection.protected import MOST_PARTS, Protected


@dataclass(frozen=True)
class Policy:
    """The protection of one instance."""

    scale_in: bool
    actions: bool


PROTECTED, RELEASED = Policy(scale_in=True, actions=True), Policy(scale_in=True, actions=False)
"""While a rollout keeps an instance from upgrades, and after it has released it: no scale-in takes the only canary."""


def protects(scale_set: ScaleSet) -> bool:
    """Whether a rollout of this set protects its instances: Azure would upgrade them, and lets them be protected.

    An instance of a flexible set is a virtual machine of its own; its protection is not changed here.
    """
    follows = scale_set.upgrade_mode is not UpgradeMode.MANUAL
    return follows and scale_set.orchestration_mode is OrchestrationMode.UNIFORM


def as_protected(scale_set: ScaleSet) -> ScaleSet:
    """The set as a rollout sees it: with its instances protected, Azure upgrades none of them by itself."""
    if not protects(scale_set):
        return scale_set
    automation = replace(scale_set.automation, kept_from=scale_set.upgrade_mode.value)
    return replace(scale_set, upgrade_mode=UpgradeMode.MANUAL, automation=automation)


def as_before(instances: Iterable[Instance], protected: Protected) -> tuple[Instance, ...]:
    """The instances without the protection of rollouts: with it, each would be skipped as somebody's own."""
    return tuple(
        replace(one, protected_from_scale_in=protected.before[one.id], protected_from_scale_set_actions=False)
        if one.id in protected.before
        else one
        for one in instances
    )


def to_protect(instances: Iterable[Instance], protected: Protected, *, going_back: bool) -> tuple[str, ...]:
    """Ids to protect before the model is changed.

    In a rollback an instance on which Azure works stays unprotected: it has the release that is left, or gets it, and
    if Azure itself brings the release of before to it, that is what the rollback wants.
    """
    return tuple(
        one.id
        for one in instances
        if one.id in protected.before
        and policy_of(one) != PROTECTED
        and one.provisioning_state != "Deleting"
        and not (one.is_updating and going_back)
    )


def to_put_back(instances: Iterable[Instance], protected: Protected) -> Mapping[str, Policy]:
    """The protection of before, by id, of the instances that have another one now."""
    wanted = {key: Policy(scale_in, actions=False) for key, scale_in in protected.before.items()}
    return {one.id: wanted[one.id] for one in instances if one.id in wanted and policy_of(one) != wanted[one.id]}


def policy_of(instance: Instance) -> Policy:
    """The protection that Azure shows."""
    return Policy(instance.protected_from_scale_in, instance.protected_from_scale_set_actions)


def lacking(observed: Observed) -> tuple[str, ...]:
    """Ids of the instances that Azure would bring another release to, if they were not protected.

    After a model is restored, the flag of instances that never changed may stay false; their image says more.
    """
    model = observed.scale_set.release

    def lacks(one: Instance) -> bool:
        same = isinstance(model, ImageReference) and model.same_as(one.image)
        return has_latest_model(one, observed.scale_set) is False and not same

    return tuple(one.id for one in observed.instances if lacks(one) and not one.protected_from_scale_set_actions)


def stays(spec: RolloutSpec, observed: Observed, action: Action | None, *, rolling_back: bool) -> tuple[str, ...]:
    """Ids of the instances for which the protection outlives the run; none if it ends.

    It ends when the model has a release that every instance may get: that of a finished rollout, or the one that a
    rollback goes to. Until then Azure would upgrade the others at the next change of the set, whoever makes it.

    Args:
        spec: what was wanted.
        observed: the set at its end, as the run sees it.
        action: how it ends; None if it is interrupted.
        rolling_back: whether it rolled back.
    """
    if rolling_back:
        return ()
    if isinstance(action, Done) and not spec.canary_only and spec.scope.ids.is_all:
        return ()
    return lacking(observed)


def notes(scale_set: ScaleSet, instances: Iterable[Instance], protected: Protected) -> tuple[Finding, ...]:
    """What a rollout would do about the upgrade policy of the set, and why it might not.

    Args:
        scale_set: the set, as Azure shows it.
        instances: all its instances, likewise.
        protected: those that an earlier run protects.
    """
    if not protects(scale_set):
        return ()
    all_of_them = protected.adding(instances)
    if too_many := refusal(all_of_them):
        return (Finding(Severity.IMPOSSIBLE, too_many),)
    earlier = f"; an earlier run protects {names(list(protected.before))}" if protected.before else ""
    text = (
        f"upgrade policy {scale_set.upgrade_mode.value}: {counted(all_of_them.before)} protected from scale set "
        f"actions first, and released batch by batch; until the end no scale-in deletes them{earlier}"
    )
    return (Finding(Severity.NOTE, text),)


def as_planned(
    scale_set: ScaleSet, instances: tuple[Instance, ...], read: Callable[[], Protected], *, allowed: bool
) -> tuple[ScaleSet, tuple[Instance, ...], tuple[Finding, ...]]:
    """What a rollout would see of a set, and what it would do to see it so: for a dry run.

    Args:
        scale_set: the set, as Azure shows it.
        instances: all its instances, likewise.
        read: reads the record of those that rollouts protect; called only if there may be one.
        allowed: Azure may update every instance by itself, so none is protected.
    """
    marked = protects(scale_set) or any(one.protected_from_scale_in for one in instances)
    protected = read() if marked else Protected()
    if allowed:
        return scale_set, as_before(instances, protected), ()
    return as_protected(scale_set), as_before(instances, protected), notes(scale_set, instances, protected)


def refusal(protected: Protected) -> str | None:
    """Why instances cannot be protected; None if they can: there must be room to record what they were before."""
    if len(protected.texts()) <= MOST_PARTS:
        return None
    return (
        f"what protects {counted(protected.before)} now has no room in {MOST_PARTS} tags of the resource group, "
        "so it could not be put back: set the upgrade policy to Manual (`az vmss update --set "
        "upgradePolicy.mode=Manual`)"
    )
