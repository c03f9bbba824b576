"""How many instances may be down at a time, and which may go next.

Counted are the instances that are there to serve: one that is stopped, being created or being deleted
is no capacity that a rollout could take away. Down are those of them that are not healthy for whatever
reason, and those that this run took and has not brought back yet. Then:

- an instance that serves is taken only while fewer than `max_unavailable` are down, whoever's doing;
- one that is down already may be taken too, since nothing is lost and the release may heal it, as long
  as no more than `max_unavailable` are down by our doing;
- where the set spans zones, an instance that serves is taken only if another one of its zone goes on
  serving, and never are all of a zone down by our doing. The only instance of a zone is taken while every
  other zone serves.

All this by what was seen last: what autoscale takes away at the same moment is seen afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmss_jenkins.model.instances import PARKED, Instance
from vmss_jenkins.rollout.plan.history import runs


@dataclass(frozen=True)
class Capacity:
    """What serves at one moment, and what may be taken away."""

    counted: tuple[Instance, ...]
    down: frozenset[str]
    """Ids of counted instances that are down."""
    ours: frozenset[str]
    """Ids that are down by our doing."""
    limit: int
    """How many may be down."""
    keeps_zones: bool = True
    """False where the set serves nobody: all of a zone may be down."""

    def admit(self, candidates: Sequence[Instance]) -> tuple[Instance, ...]:
        """The first of the candidates that may be taken together, those that are down already before the others."""
        tally = _Tally(self)
        ordered = sorted(candidates, key=lambda each: each.id not in self.down)
        return tuple(instance for instance in ordered if tally.takes(instance))


class _Tally:
    """What would be down, as one instance after the other is taken."""

    def __init__(self, capacity: Capacity) -> None:
        self._limit, self._keeps_zones = capacity.limit, capacity.keeps_zones
        self._down, self._ours = set(capacity.down), set(capacity.ours)
        zoned = [instance for instance in capacity.counted if instance.zone]
        self._zones = Counter(instance.zone for instance in zoned)
        self._serving = Counter(instance.zone for instance in zoned if instance.id not in self._down)
        self._record_of = Counter(instance.zone for instance in zoned if instance.id in self._ours)

    def takes(self, instance: Instance) -> bool:
        """Take an instance, if it may be taken."""
        if instance.id in self._ours:
            return True
        lost = runs(instance) and instance.id not in self._down
        if len(self._ours) >= self._limit or (lost and len(self._down) >= self._limit):
            return False
        if self._keeps_zones and not self._zone_allows(instance, lost=lost):
            return False
        self._ours.add(instance.id)
        self._record_of[instance.zone] += 1
        if lost:
            self._down.add(instance.id)
            self._serving[instance.zone] -= 1
        return True

    def _zone_allows(self, instance: Instance, *, lost: bool) -> bool:
        """Whether its zone goes on serving without it, and is not all of it taken by us."""
        zone, size = instance.zone, self._zones[instance.zone]
        if zone is None or len(self._zones) < 2 or not size:  # noqa: PLR2004 - one zone is no spread to keep
            return True
        if size == 1:
            return not lost or all(self._serving[other] for other in self._zones if other != zone)
        return self._record_of[zone] < size - 1 and (not lost or self._serving[zone] > 1)


def counts(instance: Instance, *, ran: bool = False) -> bool:
    """Whether an instance is capacity: there to serve, or down for a while; not parked, coming or going.

    Args:
        instance: the instance.
        ran: whether it ran when this run took it: in the middle of an update it may look stopped.
    """
    coming_or_going = instance.provisioning_state in {"Creating", "Deleting"}
    parked = instance.power in PARKED and not instance.is_updating
    return not coming_or_going and not parked and (ran or runs(instance) or instance.provisioning_state == "Updating")


def unhealthy(instances: Iterable[Instance]) -> frozenset[str]:
    """The ids of those that do not serve."""
    return frozenset(instance.id for instance in instances if not instance.is_healthy)
