"""Answers about resources that are stored and shown and have no effect: virtual networks, security groups."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_content, resource_not_found
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.network import interfaces, passive_resources
from vmss_jenkins.emulator.network.api import operations
from vmss_jenkins.emulator.network.passive_resources import NETWORKS, Kind
from vmss_jenkins.emulator.state.network import PassiveResource

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend

PAGE = 1000
_MEMBERS = "ipConfigurations"


def list_resources(kind: Kind, call: Call) -> Reply:
    """The resources of this kind in a resource group, or in the subscription."""
    group = call.backend.group(call.params["group"]).name.lower() if "group" in call.params else ""
    wanted = [
        one
        for key, one in call.backend.passive_resources.items()
        if key[0] == kind.name.lower() and group in ("", key[1])
    ]
    found, more = call.page(wanted, PAGE)
    return Reply(200, {"value": [_shown(call.backend, kind, one) for one in found], **more})


def get_resource(kind: Kind, call: Call) -> Reply:
    """A resource of this kind."""
    body = _shown(call.backend, kind, _found(kind, call))
    return Reply(200, body, {"ETag": body["etag"]})


def put_resource(kind: Kind, call: Call) -> Reply:
    """Create a resource of this kind, or replace it."""
    body, backend = call.body(kind.shape), call.backend
    group, name = backend.group(call.params["group"]).name, call.params["resource"]
    if "location" not in body:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    if any("name" not in part for part in body.get("properties", {}).get(kind.children, [])):
        raise invalid_content(f"Required property 'name' of an entry of {kind.children} is missing.")
    known = backend.passive_resources.get((kind.name.lower(), group.lower(), name.lower()))
    made = passive_resources.put(backend, kind, group, name, body)
    operation = backend.begin(str(body["location"]), backend.draw(backend.timings.network))
    return operations.written(call, operation, _shown(backend, kind, made), created=known is None)


def delete_resource(kind: Kind, call: Call) -> Reply:
    """Delete a resource of this kind; refused if a scale set uses it, 204 if it does not exist."""
    backend, group = call.backend, backend_group(call)
    known = backend.passive_resources.get((kind.name.lower(), group.lower(), call.params["resource"].lower()))
    if known is None:
        return Reply(204)
    shown = _shown(backend, kind, known)
    if user := _user_of(backend, shown["id"]):
        text = f"{shown['id']} is in use by {user} and cannot be deleted. In order to delete it, delete what uses it."
        raise ArmError(400, "InUseResourceCannotBeDeleted", text)
    del backend.passive_resources[kind.name.lower(), group.lower(), known.name.lower()]
    return operations.accepted(call, backend.begin(str(known.body["location"]), backend.timings.network))


def list_children(kind: Kind, call: Call) -> Reply:
    """The parts of a resource, such as subnets."""
    return Reply(200, {"value": _children(call, kind)})


def get_child(kind: Kind, call: Call) -> Reply:
    """A part of a resource."""
    name = call.params["child"]
    for part in _children(call, kind):
        if part["name"].lower() == name.lower():
            return Reply(200, part, {"ETag": part["etag"]})
    resource = _found(kind, call)
    raise resource_not_found(f"{kind.type}/{kind.children}", f"{resource.name}/{name}", resource.group)


def backend_group(call: Call) -> str:
    """Return the name of the path's resource group as it was created; raises ``ArmError`` 404."""
    return call.backend.group(call.params["group"]).name


def _children(call: Call, kind: Kind) -> list[Json]:
    found: list[Json] = _shown(call.backend, kind, _found(kind, call))["properties"][kind.children]
    return found


def _found(kind: Kind, call: Call) -> PassiveResource:
    group, name = backend_group(call), call.params["resource"]
    found = call.backend.passive_resources.get((kind.name.lower(), group.lower(), name.lower()))
    if found is None:
        raise resource_not_found(kind.type, name, group)
    return found


def _members(backend: Backend, kind: Kind, part_id: str) -> Json:
    """Return the IP configurations of the instances in a subnet."""
    if kind is not NETWORKS:
        return {}
    found = [
        {"id": member.id}
        for scale_set in backend.scale_sets.values()
        for instance in scale_set.instances.values()
        for member in interfaces.of_instance(backend, scale_set, instance)
        if member.configuration.get("properties", {}).get("subnet", {}).get("id", "").lower() == part_id.lower()
    ]
    return {_MEMBERS: found} if found else {}


def _user_of(backend: Backend, resource_id: str) -> str | None:
    """Return the id of a scale set whose model refers to a resource or its part; None if there is none."""
    for scale_set in backend.scale_sets.values():
        profile = str(scale_set.model.profile).lower()
        if f"'{resource_id.lower()}'" in profile or f"'{resource_id.lower()}/" in profile:
            group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{scale_set.group}"
            return f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set.name}"
    return None


def _shown(backend: Backend, kind: Kind, resource: PassiveResource) -> Json:
    group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{resource.group}"
    found_id = f"{group}/providers/{kind.type}/{resource.name}"
    etag = f'W/"{uuid.uuid5(uuid.NAMESPACE_URL, f"{resource.guid} {resource.version}")}"'
    state = {"provisioningState": "Succeeded"}
    written = resource.body.get("properties", {})
    parts = [
        {
            "name": part["name"],
            "id": f"{found_id}/{kind.children}/{part['name']}",
            "etag": etag,
            "properties": {
                **state,
                **kind.child_defaults,
                **{key: value for key, value in part.get("properties", {}).items() if key != _MEMBERS},
                **_members(backend, kind, f"{found_id}/{kind.children}/{part['name']}"),
            },
            "type": f"{kind.type}/{kind.children}",
        }
        for part in written.get(kind.children, [])
    ]
    return {
        "name": resource.name,
        "id": found_id,
        "etag": etag,
        "type": kind.type,
        "location": resource.body["location"],
        "properties": {**state, "resourceGuid": resource.guid, **kind.defaults, **written, kind.children: parts},
    } | {key: resource.body[key] for key in ("tags",) if key in resource.body}
