"""How instances follow a new model by themselves, in the modes Automatic and Rolling, and how sets are resized."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator import instances
from vmss_jenkins.emulator.errors import not_allowed
from vmss_jenkins.emulator.models import ROLLING_POLICY, health_source
from vmss_jenkins.emulator.state import Instance, Operation, RollingUpgrade, ScaleSet, timestamp

if TYPE_CHECKING:
    from vmss_jenkins.emulator.backend import Backend

_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", re.ASCII)


def follow_model(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Upgrade instances as the set's mode says: none, all at once within the operation, or in batches after it."""
    if scale_set.mode == "Automatic":
        for instance in instances.outdated(scale_set):
            if not instance.operation:
                instances.update(backend, operation, scale_set, instance)
    elif scale_set.mode == "Rolling" and instances.outdated(scale_set):
        _start_rolling(backend, scale_set)


def resize(backend: Backend, operation: Operation, scale_set: ScaleSet) -> None:
    """Create or delete instances until there are as many as the set's capacity."""
    staying = [i for i in scale_set.instances.values() if i.provisioning != "Deleting"]
    for _ in range(scale_set.capacity - len(staying)):
        instances.create(backend, operation, scale_set, "scale-out")
    for _ in range(len(staying) - scale_set.capacity):
        victim = _next_to_go(staying)
        if victim is None:
            return
        staying.remove(victim)
        instances.delete(backend, operation, scale_set, victim, "scale-in")


def _next_to_go(staying: list[Instance]) -> Instance | None:
    """Azure's default scale-in policy: the newest instance of the fullest zone, never a protected one."""
    zones = [instance.zone for instance in staying]
    candidates = [instance for instance in staying if not instance.protected_from_scale_in]
    return max(candidates, key=lambda i: (zones.count(i.zone), i.created, len(i.id), i.id), default=None)


def cancel(backend: Backend, scale_set: ScaleSet) -> None:
    """Stop a rolling upgrade after its current batch; raises ``ArmError`` 409 where none is under way."""
    rolling = scale_set.rolling
    if rolling is None or rolling.code != "RollingForward":
        raise not_allowed("There is no ongoing Rolling Upgrade to cancel.")
    _end(backend, rolling, "Cancelled", "Cancel")


def _end(backend: Backend, rolling: RollingUpgrade, code: str, action: str | None = None) -> None:
    rolling.code = code
    if action:
        rolling.last_action, rolling.last_action_time = action, backend.now


def _start_rolling(backend: Backend, scale_set: ScaleSet) -> None:
    if scale_set.rolling and scale_set.rolling.code == "RollingForward":
        _end(backend, scale_set.rolling, "Cancelled", "Cancel")
    policy = scale_set.body["properties"]["upgradePolicy"].get("rollingUpgradePolicy", ROLLING_POLICY)
    waiting = [instance.id for instance in instances.outdated(scale_set)]
    rolling = RollingUpgrade(policy, backend.now, waiting, last_action_time=backend.now)
    scale_set.rolling = rolling
    _next_batch(backend, scale_set, rolling)


def _next_batch(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> None:
    if rolling.code != "RollingForward" or scale_set.provisioning == "Deleting":
        return
    due = {i.id for i in instances.outdated(scale_set) if not i.operation}
    rolling.waiting = [key for key in rolling.waiting if key in due]
    if not rolling.waiting:
        _end(backend, rolling, "Completed")
        return
    size = max(1, _percent(rolling, "maxBatchInstancePercent") * len(scale_set.instances) // 100)
    rolling.batch, rolling.waiting = rolling.waiting[:size], rolling.waiting[size:]

    def judge_when_health_is_known(_: Operation) -> None:
        known = max((scale_set.instances[k].healthy_at for k in rolling.batch if k in scale_set.instances), default=0)
        backend.after(max(0.0, known - backend.now), lambda: _judge(backend, scale_set, rolling))

    operation = backend.begin(scale_set.location, backend.timings.accept, judge_when_health_is_known)
    for instance_id in rolling.batch:
        instances.update(backend, operation, scale_set, scale_set.instances[instance_id])


def _judge(backend: Backend, scale_set: ScaleSet, rolling: RollingUpgrade) -> None:
    for key in rolling.batch:
        instance = scale_set.instances.get(key)
        (rolling.upgraded if instance is None or _well(scale_set, instance) else rolling.failed).append(key)
    rolling.batch = []
    share = len(rolling.failed) * 100 / max(1, len(rolling.failed) + len(rolling.upgraded))
    limit = _percent(rolling, "maxUnhealthyUpgradedInstancePercent")
    if share > limit and rolling.code == "RollingForward":
        rolling.error = {
            "code": "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
            "message": f"Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value of "
            f"{limit} defined in the RollingUpgradePolicy. {share:.0f}% instances are in unhealthy state after "
            f"being upgraded, at {timestamp(backend.now)}.",
        }
        _end(backend, rolling, "Faulted")
        return
    pause = _seconds(str(rolling.policy.get("pauseTimeBetweenBatches", "PT0S"))) if rolling.waiting else 0.0
    backend.after(pause, lambda: _next_batch(backend, scale_set, rolling))


def _well(scale_set: ScaleSet, instance: Instance) -> bool:
    judged = health_source(scale_set) is None or instance.release.found == "healthy"
    return judged and instance.provisioning == "Succeeded"


def _percent(rolling: RollingUpgrade, key: str) -> int:
    return int({**ROLLING_POLICY, **rolling.policy}[key])


def _seconds(duration: str) -> float:
    """Read an ISO 8601 duration such as PT1M30S; anything else is no pause."""
    found = _DURATION.fullmatch(duration)
    hours, minutes, seconds = found.groups() if found else (None, None, None)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
