"""The specification of a rollout, and the actions that it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model import plain_values
from vmss_jenkins.model.images import ImageReference, MovingImage, ResolvedImage
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.history import Stage
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Target


class Strategy(Enum):
    """How instances get the release."""

    WAVES = "waves"
    """Update a batch, wait until all of it is healthy, update the next batch: one call a batch."""
    WINDOW = "window"
    """As soon as one instance is healthy, update the next one, so that a slow one delays no other."""
    SURGE = "surge"
    """Update nothing: make new instances first, and delete old ones when the new ones are healthy."""


class OnFailure(Enum):
    """What happens when the new release is bad."""

    STOP = "stop"
    ROLLBACK = "rollback"


class Repairs(Enum):
    """What becomes of the services by which Azure replaces instances, while a rollout changes a set."""

    SUSPEND = "suspend"
    """They are suspended before the first change, and resumed at the end: they would spread a release unjudged."""
    KEEP = "keep"


class Autoscale(Enum):
    """What becomes of autoscale while a rollout changes a set."""

    KEEP = "keep"
    """It goes on; a surge is refused."""
    SUSPEND = "suspend"
    """Its setting is switched off before the first change, and on at the end."""


AUTOSCALE = "Autoscale"
SERVICES = {
    "AutomaticRepairs": "automatic repairs",
    "AutomaticZoneRebalancing": "automatic zone balance",
    AUTOSCALE: "autoscale",
}
"""What a run can suspend: services as Azure's API names them, autoscale, and all of them for people."""
ONE = Amount(1)
_FLAGS = ("canary_only", "idle", "allow_unknown_autoscale")
_SHORTEST = 0.001
"""Seconds: a time in which something is awaited is more than none."""


@dataclass(frozen=True)
class RolloutSpec:
    """The specification of a rollout; times in seconds.

    Plain values are taken if their meaning is clear: `canary="25%"`, `strategy="window"`, `scope="0,1"`.

    Raises:
        ConfigError: for a value that cannot be used; it names the field.
    """

    scope: Scope = field(default_factory=Scope)
    canary: Amount | None = ONE
    """How many go first; None for no canary. A rollback has none."""
    canary_only: bool = False
    """Stop after the gates of the canary."""
    max_unavailable: Amount = field(default_factory=lambda: Amount(10, is_percent=True))
    """How many instances may be down at a time, rounded down, at least 1."""
    max_surge: Amount | None = None
    """How many additional instances a surge may make at a time, rounded up; None: as many as the canary."""
    strategy: Strategy = Strategy.WAVES
    pause: float = 0.0
    """Seconds from a passed gate to the next update: after the canary and, in waves, after each batch."""
    min_healthy_time: float = 0.0
    """Seconds for which an instance has to be healthy without a break to count as updated."""
    instance_timeout: float = 900.0
    """Seconds from the update of an instance until it is healthy, at the most."""
    timeout: float = 7200.0
    """Seconds for the rollout, and once more for a rollback."""
    max_failed: int = 0
    """So many failed instances do not stop the rollout; it still ends as halted and names them."""
    idle: bool = False
    """The set gets no traffic, so a whole zone may be down: the idle set of a blue-green pair."""
    ids_per_call: int = 100
    on_failure: OnFailure = OnFailure.ROLLBACK
    rollback_to: Release | None = None
    """The release to roll back to; None: the only other image that runs."""
    allow_unknown_autoscale: bool = False
    """Surge although the autoscale settings cannot be read."""
    moving_image: MovingImage = MovingImage.PIN
    """What the model gets if the release is named by something that moves."""
    resolved: ResolvedImage | None = None
    """The release was named by something that moves; None if its name is exact. `roll_out` looks it up."""
    wait_for_replication: float | None = None
    """Seconds to wait for the copy of the image's version in the region of the set; None: it must be there."""
    repairs: Repairs = Repairs.SUSPEND
    """What becomes of automatic repairs and zone balance, which replace instances by ones of the new model."""
    autoscale: Autoscale = Autoscale.KEEP
    """What becomes of the autoscale setting of the set."""
    drain: float | None = None
    """Seconds from taking an instance out of the load balancer to its update; None: it is not taken out."""

    def __post_init__(self) -> None:
        read = {
            "scope": Scope.read(self.scope),
            "canary": Amount.read_optional("canary", self.canary),
            "max_unavailable": Amount.read("max_unavailable", self.max_unavailable),
            "max_surge": Amount.read_optional("max_surge", self.max_surge),
            "strategy": plain_values.choice("strategy", Strategy, self.strategy),
            "on_failure": plain_values.choice("on_failure", OnFailure, self.on_failure),
            "rollback_to": _release(self.rollback_to),
            "repairs": plain_values.choice("repairs", Repairs, self.repairs),
            "autoscale": plain_values.choice("autoscale", Autoscale, self.autoscale),
            "moving_image": plain_values.choice("moving_image", MovingImage, self.moving_image),
            "resolved": _resolved(self.resolved),
            "max_failed": plain_values.count("max_failed", self.max_failed),
            "ids_per_call": plain_values.count("ids_per_call", self.ids_per_call, 1),
            **{name: plain_values.seconds(name, getattr(self, name)) for name in ("pause", "min_healthy_time")},
            **{name: plain_values.flag(name, getattr(self, name)) for name in _FLAGS},
        }
        for name in ("instance_timeout", "timeout"):
            read[name] = plain_values.seconds(name, getattr(self, name), _SHORTEST)
        for name in ("drain", "wait_for_replication"):
            given = getattr(self, name)
            read[name] = None if given is None else plain_values.seconds(name, given)
        for name, value in read.items():
            object.__setattr__(self, name, value)

    def target_of(self, image: Release | None, model: Release | None) -> Target:
        """The target of a rollout.

        Args:
            image: the exact release; None for the release of the model.
            model: the release of the model before the rollout.
        """
        moving, named = self.resolved, isinstance(image, ImageReference)
        by_image = moving is not None or (named and image is not None and not image.same_as(model))
        return Target(image or model, by_image, named, moving.named if moving and moving.floats else None)

    def canary_of(self, total: int) -> int:
        """Size of the canary of so many instances; 0 for no canary."""
        return self.canary.rounded_up(total) if self.canary else 0

    def surge_of(self, total: int) -> int:
        """How many additional instances there may be at a time, after the canary."""
        return self.max_surge.rounded_up(total) if self.max_surge else max(1, self.canary_of(total))


