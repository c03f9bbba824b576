"""Azure's compute throttling: token buckets that start full and are refilled every minute.

Sizes and refills are from Microsoft's page "Compute throttling limits". The names of the buckets, and which request
takes from which bucket, are from the ``x-ms-ratelimit-remaining-resource`` headers of public recordings.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.values import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

_MINUTE = 60.0


@dataclass(frozen=True)
class Limit:
    """One bucket's rule."""

    name: str
    """As in the header, without ``Microsoft.Compute/``."""
    refill: int
    """Tokens a minute."""
    size: int
    """The most tokens that it holds; it starts with as many."""
    per_instance: bool = False
    """Whether each instance takes a token, instead of each request."""

    @property
    def per_resource(self) -> bool:
        """Whether each resource has its own bucket, instead of one for the subscription."""
        return self.name.endswith("Resource")


def _pair(group: str, per_resource: tuple[int, int], per_subscription: tuple[int, int]) -> tuple[Limit, ...]:
    return (Limit(f"{group}SubscriptionMaximum", *per_subscription), Limit(f"{group}Resource", *per_resource))


def _windows(group: str, three_minutes: int, thirty_minutes: int) -> tuple[Limit, ...]:
    """Images are still throttled by the older rule: a limit for 3 minutes, and one for 30 minutes."""
    return (
        Limit(f"{group}3Min", three_minutes // 3, three_minutes),
        Limit(f"{group}30Min", thirty_minutes // 30, thirty_minutes),
    )


_BATCH = Limit("VMScaleSetBatchedVMRequestsSubscriptionMaximum", 2000, 6000, per_instance=True)
_VIEWS = Limit("VMScaleSetVMViewsSubscriptionMaximum", 10000, 30000, per_instance=True)
_ACTIONS = _pair("VMScaleSetActions", (4, 12), (500, 1500))
_DELETES = _pair("DeleteVMScaleSet", (4, 12), (175, 525))
_COSTLY = _pair("HighCostGetVMScaleSet", (10, 30), (360, 1080))

LIMITS: dict[str, tuple[Limit, ...]] = {
    "none": (),
    "get set": _pair("GetVMScaleSet", (12, 36), (800, 2400)),
    "list sets": _COSTLY[:1],
    "put set": (*_pair("CreateVMScaleSet", (4, 12), (125, 375)), _BATCH),
    "patch set": (*_ACTIONS, _BATCH),
    "delete set": (*_DELETES, _BATCH),
    "act on set": _ACTIONS,
    "act on instances": (_ACTIONS[0], _BATCH),
    "stop instances": (_DELETES[0], _BATCH),
    "view set": _COSTLY,
    "list instances": (*_COSTLY, _VIEWS),
    "get instance": _pair("GetVMScaleSetVM", (12, 36), (2000, 6000)),
    "view instance": (*_pair("GetVMScaleSetVM", (12, 36), (2000, 6000)), _VIEWS),
    "act on instance": _pair("VMScaleSetVMActions", (4, 12), (667, 2000)),
    "get operation": tuple(reversed(_pair("GetOperation", (15, 45), (5000, 15000)))),
    "get vm": _pair("LowCostGet", (12, 36), (8000, 24000)),
    "update vm": _pair("UpdateVM", (4, 12), (500, 1500)),
    "delete vm": _pair("DeleteVM", (4, 12), (500, 1500)),
    "get image": _windows("GetImages", 360, 1800),
    "list images": _windows("HighCostGetImages", 80, 400),
    "put image": _windows("CreateImages", 40, 200),
    "delete image": _windows("DeleteImages", 120, 600),
}
"""The buckets that each kind of request takes from, in the order of the header."""


@dataclass
class Bucket:
    """The tokens of one limit for one resource or subscription."""

    limit: Limit
    tokens: int
    filled: float

    def refill(self, now: float) -> None:
        """Add the tokens of the minutes since the last refill."""
        minutes = math.floor((now - self.filled) / _MINUTE)
        self.tokens = min(self.limit.size, self.tokens + minutes * self.limit.refill)
        self.filled += minutes * _MINUTE


@dataclass
class Throttle:
    """All buckets of a subscription."""

    enabled: bool = True
    time_scale: float = 1.0
    """Emulated seconds in a real one; ``Retry-After`` is in real ones."""
    buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def take(self, limits: Iterable[Limit], resource: str, cost: int, now: float) -> list[str]:
        """Take ``cost`` tokens from each bucket and return the rest, as the header shows it.

        Raises ``ArmError`` 429, and takes nothing, if a bucket has too few.
        """
        buckets = [self._bucket(limit, resource, now) for limit in limits]
        short = next((bucket for bucket in buckets if bucket.tokens < cost), None)
        if short is not None and self.enabled:
            raise _too_many_requests(short, cost, now, self.time_scale)
        for bucket in buckets:
            bucket.tokens = max(0, bucket.tokens - cost)
        return [f"{COMPUTE}/{bucket.limit.name};{bucket.tokens}" for bucket in buckets]

    def _bucket(self, limit: Limit, resource: str, now: float) -> Bucket:
        key = (limit.name, resource.lower() if limit.per_resource else "")
        bucket = self.buckets.setdefault(key, Bucket(limit, limit.size, now))
        bucket.refill(now)
        return bucket


def _too_many_requests(bucket: Bucket, cost: int, now: float, time_scale: float) -> ArmError:
    limit = bucket.limit
    group = limit.name.removesuffix("SubscriptionMaximum").removesuffix("Resource")
    minutes = math.ceil((cost - bucket.tokens) / limit.refill) if cost <= limit.size else 1
    wait = math.ceil((bucket.filled + minutes * _MINUTE - now) / time_scale)
    measured = {
        "operationGroup": group,
        "startTime": timestamp(bucket.filled),
        "endTime": timestamp(bucket.filled + _MINUTE),
        "allowedRequestCount": limit.size,
        "measuredRequestCount": limit.size - bucket.tokens + cost,
    }
    return ArmError(
        429,
        "OperationNotAllowed",
        "The server rejected the request because too many requests have been received for this subscription.",
        details=[{"code": "TooManyRequests", "target": limit.name, "message": json.dumps(measured)}],
        headers={"Retry-After": str(max(1, wait))},
    )
