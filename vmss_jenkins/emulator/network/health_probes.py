"""Probes of load balancers that scale sets use as their health probes, and the rules that Azure keeps for them.

Azure refuses to remove a rule whose probe is the health probe of a scale set with instances, even if another rule has
the same probe (https://github.com/Azure/azure-cli/issues/14167, https://github.com/Azure/azure-rest-api-specs/issues/10104).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.state.network import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_jenkins.emulator.network.resolved_load_balancer import ResolvedLoadBalancer
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.network import LoadBalancer
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

_ADVICE = "To remove this rule, please update VM scale set to remove the reference to the probe."


def check_rules_stay(known: LoadBalancer, balancer: ResolvedLoadBalancer) -> None:
    """Refuse a change that removes a rule with a health probe of a set; raises ``ArmError`` 400.

    Args:
        known: The load balancer before the change.
        balancer: The load balancer after it.
    """
    stay = {rule["name"].lower() for rule in balancer.resource.children(RULES)}
    users = dict(_users(balancer.backend))
    for rule in known.children(RULES) if known.body else ():
        probe = str(rule["properties"].get("probe", {}).get("id", ""))
        if rule["name"].lower() not in stay and probe.lower() in users:
            used = f"probe {probe} that is used as health probe by VM scale set {users[probe.lower()]}"
            text = (
                f"Load balancer rule {balancer.part_id(RULES, rule['name'])} cannot be removed because the rule "
                f"references the load balancer {used}. {_ADVICE}"
            )
            raise ArmError(400, "CannotRemoveRuleUsedByProbeUsedByVMSS", text)


def _users(backend: Backend) -> Iterator[tuple[str, str]]:
    """Yield each health probe in lower case with a set that uses it: by its model, or by one of its instances."""
    group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups"
    for scale_set in backend.scale_sets.values():
        set_id = f"{group}/{scale_set.group}/providers/{COMPUTE}/virtualMachineScaleSets/{scale_set.name}"
        for probe in _probes(scale_set):
            yield probe.lower(), set_id


def _probes(scale_set: ScaleSet) -> set[str]:
    if not scale_set.instances:
        return set()
    profiles = [scale_set.model.profile, *(one.model.profile for one in scale_set.instances.values())]
    return {str(one.get("networkProfile", {}).get("healthProbe", {}).get("id", "")) for one in profiles} - {""}