def _release(value: object) -> Release | None:
    """Read the release to roll back to: an image in any form, or settings of an extension; None for none."""
    if value is None or isinstance(value, ExtensionSettings):
        return value
    if isinstance(value, (ImageReference, str, Mapping)):
        return ImageReference.read(value)
    raise ConfigError("rollback_to", [f"found {value!r}; wanted an image or the settings of an extension"])


def _resolved(value: object) -> ResolvedImage | None:
    if value is None or isinstance(value, ResolvedImage):
        return value
    raise ConfigError("resolved", [f"found {value!r}; leave it out, `roll_out` looks it up"])


@dataclass(frozen=True)
class SetModel:
    """Set the model to the new release."""

    image: Release


@dataclass(frozen=True)
class RestoreModel:
    """Restore the model: the first step of a rollback."""

    image: Release
    cause: str


@dataclass(frozen=True)
class Drain:
    """Take instances out of the load balancer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """Update instances to the latest model."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class ScaleOut:
    """Make instances; they get the release of the model."""

    count: int
    fills_zone: bool = False
    """They are made because a zone has no instance."""


@dataclass(frozen=True)
class Shrink:
    """Lower the capacity by the instances that Azure could not make; no instance is deleted."""

    count: int


@dataclass(frozen=True)
class Remove:
    """Delete instances; the capacity shrinks by as many."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Restore:
    """Put instances back into the load balancer."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class RunGate:
    """Run the gates on these instances."""

    stage: Stage
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """Wait until something changes, or until a time of the clock."""

    until: float
    reason: str
    instance_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Halt:
    """Stop and change nothing more."""

    reason: str
    states: Mapping[str, str]
    """The state of every instance of the set."""


@dataclass(frozen=True)
class Done:
    """Every instance of the scope is as it should be; those left alone are named."""

    skipped: Mapping[str, str]


Action: TypeAlias = (
    SetModel | RestoreModel | Drain | Update | ScaleOut | Shrink | Remove | Restore | RunGate | Wait | Halt | Done
)
"""Any action."""
