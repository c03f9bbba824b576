"""A scale set and its instances as a table."""

from __future__ import annotations

from vmss_jenkins.cli.tables import show
from vmss_jenkins.model.automation.other_actors import HEADINGS, OtherActor
from vmss_jenkins.model.instances import Instance, ScaleSet, UpgradeMode, disagreement, has_latest_model
from vmss_jenkins.model.machines import differing
from vmss_jenkins.model.network import Endpoints
from vmss_jenkins.model.os_upgrades.hook_events import HookEvent


def table(
    scale_set: ScaleSet,
    instances: tuple[Instance, ...],
    endpoints: Endpoints | None,
    actors: tuple[OtherActor, ...],
    asked: tuple[HookEvent, ...] | None,
    *,
    outdated: bool,
) -> None:
    """Print a scale set and its instances as a table, and who else may act on it as another one.

    Args:
        scale_set: the scale set.
        instances: those to show.
        endpoints: the addresses, if they are shown.
        actors: who else may act on the scale set.
        asked: the events of lifecycle hooks that wait for an answer; None if they cannot be read.
        outdated: whether only the outdated instances are shown.
    """
    others = (*scale_set.scripts, *scale_set.applications)
    named = "".join(f"{one.kind} {one.short_name}, " for one in others)
    facts = (
        f"{scale_set.name}: image {scale_set.image.short_name if scale_set.image else 'unknown'}, {named}"
        f"upgrade mode {scale_set.upgrade_mode.value}, {scale_set.orchestration_mode.value}, "
        f"capacity {scale_set.capacity}, {scale_set.provisioning_state}"
    )
    remark = _remark(scale_set, instances, outdated=outdated)
    headings = ["instance", "zone", "image", "latest model", "power", "health", "note"]
    rows = [list(_row(instance, scale_set)) for instance in instances]
    balanced = ""
    if endpoints:
        balanced = f"load balancer address: {', '.join(map(str, endpoints.frontends)) or 'no address'}"
        headings.insert(-1, "own address")
        for instance, row in zip(instances, rows, strict=True):
            row.insert(-1, ", ".join(map(str, endpoints.ports.get(instance.id, ()))) or "-")
    show(headings, rows, *filter(None, (facts, remark, balanced, *_asked(asked))))
    if actors:
        show(HEADINGS, [one.cells for one in actors], "")


def _asked(events: tuple[HookEvent, ...] | None) -> tuple[str, ...]:
    """What Azure asks about its OS upgrade."""
    if events is None:
        return ("whether an OS upgrade waits is not known: the role lacks lifecycleHookEvents/read",)
    return tuple(f"Azure asks whether it may upgrade the operating system: {event.fate}" for event in events)


def _remark(scale_set: ScaleSet, instances: tuple[Instance, ...], *, outdated: bool) -> str:
    """What is unusual about a scale set; empty for most."""
    state, rolls = scale_set.provisioning_state, scale_set.upgrade_mode is UpgradeMode.ROLLING
    there = sum(instance.provisioning_state != "Deleting" for instance in instances)
    remarks = []
    if not outdated and there < scale_set.capacity and state != "Updating":
        remarks.append(f"only {there} of {scale_set.capacity} instances exist: Azure could not create the others")
    if rolls and state == "Updating":
        remarks.append("Azure is changing the scale set, perhaps by a rolling upgrade")
    if rolls and state == "Failed":
        remarks.append(
            "the last operation of the scale set failed; `az vmss rolling-upgrade get-latest` shows why, if it was a "
            "rolling upgrade"
        )
    return "; ".join(remarks)


def _row(instance: Instance, scale_set: ScaleSet) -> tuple[str, ...]:
    latest = {True: "yes", False: "no", None: "unknown"}[has_latest_model(instance, scale_set)]
    return (
        instance.id,
        instance.zone or "-",
        instance.image.short_name if instance.image else "unknown",
        latest,
        instance.power or "unknown",
        instance.health.value,
        note(instance, scale_set),
    )


def note(instance: Instance, scale_set: ScaleSet) -> str:
    """What is unusual about an instance; empty for most."""
    notes = (
        instance.provisioning_state if instance.provisioning_state != "Succeeded" else None,
        instance.error,
        "protected from scale set actions" if instance.protected_from_scale_set_actions else None,
        "protected from scale in" if instance.protected_from_scale_in else None,
        disagreement(instance, scale_set.image),
        *differing(instance.settings, scale_set.settings),
    )
    return "; ".join(filter(None, notes))
