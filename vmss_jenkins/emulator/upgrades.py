"""How instances follow a new model by themselves, in the modes Automatic and Rolling, and how sets are resized."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator import instances, rolling

if TYPE_CHECKING:
    from vmss_jenkins.emulator.backend import Backend
    from vmss_jenkins.emulator.state import Instance, Operation, ScaleSet


def follow_model(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Upgrade instances as the set's mode says: none, all at once within the operation, or in batches."""
    if scale_set.mode == "Automatic":
        for instance in instances.outdated(scale_set):
            if not instance.operation:
                instances.update(backend, operation, scale_set, instance)
    elif scale_set.mode == "Rolling":
        rolling.follow(backend, operation, scale_set)


def resize(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Create or delete instances until there are as many as the set's capacity."""
    staying = [i for i in scale_set.instances.values() if i.provisioning != "Deleting"]
    for place in instances.new_places(backend, scale_set, max(0, scale_set.capacity - len(staying))):
        instances.create(backend, operation, scale_set, place, "scale-out")
    for _ in range(len(staying) - scale_set.capacity):
        victim = _next_to_go(staying)
        if victim is None:
            return
        staying.remove(victim)
        instances.delete(backend, operation, scale_set, victim, "scale-in")


def _next_to_go(staying: list[Instance]) -> Instance | None:
    """Azure's default scale-in policy: the newest instance of the fullest zone, never a protected one."""
    zones = [instance.zone for instance in staying]
    candidates = [instance for instance in staying if not instance.protected_from_scale_in]
    return max(candidates, key=lambda i: (zones.count(i.zone), i.created, len(i.id), i.id), default=None)
