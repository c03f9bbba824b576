"""Values of governed upgrades, for tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from tests.support.fakes import SUBSCRIPTION, WEB
from vmss_jenkins.govern.plan.actions import Memory
from vmss_jenkins.govern.plan.situation import Observed, Question, Situation
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.model.os_upgrades.hook_events import Answer, HookEvent, Target
from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, Hook, HookKind, OsUpgradePolicy
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade

NOW = datetime(2026, 12, 1, 12, tzinfo=timezone.utc).timestamp()
SET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
GALLERY = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg/providers/Microsoft.Compute/galleries/apps/images/nginx"
)
MOVING = ImageReference(id=GALLERY)
V1, V2, V3 = (ImageReference(id=f"{GALLERY}/versions/1.0.{n}") for n in range(3))
HOOKS = tuple(Hook(kind.value, DefaultAction.REJECT) for kind in HookKind)
FORWARD = RollingUpgrade("RollingForward", NOW - 600, pending=3)
COMPLETED = RollingUpgrade("Completed", NOW - 600)
MEMORY = Memory(deadline=NOW + 3600)


def event(
    answers: dict[str, str],
    kind: HookKind = HookKind.BATCH,
    created: float = NOW - 60,
    default: DefaultAction = DefaultAction.REJECT,
    wait: float = 1800.0,
) -> HookEvent:
    """An event with answers by the names of its targets."""
    targets = tuple(Target(f"{SET}/virtualMachines/{name}", Answer(answer)) for name, answer in answers.items())
    return HookEvent(f"event-{created:.0f}", kind, created, created + wait, created + 14_400, default, targets)


def waiting(*names: str, **values: Any) -> HookEvent:
    return event(dict.fromkeys(names, "Waiting"), **values)


def question(*names: str, **values: Any) -> Question:
    return Question(names, waiting(*names, **values))


def instance(key: str, image: ImageReference = V1, **changes: Any) -> Instance:
    plain = Instance(key, f"web_{key}", image=image, power="running", health=Health.HEALTHY)
    return replace(plain, latest_model_applied=image != V1, **changes)


def observed(*events: HookEvent, **changes: Any) -> Observed:
    """Five instances, of which some have the new version."""
    new = changes.pop("new", ())
    instances = tuple(instance(str(n), V2 if str(n) in new else V1) for n in range(5))
    policy = OsUpgradePolicy(automatic=True, hooks=HOOKS)
    plain = Observed(NOW, policy, events, FORWARD, ScaleSet(WEB, MOVING, 5), instances)
    return replace(plain, **changes)


def situation(**values: Any) -> Situation:
    return Situation(**{"total": 10, "upgrade": FORWARD, **values})
