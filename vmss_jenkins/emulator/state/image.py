"""A managed image, as plain state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json


@dataclass
class Image:
    """A managed image."""

    name: str
    group: str
    body: Json
    provisioning: str = "Succeeded"
