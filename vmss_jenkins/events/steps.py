"""Events of the two mirrored steps, `update` and `update_instances`."""

from __future__ import annotations

from dataclasses import dataclass, field

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.instances import ScaleSetName, UpgradeMode
from vmss_jenkins.model.releases import Release


@dataclass(frozen=True)
class UpdateStarted(Event):
    """`update` has read the model of a set."""

    scale_set: ScaleSetName
    image_before: Release | None
    image_after: Release


@dataclass(frozen=True)
class UpdateInstancesStarted(Event):
    """The plan of `update_instances` is made."""

    scale_set: ScaleSetName
    chosen: str
    """The ids that the caller gave, or `*`."""
    update: tuple[str, ...]


@dataclass(frozen=True)
class InstanceSkipped(Event):
    """A chosen instance is skipped."""

    instance_id: str
    reason: str


@dataclass(frozen=True)
class PreflightFound(Event):
    """The user must know something about the plan."""

    finding: Finding


@dataclass(frozen=True)
class UpdateFinished(Event):
    """`update` is done."""

    scale_set: ScaleSetName
    image: Release
    changed: bool
    seconds: float
    mode: UpgradeMode = UpgradeMode.MANUAL
    """In modes other than Manual, Azure updates the instances by itself."""


@dataclass(frozen=True)
class UpdateInstancesFinished(Event):
    """`update_instances` is done."""

    scale_set: ScaleSetName
    updated: tuple[str, ...]
    seconds: float
    final: FinalState = field(default_factory=FinalState)
    """Which of the chosen instances have the latest model, by a last read."""
