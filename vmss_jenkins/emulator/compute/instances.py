"""What happens to single instances: each action takes time, as a part of a long-running operation."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import concurrent_request, marked_for_deletion, not_allowed
from vmss_jenkins.emulator.arm.image_reference import image_key
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute import placement, terminations
from vmss_jenkins.emulator.compute.change_record import record
from vmss_jenkins.emulator.compute.guest import extensions, provisioning
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.galleries.references import FoundImage
from vmss_jenkins.emulator.state.instance import Instance, Model
from vmss_jenkins.emulator.state.operation import Operation, ScheduledEvent
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.rolling_upgrade import Former


def check_free(backend: Backend, scale_set: ScaleSet, action: str, instances: Iterable[Instance]) -> None:
    """Refuse an action on instances while another operation works on them; raises ``ArmError`` 409."""
    if scale_set.provisioning == "Deleting":
        raise marked_for_deletion(action, scale_set.name)
    if scale_set.rolling and scale_set.rolling.goes_on and action in ("manualupgrade", "reimage"):
        raise not_allowed(f"Operation '{action}' is not allowed since a Rolling Upgrade is in progress.")
    others = instances if backend.scenario.parallel_operations else scale_set.instances.values()
    busy = scale_set.operation and not scale_set.is_only_rolling
    if busy or any(instance.operation for instance in others):
        raise concurrent_request()


def outdated(scale_set: ScaleSet) -> list[Instance]:
    """Return the instances that an upgrade would touch: not at the latest model, not protected, not being deleted."""
    behind = (i for i in scale_set.instances.values() if i.model is not scale_set.model)
    return [i for i in behind if not i.protected_from_actions and i.provisioning != "Deleting"]


def update(
    backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, model: Model | None = None
) -> None:
    """Bring an instance to a model, by default the latest; if the image changes, the instance is down meanwhile."""
    model = model or scale_set.model
    same_image = _has_disk_of(backend, scale_set, instance, model)
    runs = provisioning.due(backend, scale_set, instance, model)

    def finish() -> Json | None:
        instance.model = model
        if not same_image:
            return _come_up(backend, scale_set, instance, model.image)
        if instance.power != "running" or instance.failing:
            return None
        return _provision(backend, scale_set, instance)

    if not same_image:
        _go_down(backend, scale_set, instance)
    timings = backend.timings
    same_image_median = timings.extension if runs else timings.settle
    seconds = backend.draw(same_image_median if same_image else timings.update)
    _work(backend, operation, scale_set, instance, _Action("update", seconds, finish))


def restore(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, former: Former) -> None:
    """Give an instance back what it was before an upgrade: its model, and the disk that it had."""
    if (former.image, former.version) == (instance.image, instance.version):
        update(backend, operation, scale_set, instance, former.model)
        return

    def finish() -> Json | None:
        instance.model = former.model
        return _put_disk(backend, scale_set, instance, former.image, FoundImage(former.disk, former.version))

    _go_down(backend, scale_set, instance)
    _work(backend, operation, scale_set, instance, _Action("update", backend.draw(backend.timings.update), finish))


def reimage(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Make a new disk for an instance from the set's image; its model stays, as recordings of Azure show."""
    image = scale_set.model.image
    _go_down(backend, scale_set, instance)
    seconds = backend.draw(backend.timings.reimage)
    act = _Action("reimage", seconds, lambda: _come_up(backend, scale_set, instance, image))
    _work(backend, operation, scale_set, instance, act)


def stop(
    backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, power: str, why: str = "stop"
) -> None:
    """Stop an instance; ``power`` is its state afterwards: stopped or deallocated."""
    _go_down(backend, scale_set, instance, "deallocating" if power == "deallocated" else "stopping")

    def finish() -> None:
        instance.power = power

    _work(backend, operation, scale_set, instance, _Action(why, backend.draw(backend.timings.stop), finish))


def start(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, why: str = "start") -> None:
    """Start an instance; a running one keeps running, a deallocated one needs capacity in Azure again."""
    no_capacity = instance.power == "deallocated" and _has_no_room(backend, operation, instance.zone)
    if instance.power != "running" and not no_capacity:
        instance.power = "starting"
    seconds = backend.draw(backend.timings.start)

    def finish() -> Json | None:
        if no_capacity:
            return placement.no_room(instance.zone)
        return None if instance.power == "running" else _boot(backend, scale_set, instance)

    _work(backend, operation, scale_set, instance, _Action(why, seconds, finish))


