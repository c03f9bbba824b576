"""Writing galleries, definitions and versions: what Azure refuses, and what a PUT, PATCH or DELETE changes."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.errors import ArmError, gateway, invalid_parameter, not_allowed, resource_not_found
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.values import Json, timestamp
from vmss_jenkins.emulator.galleries import replication
from vmss_jenkins.emulator.state.gallery import Definition, Gallery, Kind, Version, region_key
from vmss_jenkins.emulator.state.operation import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.backend import Backend

SINGULAR: dict[Kind, str] = {"images": "galleryImage", "applications": "galleryApplication"}
_NAME = re.compile(r"[^_\W][\w.-]{0,79}(?<![-._])", re.ASCII)
_GALLERY_NAME = re.compile(r"[^_\W][\w.]{0,79}(?<![._])", re.ASCII)
_VERSION = re.compile(r"\d{1,10}\.\d{1,10}\.\d{1,10}", re.ASCII)
_LARGEST_NUMBER = 2**31 - 1
_REGIONS = re.compile(r"[A-Za-z][A-Za-z0-9 ]{2,40}", re.ASCII)
_FIXED = ("osType", "osState", "hyperVGeneration", "identifier", "supportedOSType", "architecture")
_CHOICES = {
    "osType": ("Linux", "Windows"),
    "osState": ("Generalized", "Specialized"),
    "hyperVGeneration": ("V1", "V2"),
    "architecture": ("x64", "Arm64"),
    "supportedOSType": ("Linux", "Windows"),
}
_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "images": ("osType", "osState", "identifier"),
    "applications": ("supportedOSType",),
}


# Look-ups


def gallery(backend: Backend, group: str, name: str) -> Gallery:
    """Return a gallery; raises ``ArmError`` 404."""
    backend.group(group)
    try:
        return backend.galleries[group.lower(), name.lower()]
    except KeyError:
        raise resource_not_found(f"{COMPUTE}/galleries", name, group) from None


def definition(owner: Gallery, kind: Kind, name: str) -> Definition:
    """Return a definition of a gallery; raises ``ArmError`` 404."""
    try:
        return owner.definitions[kind, name.lower()]
    except KeyError:
        raise resource_not_found(f"{COMPUTE}/galleries/{owner.name}/{kind}", name, owner.group) from None


def version(owner: Gallery, kind: Kind, parent: Definition, name: str) -> Version:
    """Return a version; raises ``ArmError`` 404."""
    try:
        return parent.versions[name]
    except KeyError:
        path = f"{COMPUTE}/galleries/{owner.name}/{kind}/{parent.name}/versions"
        raise resource_not_found(path, name, owner.group) from None


# Galleries


def put_gallery(backend: Backend, group: str, name: str, body: Json) -> tuple[Gallery, Operation]:
    """Create a gallery or change it; raises ``ArmError`` 400 or 409."""
    known = backend.galleries.get((group.lower(), name.lower()))
    if known is None and not _GALLERY_NAME.fullmatch(name):
        raise invalid_parameter(f"The entity name 'galleryName' is invalid: '{name}'.", "galleryName")
    _check_location(name, known.body if known else None, body, group)
    found = known or Gallery(name, backend.group(group).name, {"tags": {}, "properties": {}})
    found.body, found.provisioning = merged(found.body, body), "Updating" if known else "Creating"
    backend.galleries[group.lower(), name.lower()] = found
    return found, _begin(backend, found)


def delete_gallery(backend: Backend, found: Gallery) -> Operation:
    """Delete a gallery that has no definitions; raises ``ArmError`` 409."""
    _check_empty(found.definitions)
    return _delete(backend, found, lambda: backend.galleries.pop((found.group.lower(), found.name.lower()), None))


# Definitions


def put_definition(backend: Backend, owner: Gallery, kind: Kind, name: str, body: Json) -> tuple[Definition, Operation]:
    """Create a definition or change it; raises ``ArmError`` 400 or 409."""
    known = owner.definitions.get((kind, name.lower()))
    if known is None and not _NAME.fullmatch(name):
        target = f"{SINGULAR[kind]}Name"
        raise invalid_parameter(f"The entity name '{target}' is invalid: '{name}'.", target)
    _check_location(f"{owner.name}/{name}", known.body if known else None, body, owner.group)
    _check_definition(owner, kind, known, name, body)
    defaults: Json = {"hyperVGeneration": "V1", "architecture": "x64"} if kind == "images" else {}
    found = known or Definition(name, {"tags": {}, "properties": defaults})
    found.body, found.provisioning = merged(found.body, body), "Updating" if known else "Creating"
    owner.definitions[kind, name.lower()] = found
    return found, _begin(backend, found)


def _check_definition(owner: Gallery, kind: Kind, known: Definition | None, name: str, body: Json) -> None:
    properties = body.get("properties", {})
    for key, choices in _CHOICES.items():
        if key in properties and properties[key] not in choices:
            path = f"{SINGULAR[kind]}.properties.{key}"
            text = f"The value '{properties[key]}' of parameter '{path}' is not one of {', '.join(choices)}."
            raise invalid_parameter(text, path)
    if known is not None:
        for key in _FIXED:
            if key in properties and properties[key] != known.body["properties"].get(key, properties[key]):
                raise change_refused(f"{SINGULAR[kind]}.properties.{key}")
        return
    for key in _REQUIRED[kind]:
        if key not in properties:
            path = f"{SINGULAR[kind]}.properties.{key}"
            raise invalid_parameter(f"Required parameter '{path}' is missing (null).", path)
    if kind == "images":
        _check_identifier(owner, name, properties["identifier"])


def _check_identifier(owner: Gallery, name: str, identifier: Json) -> None:
    for key in ("publisher", "offer", "sku"):
        if not identifier.get(key):
            path = f"galleryImage.properties.identifier.{key}"
            raise invalid_parameter(f"Asset name {path} is not valid. It cannot be empty.", path)
    same = (d for d in owner.of("images") if d.body["properties"].get("identifier") == identifier)
    if other := next(same, None):
        text = (
            f"Gallery image: {other.name} identified by (publisher:{identifier['publisher']}, "
            f"offer:{identifier['offer']}, sku:{identifier['sku']}) already exists. Choose a different publisher, "
            "offer, sku combination."
        )
        raise ArmError(409, "Conflict", text, target=name)


def delete_definition(backend: Backend, owner: Gallery, kind: Kind, found: Definition) -> Operation:
    """Delete a definition that has no versions; raises ``ArmError`` 409."""
    _check_empty(found.versions)
    return _delete(backend, found, lambda: owner.definitions.pop((kind, found.name.lower()), None))


# Versions


def put_version(
    backend: Backend, kind: Kind, parent: Definition, name: str, body: Json, release: Release | None, package: str = ""
) -> tuple[Version, Operation]:
    """Create a version, or change what may change of it, and begin its replication; raises ``ArmError`` 400 or 409."""
    known = parent.versions.get(name)
    found = known or new_version(backend, kind, name, body, release, package)
    if known is not None:
        changes = merged(known.body, body)
        check_profile(kind, known.profile, changes, removes=_may_lose_regions(known))
        known.body, known.provisioning = changes, "Updating"
    parent.versions[name] = found
    replication.start(backend, found)
    return found, _begin(backend, found)


def new_version(
    backend: Backend, kind: Kind, name: str, body: Json, release: Release | None, package: str = ""
) -> Version:
    """Return a version as a body describes it, not yet in its definition; raises ``ArmError`` 400."""
    if not _VERSION.fullmatch(name) or any(int(part) > _LARGEST_NUMBER for part in name.split(".")):
        raise invalid_parameter(
            f"The entity name '{SINGULAR[kind]}VersionName' is invalid: '{name}'. It is MAJOR.MINOR.PATCH, each a "
            "32-bit integer.",
            f"{SINGULAR[kind]}VersionName",
        )
    profile: Json = {
        "targetRegions": [{"name": body["location"], "regionalReplicaCount": 1}],
        "replicaCount": 1,
        "excludeFromLatest": False,
        "storageAccountType": "Standard_LRS",
        "publishedDate": timestamp(backend.now),
    }
    safety: Json = {"reportedForPolicyViolation": False, "allowDeletionOfReplicatedLocations": True}
    found = merged({"tags": {}, "properties": {"publishingProfile": profile, "safetyProfile": safety}}, body)
    check_profile(kind, None, found, removes=True)
    return Version(name, found, backend.now, release, package)


def check_profile(kind: Kind, old: Json | None, body: Json, *, removes: bool) -> None:
    """Refuse target regions and dates that Azure refuses, and write a date as it does: with its time.

    Raises:
        ArmError: 400 or 409.
    """
    profile, path = body["properties"]["publishingProfile"], f"{SINGULAR[kind]}Version.properties.publishingProfile"
    regions = [str(target.get("name", "")) for target in profile["targetRegions"]]
    keys = [region_key(region) for region in regions]
    if bad := next((region for region in regions if not _REGIONS.fullmatch(region)), None):
        raise invalid_parameter(f"The provided location '{bad}' is not available.", f"{path}.targetRegions")
    if region_key(body["location"]) not in keys:
        raise invalid_parameter(
            f"Gallery image version publishing profile regions {', '.join(regions)} must contain the location of "
            f"image version {body['location']}.",
            f"{path}.targetRegions",
        )
    if gone := [key for key in (_regions(old) if old else []) if key not in keys and not removes]:
        raise not_allowed(
            f"Removing the region '{gone[0]}' is not allowed, because "
            "'safetyProfile.allowDeletionOfReplicatedLocations' is false."
        )
    if given := profile.get("endOfLifeDate"):
        if (ends := date(given)) is None:
            text = f"Could not convert string to DateTimeOffset: {given}. Path '{path}.endOfLifeDate'."
            raise invalid_parameter(text, f"{path}.endOfLifeDate")
        profile["endOfLifeDate"] = timestamp(ends)


def _regions(profile: Json) -> list[str]:
    return [region_key(target["name"]) for target in profile["targetRegions"]]


def _may_lose_regions(found: Version) -> bool:
    return bool(found.body["properties"]["safetyProfile"].get("allowDeletionOfReplicatedLocations", True))


def delete_version(backend: Backend, parent: Definition, found: Version) -> Operation:
    """Delete a version; instances that were made from it keep running. Raises ``ArmError`` 409."""
    safety, ends = found.body["properties"]["safetyProfile"], date(found.profile.get("endOfLifeDate", ""))
    if safety.get("blockDeletionBeforeEndOfLife") and (ends is None or ends > backend.now):
        raise not_allowed(
            f"The version '{found.name}' cannot be deleted before its end of life, because "
            "'safetyProfile.blockDeletionBeforeEndOfLife' is true."
        )
    return _delete(backend, found, lambda: parent.versions.pop(found.name, None))


def date(text: str) -> float | None:
    """Return a date as seconds since the epoch, or None if it is none."""
    try:
        read = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text.replace("Z", "+00:00")))
        return (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


# For all of them


def change_refused(path: str) -> ArmError:
    """A field that cannot be changed was to be changed."""
    return ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{path}' is not allowed.", target=path)


def _check_location(name: str, known: Json | None, body: Json, group: str) -> None:
    if known is None and "location" not in body:
        raise gateway(400, "LocationRequired", "The location property is required for this definition.")
    old = str((known or body)["location"])
    new = str(body.get("location", old))
    if region_key(old) != region_key(new):
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{name}' already exists in location '{old}' in resource group '{group}'. A resource with "
            f"the same name cannot be created in location '{new}'. Please select a new resource name.",
        )


def _check_empty(nested: Mapping[Any, Any]) -> None:
    if nested:
        raise ArmError(409, "CannotDeleteResource", "Can not delete resource before nested resources are deleted.")


def _begin(backend: Backend, found: Gallery | Definition | Version) -> Operation:
    def done(_: Operation) -> None:
        if found.provisioning != "Deleting":
            found.provisioning = "Succeeded"

    return backend.begin(str(found.body["location"]), backend.draw(backend.timings.model), done)


def _delete(backend: Backend, found: Gallery | Definition | Version, remove: Callable[[], object]) -> Operation:
    found.provisioning = "Deleting"

    def done(_: Operation) -> None:
        remove()

    return backend.begin(str(found.body["location"]), backend.draw(backend.timings.delete), done)
