"""Automatic zone balance: Azure makes an instance in the emptiest zone, then deletes one of the fullest.

Source: Microsoft's page "Automatic zone balance" (preview). A set is balanced if no zone has two more than another.
Not documented, and chosen here: a new instance that does not become healthy is deleted, and the old one stays.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute import health, instances
from vmss_jenkins.emulator.compute.automation import services
from vmss_jenkins.emulator.compute.placement import Place, new_places
from vmss_jenkins.emulator.state.availability import Cause
from vmss_jenkins.emulator.state.operation import Operation

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

QUIET = 3600.0
"""Seconds after the last write to the set before Azure moves an instance."""
REST = 43_200.0
"""Seconds from one move to the next."""
HEALTH_WAIT = 600.0
"""Seconds within which a new instance must be healthy."""


def waits(_: Backend, scale_set: ScaleSet) -> bool:
    """Whether an instance is to be moved, now or when the set has been quiet long enough."""
    return services.running(scale_set, services.BALANCE) and not scale_set.moving and _move(scale_set) is not None


def look(backend: Backend, scale_set: ScaleSet) -> None:
    """Begin the move that is due."""
    move = _move(scale_set) if waits(backend, scale_set) else None
    early = backend.now < max(scale_set.written + QUIET, scale_set.moved + REST)
    rolls = scale_set.rolling is not None and scale_set.rolling.goes_on
    busy = scale_set.operation or rolls or any(one.operation for one in scale_set.instances.values())
    if move is None or early or busy:
        return
    leaving, zone = move
    with backend.caused(Cause("azure", path="automatic zone balance")):
        _create(backend, scale_set, leaving, zone)


def _move(scale_set: ScaleSet) -> tuple[Instance, str] | None:
    """Return which instance is to leave, and for which zone; None if the set is balanced or all are protected."""
    zones: list[str] = scale_set.body.get("zones", [])
    there = [one for one in scale_set.instances.values() if one.provisioning != "Deleting"]
    count = Counter(one.zone for one in there)
    free = [one for one in there if not (one.protected_from_scale_in or one.protected_from_actions)]
    emptiest = min(zones, key=lambda zone: count[zone])
    crowded = [one for one in free if one.zone and count[one.zone] >= count[emptiest] + 2]
    leaving = max(crowded, key=lambda one: (count[one.zone], one.created, one.number), default=None)
    return (leaving, emptiest) if leaving else None


def _create(backend: Backend, scale_set: ScaleSet, leaving: Instance, zone: str) -> None:
    scale_set.moving, scale_set.moved = True, backend.now
    scale_set.surging += 1
    before = set(scale_set.instances)

    def created(_: Operation) -> None:
        known = max((health.known_at(scale_set, one) for one in fresh()), default=backend.now)
        wait = min(HEALTH_WAIT, max(0.0, known - backend.now))
        backend.after(wait, lambda: _settle(backend, scale_set, leaving, fresh()))

    def fresh() -> list[Instance]:
        return [scale_set.instances[key] for key in new if key in scale_set.instances]

    operation = backend.begin(scale_set.location, backend.timings.accept, created)
    (place,) = new_places(scale_set, 1, backend.chance)
    instances.create(backend, operation, scale_set, Place(place.number, zone), "rebalance")
    new = [key for key in scale_set.instances if key not in before]
    backend.on_resized()


def _settle(backend: Backend, scale_set: ScaleSet, leaving: Instance, fresh: list[Instance]) -> None:
    """Delete the old instance, or the new one if that is not healthy."""
    good = [one for one in fresh if health.state(scale_set, one, backend.now) == "healthy"]

    def done(_: Operation) -> None:
        scale_set.moving = False
        scale_set.surging -= 1

    operation = backend.begin(scale_set.location, backend.timings.accept, done)
    gone = [leaving] if good else fresh
    for one in gone:
        if one.id in scale_set.instances and one.provisioning != "Deleting":
            instances.delete(backend, operation, scale_set, one, "scale-in")
