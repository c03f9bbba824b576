"""A resource group, as plain state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json


@dataclass
class ResourceGroup:
    """A resource group."""

    name: str
    location: str
    tags: Json = field(default_factory=dict)
    provisioning: str = "Succeeded"
