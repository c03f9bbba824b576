"""A blue-green switch, decided: which rule is pointed at which backend pool, and what stands in the way.

Two scale sets stand behind one load balancer, each in a backend pool of its own; the production rule leads to one of
them. The switch is one conditional write of the load balancer, so that nobody else's change is lost
(https://learn.microsoft.com/rest/api/load-balancer/load-balancers/create-or-update). A load balancer decides on new
connections: those that are open go on to the set before until they end, or until their idle timeout.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.network import Body

TEST_RULE = "vmss-jenkins-test"
ALLOW_FEWER = "--allow-fewer"
_READ_ONLY = ("id", "etag", "type")
_LAST_PORT = 65535


@dataclass(frozen=True)
class Side:
    """One of the two sets, as observed."""

    name: ScaleSetName
    instance_ids: tuple[str, ...]
    healthy: int
    pools: tuple[str, ...]
    """ARM ids of the backend pools that its instances are in."""


@dataclass(frozen=True)
class SwitchOrder:
    """What is wanted."""

    load_balancer: str
    """Its name, in the resource group of the sets."""
    to: ScaleSetName
    away: ScaleSetName
    """The other one of the pair."""
    rule: str = ""
    """The production rule; empty for the only one that leads to the pair."""
    test_port: int | None = None
    """A frontend port that leads to the idle set during the check; None for no such rule."""
    allow_fewer: bool = False
    """Switch although fewer instances are healthy there."""


@dataclass(frozen=True)
class SwitchPlan:
    """The rule, and where it leads before and after."""

    rule: str
    pool_before: str
    """ARM id."""
    pool_after: str

    @property
    def changes(self) -> bool:
        """False where it leads there already."""
        return self.pool_before.lower() != self.pool_after.lower()


@dataclass
class _Faults:
    """Everything that stands in the way, told at once."""

    reasons: list[str] = field(default_factory=list)

    def stop_if_any(self, source: str) -> None:
        if self.reasons:
            raise ConfigError(source, self.reasons)


def plan_switch(
    order: SwitchOrder, body: Body, to: Side, away: Side, skus: Mapping[str, str] | None = None
) -> SwitchPlan:
    """Decide what the switch is.

    Args:
        order: what is wanted.
        body: the load balancer.
        to: the set that is to serve.
        away: the other one.
        skus: the sku of each other load balancer that a set stands behind, by its name.

    Raises:
        ConfigError: for a pair that cannot be switched; all reasons are told.
        UnsafeRollout: where fewer instances are healthy there than serve now.
    """
    source, faults = f"load balancer {order.load_balancer}", _Faults()
    pools = {side: _pool_of(side, order, body, skus or {}, faults) for side in (to, away)}
    faults.stop_if_any(source)
    if pools[to] == pools[away]:
        faults.reasons.append(f"{to.name.name} and {away.name.name} are in one backend pool, {_name(pools[to])}")
    rule = _rule(order, body, tuple(pools.values()), faults)
    faults.reasons += _others(order, body, (to, away), tuple(pools.values()))
    faults.reasons += _port_faults(order, body)
    faults.stop_if_any(source)
    plan = SwitchPlan(str(rule["name"]), pool_of_rule(rule), pools[to])
    if plan.changes and to.healthy < away.healthy and not order.allow_fewer:
        told = (
            f"{to.name.name} has {to.healthy} healthy instance(s), and {away.name.name} serves with {away.healthy}: "
            "it may not bear the load."
        )
        raise UnsafeRollout(told, ALLOW_FEWER)
    if plan.changes and not to.healthy:
        raise ConfigError(source, [f"no instance of {to.name.name} is healthy"])
    return plan


def _pool_of(side: Side, order: SwitchOrder, body: Body, skus: Mapping[str, str], faults: _Faults) -> str:
    """The pool of this load balancer that a set is in; a fault and an empty text where it is in none or several."""
    here = {pool["id"].lower(): str(pool["id"]) for pool in _parts(body, "backendAddressPools")}
    found = [here[pool.lower()] for pool in side.pools if pool.lower() in here]
    if side.instance_ids and len(found) == 1:
        return found[0]
    elsewhere = sorted({pool.split("/loadBalancers/")[-1].partition("/")[0] for pool in side.pools})
    if not side.instance_ids:
        faults.reasons.append(f"{side.name.name} has no instance")
    elif found:
        names = ", ".join(map(_name, found))
        faults.reasons.append(f"{side.name.name} is in {len(found)} of its backend pools ({names}); wanted one")
    elif elsewhere:
        kinds = ", ".join(f"{name} (sku {skus.get(name, 'unknown')})" for name in elsewhere)
        mine = (body.get("sku") or {}).get("name", "Basic")
        faults.reasons.append(
            f"{side.name.name} is behind {kinds}, not behind {order.load_balancer} (sku {mine}); both sets of a pair "
            "stand behind one load balancer, and a set never behind Basic and Standard ones together"
        )
    else:
        faults.reasons.append(f"{side.name.name} is in no backend pool of a load balancer")
    return ""


def _rule(order: SwitchOrder, body: Body, pools: Iterable[str], faults: _Faults) -> Body:
    rules = [rule for rule in _parts(body, "loadBalancingRules") if rule["name"] != TEST_RULE]
    wanted = {pool.lower() for pool in pools}
    names = ", ".join(str(rule["name"]) for rule in rules) or "none"
    if order.rule:
        found = [rule for rule in rules if str(rule["name"]).lower() == order.rule.lower()]
        problem = f"there is no rule {order.rule!r}; there are: {names}"
    else:
        found = [rule for rule in rules if pool_of_rule(rule).lower() in wanted]
        problem = f"{len(found)} rules lead to the pair ({names}); name the production rule with --rule"
    if len(found) == 1 and pool_of_rule(found[0]).lower() in wanted:
        chosen: Body = found[0]
        return chosen
    leads = f"rule {order.rule} leads to {_name(pool_of_rule(found[0]))}, to neither of the pair" if found else ""
    faults.reasons.append(leads if order.rule and found else problem)
    return {"name": "", "properties": {}}


def _others(order: SwitchOrder, body: Body, sides: tuple[Side, Side], pools: tuple[str, ...]) -> Iterator[str]:
    """Other sets behind the load balancer: never in a pool of the pair, and elsewhere only where the rule is named."""
    pair = {side.name.name.lower() for side in sides}
    for pool in _parts(body, "backendAddressPools"):
        for name in sorted({one for one in sets_in(pool) if one.lower() not in pair}):
            if str(pool["id"]) in pools:
                yield f"scale set {name} is in backend pool {pool['name']} too, and would be switched along"
            elif not order.rule:
                yield f"it is shared with scale set {name} (pool {pool['name']}): name the production rule with --rule"


def _port_faults(order: SwitchOrder, body: Body) -> Iterator[str]:
    port = order.test_port
    if port is None:
        return
    if not 0 < port <= _LAST_PORT:
        yield f"found the test port {port}; wanted 1 to {_LAST_PORT}"
    for rule in _parts(body, "loadBalancingRules"):
        if rule["name"] != TEST_RULE and (rule.get("properties") or {}).get("frontendPort") == port:
            yield f"the test port {port} is that of rule {rule['name']}; choose another one"


def sets_in(pool: Body) -> frozenset[str]:
    """The names of the scale sets whose instances are in a backend pool."""
    references = (pool.get("properties") or {}).get("backendIPConfigurations") or []
    found = (re.search(r"/virtualMachineScaleSets/([^/]+)/", str(one.get("id")), re.IGNORECASE) for one in references)
    return frozenset(one[1] for one in found if one)


def pool_of_rule(rule: Body) -> str:
    """The ARM id of the backend pool that a rule leads to; empty for none."""
    properties = rule.get("properties") or {}
    single = (properties.get("backendAddressPool") or {}).get("id")
    several = [one.get("id") for one in properties.get("backendAddressPools") or []]
    return str(single or next(iter(several), "") or "")


def pointed(body: Body, rule: str, pool: str) -> dict[str, Any]:
    """The load balancer with a rule that leads to another pool, and without the rule of a check."""
    changed = without_test_rule(body)
    for one in _parts(changed, "loadBalancingRules"):
        if one["name"] == rule:
            one["properties"]["backendAddressPool"] = {"id": pool}
            one["properties"].pop("backendAddressPools", None)
    return changed


def with_test_rule(body: Body, rule: str, pool: str, port: int) -> dict[str, Any]:
    """The load balancer with a rule like another one, on a port of its own, that leads to another pool."""
    changed = without_test_rule(body)
    model = next(one for one in _parts(changed, "loadBalancingRules") if one["name"] == rule)
    test = {key: copy.deepcopy(value) for key, value in model.items() if key not in _READ_ONLY}
    test["name"] = TEST_RULE
    test["properties"] |= {"frontendPort": port, "backendAddressPool": {"id": pool}}
    test["properties"].pop("backendAddressPools", None)
    changed["properties"]["loadBalancingRules"].append(test)
    return changed


def without_test_rule(body: Body) -> dict[str, Any]:
    """The load balancer without the rule of a check."""
    changed: dict[str, Any] = copy.deepcopy(dict(body))
    rules = [rule for rule in _parts(changed, "loadBalancingRules") if rule["name"] != TEST_RULE]
    changed.setdefault("properties", {})["loadBalancingRules"] = rules
    return changed


def has_test_rule(body: Body) -> bool:
    """Whether the rule of a check is there."""
    return any(rule["name"] == TEST_RULE for rule in _parts(body, "loadBalancingRules"))


def _parts(body: Body, kind: str) -> list[Any]:
    return (body.get("properties") or {}).get(kind) or []


def _name(arm_id: str) -> str:
    return arm_id.rpartition("/")[2]
