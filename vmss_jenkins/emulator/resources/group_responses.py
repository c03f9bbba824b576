"""Answers about resource groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.bodies import TRACKED_SHAPE
from vmss_jenkins.emulator.arm.errors import ArmError, instance_not_found
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.network import load_balancer_changes
from vmss_jenkins.emulator.resources import views
from vmss_jenkins.emulator.state.resource_group import ResourceGroup

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.operation import Operation

PAGE = 1000
_POLL_SECONDS = 15.0


def list_groups(call: Call) -> Reply:
    """All resource groups."""
    groups, more = call.page(list(call.backend.groups.values()), PAGE)
    return Reply(200, {"value": [views.group(call.backend.scenario, group) for group in groups], **more})


def get_group(call: Call) -> Reply:
    """A resource group."""
    return Reply(200, views.group(call.backend.scenario, call.backend.group(call.params["group"])))


def head_group(call: Call) -> Reply:
    """Whether a resource group exists: 204 or 404."""
    call.backend.group(call.params["group"])
    return Reply(204)


def put_group(call: Call) -> Reply:
    """Create a resource group, or change its tags."""
    body, name = call.body(TRACKED_SHAPE), call.params["group"]
    known = call.backend.groups.get(name.lower())
    location = body.get("location") or (known.location if known else None)
    if location is None:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    group = ResourceGroup(known.name if known else name, location, body.get("tags", {}))
    call.backend.groups[name.lower()] = group
    return Reply(200 if known else 201, views.group(call.backend.scenario, group))


def delete_group(call: Call) -> Reply:
    """Delete a resource group with all its resources."""
    backend, group = call.backend, call.backend.group(call.params["group"])
    if group.provisioning == "Deleting":
        message = f"The resource group '{group.name}' is in deprovisioning state and cannot perform this operation."
        raise ArmError(409, "ResourceGroupBeingDeleted", message)
    group.provisioning = "Deleting"
    operation = backend.begin(group.location, backend.draw(backend.timings.delete), lambda _: _forget(backend, group))
    for key, scale_set in list(backend.scale_sets.items()):
        if key[0] == group.name.lower():
            part = scale_sets.delete(backend, scale_set, lambda _: None)
            _await(backend, operation, part)
    return Reply(202, headers=_follow(call, operation), operation=operation)


def get_result(call: Call) -> Reply:
    """Whether a group is deleted: 202 until then, 200 afterwards."""
    operation = call.backend.operations.get(call.params["operation"].lower())
    if operation is None:
        raise instance_not_found()
    return Reply(200) if operation.ended is not None else Reply(202, headers=_follow(call, operation))


def _await(backend: Backend, operation: Operation, part: Operation) -> None:
    """Let an operation last until another operation, which is a part of it, has ended."""
    operation.pending += 1

    def ended(_: Operation) -> None:
        operation.pending -= 1
        backend.add_part(operation, 0.0, lambda: None)

    part.then(ended)


def _follow(call: Call, operation: Operation) -> dict[str, str]:
    place = f"{call.base_url}/subscriptions/{call.backend.scenario.subscription_id}/operationresults/{operation.id}"
    url = f"{place}?api-version={call.api_version}"
    return {"Location": url, "Retry-After": call.backend.retry_after(_POLL_SECONDS)}


def _forget(backend: Backend, group: ResourceGroup) -> None:
    name = group.name.lower()
    for key, load_balancer in list(backend.load_balancers.items()):
        if key[0] == name:
            load_balancer_changes.forget(backend, load_balancer)
    backend.galleries = {key: one for key, one in backend.galleries.items() if key[0] != name}
    backend.autoscale = {key: one for key, one in backend.autoscale.items() if key[0] != name}
    backend.images = {key: one for key, one in backend.images.items() if key[0] != name}
    backend.public_ips = {key: one for key, one in backend.public_ips.items() if key[0] != name}
    backend.deployments = {key: one for key, one in backend.deployments.items() if key[0] != name}
    backend.passive_resources = {key: one for key, one in backend.passive_resources.items() if key[1] != name}
    del backend.groups[name]
