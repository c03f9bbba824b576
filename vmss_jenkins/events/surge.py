"""What happens in a surge: instances that are made and deleted."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.instances import ScaleSetName


@dataclass(frozen=True)
class SurgeResumed(Event):
    """An earlier run left the set with other than the wanted number of instances."""

    scale_set: ScaleSetName
    wanted: int
    """Instances in the end, as it was written down."""
    capacity: int


@dataclass(frozen=True)
class ScaledByOthers(Event):
    """Somebody else changed the capacity."""

    scale_set: ScaleSetName
    capacity: int
    wanted: int
    """Instances in the end, as follows from it."""


@dataclass(frozen=True)
class ScalingOut(Event):
    """Azure was asked for more instances, which come with the model's release."""

    scale_set: ScaleSetName
    capacity_before: int
    capacity: int
    request_id: str | None
    answered: bool = True
    """False where the answer was lost."""


@dataclass(frozen=True)
class CapacityGivenUp(Event):
    """Instances that Azure could not make are no longer wanted."""

    scale_set: ScaleSetName
    capacity_before: int
    capacity: int


@dataclass(frozen=True)
class InstancesRemoving(Event):
    """Azure was asked to delete instances."""

    instance_ids: tuple[str, ...]
    request_id: str | None
    answered: bool = True
    """False where the answer was lost."""


@dataclass(frozen=True)
class InstanceRemoved(Event):
    """An instance that was to be deleted is gone."""

    instance_id: str
