"""Answers about the tags of a resource group (https://learn.microsoft.com/rest/api/resources/tags)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, gateway, invalid_parameter
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.resources import views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.resource_group import ResourceGroup

TAGS_SHAPE: Json = {"operation": str, "properties": {"tags": {}}}
LIMIT = 50
"""The most tags that a resource may have."""


def get_tags(call: Call) -> Reply:
    """The tags of a group."""
    return Reply(200, _view(call, _group(call)))


def put_tags(call: Call) -> Reply:
    """Replace all tags of a group."""
    group = _group(call)
    return _set(call, group, _given(call.body(TAGS_SHAPE)))


def patch_tags(call: Call) -> Reply:
    """Merge tags into a group's tags, replace all of them, or delete those with the given names and values."""
    group, body = _group(call), call.body(TAGS_SHAPE)
    given, operation = _given(body), str(body.get("operation", "")).lower()
    if operation == "merge":
        kept = {key: value for key, value in group.tags.items() if key.lower() not in map(str.lower, given)}
        return _set(call, group, kept | given)
    if operation == "replace":
        return _set(call, group, given)
    if operation == "delete":
        return _set(call, group, {key: value for key, value in group.tags.items() if given.get(key) != value})
    raise invalid_parameter(f"The value '{operation}' is not one of Merge, Replace, Delete.", "operation")


def delete_tags(call: Call) -> Reply:
    """Remove all tags of a group."""
    _group(call).tags = {}
    return Reply(200)


def _group(call: Call) -> ResourceGroup:
    if call.params["tags"].lower() != "default":
        raise gateway(404, "ResourceNotFound", "The only tags resource is named 'default'.")
    return call.backend.group(call.params["group"])


def _given(body: Json) -> Json:
    tags: Json = body.get("properties", {}).get("tags", {})
    return tags


def _set(call: Call, group: ResourceGroup, tags: Json) -> Reply:
    if len(tags) > LIMIT:
        raise ArmError(400, "InvalidTags", f"{len(tags)} tags were given; a resource may have {LIMIT}.")
    group.tags = tags
    return Reply(200, _view(call, group))


def _view(call: Call, group: ResourceGroup) -> Json:
    scope = views.group(call.backend.scenario, group)["id"]
    return {
        "id": f"{scope}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": group.tags},
    }
