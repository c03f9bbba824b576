"""Automatic instance repairs: Azure replaces, restarts or reimages an instance that stays ill.

Source: Microsoft's page "Automatic instance repairs for Azure Virtual Machine Scale Sets", and the compute API's
description of ``AutomaticRepairsPolicy``. Not documented, and chosen here: how often Azure looks, and after how many
repairs in vain it suspends itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute import health, instances, upgrades
from vmss_jenkins.emulator.compute.automation import services
from vmss_jenkins.emulator.compute.policies import REPAIR_GRACE
from vmss_jenkins.emulator.compute.rolling_batches import seconds
from vmss_jenkins.emulator.state.availability import Cause
from vmss_jenkins.emulator.state.operation import Operation

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

SHARE = 20
"""At most one instance of this many is repaired at a time, which is 5%; one in a smaller set."""
MOST_FAILURES = 3
"""After so many repairs of instances that a repair did not heal, Azure suspends its repairs."""


def waits(backend: Backend, scale_set: ScaleSet) -> bool:
    """Whether a repair may become due by itself: something is under way, or an instance is not healthy."""
    if not services.running(scale_set, services.REPAIRS):
        return False
    there = scale_set.instances.values()
    busy = scale_set.operation is not None or scale_set.replacing or any(one.operation for one in there)
    return bool(busy) or any(
        _may_be_repaired(one) and health.state(scale_set, one, backend.now) != "healthy" for one in there
    )


def look(backend: Backend, scale_set: ScaleSet) -> None:
    """Begin the repairs that are due now, if the service runs."""
    if not services.running(scale_set, services.REPAIRS):
        return
    _forget_failures(backend, scale_set)
    under_way = sum(i.repairing for i in scale_set.instances.values()) + scale_set.replacing
    room = max(1, scale_set.capacity // SHARE) - under_way
    ill = [i for i in scale_set.instances.values() if _is_due(backend, scale_set, i)]
    for instance in ill[: max(0, room)]:
        if _gives_up(backend, scale_set, instance):
            return
        with backend.caused(Cause("azure", path="automatic repair")):
            _repair(backend, scale_set, instance)


def _may_be_repaired(instance: Instance) -> bool:
    """Whether an instance would be repaired if it were ill.

    A stopped one is not, for nothing reports its health; nor one that is protected or whose provisioning failed.
    """
    protected = instance.protected_from_scale_in or instance.protected_from_actions
    return not protected and instance.provisioning == "Succeeded" and instance.power == "running"


def _is_due(backend: Backend, scale_set: ScaleSet, instance: Instance) -> bool:
    free = _may_be_repaired(instance) and instance.operation is None
    if not free or health.state(scale_set, instance, backend.now) not in ("unhealthy", "unknown"):
        return False
    policy = scale_set.body["properties"]["automaticRepairsPolicy"]
    grace = seconds(policy.get("gracePeriod", REPAIR_GRACE)) or 0.0
    return backend.now >= max(scale_set.written, instance.changed) + grace


def _forget_failures(backend: Backend, scale_set: ScaleSet) -> None:
    for instance in scale_set.instances.values():
        if instance.repaired and health.state(scale_set, instance, backend.now) == "healthy":
            instance.repaired = False
            services.service(scale_set, services.REPAIRS).failures = 0


def _gives_up(backend: Backend, scale_set: ScaleSet, instance: Instance) -> bool:
    service = services.service(scale_set, services.REPAIRS)
    service.failures += instance.repaired
    if service.failures < MOST_FAILURES:
        return False
    services.suspend(backend, scale_set, services.REPAIRS, suspended=True)
    return True


def _repair(backend: Backend, scale_set: ScaleSet, instance: Instance) -> None:
    instance.repaired = instance.repairing = True

    def done(_: Operation) -> None:
        instance.repairing = False

    action = scale_set.body["properties"]["automaticRepairsPolicy"].get("repairAction", "Replace")
    if action == "Replace":
        _replace(backend, scale_set, instance)
        return
    operation = backend.begin(scale_set.location, backend.timings.accept, done)
    act = instances.restart if action == "Restart" else instances.reimage
    act(backend, operation, scale_set, instance)


def _replace(backend: Backend, scale_set: ScaleSet, instance: Instance) -> None:
    """Delete an instance, then make one of the latest model in its place; the capacity stays."""

    def recreate(_: Operation) -> None:
        instance.repairing = False
        if scale_set.provisioning == "Deleting":
            return
        scale_set.replacing += 1
        before = set(scale_set.instances)
        creation = backend.begin(scale_set.location, backend.timings.accept, replaced)
        upgrades.resize(backend, creation, scale_set, "repair")
        for key in scale_set.instances.keys() - before:
            scale_set.instances[key].repaired = True
        backend.on_resized()

    def replaced(_: Operation) -> None:
        scale_set.replacing -= 1

    operation = backend.begin(scale_set.location, backend.timings.accept, recreate)
    instances.delete(backend, operation, scale_set, instance)
