"""What happens in a surge: the events of `events.Event` that only rollouts have that replace instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vmss_jenkins.instances import ScaleSetName


@dataclass(frozen=True)
class SurgeResumed:
    """An earlier run left the set with other than the wanted number of instances."""

    scale_set: ScaleSetName
    wanted: int
    """Instances in the end, as it was written down."""
    capacity: int


@dataclass(frozen=True)
class ScaledByOthers:
    """Somebody else changed the capacity."""

    scale_set: ScaleSetName
    capacity: int
    wanted: int
    """Instances in the end, as follows from it."""


@dataclass(frozen=True)
class ScalingOut:
    """Azure was asked for more instances, which come with the model's release."""

    scale_set: ScaleSetName
    capacity_before: int
    capacity: int
    request_id: str | None
    answered: bool = True
    """False where the answer was lost."""


@dataclass(frozen=True)
class CapacityGivenUp:
    """Instances that Azure could not make are no longer wanted."""

    scale_set: ScaleSetName
    capacity_before: int
    capacity: int


@dataclass(frozen=True)
class InstancesRemoving:
    """Azure was asked to delete instances."""

    instance_ids: tuple[str, ...]
    request_id: str | None
    answered: bool = True
    """False where the answer was lost."""


@dataclass(frozen=True)
class InstanceRemoved:
    """An instance that was to be deleted is gone."""

    instance_id: str


SurgeEvent: TypeAlias = (
    SurgeResumed | ScaledByOthers | ScalingOut | CapacityGivenUp | InstancesRemoving | InstanceRemoved
)
"""Any event of a surge."""
