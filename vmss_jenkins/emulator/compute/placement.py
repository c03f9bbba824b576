"""Where new instances go, which numbers they get, and what Azure says where it has no room for them. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from vmss_jenkins.emulator.arm.values import Json


@dataclass(frozen=True)
class Place:
    """What a new instance gets."""

    number: int
    zone: str | None


def places(
    count: int, first: int, zones: Sequence[str], taken: Iterable[str | None], spare: Sequence[int] = ()
) -> list[Place]:
    """Return places for ``count`` instances: numbers without the ``spare`` ones, the emptiest zones first.

    Args:
        count: How many instances.
        first: The lowest number that was never given.
        zones: Those of the set; none for a regional one.
        taken: The zone of each instance that is there.
        spare: Numbers that go to instances which Azure made in excess and deleted again.
    """
    filled, found = list(taken), []
    free = (number for number in range(first, first + count + len(spare)) if number not in spare)
    for number in free:
        zone = min(zones, key=filled.count, default=None)
        filled.append(zone)
        found.append(Place(number, zone))
    return found


def overprovisioned(count: int, first: int, chance: random.Random) -> list[int]:
    """Return the numbers of the instances that Azure makes beside ``count`` wanted ones, to delete the slowest.

    A recording has 2 in excess of 2 wanted, with the ids 1 and 3 left. How many they are is Azure's own affair: here a
    fifth, and one.
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
