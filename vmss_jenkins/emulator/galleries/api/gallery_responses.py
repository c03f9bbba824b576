"""Answers about galleries and their definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import gateway
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.galleries import resources
from vmss_jenkins.emulator.galleries.api import foreign_responses
from vmss_jenkins.emulator.galleries.api.views import Views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.gallery import Definition, Gallery, Kind

PAGE = 1000
GALLERY_SHAPE: Json = {"location": str, "tags": {}, "properties": {"description": str}}
DEFINITION_SHAPE: Json = {
    "location": str,
    "tags": {},
    "properties": {
        "osType": str,
        "osState": str,
        "hyperVGeneration": str,
        "architecture": str,
        "supportedOSType": str,
        "identifier": {"publisher": str, "offer": str, "sku": str},
        "features": [{"name": str, "value": str}],
    },
}
_NOT_EMULATED = ("sharingProfile", "softDeletePolicy")


def owner(call: Call) -> Gallery:
    """Return the gallery that the path names; raises ``ArmError`` 404."""
    return resources.gallery(call.backend, call.params["group"], call.params["gallery"])


def parent(call: Call, kind: Kind) -> Definition:
    """Return the definition that the path names; raises ``ArmError`` 404."""
    return resources.definition(owner(call), kind, call.params["definition"])


def list_galleries(call: Call) -> Reply:
    """The galleries of a resource group, or of the subscription."""
    if "group" in call.params:
        call.backend.group(call.params["group"])
    group = call.params.get("group", "").lower()
    found, more = call.page([g for key, g in call.backend.galleries.items() if group in ("", key[0])], PAGE)
    return Reply(200, {"value": [Views(call.backend).gallery(one) for one in found], **more})


def get_gallery(call: Call) -> Reply:
    """A gallery."""
    return Reply(200, Views(call.backend).gallery(owner(call)))


def put_gallery(call: Call) -> Reply:
    """Create or change a gallery; sharing and soft delete are refused as not emulated."""
    body, group, name = written(call, GALLERY_SHAPE), call.params["group"], call.params["gallery"]
    if asked := next((key for key in _NOT_EMULATED if body["properties"].get(key)), None):
        raise gateway(400, "InvalidRequestContent", f"The property '{asked}' of a gallery is not emulated.")
    created = (group.lower(), name.lower()) not in call.backend.galleries
    found, operation = resources.put_gallery(call.backend, group, name, body)
    return call.written(operation, Views(call.backend).gallery(found), created=created)


def patch_gallery(call: Call) -> Reply:
    """Change a gallery."""
    owner(call)
    return put_gallery(call)


def delete_gallery(call: Call) -> Reply:
    """Delete a gallery that has no definitions."""
    return call.accepted(resources.delete_gallery(call.backend, owner(call)))


def list_definitions(call: Call, kind: Kind) -> Reply:
    """The definitions of a gallery."""
    gallery = owner(call)
    found, more = call.page(gallery.of(kind), PAGE)
    return Reply(200, {"value": [Views(call.backend).definition(gallery, kind, one) for one in found], **more})


def get_definition(call: Call, kind: Kind) -> Reply:
    """A definition."""
    if foreign_responses.is_foreign(call):
        return foreign_responses.get_definition(call)
    return Reply(200, Views(call.backend).definition(owner(call), kind, parent(call, kind)))


def put_definition(call: Call, kind: Kind) -> Reply:
    """Create a definition, or change its description, features and end of life."""
    gallery, name = _parent_gallery(call), call.params["definition"]
    created = (kind, name.lower()) not in gallery.definitions
    body = written(call, DEFINITION_SHAPE)
    found, operation = resources.put_definition(call.backend, gallery, kind, name, body)
    return call.written(operation, Views(call.backend).definition(gallery, kind, found), created=created)


def patch_definition(call: Call, kind: Kind) -> Reply:
    """Change a definition."""
    parent(call, kind)
    return put_definition(call, kind)


def delete_definition(call: Call, kind: Kind) -> Reply:
    """Delete a definition that has no versions."""
    return call.accepted(resources.delete_definition(call.backend, owner(call), kind, parent(call, kind)))


def _parent_gallery(call: Call) -> Gallery:
    """Return the gallery of a definition to be written; raises ``ArmError`` 404 as ARM does for a missing parent."""
    name = call.params["gallery"]
    if (call.params["group"].lower(), name.lower()) not in call.backend.galleries:
        call.backend.group(call.params["group"])
        raise no_parent(name)
    return owner(call)


def no_parent(name: str) -> Exception:
    """The resource in which another one was to be written does not exist."""
    text = f"Can not perform requested operation on nested resource. Parent resource '{name}' not found."
    return gateway(404, "ParentResourceNotFound", text)


def written(call: Call, shape: Json) -> Json:
    """Return the body of a PUT or PATCH without what only answers have; raises ``ArmError`` 400."""
    body = call.body(shape)
    properties = {key: value for key, value in body.get("properties", {}).items() if key not in _READ_ONLY}
    kept = {key: body[key] for key in ("location", "tags") if key in body}
    return kept | {"properties": properties}


_READ_ONLY = ("provisioningState", "replicationStatus", "sharingStatus")
