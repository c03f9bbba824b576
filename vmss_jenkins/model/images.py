"""Image references: which image a scale set installs.

The shapes are those of `ImageReference` in Azure's compute API
(https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/update) and of the step
`azureVMSSUpdate`, which took `[id]` or `[publisher, offer, sku, version]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields, replace
from enum import Enum
from functools import lru_cache

from vmss_jenkins.errors import ConfigError

SOURCE = "image reference"
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


@dataclass(frozen=True)
class ImageReference:
    """One image: either `id`, or all of `publisher`, `offer`, `sku` and `version`.

    Raises:
        ConfigError: if it is empty, incomplete, a mixture of the two, or a malformed id.
    """

    id: str | None = None
    """A managed, gallery, shared gallery or community gallery image id, or a VHD URI."""
    publisher: str | None = None
    """Marketplace publisher, such as `Canonical`."""
    offer: str | None = None
    """Marketplace offer."""
    sku: str | None = None
    """Marketplace SKU."""
    version: str | None = None
    """Marketplace version: `latest` or a number such as `22.04.202401010`."""

    def __post_init__(self) -> None:
        if reasons := tuple(self._faults()):
            raise ConfigError(SOURCE, reasons)

    def _faults(self) -> Iterator[str]:
        missing = [name for name, value in self._marketplace() if not value]
        present = [name for name, value in self._marketplace() if value]
        if self.id and present:
            yield f"found both an id and {', '.join(present)}; give either the id or the marketplace image"
        elif present and missing:
            yield f"a marketplace image needs publisher, offer, sku and version; missing: {', '.join(missing)}"
        elif not present and not self.id:
            yield "found nothing; give an id, or publisher, offer, sku and version"
        if self.id and _kind_of(self.id) is None:
            yield _explain(self.id)
        for name, value in self._marketplace():
            if value and not re.fullmatch(r"[A-Za-z0-9._-]+", value):
                yield f"{name} {value!r} is not allowed; allowed are letters, digits, '.', '_' and '-'"

    def _marketplace(self) -> tuple[tuple[str, str | None], ...]:
        return tuple((field.name, getattr(self, field.name)) for field in fields(self) if field.name != "id")

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> ImageReference:
        """Read the plugin's map: `{"id": ...}` or the four marketplace keys.

        Raises:
            ConfigError: as the class, and for keys that the plugin did not have.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(SOURCE, [f"unknown key {key!r}; known: {', '.join(sorted(known))}" for key in unknown])
        if wrong := [
            f"{key} is {value!r}; wanted a text" for key, value in values.items() if not isinstance(value, str)
        ]:
            raise ConfigError(SOURCE, wrong)
        return cls(**{key: value.strip() for key, value in values.items()})

    @classmethod
    def read(cls, value: object) -> ImageReference:
        """Read an image in any form: a reference, the plugin's map, an id, or publisher:offer:sku:version.

        Raises:
            ConfigError: as the class, and for a value of another type.
        """
        if isinstance(value, ImageReference):
            return value
        if isinstance(value, Mapping):
            return cls.from_mapping(value)
        if not isinstance(value, str):
            reason = f"found {value!r}; wanted an id, publisher:offer:sku:version, or a mapping with the key id"
            raise ConfigError(SOURCE, [reason])
        return cls.parse_urn(value) if ":" in value and "/" not in value else cls(id=value)

    @classmethod
    def parse_urn(cls, urn: str) -> ImageReference:
        """Read `publisher:offer:sku:version`, the form that `az` takes.

        Raises:
            ConfigError: if it has not four parts, or a part is empty.
        """
        parts = [part.strip() for part in urn.split(":")]
        if len(parts) != 4:  # noqa: PLR2004 - the four fields of a marketplace image
            raise ConfigError(SOURCE, [f"found {urn!r} with {len(parts)} part(s); wanted publisher:offer:sku:version"])
        return cls(publisher=parts[0], offer=parts[1], sku=parts[2], version=parts[3])

    @property
    def kind(self) -> ImageKind:
        """Where the image comes from."""
        return (_kind_of(self.id) if self.id else None) or ImageKind.MARKETPLACE

    @property
    def is_custom(self) -> bool:
        """True for every kind except a marketplace image."""
        return self.kind is not ImageKind.MARKETPLACE

    @property
    def short_name(self) -> str:
        """The name that people use for it: the image's name, with its version if it is in a gallery."""
        if not self.id:
            return str(self)
        path = self.id.split("/")
        if len(path) > 2 and path[-2].lower() == "versions":  # noqa: PLR2004 - NAME/versions/NUMBER
            return f"{path[-3]}/{path[-1]}"
        return path[-1]

    def at_version(self, version: str | None) -> ImageReference:
        """The exact version of an image that is named by `latest` or by its definition; unchanged for other images."""
        moving = re.fullmatch(r"(.*galleries/[^/]+/images/[^/]+)(/versions/latest)?", self.id or "", re.IGNORECASE)
        if not version:
            return self
        if moving:
            return ImageReference(id=f"{moving[1]}/versions/{version}")
        return replace(self, version=version) if not self.id and (self.version or "").lower() == "latest" else self

    def same_as(self, other: object) -> bool:
        """Whether both name the same image; Azure ignores case in ids."""
        return isinstance(other, ImageReference) and _key(self) == _key(other)

    def __str__(self) -> str:
        return self.id or f"{self.publisher}:{self.offer}:{self.sku}:{self.version}"


@lru_cache(maxsize=256)
def _key(image: ImageReference) -> tuple[str, ...]:
    if image.kind is ImageKind.VHD:
        return (image.id or "",)
    return tuple((value or "").lower() for value in astuple(image))


def _kind_of(image_id: str) -> ImageKind | None:
    for kind, pattern, _ in _SHAPES:
        if re.fullmatch(pattern, image_id, re.IGNORECASE):
            return kind
    return None


def _explain(image_id: str) -> str:
    """Say what is wrong in an id: its first part that fits no known shape."""
    if image_id != image_id.strip():
        return f"{image_id!r} begins or ends with a blank; remove it"
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
