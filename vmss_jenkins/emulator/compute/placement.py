"""Zones, numbers and records of new instances, and Azure's errors if it has no capacity for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.state.instance import Instance

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.galleries.references import FoundImage
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet


FAULT_DOMAINS = 5


@dataclass(frozen=True)
class Place:
    """The number and the zone of a new instance."""

    number: int
    zone: str | None


def new_places(scale_set: ScaleSet, count: int, chance: random.Random) -> list[Place]:
    """Return the places of ``count`` new instances; an id is never used twice."""
    first, spare = scale_set.next_id, list[int]()
    if scale_set.uniform and scale_set.body["properties"].get("overprovision"):
        spare = overprovisioned(count, first, chance)
    scale_set.next_id = first + count + len(spare)
    taken = [instance.zone for instance in scale_set.instances.values()]
    return places(count, first, scale_set.body.get("zones", []), taken, spare)


def new_instance(backend: Backend, scale_set: ScaleSet, place: Place, found: FoundImage) -> Instance:
    """Add a record for an instance of the latest model, with a disk made of the image that was found."""
    number = place.number
    name = f"{scale_set.name}_{number if scale_set.uniform else f'{backend.chance.getrandbits(32):08x}'}"
    instance = Instance(
        id=str(number) if scale_set.uniform else name,
        name=name,
        number=number,
        zone=place.zone,
        fault_domain=number % FAULT_DOMAINS,
        vm_id=backend.guid(),
        created=backend.now,
        model=scale_set.model,
        image=scale_set.model.image,
        disk=found.release,
        release=found.release,
        version=found.version,
        changed=backend.now,
    )
    scale_set.instances[instance.id] = instance
    return instance


def places(
    count: int, first: int, zones: Sequence[str], taken: Iterable[str | None], spare: Sequence[int] = ()
) -> list[Place]:
    """Return places for ``count`` instances: numbers without the ``spare`` ones, the emptiest zones first.

    Args:
        count: How many instances.
        first: The lowest number that was never used.
        zones: The zones of the set; none if it is regional.
        taken: The zone of each existing instance.
        spare: Numbers of the instances that Azure made in excess and deleted again.
    """
    filled, found = list(taken), []
    free = (number for number in range(first, first + count + len(spare)) if number not in spare)
    for number in free:
        zone = min(zones, key=filled.count, default=None)
        filled.append(zone)
        found.append(Place(number, zone))
    return found


def overprovisioned(count: int, first: int, chance: random.Random) -> list[int]:
    """Return the numbers of the instances that Azure makes in excess of ``count`` and deletes again.

    In a recording Azure makes 4 for 2, and the ids 1 and 3 are left. How many it makes is not documented: here a fifth
    of ``count``, plus one.
    """
    excess = math.ceil(count / 5) + 1 if count else 0
    return sorted(chance.sample(range(first, first + count + excess), excess))


def no_room(zone: str | None) -> Json:
    """Return the error of an instance that Azure cannot place, in a zone or anywhere in the region."""
    if zone is None:
        return {
            "code": "AllocationFailed",
            "message": "Allocation failed. We do not have sufficient capacity for the requested VM size in this "
            "region. Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance",
        }
    return {
        "code": "OverconstrainedZonalAllocationRequest",
        "message": "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition "
        "is too restrictive. Please remove some constraints and try again. Constraints applied are:\n"
        "  - Availability Zone\n  - VM Size\n",
    }
