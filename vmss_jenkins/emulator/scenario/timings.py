"""How long operations take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Timings:
    """How long operations take, in emulated seconds: medians of lognormal distributions with the same spread.

    The defaults are near the times in public recordings of real scale sets: manualupgrade 0.4 to 140 with a
    median of 21, PATCH 0.1 to 14 with a median of 4, reimage 76 to 88.
    """

    accept: float = 0.4
    """The shortest operation on instances, also if there is nothing to do."""
    model: float = 3.8
    """PUT and PATCH of a set, without updates of its instances."""
    update: float = 30.0
    """One instance from the old image to the new one; it does not serve during that time."""
    settle: float = 3.0
    """One instance to a new model with the same image; it stays up."""
    extension: float = 20.0
    """One instance to a new model with the same image and an extension that runs again; it stays up."""
    reimage: float = 80.0
    """One instance gets a new disk."""
    stop: float = 12.0
    """Power off, deallocate."""
    start: float = 15.0
    """Start, restart."""
    create: float = 40.0
    """One new instance."""
    replicate: float = 60.0
    """One version of a gallery to one region, from its PUT on; in Azure it takes minutes to hours."""
    delete: float = 20.0
    """One instance, an image, a whole set."""
    evict: float = 30.0
    """From the request to simulate an eviction until the instance goes down: Azure's notice to the guest."""
    network: float = 0.0
    """PUT of a load balancer or of a part of it: done at once, as in public recordings."""
    health: float = 10.0
    """From the time an instance serves until its health is known; until then it is ``initializing``."""
    spread: float = 0.25
    """The standard deviation of the logarithm; with 0 every time is its median."""

    def draw(self, median: float, chance: random.Random) -> float:
        """Return seconds drawn around ``median``."""
        return median * math.exp(self.spread * chance.gauss(0.0, 1.0)) if self.spread else median
