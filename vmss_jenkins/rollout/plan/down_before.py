"""Instances that are down before a rollout begins: they go first, cost no capacity, and are no canary if possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vmss_jenkins.model.final_state import grouped
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.capacity import counts
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.selection import Selection, Target, choose_canary, select


def down_before(observed: Observed, target: Target | None, *, resumed: bool) -> frozenset[str]:
    """The instances that are down, and for which neither this rollout nor one before it is the cause.

    Args:
        observed: the set when the run begins.
        target: the release; an instance that has it already may be down because of it. None for a rollback.
        resumed: whether an earlier run was killed: then it may be the cause of an update that failed.
    """
    return frozenset(
        one.id
        for one in observed.instances
        if not one.is_healthy
        and not one.is_updating
        and one.health is not Health.INITIALIZING
        and not (target and target.is_on(one, observed.scale_set))
        and not (resumed and one.provisioning_state != "Succeeded")
    )


def at_start(
    spec: RolloutSpec, image: Release | None, scale_set: ScaleSet, instances: Sequence[Instance]
) -> tuple[Target | None, Selection]:
    """The target and the scope of a rollout before the model changes.

    Args:
        spec: what is wanted.
        image: the release; None for the release of the model.
        scale_set: the set.
        instances: all its instances.

    Returns:
        No target if no instance can have the release: the model gets a new script.
    """
    release = image or scale_set.release
    changes = image is not None and not image.same_as(scale_set.release)
    new_script = changes and isinstance(release, ExtensionSettings)
    if new_script:
        instances = [replace(each, latest_model_applied=False) for each in instances]
    target = spec.target_of(image, scale_set.release)
    return None if new_script else target, select(spec.scope, target, scale_set, instances)


def findings(
    spec: RolloutSpec, instances: Sequence[Instance], selection: Selection, down: frozenset[str]
) -> tuple[Finding, ...]:
    """What the user must know of the instances that are down before a rollout begins.

    Args:
        spec: what is wanted.
        instances: all instances of the set.
        selection: the instances of the scope.
        down: ids of those that are down before.
    """
    present = [one for one in instances if one.id in down and counts(one)]
    canary = choose_canary(spec.canary, selection) if spec.canary else ()
    updated = canary if spec.canary_only else selection.pending
    found = (*_announced(present, updated), *_canary(canary), *_blocked(spec, instances, selection, present))
    return (*_ill_with_release(spec, selection), *(found if present else ()))


def _ill_with_release(spec: RolloutSpec, selection: Selection) -> Iterator[Finding]:
    """Instances that have the release from an earlier run and are down: the release may be the cause."""
    fates: dict[str, str] = {}
    for one in selection.have_it:
        if counts(one) and not one.is_healthy and not one.is_updating and one.health is not Health.INITIALIZING:
            soon = (
                "at once"
                if one.provisioning_state == "Failed"
                else f"unless healthy within {spec.instance_timeout:.0f} s"
            )
            fates[one.id] = f"down with the release ({_state(one)}): counts as failed {soon}"
    yield from (Finding(Severity.WARNING, f"{ids}: {text}") for text, ids in grouped(fates))


def _announced(present: Sequence[Instance], updated: Sequence[Instance]) -> Iterator[Finding]:
    first = [one for one in present if one in updated]
    rest = [one for one in present if one not in first]
    if first:
        text = "updated first, and not counted as unavailable"
        yield Finding(Severity.NOTE, f"{_named(first)} down before the rollout: {text}")
    if rest:
        text = "not updated, and not counted as unavailable"
        yield Finding(Severity.NOTE, f"{_named(rest)} down before the rollout: {text}")


def _canary(canary: Sequence[Instance]) -> Iterator[Finding]:
    if ill := [one for one in canary if not one.is_healthy]:
        text = "there are not enough healthy instances for the canary, so the gates judge it by these too"
        yield Finding(Severity.WARNING, f"{_named(ill)} down before the rollout and in the canary: {text}")


def _blocked(
    spec: RolloutSpec, instances: Sequence[Instance], selection: Selection, present: Sequence[Instance]
) -> Iterator[Finding]:
    """Whether the only instance that could be updated is the last one that serves: all that may be updated came up."""
    waiting = [one for one in selection.pending if one.is_healthy]
    stay = [one for one in present if one not in selection.pending]
    serving = [one for one in instances if counts(one) and one not in stay]
    if waiting and stay and len(serving) == 1 and not spec.idle:
        states = ", ".join(f"{one.id}: {_state(one)}" for one in stay)
        text = (
            f"{len(stay)} of {len(instances)} instances are down and are not updated ({states}), so {_ids(waiting)} "
            f"cannot be updated either: the last instance that serves must stay up. Repair {_ids(stay)}, or "
            "include it (--include failed, and no protection against scale set actions)"
        )
        yield Finding(Severity.IMPOSSIBLE, text)


def _ids(instances: Sequence[Instance]) -> str:
    return ", ".join(one.id for one in instances)


def _named(instances: Sequence[Instance]) -> str:
    shown = ", ".join(f"{one.id} ({_state(one)})" for one in instances)
    return f"{shown} {'was' if len(instances) == 1 else 'were'}"


def _state(instance: Instance) -> str:
    if instance.provisioning_state != "Succeeded":
        return instance.provisioning_state
    return instance.health.value if instance.power in {None, "running"} else str(instance.power)
