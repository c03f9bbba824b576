"""Compute galleries with their definitions and versions, as plain state; the room ``galleries`` has the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.scenario.release import Release

Kind = Literal["images", "applications"]
"""What a definition is of, as in its path."""


@dataclass
class Replica:
    """The copy of a version in one region."""

    region: str
    since: float
    """When its replication began."""
    seconds: float
    """How long that takes; infinite if it never ends."""
    state: Literal["Replicating", "Completed", "Failed"] = "Replicating"

    def progress(self, now: float) -> int:
        """Return how much is copied, in percent."""
        if self.state == "Completed":
            return 100
        return int(100 * (now - self.since) / self.seconds) if self.seconds else 0


@dataclass
class Version:
    """A version of an image or of an application."""

    name: str
    body: Json
    published: float
    release: Release | None = None
    """What an image serves; None for an application."""
    package: str = ""
    """The text of an application's package."""
    replicas: dict[str, Replica] = field(default_factory=dict)
    """By region, in lower case without spaces."""
    provisioning: str = "Creating"

    @property
    def number(self) -> tuple[int, ...]:
        """Its name as numbers, which give the order of versions."""
        return tuple(int(part) for part in self.name.split("."))

    @property
    def profile(self) -> Json:
        """Its ``publishingProfile``."""
        found: Json = self.body["properties"]["publishingProfile"]
        return found

    def is_in(self, region: str) -> bool:
        """Whether it is replicated to a region."""
        replica = self.replicas.get(region_key(region))
        return replica is not None and replica.state == "Completed" and self.provisioning != "Deleting"


@dataclass
class Definition:
    """An image definition or an application of a gallery."""

    name: str
    body: Json
    versions: dict[str, Version] = field(default_factory=dict)
    """By name."""
    provisioning: str = "Creating"


@dataclass
class Gallery:
    """A compute gallery."""

    name: str
    group: str
    body: Json
    definitions: dict[tuple[Kind, str], Definition] = field(default_factory=dict)
    """By kind and name in lower case."""
    provisioning: str = "Creating"

    def of(self, kind: Kind) -> list[Definition]:
        """Return the definitions of one kind."""
        return [definition for (found, _), definition in self.definitions.items() if found == kind]


def region_key(region: str) -> str:
    """Return the name of a region as a key: ``West Europe`` and ``westeurope`` are the same."""
    return region.replace(" ", "").lower()
