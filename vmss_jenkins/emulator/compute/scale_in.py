"""Which instances a scale-in deletes, by the set's policy. Pure.

The rules are those of Azure's page "Use custom scale-in policies": never a protected one; unhealthy ones first,
if the policy says so; then from the zone with the most instances; then, by default, the newest of the fault domain
with the most instances, or else the newest or the oldest of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.instance import Instance

RULES = ("Default", "OldestVM", "NewestVM")


def instances_to_remove(staying: Sequence[Instance], count: int, policy: Json) -> list[Instance]:
    """Return the instances to delete, in their order; fewer than ``count`` if the others are protected."""
    rule, unhealthy_first = next(iter(policy.get("rules") or ()), RULES[0]), bool(policy.get("prioritizeUnhealthyVMs"))
    left = list(staying)
    found: list[Instance] = []

    def rank(instance: Instance) -> tuple[object, ...]:
        zone = [one for one in left if one.zone == instance.zone]
        domain = sum(one.fault_domain == instance.fault_domain for one in zone) if rule == RULES[0] else 0
        age = (instance.created, instance.number)
        unhealthy = unhealthy_first and not (instance.up and instance.release.found == "healthy")
        return unhealthy, len(zone), domain, tuple(-part for part in age) if rule == "OldestVM" else age

    while len(found) < count:
        free = [instance for instance in left if not instance.protected_from_scale_in]
        if not free:
            break
        found.append(max(free, key=rank))
        left.remove(found[-1])
    return found