def restart(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Take an instance down and bring it up again."""
    _go_down(backend, scale_set, instance, "starting")
    start(backend, operation, scale_set, instance, "restart")


def create(
    backend: Backend,
    operation: Operation,
    scale_set: ScaleSet,
    place: placement.Place,
    why: str = "create",
    since: float | None = None,
) -> None:
    """Add an instance of the latest model to a set; if Azure has no capacity for it, no instance is made.

    ``since`` is when resilient creation began with its first instance, in place of which it makes this one.
    """
    if _has_no_room(backend, operation, place.zone):
        backend.add_part(operation, backend.timings.accept, lambda: placement.no_room(place.zone))
        return
    image, location = scale_set.model.image, scale_set.location
    if (found := references.find(backend, image, location)) is None:
        gone = references.missing(backend, image, location).error
        backend.add_part(operation, backend.timings.accept, lambda: gone)
        return
    instance = placement.new_instance(backend, scale_set, place, found)
    seconds, began = backend.draw(backend.timings.create), backend.now if since is None else since

    def finish() -> Json | None:
        error = _boot(backend, scale_set, instance)
        if instance.failing or not provisioning.is_retried(scale_set, error, began, backend.now):
            return error
        del scale_set.instances[instance.id]
        record(backend, scale_set, instance, "delete", "end")
        (number,) = (one.number for one in placement.new_places(scale_set, 1, backend.chance))
        create(backend, operation, scale_set, placement.Place(number, place.zone), why, began)
        return None

    _work(backend, operation, scale_set, instance, _Action(why, seconds, finish, "Creating"))


def _has_no_room(backend: Backend, operation: Operation, zone: str | None) -> bool:
    return bool(backend.strike("allocate", operation.cause, place=zone or ""))


def delete(
    backend: Backend,
    operation: Operation,
    scale_set: ScaleSet,
    instance: Instance,
    why: str = "delete",
    *,
    held: bool = True,
) -> None:
    """Take an instance down and remove it from its set, even if another operation works on it.

    Terminate notification holds that for a while, unless it is part of an upgrade or an eviction: ``held`` is False.
    """
    known = terminations.withdraw(backend, instance)
    wait = terminations.held_for(instance) if held else 0.0
    if not wait:
        _delete_now(backend, operation, scale_set, instance, why)
        return
    instance.operation, instance.provisioning, instance.changed = operation, "Deleting", backend.now
    record(backend, scale_set, instance, "terminate-notice", "begin")
    backend.begin_part(operation)

    def begin() -> None:
        _delete_now(backend, operation, scale_set, instance, why)
        backend.end_part(operation)

    due = min(backend.now + wait, known.not_before if known else math.inf)
    terminations.announce(backend, ScheduledEvent(backend.guid(), instance.name, operation, due, begin))


def _delete_now(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, why: str) -> None:
    _go_down(backend, scale_set, instance)

    def finish() -> None:
        scale_set.instances.pop(instance.id, None)
        backend.servers.remove(scale_set.server(instance))

    act = _Action(why, backend.draw(backend.timings.delete), finish, "Deleting")
    _work(backend, operation, scale_set, instance, act)


@dataclass(frozen=True)
class _Action:
    """Something that is done to an instance."""

    name: str
    seconds: float
    finish: Callable[[], Json | None]
    """Called at the end; returns an error if the action failed."""
    state: str = "Updating"
    """The instance's provisioning state during the action."""


def _work(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, act: _Action) -> None:
    instance.operation, instance.provisioning, instance.changed = operation, act.state, backend.now
    fault = next(iter(backend.strike("work", operation.cause, instance.id)), None)
    instance.failing = fault is not None and fault.kind == "fail"
    record(backend, scale_set, instance, act.name, "begin")

    def end() -> Json | None:
        if instance.operation is not operation:
            # A deletion has replaced this action, which therefore has no result.
            return None
        error = None if instance.failing and act.state == "Deleting" else act.finish()
        if instance.failing:
            error, instance.failing = _failure(backend, instance), False
        instance.provisioning, instance.changed = "Failed" if error else "Succeeded", backend.now
        record(backend, scale_set, instance, act.name, "failed" if error else "end")
        instance.operation = None
        return error

    backend.add_part(operation, fault.lasts if fault and fault.kind == "stuck" else act.seconds, end)


def _failure(backend: Backend, instance: Instance) -> Json:
    """Return the error of a fault: as if the script extension had failed, if the instance has one."""
    script = next(filter(extensions.is_script, instance.model.extensions), None)
    error = extensions.failure(instance, script, "")
    if script:
        extensions.fail(backend, instance, script, error)
    return error


def _go_down(backend: Backend, scale_set: ScaleSet, instance: Instance, power: str = "stopped") -> None:
    backend.servers.take_down(scale_set.server(instance))
    instance.up = False
    if instance.power != "deallocated":
        instance.power = power


def _has_disk_of(backend: Backend, scale_set: ScaleSet, instance: Instance, model: Model) -> bool:
    """Whether the disk of an instance is already made of a model's image, in the version that the image is now."""
    if image_key(model.image) != image_key(instance.image):
        return False
    found = references.find(backend, model.image, scale_set.location)
    return instance.version in (model.version, found.version if found else "")


def _come_up(backend: Backend, scale_set: ScaleSet, instance: Instance, image: Json) -> Json | None:
    found = references.find(backend, image, scale_set.location)
    if found is None:
        return references.missing(backend, image, scale_set.location).error
    return _put_disk(backend, scale_set, instance, image, found)


def _put_disk(backend: Backend, scale_set: ScaleSet, instance: Instance, image: Json, found: FoundImage) -> Json | None:
    instance.image, instance.version, instance.ran, instance.applications = image, found.version, {}, {}
    instance.disk = instance.release = found.release
    return None if instance.power == "deallocated" else _boot(backend, scale_set, instance)


def _boot(backend: Backend, scale_set: ScaleSet, instance: Instance) -> Json | None:
    instance.power = "running"
    if instance.failing:
        return _failure(backend, instance)
    if code := instance.disk.provisioning_error:
        message = f"OS Provisioning for VM '{instance.name}' did not finish in the allotted time."
        return {"code": code, "message": message}
    return _provision(backend, scale_set, instance)


def _provision(backend: Backend, scale_set: ScaleSet, instance: Instance) -> Json | None:
    """Run the extensions that are due on a running instance; it serves their result, even if one of them failed."""
    before, runs = instance.release, provisioning.due(backend, scale_set, instance, instance.model)
    error = provisioning.provision(backend, scale_set, instance)
    if instance.up and not runs and instance.release == before:
        return error
    if instance.operation and backend.strike("start", instance.operation.cause, instance.id):
        instance.release = replace(instance.release, status=503, health="unhealthy")
    if not instance.up:
        instance.up_since = backend.now
        instance.healthy_at = backend.now + backend.draw(backend.timings.health)
    instance.up = instance.release.serves
    backend.servers.serve(scale_set.server(instance), instance.release)
    return error
