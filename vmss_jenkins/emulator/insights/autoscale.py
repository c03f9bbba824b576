"""Autoscale at work: it evaluates its settings and changes the capacity of their sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.compute.automation import watch
from vmss_jenkins.emulator.insights import rules
from vmss_jenkins.emulator.state.automation.autoscale import Metric
from vmss_jenkins.emulator.state.availability import Cause

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.automation.autoscale import AutoscaleSetting
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

INTERVAL = 60.0
"""Seconds from one evaluation to the next; in Azure 30 to 60."""


def wake(backend: Backend) -> None:
    """Evaluate every setting that may have something to do; call it after everything that may have changed one."""
    for setting in backend.autoscale.values():
        _schedule(backend, setting)


def report(backend: Backend, scale_set: ScaleSet, name: str, value: float | None) -> None:
    """Set a metric of a set from now on; None removes it."""
    key = (scale_set.group.lower(), scale_set.name.lower())
    known = backend.metrics.setdefault(key, {})
    known.pop(name, None)
    if value is not None:
        known[name] = Metric(value, backend.now)
    wake(backend)


def target(backend: Backend, setting: AutoscaleSetting) -> ScaleSet | None:
    """Return the set that a setting scales, or None if there is no such set."""
    parts = setting.target.split("/")
    wanted = ("virtualmachinescalesets", parts[-1]) if len(parts) > 4 else ()  # noqa: PLR2004 - up to the group
    if not wanted or tuple(parts[-2:]) != wanted:
        return None
    return backend.scale_sets.get((parts[4], parts[-1]))


def _schedule(backend: Backend, setting: AutoscaleSetting) -> None:
    wait = _wait(backend, setting)
    if not setting.watched and wait is not None:
        setting.watched = True
        backend.after(max(INTERVAL, wait), lambda: _evaluate(backend, setting))


def _wait(backend: Backend, setting: AutoscaleSetting) -> float | None:
    """Return in how many seconds a setting may change the capacity; None if only a change elsewhere leads to that."""
    scale_set, profile = target(backend, setting), _profile(setting)
    if scale_set is None or profile is None or scale_set.provisioning == "Deleting" or not setting.enabled:
        return None
    metrics = backend.metrics.get((scale_set.group.lower(), scale_set.name.lower()), {})
    if rules.wanted(profile, scale_set.capacity, metrics, backend.now, setting.scaled) != scale_set.capacity:
        return 0.0
    wait = rules.until_due(profile, metrics, backend.now, setting.scaled)
    return wait or None


def _evaluate(backend: Backend, setting: AutoscaleSetting) -> None:
    setting.watched = False
    scale_set, profile = target(backend, setting), _profile(setting)
    there = backend.autoscale.get((setting.group.lower(), setting.name.lower())) is setting
    if not there or _wait(backend, setting) is None or scale_set is None or profile is None:
        return
    metrics = backend.metrics.get((scale_set.group.lower(), scale_set.name.lower()), {})
    capacity = rules.wanted(profile, scale_set.capacity, metrics, backend.now, setting.scaled)
    if capacity != scale_set.capacity:
        _scale(backend, setting, scale_set, capacity)
    _schedule(backend, setting)


def _scale(backend: Backend, setting: AutoscaleSetting, scale_set: ScaleSet, capacity: int) -> None:
    """Change the capacity; if Azure refuses that now, the next evaluation tries again."""
    try:
        with backend.caused(Cause("azure", path=f"autoscale {setting.name}")):
            scale_sets.change(backend, scale_set, {"sku": {"capacity": capacity}}, lambda _: None)
    except ArmError:
        return
    setting.scaled = scale_set.written = backend.now
    watch.wake(backend)


def _profile(setting: AutoscaleSetting) -> Json | None:
    profiles: list[Json] = setting.body["properties"].get("profiles", [])
    return profiles[0] if profiles else None
