"""What happens while Azure's automatic OS upgrades are governed."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.instances import ScaleSetName


@dataclass(frozen=True)
class UpgradeAsked(Event):
    """Azure asks whether it may upgrade; times in seconds UTC."""

    scale_set: ScaleSetName
    event: str
    """The name of the lifecycle hook event; empty for a deferred upgrade."""
    targets: tuple[str, ...]
    """The instances, or the set."""
    wait_until: float | None
    """When Azure answers by itself; None for never."""
    default_action: str
    """What it does then: Approve or Reject; empty for nothing."""


@dataclass(frozen=True)
class UpgradeApproved(Event):
    """Azure may upgrade these."""

    event: str
    targets: tuple[str, ...]
    is_set: bool
    """Whether the target is the set, before its upgrade begins."""
    left_out: tuple[str, ...] = ()
    """Rejected in the same answer: the canary is smaller than Azure's batch."""


@dataclass(frozen=True)
class UpgradeRejected(Event):
    """Azure must not upgrade these."""

    event: str
    targets: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class UpgradePostponed(Event):
    """Azure waits longer for an answer; times in seconds UTC."""

    event: str
    wait_until: float
    latest: bool
    """Whether it cannot be moved any further."""
    default_action: str
    reason: str


@dataclass(frozen=True)
class UpgradeCancelled(Event):
    """The rolling upgrade was cancelled: Azure asks for no further batch."""

    scale_set: ScaleSetName
    reason: str


@dataclass(frozen=True)
class UpgradePending(Event):
    """The run ends, and a later one goes on with the upgrade."""

    scale_set: ScaleSetName
    reason: str


@dataclass(frozen=True)
class NothingAsked(Event):
    """Azure asks nothing about this set."""

    scale_set: ScaleSetName
