"""Events of a surge: instances that are created and deleted."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.instances import ScaleSetName


@dataclass(frozen=True)
class SurgeResumed(Event):
    """An earlier run left the set with more or fewer instances than wanted."""

    scale_set: ScaleSetName
    wanted: int
    """The number of instances at the end, as the earlier run recorded it."""
    capacity: int


@dataclass(frozen=True)
class ScaledByOthers(Event):
    """Somebody else changed the capacity."""

    scale_set: ScaleSetName
    capacity: int
    wanted: int
    """The number of instances at the end that follows from it."""


@dataclass(frozen=True)
class ScalingOut(Event):
    """Azure was asked for more instances, which get the model's release."""

    scale_set: ScaleSetName
    capacity_before: int
    capacity: int
    request_id: str | None
    answered: bool = True
    """False if the answer was lost."""


@dataclass(frozen=True)
class CapacityGivenUp(Event):
    """The capacity is lowered by instances that Azure could not create."""

    scale_set: ScaleSetName
    capacity_before: int
    capacity: int


@dataclass(frozen=True)
class InstancesRemoving(Event):
    """Azure was asked to delete instances."""

    instance_ids: tuple[str, ...]
    request_id: str | None
    answered: bool = True
    """False if the answer was lost."""


@dataclass(frozen=True)
class InstanceRemoved(Event):
    """An instance was deleted."""

    instance_id: str
