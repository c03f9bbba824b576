"""Azure's looking at a scale set again and again, as long as a service of the set may have something to do.

A set in which nothing happens is not looked at: only a request or a fault can change that, and both call ``wake``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute.automation import os_upgrades, repairs, zone_balance

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

INTERVAL = 30.0
"""Seconds between two looks."""
_SERVICES = (repairs, os_upgrades, zone_balance)


def wake(backend: Backend) -> None:
    """Look at every set that is not looked at; call it after everything that may have changed a set."""
    for scale_set in backend.scale_sets.values():
        _begin(backend, scale_set)


def _begin(backend: Backend, scale_set: ScaleSet) -> None:
    if not scale_set.watched and any(service.waits(backend, scale_set) for service in _SERVICES):
        scale_set.watched = True
        backend.after(INTERVAL, lambda: _look(backend, scale_set))


def _look(backend: Backend, scale_set: ScaleSet) -> None:
    scale_set.watched = False
    there = backend.scale_sets.get((scale_set.group.lower(), scale_set.name.lower()))
    if there is not scale_set or scale_set.provisioning == "Deleting":
        return
    for service in _SERVICES:
        service.look(backend, scale_set)
    _begin(backend, scale_set)
