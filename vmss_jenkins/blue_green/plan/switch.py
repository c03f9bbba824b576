"""Decide a blue-green switch: which rule is pointed at which backend pool, and what prevents it.

Two scale sets are behind one load balancer, each in a backend pool of its own; the production rule sends traffic to one
of them. The switch is one conditional write of the load balancer, so that nobody else's change is lost
(https://learn.microsoft.com/rest/api/load-balancer/load-balancers/create-or-update). A switch affects new
connections: open ones stay with the previous set until they end or reach their idle timeout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vmss_jenkins.blue_green.plan.rules import TEST_RULE, parts, pool_name, pool_of_rule
from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.network import Body, load_balancer_names

ALLOW_FEWER = "--allow-fewer"
_LAST_PORT = 65535


@dataclass(frozen=True)
class Side:
    """One of the two sets, as observed."""

    name: ScaleSetName
    instance_ids: tuple[str, ...]
    healthy: int
    pools: tuple[str, ...]
    """ARM ids of the backend pools of its instances."""


@dataclass(frozen=True)
class SwitchOrder:
    """What is wanted."""

    load_balancer: str
    """Its name, or its ARM id if it is in another resource group than the sets."""
    to: ScaleSetName
    other: ScaleSetName
    """The other set of the pair."""
    rule: str = ""
    """The production rule; empty for the only rule that sends traffic to the pair."""
    test_port: int | None = None
    """A frontend port for the idle set during the check; None for no test rule."""
    allow_fewer: bool = False
    """Switch even if fewer instances are healthy in the idle set."""
    to_idle: bool = False
    """Switch to the idle set of the pair, whichever of `to` and `other` that is."""
    check_ports: tuple[int, ...] = ()
    """The ports of the load balancer that the check uses: each must send traffic to the idle set."""
    deployed: bool = True
    """False before the idle set has the release: the number of healthy instances does not matter yet."""

    @property
    def balancer(self) -> tuple[str, str]:
        """The resource group and the name of the load balancer."""
        return load_balancer_names(self.load_balancer, self.to.resource_group)


@dataclass(frozen=True)
class SwitchPlan:
    """The rule, its backend pool before and after, and what prevents the switch."""

    load_balancer: str
    rule: str
    """Empty if the rule was not found."""
    pool_before: str
    """ARM id."""
    pool_after: str
    pool_other: str
    """The pool of the other set."""
    to: Side
    other: Side
    findings: tuple[Finding, ...] = ()

    @property
    def changes(self) -> bool:
        """False if the set gets the traffic already."""
        return self.pool_before.lower() != self.pool_after.lower()


def plan_switch(
    order: SwitchOrder, body: Body, to: Side, other: Side, skus: Mapping[str, str] | None = None
) -> SwitchPlan:
    """Decide what the switch does, and what prevents it.

    Args:
        order: what is wanted.
        body: the load balancer.
        to: the set that is to get the traffic.
        other: the other set.
        skus: the SKU of each other load balancer in front of a set, by its name.
    """
    faults = list(_other_subscription(order, body))
    pools = {side.name: _pool_of(side, order, body, skus or {}, faults) for side in (to, other)}
    known = tuple(filter(None, pools.values()))
    if known and pools[to.name] == pools[other.name]:
        faults.append(f"{to.name.name} and {other.name.name} are in one backend pool, {pool_name(pools[to.name])}")
    rule = _rule(order, body, known, faults) if known and not faults else {"name": order.rule}
    before = pool_of_rule(rule)
    if order.to_idle and before and before.lower() == pools[to.name].lower():
        to, other = other, to
    faults += [f"{side.name.name} has no instance" for side in _empty_sets(order, to, other, before)]
    faults += _other_sets(order, body, (to, other), known)
    plan = SwitchPlan(order.balancer[1], str(rule["name"]), before, pools[to.name], pools[other.name], to, other)
    faults += _port_faults(order, body, plan)
    found = [Finding(Severity.IMPOSSIBLE, fault) for fault in faults]
    health = () if found or not plan.changes or not order.deployed else _health(order, plan)
    return replace(plan, findings=(*found, *health))


def refuse(load_balancer: str, findings: Iterable[Finding]) -> None:
    """Refuse what is impossible, and what needs an option to be allowed.

    Args:
        load_balancer: the pair's load balancer.
        findings: the findings of a plan.

    Raises:
        ConfigError: for a pair that cannot be switched, with all reasons.
        UnsafeRollout: if the idle set has fewer healthy instances than the active one.
    """
    found = tuple(findings)
    if reasons := [one.text for one in found if one.severity is Severity.IMPOSSIBLE]:
        raise ConfigError(f"load balancer {load_balancer}", reasons)
    for one in found:
        if one.severity is Severity.UNSAFE:
            raise UnsafeRollout(one.text, one.flag or ALLOW_FEWER)


def _empty_sets(order: SwitchOrder, to: Side, other: Side, before: str) -> Iterator[Side]:
    """The empty sets that prevent the switch: the idle set may be empty until it is to get traffic."""
    for side in (to, other):
        if not side.instance_ids and (not before or (side is to and order.deployed)):
            yield side


def _other_subscription(order: SwitchOrder, body: Body) -> Iterator[str]:
    """Only one subscription is read: a load balancer of the same name there must not be taken for the one wanted."""
    if "/" in order.load_balancer and str(body.get("id")).lower() != order.load_balancer.lower():
        yield f"found {body.get('id')}; wanted {order.load_balancer}: it must be in the subscription of the sets"


def _health(order: SwitchOrder, plan: SwitchPlan) -> Iterator[Finding]:
    to, other = plan.to, plan.other
    if not to.healthy:
        yield Finding(Severity.IMPOSSIBLE, f"no instance of {to.name.name} is healthy")
    elif to.healthy < other.healthy:
        text = (
            f"{to.name.name} has {to.healthy} healthy instance(s), and {other.name.name} serves with {other.healthy}: "
            "it may be too small for the traffic."
        )
        severity = Severity.WARNING if order.allow_fewer else Severity.UNSAFE
        yield Finding(severity, text, None if order.allow_fewer else ALLOW_FEWER)


def _pool_of(side: Side, order: SwitchOrder, body: Body, skus: Mapping[str, str], faults: list[str]) -> str:
    """The set's pool in this load balancer; a set in none or in several adds a fault, and the result is empty."""
    here = {pool["id"].lower(): str(pool["id"]) for pool in parts(body, "backendAddressPools")}
    found = [here[pool.lower()] for pool in side.pools if pool.lower() in here]
    if len(found) == 1:
        return found[0]
    elsewhere = sorted({pool.split("/loadBalancers/")[-1].partition("/")[0] for pool in side.pools})
    if not side.instance_ids:
        return ""
    if found:
        names = ", ".join(map(pool_name, found))
        faults.append(f"{side.name.name} is in {len(found)} of its backend pools ({names}); wanted one")
    elif elsewhere:
        kinds = ", ".join(f"{name} (sku {skus.get(name, 'unknown')})" for name in elsewhere)
        mine = (body.get("sku") or {}).get("name", "Basic")
        faults.append(
            f"{side.name.name} is behind {kinds}, not behind {order.balancer[1]} (sku {mine}); both sets of a pair "
            "must be behind one load balancer, and no set can be behind Basic and Standard ones at once"
        )
    else:
        faults.append(f"{side.name.name} is in no backend pool of a load balancer")
    return ""


