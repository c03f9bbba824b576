"""How Azure updates instances to a new model in the modes Automatic and Rolling, and how it resizes sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute import instances, placement, rolling_upgrades, scale_in

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.operation import Operation
    from vmss_jenkins.emulator.state.scale_set import ScaleSet


def follow_model(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Upgrade instances as the set's mode says: none, all at once within the operation, or in batches."""
    if scale_set.mode == "Automatic":
        for instance in instances.outdated(scale_set):
            if not instance.operation:
                instances.update(backend, operation, scale_set, instance)
    elif scale_set.mode == "Rolling":
        rolling_upgrades.follow(backend, operation, scale_set)


def resize(backend: Backend, operation: Operation, scale_set: ScaleSet, why: str = "scale-out") -> None:
    """Create or delete instances until their number is the set's capacity; ``why`` they are created is recorded."""
    wanted = scale_set.capacity + scale_set.surging
    staying = [i for i in scale_set.instances.values() if i.provisioning != "Deleting"]
    for place in placement.new_places(scale_set, max(0, wanted - len(staying)), backend.chance):
        instances.create(backend, operation, scale_set, place, why)
    policy = scale_set.body["properties"].get("scaleInPolicy", {})
    for instance in scale_in.instances_to_remove(staying, len(staying) - wanted, policy):
        instances.delete(backend, operation, scale_set, instance, "scale-in")
