"""How many instances may be down at a time, and which may go next.

Counted are the instances that are there to serve: one that is stopped, being created or being deleted
is no capacity that a rollout could take away. Down are those of them that are not healthy for whatever
reason, and those that this run took and has not brought back yet. Then:

- an instance that serves is taken only while fewer than `max_unavailable` are down, whoever's doing;
- one that is down already may be taken too, since nothing is lost and the release may heal it, as long
  as no more than `max_unavailable` are down by our doing;
- where the set spans zones, an instance that serves is taken only if another one of its zone goes on
  serving. The only instance of a zone is taken while every other zone serves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmss_jenkins.history import runs
from vmss_jenkins.instances import Instance


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

    def admit(self, candidates: Sequence[Instance]) -> tuple[Instance, ...]:
        """The first of the candidates that may be taken together, those that are down already before the others."""
        down, ours = set(self.down), set(self.ours)
        zones = Counter(instance.zone for instance in self.counted if instance.zone)
        serving = Counter(instance.zone for instance in self.counted if instance.zone and instance.id not in self.down)
        admitted = []
        for instance in sorted(candidates, key=lambda each: each.id not in self.down):
            if len(ours | {instance.id}) > self.limit:
                continue
            if runs(instance) and instance.id not in down:
                if len(down) >= self.limit or not _zone_allows(instance.zone, zones, serving):
                    continue
                down.add(instance.id)
                serving[instance.zone or ""] -= 1
            ours.add(instance.id)
            admitted.append(instance)
        return tuple(admitted)


def _zone_allows(zone: str | None, zones: Counter[str], serving: Counter[str]) -> bool:
    if zone is None or len(zones) < 2:  # noqa: PLR2004 - one zone is no spread to keep
        return True
    if zones[zone] == 1:
        return all(serving[other] for other in zones if other != zone)
    return serving[zone] > 1


def counts(instance: Instance) -> bool:
    """Whether an instance is capacity: there to serve, neither stopped nor coming nor going."""
    return runs(instance) and instance.provisioning_state not in {"Creating", "Deleting"}


def unhealthy(instances: Iterable[Instance]) -> frozenset[str]:
    """The ids of those that do not serve."""
    return frozenset(instance.id for instance in instances if not instance.is_healthy)