def _rule(order: SwitchOrder, body: Body, pools: Iterable[str], faults: list[str]) -> Body:
    rules = [rule for rule in parts(body, "loadBalancingRules") if rule["name"] != TEST_RULE]
    wanted = {pool.lower() for pool in pools}
    names = ", ".join(str(rule["name"]) for rule in rules) or "none"
    if order.rule:
        found = [rule for rule in rules if str(rule["name"]).lower() == order.rule.lower()]
        problem = f"there is no rule {order.rule!r}; there are: {names}"
    else:
        found = [rule for rule in rules if pool_of_rule(rule).lower() in wanted]
        problem = f"{len(found)} rules send traffic to the pair (rules: {names}); name the production rule with --rule"
    if len(found) == 1 and pool_of_rule(found[0]).lower() in wanted:
        chosen: Body = found[0]
        return chosen
    if order.rule and found:
        problem = f"rule {order.rule} sends traffic to {pool_name(pool_of_rule(found[0]))}, not to the pair"
    faults.append(problem)
    return {"name": ""}


def _other_sets(order: SwitchOrder, body: Body, sides: tuple[Side, Side], pools: Sequence[str]) -> Iterator[str]:
    """Other sets behind the load balancer: never in a pool of the pair; in other pools only if the rule is named."""
    pair = {side.name.name.lower() for side in sides}
    for pool in parts(body, "backendAddressPools"):
        for name in sorted({one for one in sets_in(pool) if one.lower() not in pair}):
            if str(pool["id"]) in pools:
                yield f"scale set {name} is in backend pool {pool['name']} too: it would be switched as well"
            elif not order.rule:
                yield f"it is shared with scale set {name} (pool {pool['name']}): name the production rule with --rule"


def _port_faults(order: SwitchOrder, body: Body, plan: SwitchPlan) -> Iterator[str]:
    """A test port that another rule uses, and a check that would measure the set with the traffic."""
    port, rules = order.test_port, [one for one in parts(body, "loadBalancingRules") if one["name"] != TEST_RULE]
    rule_of = {(one.get("properties") or {}).get("frontendPort"): one for one in rules}
    if port is not None and not 0 < port <= _LAST_PORT:
        yield f"found the test port {port}; wanted 1 to {_LAST_PORT}"
    if port in rule_of:
        yield f"the test port {port} is used by rule {rule_of[port]['name']}; choose another port"
    for asked in sorted({*order.check_ports} - {port}) if plan.changes and plan.pool_before else ():
        pool = pool_of_rule(rule_of[asked]) if asked in rule_of else ""
        if not plan.pool_after or pool.lower() != plan.pool_after.lower():
            actual = f"sends traffic to {pool_name(pool)}" if pool else "has no rule"
            yield (
                f"a check uses its port {asked}, which {actual}; wanted {plan.to.name.name}: give --test-port, or "
                "measure each instance (via=private, public, nat or ssh)"
            )


def sets_in(pool: Body) -> frozenset[str]:
    """The names of the scale sets whose instances are in a backend pool."""
    references = (pool.get("properties") or {}).get("backendIPConfigurations") or []
    found = (re.search(r"/virtualMachineScaleSets/([^/]+)/", str(one.get("id")), re.IGNORECASE) for one in references)
    return frozenset(one[1] for one in found if one)
