"""How many instances may be down at a time, and which may go next.

Capacity is the instances that can serve, so not those that are stopped, being created or being deleted. Down are those
of them that are not healthy for any reason, and those that this run took and has not finished. Then:

- a serving instance is taken only while fewer than `max_unavailable` instances are down for any reason;
- instances that were down before the run began are no capacity of which it could take more: they do not count as
  unavailable, but if there are such instances the last one that serves is never taken;
- an instance that is down already may be taken too, since no capacity is lost and the release may heal it, as long as
  this run has no more than `max_unavailable` instances down;
- if the set spans zones, a serving instance is taken only while another instance of its zone serves, and this run never
  takes a whole zone down. The only instance of a zone is taken while every other zone serves.

The decision is based on the last read; what autoscale deletes at the same moment shows in the next read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmss_jenkins.model.instances import PARKED, Instance
from vmss_jenkins.rollout.plan.history import runs


@dataclass(frozen=True)
class Capacity:
    """What serves at one moment, and what may be taken down."""

    counted: tuple[Instance, ...]
    down: frozenset[str]
    """Ids of counted instances that are down."""
    ours: frozenset[str]
    """Ids that this run took down."""
    limit: int
    """How many may be down."""
    excused: frozenset[str] = frozenset()
    """Ids of instances that were down before and are not under way: they are not counted."""
    keeps_zones: bool = True
    """False if the set gets no traffic: a whole zone may be down."""

    def admit(self, candidates: Sequence[Instance]) -> tuple[Instance, ...]:
        """The first candidates that may be taken together; those that are down already come first."""
        tally = _Tally(self)
        ordered = sorted(candidates, key=lambda each: each.id not in self.down | self.excused)
        return tuple(instance for instance in ordered if tally.takes(instance))


class _Tally:
    """Counts what would be down, while one instance after the other is taken."""

    def __init__(self, capacity: Capacity) -> None:
        self._limit, self._keeps_zones = capacity.limit, capacity.keeps_zones
        self._down, self._ours = set(capacity.down), set(capacity.ours)
        self._excused = capacity.excused
        self._up = sum(instance.id not in self._down for instance in capacity.counted)
        self._keeps_one = bool(capacity.excused) and capacity.keeps_zones
        zoned = [instance for instance in capacity.counted if instance.zone]
        self._zones = Counter(instance.zone for instance in zoned)
        """How many instances each zone has, less those that are excused and not taken."""
        self._serving = Counter(instance.zone for instance in zoned if instance.id not in self._down)
        self._taken = Counter(instance.zone for instance in zoned if instance.id in self._ours)

    def takes(self, instance: Instance) -> bool:
        """Take an instance if that is allowed; return whether it was."""
        if instance.id in self._ours:
            return True
        lost = runs(instance) and instance.id not in self._down | self._excused
        if len(self._ours) >= self._limit or (lost and len(self._down) >= self._limit):
            return False
        if lost and self._up <= 1 and self._keeps_one:
            return False
        if self._keeps_zones and not self._zone_allows(instance, lost=lost):
            return False
        self._ours.add(instance.id)
        self._taken[instance.zone] += 1
        self._zones[instance.zone] += instance.id in self._excused and instance.zone is not None
        if lost:
            self._up -= 1
            self._down.add(instance.id)
            self._serving[instance.zone] -= 1
        return True

    def _zone_allows(self, instance: Instance, *, lost: bool) -> bool:
        """Whether its zone still serves without it, and this run has not taken all of the zone."""
        zone, size = instance.zone, self._zones[instance.zone]
        if zone is None or len(self._zones) < 2 or not size:  # noqa: PLR2004 - one zone is no spread to keep
            return True
        if size == 1:
            return not lost or all(self._serving[other] for other in self._zones if other != zone)
        return self._taken[zone] < size - 1 and (not lost or self._serving[zone] > 1)


def counts(instance: Instance, *, ran: bool = False) -> bool:
    """Whether an instance is capacity: it serves or is down for a while, and is not stopped, created or deleted.

    Args:
        instance: the instance.
        ran: whether it ran when this run took it: during an update it may look stopped.
    """
    created_or_deleted = instance.provisioning_state in {"Creating", "Deleting"}
    parked = instance.power in PARKED and not instance.is_updating
    return (
        not created_or_deleted and not parked and (ran or runs(instance) or instance.provisioning_state == "Updating")
    )


def unhealthy(instances: Iterable[Instance]) -> frozenset[str]:
    """The ids of those that do not serve."""
    return frozenset(instance.id for instance in instances if not instance.is_healthy)
