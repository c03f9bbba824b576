"""Which image the ``imageReference`` of a model means now: the newest version, if it names one that moves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.arm.image_reference import CUSTOM_KEYS, PLATFORM_KEYS, image_key
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.galleries.compatibility import ELSEWHERE
from vmss_jenkins.emulator.scenario.release import Release
from vmss_jenkins.emulator.scenario.scenario import CLIENT_ID
from vmss_jenkins.emulator.state.gallery import Definition, Kind, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_jenkins.emulator.state.backend import Backend

EXACT_VERSION_OF_LATEST = "1.0.0"
"""The version of a platform image that the scenario names by ``latest`` alone."""
LATEST = "latest"
READ = "Microsoft.Compute/galleries/images/versions/read"

_GALLERY = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers/Microsoft\.Compute"
    r"/galleries/(?P<gallery>[^/]+)/(?P<kind>images|applications)/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"(?P<image>/.*galleries/[^/]+/images/[^/]+)(?:/versions/(?P<version>[^/]+))?", re.IGNORECASE)


@dataclass(frozen=True)
class FoundImage:
    """The image that a reference means at a time."""

    release: Release
    version: str = ""
    """Its exact version; empty for a managed image or a VHD."""


@dataclass(frozen=True)
class GalleryId:
    """The resource id of a definition of a gallery, or of a version of it."""

    subscription: str
    group: str
    gallery: str
    kind: str
    name: str
    version: str
    """Empty or ``latest`` if it names whatever is the newest."""

    @property
    def moves(self) -> bool:
        """Whether it means another version when one is published."""
        return self.version.lower() in ("", LATEST)


def gallery_id(text: str) -> GalleryId | None:
    """Return the parts of a resource id, or None if it is not one of a definition or version of a gallery."""
    found = _GALLERY.fullmatch(text)
    return GalleryId(**{key: value or "" for key, value in found.groupdict().items()}) if found else None


def number(version: str) -> tuple[int, ...]:
    """Return a version as numbers; text that is no number comes first."""
    return tuple(int(part) if part.isdecimal() else -1 for part in version.split("."))


def find(backend: Backend, reference: Json, location: str) -> FoundImage | None:
    """Return the image that a reference means now in a region, or None if there is none."""
    parsed = gallery_id(str(reference.get("id", "")))
    if parsed is not None and parsed.subscription.lower() == backend.scenario.subscription_id.lower():
        version = find_version(backend, parsed, location)
        return FoundImage(version.release, version.name) if version and version.release else None
    if elsewhere := _ELSEWHERE.fullmatch(gallery_image(reference)):
        return _of_another_gallery(backend, reference, elsewhere["image"].lower(), elsewhere["version"] or "")
    if all(reference.get(key) for key in PLATFORM_KEYS):
        return _of_platform(backend, reference)
    release = backend.release(reference)
    return FoundImage(release) if release is not None else None


def moves(reference: Json) -> bool:
    """Whether a reference means another image when a newer version is published."""
    if reference.get("publisher"):
        return str(reference.get("version", "")).lower() == LATEST
    image = gallery_image(reference)
    named = gallery_id(image) or _ELSEWHERE.fullmatch(image)
    if isinstance(named, GalleryId):
        return named.moves
    return named is not None and (named["version"] or LATEST).lower() == LATEST


def gallery_image(reference: Json) -> str:
    """Return the id by which a reference names an image, be it shared or a community's; an empty text for others."""
    return next((str(reference[key]) for key in CUSTOM_KEYS[:3] if reference.get(key)), "")


def find_definition(backend: Backend, parsed: GalleryId) -> Definition | None:
    """Return the definition that an id names, or None."""
    if parsed.subscription.lower() != backend.scenario.subscription_id.lower():
        return None
    gallery = backend.galleries.get((parsed.group.lower(), parsed.gallery.lower()))
    kind: Kind = "images" if parsed.kind.lower() == "images" else "applications"
    return gallery.definitions.get((kind, parsed.name.lower())) if gallery else None


def definition_properties(backend: Backend, reference: Json) -> Json:
    """Return the properties of the definition that a model's reference names, or nothing if it names none."""
    parsed = gallery_id(str(reference.get("id", "")))
    definition = find_definition(backend, parsed) if parsed else None
    if definition:
        properties: Json = definition.body["properties"]
        return properties
    return ELSEWHERE if parsed is None and _ELSEWHERE.fullmatch(gallery_image(reference)) else {}


def find_version(backend: Backend, parsed: GalleryId, location: str) -> Version | None:
    """Return the version that an id means now in a region, or None if none is replicated to it."""
    definition = find_definition(backend, parsed)
    if definition is None:
        return None
    if not parsed.moves:
        version = definition.versions.get(parsed.version)
        return version if version and version.is_in(location) else None
    return newest(definition.versions.values(), location)


def newest(versions: Iterable[Version], location: str) -> Version | None:
    """Return the newest version that ``latest`` may mean in a region.

    Azure passes over versions that are excluded from latest or not replicated; the end of life is only information.
    """
    usable = [v for v in versions if v.is_in(location) and not v.profile.get("excludeFromLatest")]
    return max(usable, key=lambda version: version.number, default=None)


