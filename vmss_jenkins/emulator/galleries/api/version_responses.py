"""Answers about versions of images and of applications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import gateway, invalid_parameter
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.galleries import applications, resources, sources
from vmss_jenkins.emulator.galleries.api import foreign_responses
from vmss_jenkins.emulator.galleries.api.gallery_responses import PAGE, no_parent, owner, parent, written
from vmss_jenkins.emulator.galleries.api.views import Views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.gallery import Definition, Kind, Version

SHAPE: Json = {
    "location": str,
    "tags": {},
    "properties": {
        "publishingProfile": {
            "targetRegions": [{"name": str, "regionalReplicaCount": int}],
            "replicaCount": int,
            "excludeFromLatest": bool,
            "endOfLifeDate": str,
            "source": {"mediaLink": str, "defaultConfigurationLink": str},
            "manageActions": {"install": str, "remove": str, "update": str},
            "settings": {"packageFileName": str, "configFileName": str},
        },
        "storageProfile": {"source": {"id": str}},
        "safetyProfile": {"allowDeletionOfReplicatedLocations": bool, "blockDeletionBeforeEndOfLife": bool},
    },
}
_EXPANSIONS = ("", "replicationstatus", "uefisettings")


def list_versions(call: Call, kind: Kind) -> Reply:
    """The versions of a definition."""
    if foreign_responses.is_foreign(call):
        return foreign_responses.list_versions(call)
    gallery, definition = owner(call), parent(call, kind)
    found, more = call.page(list(definition.versions.values()), PAGE)
    views = Views(call.backend)
    return Reply(200, {"value": [views.version(gallery, kind, definition, one) for one in found], **more})


def get_version(call: Call, kind: Kind) -> Reply:
    """A version; ``$expand=ReplicationStatus`` shows in which regions it is."""
    wanted = call.query.get("$expand", "").lower()
    if wanted not in _EXPANSIONS:
        raise invalid_parameter(f"The value '{call.query['$expand']}' of $expand is not valid.", "$expand")
    if foreign_responses.is_foreign(call):
        return foreign_responses.get_version(call)
    definition = parent(call, kind)
    found = resources.version(owner(call), kind, definition, call.params["version"])
    return Reply(200, _shown(call, kind, definition, found, replication=wanted == "replicationstatus"))


def put_version(call: Call, kind: Kind) -> Reply:
    """Publish a version, or change its target regions, ``excludeFromLatest`` and end of life."""
    definition, name = _parent(call, kind), call.params["version"]
    body, known = written(call, SHAPE), definition.versions.get(name)
    if known is None and "location" not in body:
        raise gateway(400, "LocationRequired", "The location property is required for this definition.")
    body["properties"].get("publishingProfile", {}).pop("publishedDate", None)
    content = _content(call, kind, definition, known, body)
    found, operation = resources.put_version(call.backend, kind, definition, name, body, *content)
    return call.written(operation, _shown(call, kind, definition, found), created=known is None)


def _content(
    call: Call, kind: Kind, definition: Definition, known: Version | None, body: Json
) -> tuple[Release | None, str]:
    """Return what a version has: the release of an image, or the package of an application."""
    if known is not None:
        other = sources.source_id(body) not in ("", sources.source_id(known.body))
        path = "galleryImageVersion.properties.storageProfile.source.id" if other else None
        if refused := path or applications.fixed_change(known, body):
            raise resources.change_refused(refused)
        return known.release, known.package
    if kind == "images":
        return sources.release_of(call.backend, definition, body), ""
    return None, applications.package_of(call.backend, body)


def patch_version(call: Call, kind: Kind) -> Reply:
    """Change a version."""
    resources.version(owner(call), kind, parent(call, kind), call.params["version"])
    return put_version(call, kind)


def delete_version(call: Call, kind: Kind) -> Reply:
    """Delete a version; instances that were made from it keep running."""
    definition = parent(call, kind)
    found = resources.version(owner(call), kind, definition, call.params["version"])
    return call.accepted(resources.delete_version(call.backend, definition, found))


def _shown(call: Call, kind: Kind, definition: Definition, found: Version, *, replication: bool = False) -> Json:
    return Views(call.backend).version(owner(call), kind, definition, found, replication=replication)


def _parent(call: Call, kind: Kind) -> Definition:
    key = (call.params["group"].lower(), call.params["gallery"].lower())
    gallery = call.backend.galleries.get(key)
    found = gallery.definitions.get((kind, call.params["definition"].lower())) if gallery else None
    if found is None:
        call.backend.group(call.params["group"])
        raise no_parent(f"{call.params['gallery']}/{call.params['definition']}")
    return found
