"""Applications of galleries that a model has: how they are named, and their entries in the model.

Shapes: `VMGalleryApplication` in `virtualMachineProfile.applicationProfile.galleryApplications` of the compute API
(https://learn.microsoft.com/azure/virtual-machines/vm-applications).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vmss_jenkins.errors import ConfigError

PACKAGE = "packageReferenceId"
"""The key of an entry that names the application's version; empty for an application that the model does not have."""
FATAL = "treatFailureAsDeploymentFailure"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?"
VERSION = r"\d{1,9}\.\d{1,9}\.\d{1,9}"
_SHORT = re.compile(rf"(?P<gallery>{_NAME})/(?P<name>{_NAME})(?:/(?P<version>{VERSION}))?", re.ASCII)
_LONG = re.compile(
    rf"(?P<group>/subscriptions/[0-9a-f-]{{36}}/resourceGroups/[^/\s]{{1,90}})/providers/Microsoft\.Compute/galleries/"
    rf"(?P<gallery>{_NAME})/applications/(?P<name>{_NAME})(?:/versions/(?P<version>{VERSION}))?",
    re.ASCII | re.IGNORECASE,
)
MOST_ORDER = 2**31 - 1
"""The highest place that Azure allows."""


@dataclass(frozen=True)
class GalleryApplication:
    """An application of a gallery, as a user names it, and how the instances install it."""

    gallery: str
    name: str
    version: str = ""
    """Empty for the application without a version."""
    group: str = ""
    """The ARM id of the gallery's resource group; empty for the resource group of the scale set."""
    order: int | None = None
    """Its place among the applications of the model; None keeps what the model has."""
    failure_counts: bool | None = None
    """Whether an instance fails if the installation does; None keeps what the model has, and is true if it is new."""

    @classmethod
    def parse(cls, text: str, *, order: int | None = None, failure_counts: bool | None = None) -> GalleryApplication:
        """Read `GALLERY/APPLICATION/VERSION`, the same without a version, or an ARM id of either.

        Raises:
            ConfigError: for any other text, a version that is not exact, and a negative order.
        """
        found = _SHORT.fullmatch(text) or _LONG.fullmatch(text)
        if found is None:
            moves = text.lower().endswith("/latest")
            why = "; latest is no exact version, so nothing could be compared or rolled back" if moves else ""
            wanted = "wanted GALLERY/APPLICATION/VERSION, such as apps/site/1.0.0, or the id of a version"
            raise ConfigError("application", [f"found {text!r}; {wanted}{why}"])
        if order is not None and not 0 <= order <= MOST_ORDER:
            raise ConfigError("application", [f"found the order {order}; wanted 0 to {MOST_ORDER}"])
        parts = found.groupdict()
        group, version = parts.get("group") or "", parts["version"] or ""
        return cls(parts["gallery"], parts["name"], version, group, order, failure_counts)

    @property
    def without_version(self) -> str:
        """How a user names it without its version: `GALLERY/APPLICATION`, or its ARM id."""
        if not self.group:
            return f"{self.gallery}/{self.name}"
        return f"{self.group}/providers/Microsoft.Compute/galleries/{self.gallery}/applications/{self.name}"

    def key_beside(self, scale_set_id: str) -> str:
        """Its key, as `key_of` makes it.

        Args:
            scale_set_id: as `id_beside`.
        """
        return key_of(replace(self, version="0.0.0").id_beside(scale_set_id), scale_set_id)

    def id_beside(self, scale_set_id: str) -> str:
        """The ARM id of the version.

        Args:
            scale_set_id: the ARM id of the scale set, whose resource group has the gallery if none was named.
        """
        group = self.group or scale_set_id.partition("/providers/")[0]
        path = f"galleries/{self.gallery}/applications/{self.name}/versions/{self.version}"
        return f"{group}/providers/Microsoft.Compute/{path}"

    def entry(self, package: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """The entry of a model that brings a version.

        Args:
            package: the ARM id of the version.
            known: the entry that the model has; its other settings are kept.
        """
        counts = self.failure_counts
        if counts is None:
            counts = bool(known.get(FATAL)) if known.get(PACKAGE) else True
        order = {} if self.order is None else {"order": self.order}
        return lasting({**known, PACKAGE: package, **order, FATAL: counts})


def lasting(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry without what is left at its default, which Azure shows or leaves out."""
    return {key: value for key, value in entry.items() if value is not None and value is not False and value != ""}


def key_of(package: str, scale_set_id: str = "") -> str:
    """What all versions of an application have in common, in lower case; no other application of the set has it.

    Args:
        package: the ARM id of a version.
        scale_set_id: the ARM id of the scale set.

    Returns:
        `GALLERY/APPLICATION` for a gallery in the resource group of the set, else the ARM id of the application, since
        two groups may have galleries of the same name; the whole text if it is no version's id.
    """
    found = _parts(package)
    if found is None:
        return package.lower()
    beside = package.lower().partition("/providers/")[0] == scale_set_id.lower().partition("/providers/")[0]
    return f"{found[0]}/{found[1]}".lower() if beside else package.lower().rpartition("/versions/")[0]


def short_key(key: str) -> str:
    """The `GALLERY/APPLICATION` of a key."""
    found = _parts(f"{key}/versions/0.0.0")
    return f"{found[0]}/{found[1]}" if found else key


def short_name(package: str) -> str:
    """The name that people use for a version: `GALLERY/APPLICATION/VERSION`."""
    found = _parts(package)
    return "/".join(found) if found else package


def entries_with(
    entries: Iterable[tuple[str, Mapping[str, Any]]], key: str, new: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The entries of a model after one application changed; Azure replaces the whole list.

    Args:
        entries: those of the model, each with its key.
        key: the key of the application.
        new: its new entry; without a package it is removed.
    """
    result, added = [], not new.get(PACKAGE)
    for found, entry in entries:
        if found != key:
            result.append(dict(entry))
        elif not added:
            result.append(dict(new))
            added = True
    return result if added else [*result, dict(new)]


def _parts(package: str) -> tuple[str, str, str] | None:
    parts = package.split("/")
    match parts[-6:]:
        case [galleries, gallery, applications, name, versions, version] if (
            galleries.lower(),
            applications.lower(),
            versions.lower(),
        ) == ("galleries", "applications", "versions"):
            return gallery, name, version
    return None