def versions_elsewhere(backend: Backend, kind: str, image: str) -> dict[str, Release]:
    """Return the versions of an image in somebody else's gallery; ``kind`` is the field that names it."""
    at, prefix = image_key({kind: "x"}).index("x"), f"{image.lower()}/versions/"
    named = ((key[at], release) for key, release in backend.published.items())
    return {text.removeprefix(prefix): release for text, release in named if text.startswith(prefix)}


def _of_another_gallery(backend: Backend, reference: Json, image: str, version: str) -> FoundImage | None:
    kind = next(key for key in CUSTOM_KEYS if reference.get(key))
    known = versions_elsewhere(backend, kind, image)
    if version.lower() in ("", LATEST):
        version = max(known, key=number, default="")
    return FoundImage(known[version], version) if version in known else None


def platform_versions(backend: Backend, publisher: str, offer: str, sku: str) -> dict[str, Release]:
    """Return what there is of a platform image, by version."""
    image = (publisher.lower(), offer.lower(), sku.lower())
    found = {key[3]: release for key, release in backend.published.items() if key[:3] == image}
    if LATEST in found:
        found.setdefault(EXACT_VERSION_OF_LATEST, found.pop(LATEST))
    return found


def _of_platform(backend: Backend, reference: Json) -> FoundImage | None:
    *image, version = (str(reference[key]) for key in PLATFORM_KEYS)
    known = platform_versions(backend, *image)
    if version.lower() == LATEST:
        version = max(known, key=number, default="")
    return FoundImage(known[version.lower()], version) if version.lower() in known else None


def label(reference: Json, version: str) -> str:
    """Return a short name of an image: ``definition/version``, the name of a managed image, or a URN."""
    text = str(gallery_image(reference) or ":".join(map(str, reference.values())))
    parts = text.split("/")
    lowered = [part.lower() for part in parts]
    if version and "images" in lowered:
        return f"{parts[lowered.index('images') + 1]}/{version}"
    return parts[-1]


def check(backend: Backend, reference: Json, location: str) -> FoundImage:
    """Return the image that a model's reference means; raises ``ArmError`` 400, 403 or 404."""
    platform = [key for key in PLATFORM_KEYS if reference.get(key)]
    custom = [key for key in CUSTOM_KEYS if reference.get(key)]
    if len(custom) != (0 if platform else 1) or len(platform) not in (0, len(PLATFORM_KEYS)):
        message = "imageReference needs exactly one of an image id or all of publisher, offer, sku and version."
        raise invalid_parameter(message, "imageReference")
    found = find(backend, reference, location)
    if found is None:
        raise missing(backend, reference, location)
    return found


def check_linked(backend: Backend, reference: Json) -> None:
    """Refuse a request whose caller may not read the gallery's image that it names; raises ``ArmError`` 403.

    Azure checks that on what a request names, be it in the same group.
    """
    if gallery_id(str(reference.get("id", ""))) and not backend.scenario.allows(READ):
        raise _not_linked(backend, str(reference["id"]))


def missing(backend: Backend, reference: Json, location: str) -> ArmError:
    """Return Azure's error for a reference that means no image in a region."""
    if reference.get("publisher"):
        image = ":".join(str(reference[key]) for key in PLATFORM_KEYS)
        advice = "Verify that all fields in the storage profile are correct."
        text = f"The platform image '{image}' is not available. {advice}"
        return ArmError(404, "PlatformImageNotFound", text, target="imageReference")
    image = next(str(reference[key]) for key in CUSTOM_KEYS if reference.get(key))
    if "/images/" in image.lower() and "galleries" not in image.lower():
        return ArmError(404, "NotFound", f"The Image '{image}' cannot be found in '{location}' region.")
    parsed = gallery_id(image)
    if parsed and parsed.subscription.lower() != backend.scenario.subscription_id.lower():
        return _not_linked(backend, image)
    if parsed and parsed.moves and find_definition(backend, parsed):
        text = (
            f"In region {location}, the following list of Shared Image Gallery images referenced from the deployment "
            f"template were not found: {image}. Please check that at least one image has been replicated to {location} "
            "or that the 'exclude from latest' flag is set to false. Please refer to "
            "https://docs.microsoft.com/en-us/azure/virtual-machines/windows/shared-image-galleries for instructions "
            "on creating and deleting such images."
        )
        return invalid_parameter(text, "imageReference")
    return not_in_region(image, location)


def not_in_region(image: str, location: str, target: str = "imageReference") -> ArmError:
    """Return Azure's error for a version of an image or application that is not replicated to a region, or is gone."""
    text = (
        f"The gallery image {image} is not available in {location} region. Please contact image owner to replicate "
        "to this region, or change your requested region."
    )
    return ArmError(404, "GalleryImageNotFound", text, target=target)


def _not_linked(backend: Backend, image: str) -> ArmError:
    client = CLIENT_ID
    text = (
        f"The client '{client}' with object id '{client}' has permission to perform action "
        "'Microsoft.Compute/virtualMachineScaleSets/write' on scope "
        f"'/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{backend.scenario.resource_group}'; "
        f"however, it does not have permission to perform action(s) '{READ}' on "
        f" the linked scope(s) '{image}' (respectively) or the linked scope(s) are invalid."
    )
    return ArmError(403, "LinkedAuthorizationFailed", text)
