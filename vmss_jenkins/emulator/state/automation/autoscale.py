"""An autoscale setting, as plain state; the room ``insights`` has the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json


@dataclass
class AutoscaleSetting:
    """An autoscale setting: ``body`` is the resource as clients write it."""

    name: str
    group: str
    body: Json
    scaled: float = 0.0
    """When it last changed the capacity."""
    watched: bool = False
    """Whether its next evaluation is scheduled."""

    @property
    def target(self) -> str:
        """The resource id of the set, in lower case."""
        return str(self.body["properties"].get("targetResourceUri", "")).lower()

    @property
    def enabled(self) -> bool:
        """Whether it acts."""
        return bool(self.body["properties"].get("enabled", True))


@dataclass(frozen=True)
class Metric:
    """The value of a metric of a set, as somebody reported it to the emulator."""

    value: float
    since: float
    """The time from which it has had that value."""
