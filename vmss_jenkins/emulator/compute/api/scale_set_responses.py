"""Answers about scale sets as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import invalid_parameter, not_allowed
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import instances, models, scale_sets
from vmss_jenkins.emulator.compute.api.views import Views
from vmss_jenkins.emulator.compute.automation import hooks
from vmss_jenkins.emulator.compute.models import IDS_SHAPE, SET_SHAPE
from vmss_jenkins.emulator.compute.sizes import SIZES

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.operation import Operation
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

    Act = Callable[[Backend, Operation, ScaleSet, Instance], None]

PAGE = 100
_ETAGS_SINCE = "2024"


def list_sets(call: Call) -> Reply:
    """The scale sets of a resource group, or of the subscription."""
    if "group" in call.params:
        call.backend.group(call.params["group"])
    group = call.params.get("group", "").lower()
    found, more = call.page([s for key, s in call.backend.scale_sets.items() if group in ("", key[0])], PAGE)
    return Reply(200, {"value": [_shown(call, scale_set) for scale_set in found], **more})


def get_set(call: Call) -> Reply:
    """A scale set."""
    scale_set = call.scale_set
    return Reply(200, _shown(call, scale_set), _etag(call, scale_set))


def put_set(call: Call) -> Reply:
    """Create a scale set, or change one: properties that the body leaves out stay as they are."""
    group, name = call.params["group"], call.params["set"]
    changes = call.body(SET_SHAPE)
    models.check_linked(call.backend, changes)
    hooks.check_rejection(call.backend, rejects=hooks.rejects(changes))
    known = call.backend.scale_sets.get((group.lower(), name.lower()))
    _check_conditions(call, known)
    if known:
        return _change(call, known, changes)
    scale_set, operation = scale_sets.create(call.backend, group, name, changes, call.charge)
    return call.written(operation, _shown(call, scale_set), created=True)


def patch_set(call: Call) -> Reply:
    """Change a scale set."""
    changes, scale_set = call.body(SET_SHAPE), call.scale_set
    models.check_linked(call.backend, changes)
    hooks.check_rejection(call.backend, rejects=hooks.rejects(changes))
    _check_conditions(call, scale_set)
    return _change(call, scale_set, changes)


def _change(call: Call, scale_set: ScaleSet, changes: dict[str, object]) -> Reply:
    operation = scale_sets.change(call.backend, scale_set, changes, call.charge)
    return call.written(operation, _shown(call, scale_set), created=False)


def delete_set(call: Call) -> Reply:
    """Delete a scale set; answers 204 if it does not exist, as ARM does."""
    known = call.backend.scale_sets.get((call.params["group"].lower(), call.params["set"].lower()))
    if known is None:
        return Reply(204)
    _check_conditions(call, known)
    return call.accepted(scale_sets.delete(call.backend, known, call.charge))


def _check_conditions(call: Call, scale_set: ScaleSet | None) -> None:
    if call.api_version >= _ETAGS_SINCE:
        scale_sets.check_conditions(scale_set, call.headers.get("if-match"), call.headers.get("if-none-match"))


def _shown(call: Call, scale_set: ScaleSet) -> Json:
    """Return the set as the call's api-version shows it."""
    return Views(call.backend).scale_set(scale_set, etag=call.api_version >= _ETAGS_SINCE)


def _etag(call: Call, scale_set: ScaleSet) -> dict[str, str]:
    return {"ETag": scale_set.etag} if call.api_version >= _ETAGS_SINCE else {}


def view_set(call: Call) -> Reply:
    """A set's instance view; Flexible sets have none."""
    scale_set = call.scale_set
    if not scale_set.uniform:
        raise not_allowed(
            "Operation 'VirtualMachineScaleSets.instanceView.GET' is not allowed on Virtual Machine Scale Set "
            f"'{scale_set.name}' since it is in Flexible orchestration mode."
        )
    return Reply(200, Views(call.backend).scale_set_view(scale_set))


def list_skus(call: Call) -> Reply:
    """The sizes that the set's instances may have, with the smallest and largest capacity of each."""
    current = call.scale_set.body["sku"]
    sizes = list(dict.fromkeys([current["name"], *SIZES]))
    found, more = call.page([Views(call.backend).size(call.scale_set, name) for name in sizes], PAGE)
    return Reply(200, {"value": found, **more})


def manual_upgrade(call: Call) -> Reply:
    """Update instances to the latest model; up-to-date and protected instances are skipped."""
    chosen = _chosen(call, required=True)
    due = {instance.id for instance in instances.outdated(call.scale_set)}
    return _act(call, "manualupgrade", [i for i in chosen if i.id in due], instances.update)


def reimage(call: Call) -> Reply:
    """Reimage instances: they get new disks."""
    return _act(call, "reimage", _chosen(call), instances.reimage)


def start(call: Call) -> Reply:
    """Start instances."""
    return _act(call, "start", _chosen(call), instances.start)


def restart(call: Call) -> Reply:
    """Restart instances."""
    return _act(call, "restart", _chosen(call), instances.restart)


def power_off(call: Call) -> Reply:
    """Stop instances; they stay allocated."""
    return _act(call, "poweroff", _chosen(call), stop_action("stopped"))


def deallocate(call: Call) -> Reply:
    """Stop instances and release their hardware."""
    return _act(call, "deallocate", _chosen(call), stop_action("deallocated"))


def stop_action(power: str) -> Act:
    """Return the action that stops an instance and leaves it in the power state."""
    return lambda backend, operation, scale_set, instance: instances.stop(
        backend, operation, scale_set, instance, power
    )


def delete_instances(call: Call) -> Reply:
    """Delete instances and lower the capacity by their number."""
    chosen, scale_set = _chosen(call, required=True), call.scale_set
    instances.check_free(call.backend, scale_set, "delete", chosen)
    call.charge(len(chosen))
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    scale_sets.delete_instances(call.backend, operation, scale_set, chosen)
    return call.accepted(operation)


def _chosen(call: Call, *, required: bool = False) -> list[Instance]:
    """Return the instances that the body names; ``*`` or no body means all that are not protected."""
    ids, scale_set = call.instance_ids(IDS_SHAPE), call.scale_set
    if ids is None and required:
        raise invalid_parameter("Required parameter 'instanceIds' is missing (null).", "instanceIds")
    if ids is None or ids == ["*"]:
        return [i for i in scale_set.instances.values() if not i.protected_from_actions]
    return call.backend.chosen(scale_set, ids)


def _act(call: Call, action: str, chosen: list[Instance], act: Act) -> Reply:
    scale_set = call.scale_set
    instances.check_free(call.backend, scale_set, action, chosen)
    call.charge(len(chosen))
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    for instance in chosen:
        act(call.backend, operation, scale_set, instance)
    return call.accepted(operation)
