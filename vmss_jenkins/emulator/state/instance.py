"""Instances of scale sets and the models that they run, as plain state.

The room ``compute`` has the rules that change them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.disclosure import disclosed

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.operation import Operation


@dataclass(frozen=True)
class Model:
    """One version of a set's model; two with equal content are the same model."""

    profile: Json
    """The ``virtualMachineProfile``, never changed in place."""
    size: str
    """The name of the sku."""
    version: str = ""
    """Which version the image was when a client last wrote its reference; empty for a managed image."""

    @cached_property
    def disclosed(self) -> Json:
        """The profile without secrets, made once for all instances; never changed in place either."""
        shown: Json = disclosed(self.profile)
        return shown

    @property
    def extensions(self) -> list[Json]:
        """The extensions, as clients write them."""
        found: list[Json] = self.profile.get("extensionProfile", {}).get("extensions", [])
        return found

    @property
    def image(self) -> Json:
        """The ``imageReference``, or ``{"uri": ...}`` of a VHD."""
        storage = self.profile.get("storageProfile", {})
        reference: Json = storage.get("imageReference") or storage.get("osDisk", {}).get("image", {})
        return reference


@dataclass(frozen=True)
class ExtensionRun:
    """One run of an extension on an instance."""

    inputs: Json
    """Its settings: the extension runs again if they change."""
    when: float
    scripts: tuple[str, ...] = ()
    """The scripts that it ran, in their order."""
    error: Json | None = None


@dataclass(frozen=True)
class ApplicationRun:
    """The last action on an application of an instance."""

    name: str
    version: str
    action: str
    """Install or Update."""
    when: float
    configuration: str
    scripts: tuple[str, ...] = ()
    """The scripts that made what is installed now."""
    error: str = ""
    """Why it failed; empty if it did not."""
    is_fatal: bool = False
    """Whether its failure is one of the instance."""


@dataclass
class Instance:
    """One virtual machine of a set."""

    id: str
    name: str
    number: int
    """Its number in the set; deleted instances are counted too."""
    zone: str | None
    fault_domain: int
    vm_id: str
    created: float
    model: Model
    image: Json
    """The image of its disk, as a model names it: a reimage changes it and not the model."""
    disk: Release
    """The release in that image."""
    release: Release
    """What it serves: the release of the disk, changed by the extensions' scripts."""
    version: str = ""
    """Which version of the image its disk was made of; empty for a managed image."""
    ran: dict[str, ExtensionRun] = field(default_factory=dict)
    """The last run of each extension, by its name."""
    applications: dict[str, ApplicationRun] = field(default_factory=dict)
    """The applications of galleries that it has, by a key for each."""
    provisioning: str = "Creating"
    power: str = "starting"
    changed: float = 0.0
    """When ``provisioning`` last changed."""
    healthy_at: float = 0.0
    """The time when its health is known after it came up."""
    protected_from_scale_in: bool = False
    protected_from_actions: bool = False
    operation: Operation | None = None
    """The operation that works on it now."""
    repairing: bool = False
    """Whether an automatic repair works on it."""
    repaired: bool = False
    """Whether an automatic repair made or changed it, and it has not been healthy since."""
    failing: bool = False
    """Whether a fault will make that operation fail on it."""
    up: bool = False
    """Whether it serves."""
    up_since: float = 0.0
