"""What is wanted of a rollout, and the actions that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.history import Stage
from vmss_jenkins.rollout.plan.selection import Amount, Scope


class Strategy(Enum):
    """How the steps follow each other."""

    WAVES = "waves"
    """A batch, all of it healthy, the next batch: Azure's own way, and one call a batch."""
    WINDOW = "window"
    """As soon as one instance is healthy the next one starts, so that a slow one holds nobody up."""
    SURGE = "surge"
    """Nothing is updated: new instances are made first, and old ones removed when those are good."""


class OnFailure(Enum):
    """What happens when the new release turns out bad."""

    STOP = "stop"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class RolloutSpec:
    """What is wanted of a rollout; times in seconds."""

    scope: Scope = field(default_factory=Scope)
    canary: Amount | None = None
    """How many go first; None for no canary."""
    canary_only: bool = False
    """Stop when the canary is judged."""
    max_unavailable: Amount = field(default_factory=lambda: Amount(10, is_percent=True))
    """How many may be down at a time, rounded down, at least 1."""
    max_surge: Amount | None = None
    """How many more there may be at a time where instances are replaced, rounded up; None: as many as the canary."""
    strategy: Strategy = Strategy.WAVES
    pause: float = 0.0
    """From a passed gate to the next update: after the canary and, in waves, after each batch."""
    min_healthy_time: float = 0.0
    """How long an instance has to be healthy without a break until it counts as done."""
    instance_timeout: float = 900.0
    """From the update of an instance until it is healthy."""
    timeout: float = 7200.0
    """For the way forward, and once more for the way back."""
    max_failed: int = 0
    """Failed instances that do not stop the others; in the end they are told all the same."""
    idle: bool = False
    """The set serves nobody, so that all of a zone may be down: the idle one of a blue-green pair."""
    ids_per_call: int = 100
    on_failure: OnFailure = OnFailure.ROLLBACK
    rollback_to: Release | None = None
    """None: the one other image that the instances run."""
    allow_unknown_autoscale: bool = False
    """Replace instances though nobody can tell whether autoscale is on."""
    drain: float | None = None
    """From taking an instance out of the load balancer to its update; None: it is not taken out."""

    def canary_of(self, total: int) -> int:
        """How many of so many instances are the canary; 0 for none."""
        return self.canary.rounded_up(total) if self.canary else 0

    def surge_of(self, total: int) -> int:
        """How many more there may be at a time, after the canary."""
        return self.max_surge.rounded_up(total) if self.max_surge else max(1, self.canary_of(total))


@dataclass(frozen=True)
class SetModel:
    """Set the model's image to the new release."""

    image: Release


@dataclass(frozen=True)
class RestoreModel:
    """Set the model's image back, the first step of a rollback."""

    image: Release
    cause: str


@dataclass(frozen=True)
class Drain:
    """Take instances out of the load balancer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """Bring instances to the latest model."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class ScaleOut:
    """Make instances, which come with the model's release."""

    count: int
    fills_zone: bool = False
    """For the sake of zones that were left without any."""


@dataclass(frozen=True)
class Shrink:
    """Want no longer what Azure could not make: nobody goes."""

    count: int


@dataclass(frozen=True)
class Remove:
    """Delete instances, and want as many fewer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Restore:
    """Put instances back into the load balancer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class RunGate:
    """Judge the new release on these instances."""

    stage: Stage
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """Look again, at the latest at a time of the clock."""

    until: float
    reason: str
    instance_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Halt:
    """Touch nothing more."""

    reason: str
    states: Mapping[str, str]
    """Every instance of the set, and how it is."""


@dataclass(frozen=True)
class Done:
    """Every instance of the scope is as it should be; those left alone are named."""

    skipped: Mapping[str, str]


Action: TypeAlias = (
    SetModel | RestoreModel | Drain | Update | ScaleOut | Shrink | Remove | Restore | RunGate | Wait | Halt | Done
)
"""Any action."""
