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
from vmss_jenkins.model.image_ids import ImageKind, explain, kind_of

SOURCE = "image reference"


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
        if self.id and kind_of(self.id) is None:
            yield explain(self.id)
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
        return (kind_of(self.id) if self.id else None) or ImageKind.MARKETPLACE

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

    @property
    def moves(self) -> bool:
        """Whether it names the newest version, so that what it means changes: `latest`, or a gallery's definition."""
        return bool(_definition(self.id)) if self.id else (self.version or "").lower() == "latest"

    def at_version(self, version: str | None) -> ImageReference:
        """The exact version of an image that moves; unchanged for other images."""
        if not version or not self.moves:
            return self
        if self.id:
            return ImageReference(id=f"{_definition(self.id)}/versions/{version}")
        return replace(self, version=version)

    @property
    def exact_version(self) -> str | None:
        """The number of the version; None if it moves, or has no versions."""
        numbered = re.fullmatch(r".*galleries/[^/]+/images/[^/]+/versions/([^/]+)", self.id or "", re.IGNORECASE)
        number = (numbered[1] if numbered else None) if self.id else self.version
        return None if self.moves else number

    def is_version_of(self, other: object) -> bool:
        """Whether it is an exact version of an image that moves."""
        version = self.exact_version
        return (
            version is not None
            and isinstance(other, ImageReference)
            and other.moves
            and (self.same_as(other.at_version(version)))
        )

    def is_newer_than(self, other: ImageReference) -> bool:
        """Whether both are exact versions of the same image, and this one has the higher number."""
        if self.exact_version is None or other.exact_version is None:
            return False
        same = self.same_as(other.with_version(self.exact_version))
        return same and version_key(self.exact_version) > version_key(other.exact_version)

    def with_version(self, version: str) -> ImageReference:
        """Another exact version of the same image."""
        if not self.id:
            return replace(self, version=version)
        return ImageReference(id=re.sub(r"(?i)(/versions/)[^/]+$", rf"\g<1>{version}", self.id))

    def same_as(self, other: object) -> bool:
        """Whether both name the same image; Azure ignores case in ids."""
        return isinstance(other, ImageReference) and _key(self) == _key(other)

    def __str__(self) -> str:
        return self.id or f"{self.publisher}:{self.offer}:{self.sku}:{self.version}"


def version_key(version: str) -> tuple[int, ...]:
    """A key that sorts versions: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def _definition(image_id: str | None) -> str | None:
    """The id of the gallery's definition, if an id names it without a version or with `latest`."""
    found = re.fullmatch(r"(.*galleries/[^/]+/images/[^/]+)(/versions/latest)?", image_id or "", re.IGNORECASE)
    return found[1] if found else None


class MovingImage(Enum):
    """What the model gets if a release is named by something that moves."""

    PIN = "pin"
    """The exact version: a version that is published later changes nothing."""
    FLOAT = "float"
    """The moving name, sent again: new instances of autoscale get the newest version."""


@dataclass(frozen=True)
class ResolvedImage:
    """An image that moves, and the version that it means in a rollout."""

    named: ImageReference
    """The moving name."""
    exact: ImageReference
    """Its newest version that can be used, when the rollout began."""
    floats: bool = False
    """Whether the model keeps the moving name."""
    passed_over: str = ""
    """The newer versions that cannot be used, with the reasons, for people."""

    @property
    def explained(self) -> str:
        """What the name means now and what the model gets, for people."""
        name = self.named.short_name
        gets = f"keeps naming {name}, sent again" if self.floats else "gets exactly this version"
        newer = f" (newer, but passed over: {self.passed_over})" if self.passed_over else ""
        return f"the newest version of {name} that can be used is {self.exact.short_name}{newer}; the model {gets}"


@lru_cache(maxsize=256)
def _key(image: ImageReference) -> tuple[str, ...]:
    if image.kind is ImageKind.VHD:
        return (image.id or "",)
    return tuple((value or "").lower() for value in astuple(image))
