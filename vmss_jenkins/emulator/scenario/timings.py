"""How long things take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


@dataclass(frozen=True)
class Timings:
    """How long things take, in emulated seconds: medians of a lognormal distribution of one spread.

    The defaults are near what public recordings of real scale sets show: manualupgrade 0.4 to 140 with a
    median of 21, PATCH 0.1 to 14 with a median of 4, reimage 76 to 88.
    """

    accept: float = 0.4
    """The least that an operation on instances takes, also when there is nothing to do."""
    model: float = 3.8
    """PUT and PATCH of a set, without the instances that follow."""
    update: float = 30.0
    """One instance from the old image to the new one; it serves nothing meanwhile."""
    settle: float = 3.0
    """One instance to a new model with the same image; it stays up."""
    extension: float = 20.0
    """One instance to a new model with the same image and an extension that runs again; it stays up."""
    reimage: float = 80.0
    """One instance, disk made anew."""
    stop: float = 12.0
    """Power off, deallocate."""
    start: float = 15.0
    """Start, restart."""
    create: float = 40.0
    """One new instance."""
    delete: float = 20.0
    """One instance, an image, a whole set."""
    evict: float = 30.0
    """From the order to simulate an eviction to the instance's going down: Azure's notice to its guest."""
    network: float = 0.0
    """PUT of a load balancer or of a part of it: done at once, as public recordings show it."""
    health: float = 10.0
    """From an instance that serves to one whose health is known; it is ``initializing`` meanwhile."""
    spread: float = 0.25
    """The standard deviation of the logarithm; 0 makes every time its median."""

    def draw(self, median: float, chance: random.Random) -> float:
        """Return seconds drawn around ``median``."""
        return median * math.exp(self.spread * chance.gauss(0.0, 1.0)) if self.spread else median
