"""Writing scale sets and images: PUT, PATCH and DELETE as long-running operations."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.errors import concurrent_request, marked_for_deletion, precondition_failed
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute import instances, models, sizes, upgrades
from vmss_jenkins.emulator.state.availability import Cause
from vmss_jenkins.emulator.state.image import Image
from vmss_jenkins.emulator.state.instance import Instance, Model
from vmss_jenkins.emulator.state.operation import Operation
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.state.backend import Backend


def create(
    backend: Backend, group: str, name: str, changes: Json, charge: Callable[[int], None]
) -> tuple[ScaleSet, Operation]:
    """Create a set and its instances. ``charge`` is called with their number before anything changes."""
    scale_set = new_set(backend, group, name, changes)
    _check_quota(backend, None, scale_set.body)
    charge(scale_set.capacity)
    backend.scale_sets[group.lower(), name.lower()] = scale_set
    operation = _begin(backend, scale_set, backend.timings.model)
    upgrades.resize(backend, operation, scale_set)
    backend.on_resized()
    return scale_set, operation


def new_set(backend: Backend, group: str, name: str, changes: Json) -> ScaleSet:
    """Return a set as the body describes it, not yet in a group; raises ``ArmError`` for an invalid body."""
    body = models.with_defaults(changes)
    models.check_set(body)
    model = models.model_of(backend, name, body)
    owner = backend.group(group).name
    scale_set = ScaleSet(name, owner, body, backend.guid(), backend.now, model, changed=backend.now)
    _identify(backend, scale_set)
    return scale_set


def change(backend: Backend, scale_set: ScaleSet, changes: Json, charge: Callable[[int], None]) -> Operation:
    """Merge the body into a set, resize the set, and update instances as its upgrade mode says."""
    _check_free(scale_set, "write")
    changes = models.canonical(changes)
    models.check_change(scale_set, changes)
    body = merged(scale_set.body, changes)
    models.check_set(body)
    model = models.model_of(backend, scale_set.name, body, scale_set, names_image=models.names_image(changes))
    _check_quota(backend, scale_set, body)
    charge(abs(body["sku"]["capacity"] - scale_set.capacity) + _followers(scale_set, model, body))
    if body != scale_set.body:
        scale_set.version += 1
    scale_set.body, scale_set.model = body, model
    _identify(backend, scale_set)
    scale_set.provisioning, scale_set.changed = "Updating", backend.now
    operation = _begin(backend, scale_set, backend.timings.model)
    upgrades.resize(backend, operation, scale_set)
    backend.on_resized()
    upgrades.follow_model(backend, operation, scale_set)
    return operation


def _check_quota(backend: Backend, scale_set: ScaleSet | None, body: Json) -> None:
    """Refuse more instances than the region's core quota allows; deallocated instances use no cores."""
    there = [one for owner in backend.scale_sets.values() for one in owner.instances.values()]
    used = sum(sizes.cores(one.model.size) for one in there if one.power != "deallocated")
    ours = scale_set.instances.values() if scale_set else ()
    wanted = body["sku"]["capacity"] - sum(one.provisioning != "Deleting" for one in ours)
    more = wanted * sizes.cores(body["sku"]["name"])
    sizes.check_quota(backend.scenario.core_quota, used, more, str(body["location"]))


def _followers(scale_set: ScaleSet, model: Model, body: Json) -> int:
    if body["properties"]["upgradePolicy"]["mode"] != "Automatic":
        return 0
    return sum(instance.model is not model for instance in scale_set.instances.values())


def delete(backend: Backend, scale_set: ScaleSet, charge: Callable[[int], None]) -> Operation:
    """Delete a set with all its instances."""
    if scale_set.provisioning == "Deleting" and scale_set.operation:
        return scale_set.operation
    charge(len(scale_set.instances))
    scale_set.provisioning, scale_set.changed = "Deleting", backend.now

    def remove(_: Operation) -> None:
        del backend.scale_sets[scale_set.group.lower(), scale_set.name.lower()]

    operation = backend.begin(scale_set.location, backend.draw(backend.timings.delete), remove)
    scale_set.operation = operation
    for instance in scale_set.instances.values():
        instances.delete(backend, operation, scale_set, instance)
    return operation


