"""Which instances are deleted first: as Azure chooses them when a set is scaled in.

By the set's scale-in policy (https://learn.microsoft.com/azure/virtual-machine-scale-sets/virtual-machine-scale-sets-scale-in-policy):
the unhealthy before the others if the policy says so; the fullest zone; then, by default, its fullest fault domain and
the newest instance there, or the newest or the oldest of the zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from vmss_jenkins.model.automation.scale_in import ScaleInPolicy, ScaleInRule
from vmss_jenkins.model.instances import Instance
from vmss_jenkins.rollout.plan.selection import natural


def order(policy: ScaleInPolicy, leaving: Collection[Instance], present: Collection[Instance]) -> tuple[Instance, ...]:
    """Put instances into the order in which they are deleted.

    Args:
        policy: the policy of the set.
        leaving: those to delete.
        present: all instances of the set, including these.
    """
    rest, left, found = list(leaving), list(present), []
    while rest:
        chosen = max(rest, key=_Rank(policy, left))
        rest.remove(chosen)
        left.remove(chosen)
        found.append(chosen)
    return tuple(found)


class _Rank:
    """A sort key: instances that are deleted first come last."""

    def __init__(self, policy: ScaleInPolicy, left: Sequence[Instance]) -> None:
        self._policy = policy
        self._zones = Counter(instance.zone for instance in left)
        self._domains = Counter((instance.zone, instance.fault_domain) for instance in left)

    def __call__(self, instance: Instance) -> tuple[object, ...]:
        rule = self._policy.rule
        ailing = self._policy.prioritize_unhealthy and not instance.is_healthy
        domain = self._domains[instance.zone, instance.fault_domain] if rule is ScaleInRule.DEFAULT else 0
        return ailing, self._zones[instance.zone], domain, *_age(instance, oldest=rule is ScaleInRule.OLDEST)


def _age(instance: Instance, *, oldest: bool) -> tuple[object, ...]:
    """The higher, the sooner it is deleted; by id if the ages are equal or unknown."""
    created, number = instance.created or 0.0, natural(instance.id)
    if not oldest:
        return created, number
    return -created, tuple((-kind, -value, text) for kind, value, text in number)
