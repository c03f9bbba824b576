"""What a version of an image is made of: a managed image, or another version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.state.gallery import Definition, region_key

if TYPE_CHECKING:
    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.backend import Backend

_PATH = "galleryImageVersion.properties.storageProfile.source.id"
_IMAGE = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/Microsoft\.Compute/images/([^/]+)", re.IGNORECASE
)


def source_id(body: Json) -> str:
    """Return the id of the source that a body names, or an empty text."""
    source = body.get("properties", {}).get("storageProfile", {}).get("source", {})
    return str(source.get("id") or source.get("virtualMachineId") or "")


def release_of(backend: Backend, parent: Definition, body: Json) -> Release:
    """Return what the source of a new version serves; raises ``ArmError`` 400 or 404 for one that cannot be used."""
    source = source_id(body)
    if not source:
        text = "A version of an image is made of storageProfile.source.id; VHDs and snapshots are not emulated."
        raise invalid_parameter(text, _PATH)
    if found := _IMAGE.fullmatch(source):
        return _of_image(backend, parent, body, source, (found[1].lower(), found[2].lower()))
    parsed = references.gallery_id(source)
    version = references.find_version(backend, parsed, str(body["location"])) if parsed else None
    if version and version.release:
        return version.release
    if parsed:
        raise _not_found(source)
    text = (
        f"The source id: {source} must either be a managed image, virtual machine or another gallery image version. "
        "Virtual machines are not emulated as sources."
    )
    raise invalid_parameter(text, _PATH)


def _of_image(backend: Backend, parent: Definition, body: Json, source: str, key: tuple[str, str]) -> Release:
    image, release = backend.images.get(key), backend.release({"id": source})
    if image is None or release is None or region_key(image.body["location"]) != region_key(body["location"]):
        raise _not_found(source)
    written, wanted = image.body.get("properties", {}), parent.body["properties"]
    disk = written.get("storageProfile", {}).get("osDisk", {})
    if disk.get("osState", "Generalized") != wanted["osState"]:
        raise invalid_parameter(
            f"Cannot create Gallery Image Version from: {source} since the OS State in the parent gallery image "
            f"({wanted['osState']}) is not {disk.get('osState', 'Generalized')}.",
            _PATH,
        )
    generation = written.get("hyperVGeneration", "V1")
    if generation != wanted["hyperVGeneration"]:
        raise _differs(source, "Hypervisor generation", generation, wanted["hyperVGeneration"])
    if (system := disk.get("osType", "Linux")) != wanted["osType"]:
        raise _differs(source, "OS type", system, wanted["osType"])
    return release


def _differs(source: str, what: str, found: str, wanted: str) -> ArmError:
    text = (
        f"The resource with id '{source}' has a different {what} ['{found}'] than the parent gallery image {what} "
        f"['{wanted}']."
    )
    return invalid_parameter(text, _PATH)


def _not_found(source: str) -> ArmError:
    text = (
        f"Source {source} is not found. Please check source exists, and is in the same region as gallery image version "
        "being created."
    )
    return ArmError(404, "NotFound", text, target=_PATH)
