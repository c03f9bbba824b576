"""Which instances a rolling upgrade updates next, and when it stops. Pure.

Sources: the compute API's description of ``RollingUpgradePolicy``, Microsoft's pages "Configure rolling upgrades on
Virtual Machine Scale Sets" and "automatic OS image upgrades", and the texts of errors that users report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_jenkins.emulator.arm.values import Json

_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", re.ASCII)
_REASON = "The most impactful error is: Instance found to be unhealthy or unreachable."


@dataclass(frozen=True)
class RollingPolicy:
    """The policy of a rolling upgrade: percentages of all instances of the set, and seconds."""

    batch: int = 20
    unhealthy: int = 20
    """The most that may be unhealthy when a batch begins."""
    unhealthy_upgraded: int = 20
    """The most of the upgraded instances that may be unhealthy."""
    pause: float = 0.0
    """Seconds between batches."""
    unhealthy_first: bool = False
    cross_zone: bool = False
    """Whether a batch may have instances of several zones. (Update domains are not taken into account.)"""
    surge: bool = False
    """Whether new instances replace the ones of a batch, in place of an update of these."""
    roll_back: bool = False
    """Whether failed instances are rolled back to their former model when too many failed."""

    @classmethod
    def read(cls, body: Json) -> RollingPolicy:
        """Return the policy of a ``rollingUpgradePolicy``; fields that it leaves out have Azure's defaults."""
        return cls(
            batch=body.get("maxBatchInstancePercent", 20),
            unhealthy=body.get("maxUnhealthyInstancePercent", 20),
            unhealthy_upgraded=body.get("maxUnhealthyUpgradedInstancePercent", 20),
            pause=seconds(body.get("pauseTimeBetweenBatches", "PT0S")) or 0.0,
            unhealthy_first=body.get("prioritizeUnhealthyInstances", False),
            cross_zone=body.get("enableCrossZoneUpgrade", False),
            surge=body.get("maxSurge", False),
            roll_back=body.get("rollbackFailedInstancesOnPolicyBreach", False),
        )


def seconds(duration: str) -> float | None:
    """Read an ISO 8601 duration such as PT1M30S; None if it is not one."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)


@dataclass(frozen=True)
class Candidate:
    """An instance as a rolling upgrade sees it."""

    id: str
    zone: str | None = None
    bad: bool = False
    """Whether it counts as unhealthy."""
    waits: bool = True
    """Whether it is not upgraded yet."""


def next_batch(policy: RollingPolicy, instances: Sequence[Candidate]) -> list[str]:
    """Return the ids of the next batch: at least one, if any instance waits.

    A batch stays in one zone unless the policy allows more, and is smaller if other instances are unhealthy:
    of 10 instances at most 20% may be unhealthy; with one unhealthy outside, a batch of 20% takes 1 instead of 2.
    """
    waiting = [one for one in instances if one.waits]
    ordered = sorted(
        waiting,
        key=lambda one: (policy.unhealthy_first and not one.bad, "" if policy.cross_zone else one.zone or ""),
    )
    if not policy.cross_zone:
        ordered = list(takewhile(lambda one: one.zone == ordered[0].zone, ordered))
    size = max(1, len(instances) * policy.batch // 100)
    while size > 1 and _unhealthy_with(ordered[:size], instances) * 100 > policy.unhealthy * len(instances):
        size -= 1
    return [one.id for one in ordered[:size]]


def _unhealthy_with(batch: Sequence[Candidate], instances: Sequence[Candidate]) -> int:
    """Count the instances of a batch, which are down together, and the unhealthy instances outside of it."""
    return len(batch) + sum(one.bad for one in instances) - sum(one.bad for one in batch)


def too_unhealthy(policy: RollingPolicy, instances: Sequence[Candidate], *, first: bool) -> Json | None:
    """Return the error that ends an upgrade before a batch, its ``first`` or a later one; None if it may continue."""
    share = _percent(sum(one.bad for one in instances), len(instances))
    if share <= policy.unhealthy:
        return None
    if first:
        return {
            "code": "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade",
            "message": "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the "
            f"RollingUpgradePolicy) before any batch was attempted. {share:.0f}% of instances are in an unhealthy "
            f"state, more than the threshold of {policy.unhealthy}% configured in the RollingUpgradePolicy. {_REASON} "
            "For details on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade",
        }
    return {
        "code": "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
        "message": "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the "
        f"RollingUpgradePolicy. {share:.0f}% of instances are in an unhealthy state - more than the threshold of "
        f"{policy.unhealthy}%. To apply upgrades, consider increasing the MaxUnhealthyInstancePercent value.",
    }


def too_many_failed(policy: RollingPolicy, upgraded: Sequence[str], failed: Sequence[str]) -> Json | None:
    """Return the error that ends an upgrade after a batch, by the ids of all batches; None if it may continue."""
    share = _percent(len(failed), len(failed) + len(upgraded))
    if share <= policy.unhealthy_upgraded:
        return None
    return {
        "code": "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
        "message": "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in "
        f"the RollingUpgradePolicy. {share:.0f}% of instances are in an unhealthy state after being upgraded - more "
        f"than the threshold of {policy.unhealthy_upgraded}%. {_REASON} First failed instance ID is: {failed[0]}.",
    }


def _percent(part: int, whole: int) -> float:
    return part * 100 / whole if whole else 0.0
