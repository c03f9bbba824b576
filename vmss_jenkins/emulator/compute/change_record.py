"""How changes of instances come into the availability record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vmss_jenkins.emulator.compute import health
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.state.availability import Change

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet


def record(
    backend: Backend, scale_set: ScaleSet, instance: Instance, act: str, phase: Literal["begin", "end", "failed"]
) -> None:
    """Add the beginning or the end of an action on an instance to the availability record."""
    operation = instance.operation
    cause = operation.cause if operation else backend.cause
    change = Change(
        time=backend.now,
        scale_set=scale_set.name,
        instance=instance.id,
        zone=instance.zone or "",
        act=act,
        phase=phase,
        up=instance.up,
        healthy_at=_healthy_at(scale_set, instance) if instance.up else None,
        image=references.label(instance.image, instance.version),
        protected=instance.protected_from_actions,
        by=cause.by,
        operation=operation.id if operation else "",
        request=f"{cause.method} {cause.path}".strip(),
    )
    backend.availability.add(change)


def _healthy_at(scale_set: ScaleSet, instance: Instance) -> float | None:
    if health.source(scale_set) is None:
        return instance.up_since
    return instance.healthy_at if instance.release.found == "healthy" else None
