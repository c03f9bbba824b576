"""What happened, in order: one stream of typed events, which every log, progress display and report renders.

An event carries facts, never sentences; `report.text` makes the sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from vmss_jenkins.images import ImageReference
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.preflight import Finding


@dataclass(frozen=True)
class UpdateStarted:
    """`update` looks at the model of a set."""

    scale_set: ScaleSetName
    image_before: ImageReference | None
    image_after: ImageReference


@dataclass(frozen=True)
class UpdateInstancesStarted:
    """`update_instances` knows what it will do."""

    scale_set: ScaleSetName
    chosen: str
    """The ids as the caller gave them, or `*`."""
    update: tuple[str, ...]


@dataclass(frozen=True)
class InstanceSkipped:
    """A chosen instance is left alone."""

    instance_id: str
    reason: str


@dataclass(frozen=True)
class PreflightFound:
    """The plan has something to be known."""

    finding: Finding


@dataclass(frozen=True)
class OperationAccepted:
    """Azure took a long-running operation; it goes on even if this program ends."""

    action: str
    request_id: str | None


@dataclass(frozen=True)
class OperationProgress:
    """The operation is still running."""

    action: str
    seconds: float


@dataclass(frozen=True)
class OperationSucceeded:
    """The operation ended well."""

    action: str
    seconds: float


@dataclass(frozen=True)
class WaitingForInstances:
    """Instances are awaited: another operation runs on them, or they are not healthy yet."""

    instance_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class CallRetried:
    """A call failed in a way that passes; it is made again after a wait."""

    reason: str
    attempt: int
    """The attempt that failed, from 1."""
    wait: float
    """Seconds until the next one."""


@dataclass(frozen=True)
class Interrupted:
    """Somebody stopped this program while Azure worked for it."""

    action: str
    request_id: str | None


@dataclass(frozen=True)
class UpdateFinished:
    """`update` is done."""

    scale_set: ScaleSetName
    image: ImageReference
    changed: bool
    seconds: float


@dataclass(frozen=True)
class UpdateInstancesFinished:
    """`update_instances` is done."""

    scale_set: ScaleSetName
    updated: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class RolloutStarted:
    """A rollout knows what is there."""

    scale_set: ScaleSetName
    image: ImageReference | None
    """The release to go to, or to go back to."""
    going_back: bool
    reached: int
    """Instances that have it."""
    pending: tuple[str, ...]
    """Instances to update."""
    max_unavailable: int


@dataclass(frozen=True)
class InstancesDraining:
    """Instances are taken out of the load balancer."""

    instance_ids: tuple[str, ...]
    seconds: float
    """What their open connections get."""


@dataclass(frozen=True)
class InstancesUpdating:
    """Azure was asked to update instances."""

    instance_ids: tuple[str, ...]
    request_id: str | None
    answered: bool = True
    """False where the answer was lost."""


@dataclass(frozen=True)
class InstanceDone:
    """An instance has the release and is healthy."""

    instance_id: str
    seconds: float
    """Since it was taken out of service."""


@dataclass(frozen=True)
class InstanceFailed:
    """An instance did not become what it should."""

    instance_id: str
    reason: str


@dataclass(frozen=True)
class InstancesRestored:
    """Instances are back in the load balancer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class CapacityChanged:
    """Instances came or went that this rollout did not touch."""

    joined: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True)
class GateStarted:
    """The new release is being judged."""

    stage: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class GateEnded:
    """It was judged."""

    stage: str
    instance_ids: tuple[str, ...]
    passed: bool
    reason: str
    seconds: float


@dataclass(frozen=True)
class FellBackToWaves:
    """Azure refused overlapping operations: from now on it goes in waves."""

    reason: str


@dataclass(frozen=True)
class RolloutWaiting:
    """Nothing can be done but wait."""

    reason: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class ClaimAwaited:
    """An earlier run of the same command left its claim; it is awaited until it lapses."""

    owner: str
    seconds: float


@dataclass(frozen=True)
class RollbackStarted:
    """The release is bad: the model is restored first."""

    image_from: ImageReference | None
    image_to: ImageReference
    cause: str


@dataclass(frozen=True)
class RolloutInterrupted:
    """Somebody stopped this program in the middle."""

    scale_set: ScaleSetName
    instance_ids: tuple[str, ...]
    """Those that Azure goes on updating."""
    request_ids: tuple[str, ...]


@dataclass(frozen=True)
class RolloutHalted:
    """It touches nothing more."""

    scale_set: ScaleSetName
    reason: str
    states: Mapping[str, str]
    """Every instance and how it is."""


@dataclass(frozen=True)
class RolloutFinished:
    """Every instance is as it should be."""

    scale_set: ScaleSetName
    outcome: str
    image: ImageReference | None
    updated: tuple[str, ...]
    seconds: float


Event: TypeAlias = (
    UpdateStarted
    | UpdateInstancesStarted
    | InstanceSkipped
    | PreflightFound
    | OperationAccepted
    | OperationProgress
    | OperationSucceeded
    | WaitingForInstances
    | CallRetried
    | Interrupted
    | UpdateFinished
    | UpdateInstancesFinished
    | RolloutStarted
    | InstancesDraining
    | InstancesUpdating
    | InstanceDone
    | InstanceFailed
    | InstancesRestored
    | CapacityChanged
    | GateStarted
    | GateEnded
    | FellBackToWaves
    | RolloutWaiting
    | ClaimAwaited
    | RollbackStarted
    | RolloutInterrupted
    | RolloutHalted
    | RolloutFinished
)
"""Any event."""

OnEvent = Callable[[Event], None]
"""Who is told."""
