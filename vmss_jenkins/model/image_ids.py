"""The shapes of image ids, and what is wrong with a text that has none of them."""

from __future__ import annotations

import re
from enum import Enum

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?"
_VERSION = r"(?:latest|\d+\.\d+\.\d+)"
_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GROUP = rf"/subscriptions/{_GUID}/resourceGroups/[^/\s]{{1,90}}"
_COMPUTE = f"{_GROUP}/providers/Microsoft\\.Compute"


class ImageKind(Enum):
    """Where an image comes from. Azure never lets a set change between MARKETPLACE and the others."""

    MARKETPLACE = "marketplace image"
    MANAGED = "managed image"
    GALLERY = "gallery image"
    SHARED_GALLERY = "shared gallery image"
    COMMUNITY_GALLERY = "community gallery image"
    VHD = "VHD URI"


IN_GALLERIES = frozenset({ImageKind.GALLERY, ImageKind.SHARED_GALLERY, ImageKind.COMMUNITY_GALLERY})
"""The kinds that have a definition and versions in a compute gallery."""

_SHAPES: tuple[tuple[ImageKind, str, str], ...] = (
    (
        ImageKind.MANAGED,
        f"{_COMPUTE}/images/{_NAME}",
        "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Compute/images/NAME",
    ),
    (
        ImageKind.GALLERY,
        f"{_COMPUTE}/galleries/{_NAME}/images/{_NAME}(?:/versions/{_VERSION})?",
        (
            "/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Compute/galleries/GALLERY"
            "/images/DEFINITION/versions/1.2.3"
        ),
    ),
    (
        ImageKind.SHARED_GALLERY,
        f"/SharedGalleries/{_NAME}/images/{_NAME}(?:/versions/{_VERSION})?",
        "/SharedGalleries/UNIQUE-NAME/Images/DEFINITION/Versions/1.2.3",
    ),
    (
        ImageKind.COMMUNITY_GALLERY,
        f"/CommunityGalleries/{_NAME}/images/{_NAME}(?:/versions/{_VERSION})?",
        "/CommunityGalleries/PUBLIC-NAME/Images/DEFINITION/Versions/1.2.3",
    ),
    (ImageKind.VHD, r"https?://[^/\s?#]+/\S+\.vhd", "https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME.vhd"),
)


def kind_of(image_id: str) -> ImageKind | None:
    """Where an image with this id comes from; None if it is no image id."""
    for kind, pattern, _ in _SHAPES:
        if re.fullmatch(pattern, image_id, re.IGNORECASE):
            return kind
    return None


def explain(image_id: str) -> str:
    """Say what is wrong in an id: its first part that fits no known shape."""
    if image_id != image_id.strip():
        return f"{image_id!r} begins or ends with a blank; remove it"
    if image_id.endswith("/") and kind_of(image_id.rstrip("/")):
        return f"{image_id!r} ends with '/'; remove it"
    likely = [(shape, example) for _, shape, example in _SHAPES if _alike(image_id, example)]
    if not likely:
        examples = "\n      ".join(example for _, _, example in _SHAPES)
        return f"{image_id!r} is not an image id; wanted one of\n      {examples}"
    return _first_wrong_part(image_id, likely[0][1])


def _first_wrong_part(image_id: str, example: str) -> str:
    if "://" in image_id:
        return f"{image_id!r} is not a VHD URI; wanted {example}"
    found, wanted = image_id.split("/"), example.split("/")
    for position, part in enumerate(wanted):
        value = found[position] if position < len(found) else None
        if value is None or (part and not value.strip()):
            return f"{image_id!r} ends before {part!r}; wanted {example}"
        if part[:1].isalpha() and not part.isupper() and value.lower() != part.lower():
            return f"{image_id!r} has {value!r}; wanted {part!r} in its place: {example}"
        if part == "SUBSCRIPTION" and not re.fullmatch(_GUID, value, re.IGNORECASE):
            return f"{image_id!r} names the subscription {value!r}, which is not a GUID"
    return f"{image_id!r} has a part that Azure does not allow in a name or version; wanted {example}"


def _alike(image_id: str, example: str) -> bool:
    """Whether an id was meant to have the example's shape: it contains the word that only this shape has."""
    distinctive = {
        "galleries": "/galleries/",
        "SharedGalleries": "/sharedgalleries",
        "CommunityGalleries": "/communitygalleries",
    }
    for word, mark in distinctive.items():
        if f"/{word}/" in example:
            return mark in image_id.lower()
    mark = "/subscriptions" if example.startswith("/subscriptions") else "://"
    return mark in image_id.lower() and not any(word in image_id.lower() for word in distinctive.values())
