"""Lifecycle hooks of a scale set: when Azure asks during an automatic OS upgrade, and what it does without an answer.

Shapes: `LifecycleHooksProfile` and `AutomaticOSUpgradePolicy` of the compute API
(https://learn.microsoft.com/rest/api/compute/virtual-machine-scale-sets/create-or-update).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Body = Mapping[str, Any]


class HookKind(Enum):
    """When Azure asks."""

    SCHEDULING = "UpgradeAutoOSScheduling"
    """Before an upgrade of the set begins."""
    BATCH = "UpgradeAutoOSRollingBatchStarting"
    """Before each batch of it."""


class DefaultAction(Enum):
    """What Azure does if nobody answers in time."""

    APPROVE = "Approve"
    REJECT = "Reject"


@dataclass(frozen=True)
class Hook:
    """One lifecycle hook."""

    kind: str
    """The name in the API; hooks of kinds that are newer than this code are kept as they are."""
    default_action: DefaultAction = DefaultAction.APPROVE
    """Azure's default is to approve."""
    wait: str | None = None
    """How long Azure waits, as ISO 8601, such as PT30M; None for Azure's default."""

    @property
    def body(self) -> dict[str, str]:
        """As the API takes it."""
        wait = {"waitDuration": self.wait} if self.wait else {}
        return {"type": self.kind, **wait, "defaultAction": self.default_action.value}


@dataclass(frozen=True)
class OsUpgradePolicy:
    """How a set gets new OS images by itself, and whether Azure asks first."""

    automatic: bool = False
    """Azure upgrades the operating system by itself, in any upgrade mode."""
    deferral: bool = False
    """Each instance waits until its upgrade is approved (`osRollingUpgradeDeferral`)."""
    hooks: tuple[Hook, ...] = ()
    etag: str | None = None

    def hook(self, kind: HookKind) -> Hook | None:
        """The hook of a kind; None if the set has none."""
        return next((one for one in self.hooks if one.kind == kind.value), None)

    @property
    def asks(self) -> bool:
        """Whether Azure asks before it upgrades instances."""
        return bool(self.deferral or self.hook(HookKind.SCHEDULING) or self.hook(HookKind.BATCH))


def policy_from(body: Body) -> OsUpgradePolicy:
    """Read the policy from the body of a scale set."""
    properties = body.get("properties") or {}
    upgrade = (properties.get("upgradePolicy") or {}).get("automaticOSUpgradePolicy") or {}
    listed = (properties.get("lifecycleHooksProfile") or {}).get("lifecycleHooks") or ()
    return OsUpgradePolicy(
        automatic=bool(upgrade.get("enableAutomaticOSUpgrade")),
        deferral=bool(upgrade.get("osRollingUpgradeDeferral")),
        hooks=tuple(_hook_from(one) for one in listed),
        etag=body.get("etag"),
    )


def hooks_patch(hooks: tuple[Hook, ...]) -> dict[str, Any]:
    """The body that replaces the hooks of a set, and nothing else of it."""
    return {"properties": {"lifecycleHooksProfile": {"lifecycleHooks": [one.body for one in hooks]}}}


def _hook_from(body: Body) -> Hook:
    rejects = body.get("defaultAction") == DefaultAction.REJECT.value
    return Hook(
        str(body.get("type")), DefaultAction.REJECT if rejects else DefaultAction.APPROVE, body.get("waitDuration")
    )
