"""What happens to single instances: each act takes its time as a part of a long-running operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.backend import image_key
from vmss_jenkins.emulator.errors import concurrent_request, marked_for_deletion
from vmss_jenkins.emulator.state import Instance, Json, Operation, ScaleSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmss_jenkins.emulator.backend import Backend

FAULT_DOMAINS = 5


def claim(backend: Backend, scale_set: ScaleSet, action: str, instances: Iterable[Instance]) -> None:
    """Refuse to work on instances that something else works on; raises ``ArmError`` 409."""
    if scale_set.provisioning == "Deleting":
        raise marked_for_deletion(action, scale_set.name)
    others = instances if backend.scenario.parallel_operations else scale_set.instances.values()
    if scale_set.operation or any(instance.operation for instance in others):
        raise concurrent_request()


def outdated(scale_set: ScaleSet) -> list[Instance]:
    """Return the instances that an upgrade would touch: not at the latest model, not protected, not leaving."""
    behind = (i for i in scale_set.instances.values() if i.model is not scale_set.model)
    return [i for i in behind if not i.protected_from_actions and i.provisioning != "Deleting"]


def update(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Bring an instance to the latest model; it is down meanwhile where its image changes."""
    model = scale_set.model
    same_image = image_key(model.image) == image_key(instance.image)

    def finish() -> Json | None:
        instance.model = model
        return None if same_image else _come_up(backend, scale_set, instance, model.image)

    if not same_image:
        _go_down(backend, scale_set, instance)
    timings = backend.timings
    seconds = backend.draw(timings.settle if same_image else timings.update)
    _work(backend, operation, instance, seconds, "Updating", finish)


def reimage(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Make an instance's disk anew from the set's image; its model stays, as Azure is seen to leave it."""
    image = scale_set.model.image
    _go_down(backend, scale_set, instance)
    seconds = backend.draw(backend.timings.reimage)
    _work(backend, operation, instance, seconds, "Updating", lambda: _come_up(backend, scale_set, instance, image))


def stop(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance, power: str) -> None:
    """Stop an instance; ``power`` is what it comes to: stopped or deallocated."""
    _go_down(backend, scale_set, instance, "deallocating" if power == "deallocated" else "stopping")

    def finish() -> None:
        instance.power = power

    _work(backend, operation, instance, backend.draw(backend.timings.stop), "Updating", finish)


def start(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Start an instance; one that runs goes on."""
    if instance.power != "running":
        instance.power = "starting"
    seconds = backend.draw(backend.timings.start)

    def finish() -> Json | None:
        return None if instance.power == "running" else _boot(backend, scale_set, instance)

    _work(backend, operation, instance, seconds, "Updating", finish)


def restart(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Take an instance down and bring it up again."""
    _go_down(backend, scale_set, instance, "starting")
    start(backend, operation, scale_set, instance)


def create(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Add an instance of the latest model to a set."""
    instance = new_instance(backend, scale_set)
    seconds = backend.draw(backend.timings.create)
    _work(backend, operation, instance, seconds, "Creating", lambda: _boot(backend, scale_set, instance))


def delete(backend: Backend, operation: Operation, scale_set: ScaleSet, instance: Instance) -> None:
    """Take an instance down and out of its set, whatever else works on it."""
    _go_down(backend, scale_set, instance)

    def finish() -> None:
        scale_set.instances.pop(instance.id, None)
        backend.servers.remove(scale_set.server(instance))

    _work(backend, operation, instance, backend.draw(backend.timings.delete), "Deleting", finish)


def new_instance(backend: Backend, scale_set: ScaleSet) -> Instance:
    """Add a record for an instance of the latest model; ids of a run are never used again."""
    number, scale_set.next_id = scale_set.next_id, scale_set.next_id + 1
    name = f"{scale_set.name}_{number if scale_set.uniform else f'{backend.chance.getrandbits(32):08x}'}"
    release = backend.release(scale_set.model.image)
    if release is None:
        raise LookupError(f"scale set {scale_set.name} has a model whose image is gone: {scale_set.model.image}")
    instance = Instance(
        id=str(number) if scale_set.uniform else name,
        name=name,
        zone=_emptiest_zone(scale_set),
        fault_domain=number % FAULT_DOMAINS,
        vm_id=backend.guid(),
        created=backend.now,
        model=scale_set.model,
        image=scale_set.model.image,
        release=release,
        changed=backend.now,
    )
    scale_set.instances[instance.id] = instance
    return instance


def _emptiest_zone(scale_set: ScaleSet) -> str | None:
    zones = [instance.zone for instance in scale_set.instances.values()]
    return min(scale_set.body.get("zones", []), key=zones.count, default=None)


def _work(
    backend: Backend,
    operation: Operation,
    instance: Instance,
    seconds: float,
    state: str,
    finish: Callable[[], Json | None],
) -> None:
    instance.operation, instance.provisioning, instance.changed = operation, state, backend.now

    def end() -> Json | None:
        if instance.operation is not operation:
            # A deletion took the instance over; what it was doing has no outcome.
            return None
        error = finish()
        instance.operation, instance.changed = None, backend.now
        instance.provisioning = "Failed" if error else "Succeeded"
        return error

    backend.add_part(operation, seconds, end)


def _go_down(backend: Backend, scale_set: ScaleSet, instance: Instance, power: str = "stopped") -> None:
    backend.servers.take_down(scale_set.server(instance))
    if instance.power != "deallocated":
        instance.power = power


def _come_up(backend: Backend, scale_set: ScaleSet, instance: Instance, image: Json) -> Json | None:
    release = backend.release(image)
    if release is None:
        return {"code": "NotFound", "message": f"The image of VM '{instance.name}' cannot be found any more."}
    instance.image, instance.release = image, release
    return None if instance.power == "deallocated" else _boot(backend, scale_set, instance)


def _boot(backend: Backend, scale_set: ScaleSet, instance: Instance) -> Json | None:
    instance.power = "running"
    if code := instance.release.provisioning_error:
        message = f"OS Provisioning for VM '{instance.name}' did not finish in the allotted time."
        return {"code": code, "message": message}
    instance.healthy_at = backend.now + backend.draw(backend.timings.health)
    backend.servers.serve(scale_set.server(instance), instance.release)
    return None
