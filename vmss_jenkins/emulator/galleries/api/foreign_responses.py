"""Answers about images of galleries in other subscriptions: what the scenario has of them, for reading only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import resource_not_found
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.values import timestamp
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.galleries.compatibility import ELSEWHERE

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

PAGE = 1000


def is_foreign(call: Call) -> bool:
    """Return whether the path is in another subscription than the scenario's."""
    return call.params["subscription"].lower() != call.backend.scenario.subscription_id.lower()


def get_definition(call: Call) -> Reply:
    """A definition."""
    _versions(call)
    identifier = {"publisher": call.params["gallery"], "offer": call.params["definition"], "sku": "nginx"}
    properties = {**ELSEWHERE, "identifier": identifier, "provisioningState": "Succeeded"}
    return Reply(200, _shown(call, call.params["definition"], _image(call), properties))


def list_versions(call: Call) -> Reply:
    """The versions of a definition."""
    found, more = call.page(sorted(_versions(call), key=references.number), PAGE)
    return Reply(200, {"value": [_version(call, name) for name in found], **more})


def get_version(call: Call) -> Reply:
    """A version, which is in the region of the scenario."""
    name = call.params["version"]
    if name not in _versions(call):
        raise resource_not_found(f"{COMPUTE}/galleries/images/versions", name, call.params["group"])
    found = _version(call, name)
    if call.query.get("$expand", "").lower() == "replicationstatus":
        region = {"region": call.backend.scenario.location, "state": "Completed", "details": "", "progress": 100}
        found["properties"]["replicationStatus"] = {"aggregatedState": "Completed", "summary": [region]}
    return Reply(200, found)


def _image(call: Call) -> str:
    one = call.params
    group = f"/subscriptions/{one['subscription']}/resourceGroups/{one['group']}"
    return f"{group}/providers/{COMPUTE}/galleries/{one['gallery']}/images/{one['definition']}"


def _versions(call: Call) -> list[str]:
    found = list(references.versions_elsewhere(call.backend, "id", _image(call)))
    if not found:
        name = f"{call.params['gallery']}/{call.params['definition']}"
        raise resource_not_found(f"{COMPUTE}/galleries/images", name, call.params["group"])
    return found


def _version(call: Call, name: str) -> Json:
    properties = {
        "publishingProfile": {"excludeFromLatest": False, "publishedDate": timestamp(0.0)},
        "safetyProfile": {"reportedForPolicyViolation": False, "allowDeletionOfReplicatedLocations": True},
        "provisioningState": "Succeeded",
    }
    return _shown(call, name, f"{_image(call)}/versions/{name}", properties)


def _shown(call: Call, name: str, resource_id: str, properties: Json) -> Json:
    head = {"name": name, "id": resource_id, "location": call.backend.scenario.location, "tags": {}}
    return head | {"properties": properties}
