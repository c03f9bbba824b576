"""Automatic OS upgrades: when a newer version of a set's image is in its region, Azure upgrades the set by itself.

Sources: Microsoft's page "automatic OS image upgrades", and the compute API's ``AutomaticOSUpgradePolicy``. Azure
begins within hours; here it begins at its next look. A version that was rejected or failed is not tried again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute import rolling_upgrades
from vmss_jenkins.emulator.compute.automation import hooks
from vmss_jenkins.emulator.compute.policies import BATCH_STARTING, SCHEDULING
from vmss_jenkins.emulator.galleries import references
from vmss_jenkins.emulator.state.availability import Cause
from vmss_jenkins.emulator.state.operation import Operation
from vmss_jenkins.emulator.state.rolling_upgrade import Automatic

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.automation.hook_event import HookEvent
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet


def waits(backend: Backend, scale_set: ScaleSet) -> bool:
    """Whether a newer version of the image is there, to which the set is to be upgraded."""
    if not _policy(scale_set).get("enableAutomaticOSUpgrade") or hooks.active(scale_set, SCHEDULING):
        return False
    version, known = _newest(backend, scale_set), scale_set.model.version
    newer = references.number(version) > references.number(known) if version and known else False
    return newer and version != scale_set.declined_version


def look(backend: Backend, scale_set: ScaleSet) -> None:
    """Begin the upgrade that is due, or ask first if the set has a hook for that."""
    if not waits(backend, scale_set) or scale_set.operation or (scale_set.rolling and scale_set.rolling.goes_on):
        return
    version = _newest(backend, scale_set)

    def answered(event: HookEvent) -> None:
        if event.approved:
            scale_set.approved_version = version
            look(backend, scale_set)
        else:
            scale_set.declined_version = version

    if version != scale_set.approved_version and hooks.ask(backend, scale_set, SCHEDULING, [""], answered):
        return
    with backend.caused(Cause("azure", path="automatic OS upgrade")):
        _start(backend, scale_set)


def _start(backend: Backend, scale_set: ScaleSet) -> None:
    def done(operation: Operation) -> None:
        if scale_set.operation is operation:
            scale_set.operation = None

    def gate(batch: list[str], proceed: Callable[[list[str]], None]) -> None:
        if not hooks.ask(backend, scale_set, BATCH_STARTING, batch, lambda event: proceed(event.approved)):
            proceed(batch)

    deferred = bool(_policy(scale_set).get("osRollingUpgradeDeferral"))
    operation = backend.begin(scale_set.location, backend.timings.accept, done)
    rolling_upgrades.start(backend, operation, scale_set, "os", Automatic(gate, deferred))


def _newest(backend: Backend, scale_set: ScaleSet) -> str:
    found = references.find(backend, scale_set.model.image, scale_set.location)
    return found.version if found else ""


def _policy(scale_set: ScaleSet) -> Json:
    found: Json = scale_set.body["properties"]["upgradePolicy"].get("automaticOSUpgradePolicy", {})
    return found
