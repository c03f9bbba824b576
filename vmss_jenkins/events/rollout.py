"""What happens in a rollout: each instance, each step, how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.releases import Release


class InstanceState(Enum):
    """The state of an instance in a rollout, as reports show it."""

    OLD = "old"
    """It runs another release than the new one and is healthy."""
    UPDATING = "updating"
    """Down for its update, or coming up."""
    NEW = "new"
    """It has the new release and is healthy."""
    UNHEALTHY = "unhealthy"
    """It failed, or is not healthy; other events say whether the rollout caused it."""
    SKIPPED = "skipped"
    """Left alone."""
    CREATING = "creating"
    """It is being created by a surge; it serves nothing yet."""
    DELETING = "deleting"
    """It is being deleted; others serve in its place."""
    DELETED = "deleted"
    """It no longer exists."""


@dataclass(frozen=True)
class InstanceSeen:
    """An instance and its state."""

    instance_id: str
    zone: str | None
    state: InstanceState


@dataclass(frozen=True)
class RolloutPlanned(Event):
    """A run begins: what is wanted, by whom, and what is there."""

    scale_set: ScaleSetName
    image_from: Release | None
    """What runs, as far as it is another image."""
    image_to: Release | None
    """Where this run goes; None for what the model has."""
    rolling_back: bool
    owner: str
    """Who runs which command."""
    build: str
    """URL of the build in Jenkins; empty for none."""
    strategy: str
    canary: str
    """How many go first; empty for no canary."""
    max_unavailable: str
    on_failure: str
    timeout: float
    """Seconds for the rollout, and as many again for a rollback."""
    instances: tuple[InstanceSeen, ...] = ()
    max_surge: str = ""
    """How many more there may be at a time, where instances are replaced; empty where they are updated."""


@dataclass(frozen=True)
class InstanceChanged(Event):
    """An instance stands otherwise than before."""

    instance_id: str
    zone: str | None
    state: InstanceState


@dataclass(frozen=True)
class RolloutStarted(Event):
    """A rollout knows what is there."""

    scale_set: ScaleSetName
    image: Release | None
    """The release to go to, or to go back to."""
    rolling_back: bool
    have_it: int
    """Instances that have it."""
    pending: tuple[str, ...]
    """Instances to update, or to replace."""
    max_unavailable: int
    surge: int = 0
    """How many more there may be at a time; 0 where they are updated."""


@dataclass(frozen=True)
class OtherActorsFound(Event):
    """Who else may act on the set in the middle of the run, before its first change."""

    scale_set: ScaleSetName
    actors: tuple[OtherActor, ...]


@dataclass(frozen=True)
class NotDraining(Event):
    """Instances behind a load balancer go down without being taken out of it first."""

    scale_set: ScaleSetName


@dataclass(frozen=True)
class InstancesDraining(Event):
    """Instances are taken out of the load balancer."""

    instance_ids: tuple[str, ...]
    seconds: float
    """What their open connections get."""
    not_drained: Mapping[str, str]
    """Instances that still get new connections, with the reason."""


@dataclass(frozen=True)
class InstancesUpdating(Event):
    """Azure was asked to update instances."""

    instance_ids: tuple[str, ...]
    request_id: str | None
    answered: bool = True
    """False where the answer was lost."""


@dataclass(frozen=True)
class InstanceDone(Event):
    """An instance has the release and is healthy."""

    instance_id: str
    seconds: float
    """Since Azure was asked to update it."""


@dataclass(frozen=True)
class InstanceFailed(Event):
    """An instance did not become what it should."""

    instance_id: str
    reason: str


@dataclass(frozen=True)
class InstancesRestored(Event):
    """Instances are back in the load balancer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class CapacityChanged(Event):
    """Instances came or went that this rollout did not touch."""

    joined: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True)
class CanaryLost(Event):
    """The canary is gone or does not run any more, by no doing of the rollout: another one is judged."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class FellBackToWaves(Event):
    """Azure refused overlapping operations: from now on it goes in waves."""

    reason: str


@dataclass(frozen=True)
class RolloutWaiting(Event):
    """Nothing can be done but wait."""

    reason: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class LockAwaited(Event):
    """An earlier run of the same command holds the lock and does not renew it; repeated once a minute."""

    owner: str
    seconds: float
    """Until the lock expires, unless it is renewed."""


@dataclass(frozen=True)
class LockTakenOver(Event):
    """The process that held the lock has ended on this machine, so this run takes the lock over at once."""

    owner: str
    """Who ran which command in that process."""
    process: str
    """The process: its machine, its id and when it started."""


@dataclass(frozen=True)
class RollbackStarted(Event):
    """The release is bad: the model is restored first."""

    image_from: Release | None
    image_to: Release
    cause: str


@dataclass(frozen=True)
class RolloutInterrupted(Event):
    """Somebody stopped this program in the middle."""

    scale_set: ScaleSetName
    instance_ids: tuple[str, ...]
    """Those that Azure goes on updating."""
    request_ids: tuple[str, ...]


@dataclass(frozen=True)
class RolloutHalted(Event):
    """It touches nothing more; the state of every instance follows."""

    scale_set: ScaleSetName
    reason: str
    final: FinalState = field(default_factory=FinalState)
    """Which instances have the release, by a last read."""


@dataclass(frozen=True)
class InstanceLeft(Event):
    """How an instance is where a rollout halted."""

    instance_id: str
    state: str


@dataclass(frozen=True)
class RolloutFinished(Event):
    """The run ends, and every wanted instance has the release."""

    scale_set: ScaleSetName
    outcome: str
    image: Release | None
    updated: tuple[str, ...]
    seconds: float
    removed: tuple[str, ...] = ()
    """Instances that were deleted, where `updated` were made in their place."""
    final: FinalState = field(default_factory=FinalState)
    """Which instances have the release, by a last read."""
