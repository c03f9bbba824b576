"""What happened, in order: one stream of typed events, which every log, progress display and report renders.

An event carries facts, never sentences; `report.text` makes the sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from vmss_jenkins.curves import CurvePoint
from vmss_jenkins.gates import Consequence, Verdict
from vmss_jenkins.instances import ScaleSetName, UpgradeMode
from vmss_jenkins.jobs import JobPlan
from vmss_jenkins.preflight import Finding
from vmss_jenkins.releases import Release
from vmss_jenkins.rollout_events import RolloutEvent
from vmss_jenkins.surge_events import SurgeEvent
from vmss_jenkins.switch_events import SwitchEvent


@dataclass(frozen=True)
class UpdateStarted:
    """`update` looks at the model of a set."""

    scale_set: ScaleSetName
    image_before: Release | None
    image_after: Release


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
class AzureCalled:
    """A request to Azure was made."""

    method: str
    path: str
    status: int | None
    """None where no answer came."""
    request_id: str | None


@dataclass(frozen=True)
class StillWaiting:
    """Nothing was told for a while, and nothing is wrong."""

    seconds: float
    """Since the last event."""


@dataclass(frozen=True)
class CommandFailed:
    """The command ended with an error."""

    error: str


@dataclass(frozen=True)
class Interrupted:
    """Somebody stopped this program while Azure worked for it."""

    action: str
    request_id: str | None


@dataclass(frozen=True)
class UpdateFinished:
    """`update` is done."""

    scale_set: ScaleSetName
    image: Release
    changed: bool
    seconds: float
    mode: UpgradeMode = UpgradeMode.MANUAL
    """In the others Azure brings the instances to it by itself."""


@dataclass(frozen=True)
class UpdateInstancesFinished:
    """`update_instances` is done."""

    scale_set: ScaleSetName
    updated: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class GateStarted:
    """A gate begins to measure."""

    gate: str
    stage: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class GateMeasured:
    """A gate has some of its samples, and goes on."""

    gate: str
    samples: int
    planned: int


@dataclass(frozen=True)
class GateSampled:
    """What a gate measured since it was told last, drawn together by time."""

    gate: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class GateJudged:
    """A gate has its verdict."""

    verdict: Verdict
    consequence: Consequence


@dataclass(frozen=True)
class SeedPlanned:
    """The seeder knows what it will do."""

    server: str
    plan: JobPlan


@dataclass(frozen=True)
class FolderCreated:
    """A folder was made on a Jenkins server."""

    path: str


@dataclass(frozen=True)
class JobChanged:
    """A job on a Jenkins server was created, updated or deleted."""

    path: str
    change: str
    """`created`, `updated` or `deleted`."""
    done: int
    """How many are changed by now."""
    total: int


@dataclass(frozen=True)
class SeedFinished:
    """A Jenkins server has the jobs that are wanted."""

    created: int
    updated: int
    deleted: int
    unchanged: int
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
    | AzureCalled
    | StillWaiting
    | CommandFailed
    | Interrupted
    | UpdateFinished
    | UpdateInstancesFinished
    | GateStarted
    | GateMeasured
    | GateSampled
    | GateJudged
    | RolloutEvent
    | SurgeEvent
    | SwitchEvent
    | SeedPlanned
    | FolderCreated
    | JobChanged
    | SeedFinished
)
"""Any event."""

OnEvent = Callable[[Event], None]
"""Who is told."""