def delete_instances(
    backend: Backend, operation: Operation, scale_set: ScaleSet, chosen: list[Instance], *, held: bool = True
) -> None:
    """Delete the chosen instances and lower the capacity by their number at once."""
    body = copy.deepcopy(scale_set.body)
    body["sku"]["capacity"] = max(0, scale_set.capacity - len(chosen))
    scale_set.body = body
    scale_set.version += 1
    for instance in chosen:
        instances.delete(backend, operation, scale_set, instance, held=held)


def evict(backend: Backend, scale_set: ScaleSet, instance: Instance) -> None:
    """Evict a spot instance, even if an operation works on it: deallocate or delete it, as its model says."""
    gone = instance.provisioning == "Deleting" or instance.power == "deallocated"
    if gone or instance.id not in scale_set.instances or not is_spot(instance):
        return
    with backend.caused(Cause("azure", path="eviction")):
        operation = backend.begin(scale_set.location, backend.timings.accept)
        if instance.model.profile.get("evictionPolicy") == "Delete":
            delete_instances(backend, operation, scale_set, [instance], held=False)
        else:
            instances.stop(backend, operation, scale_set, instance, "deallocated", "evict")


def is_spot(instance: Instance) -> bool:
    """Whether Azure may evict the instance."""
    return instance.model.profile.get("priority") in ("Spot", "Low")


def check_conditions(scale_set: ScaleSet | None, if_match: str | None, if_none_match: str | None) -> None:
    """Compare the request's conditions with the etag; raises ``ArmError`` 412."""
    found = scale_set.etag if scale_set else ""
    if if_match is not None and (scale_set is None or if_match not in ("*", found)):
        raise precondition_failed(f"If-Match: {if_match}", found)
    if if_none_match is not None and scale_set is not None and if_none_match in ("*", found):
        raise precondition_failed(f"If-None-Match: {if_none_match}", found)


def put_image(backend: Backend, group: str, name: str, body: Json) -> tuple[Image, Operation]:
    """Create or replace a managed image."""
    known = backend.images.get((group.lower(), name.lower()))
    state = "Updating" if known else "Creating"
    image = known or Image(name, backend.group(group).name, {})
    image.body, image.provisioning = merged(image.body, body), state
    backend.images[group.lower(), name.lower()] = image

    def ready(_: Operation) -> None:
        image.provisioning = "Succeeded"

    return image, backend.begin(image.body["location"], backend.draw(backend.timings.model), ready)


def delete_image(backend: Backend, image: Image) -> Operation:
    """Delete a managed image; instances that were made from it keep running."""
    image.provisioning = "Deleting"

    def remove(_: Operation) -> None:
        backend.images.pop((image.group.lower(), image.name.lower()), None)

    return backend.begin(image.body["location"], backend.draw(backend.timings.delete), remove)


def _check_free(scale_set: ScaleSet, action: str) -> None:
    if scale_set.provisioning == "Deleting":
        raise marked_for_deletion(action, scale_set.name)
    if scale_set.operation and not scale_set.is_only_rolling:
        raise concurrent_request()


def _begin(backend: Backend, scale_set: ScaleSet, seconds: float) -> Operation:
    def done(operation: Operation) -> None:
        if scale_set.operation is operation:
            scale_set.operation = None
            rolls = scale_set.rolling is not None and scale_set.rolling.goes_on
            state = "Failed" if operation.error else "Updating" if rolls else "Succeeded"
            scale_set.provisioning, scale_set.changed = state, backend.now

    scale_set.operation = backend.begin(scale_set.location, backend.draw(seconds), done)
    return scale_set.operation


def _identify(backend: Backend, scale_set: ScaleSet) -> None:
    """Give a system assigned identity its principal; the type None removes the identity."""
    identity = scale_set.body.get("identity")
    if identity and identity.get("type") == "None":
        del scale_set.body["identity"]
    elif identity and "principalId" not in identity and "SystemAssigned" in identity.get("type", ""):
        scale_set.body["identity"] = {**identity, "principalId": backend.guid(), "tenantId": backend.scenario.tenant_id}
