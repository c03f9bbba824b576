"""The ``imageReference`` of a model: which keys name an image, and which image they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

PLATFORM_KEYS = ("publisher", "offer", "sku", "version")
CUSTOM_KEYS = ("id", "sharedGalleryImageId", "communityGalleryImageId", "uri")
_KEYS = (*PLATFORM_KEYS, *CUSTOM_KEYS)


def image_key(reference: Json) -> tuple[str, ...]:
    """Return a key that is the same for the same image; Azure ignores upper and lower case in it."""
    return tuple(str(reference.get(key, "")).lower() for key in _KEYS)
