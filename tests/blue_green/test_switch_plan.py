"""Which pairs can be switched, and what is written to the load balancer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vmss_jenkins.blue_green.plan.rules import (
    TEST_RULE,
    has_test_rule,
    pool_of_rule,
    with_rule_pointing_at,
    with_test_rule,
    without_test_rule,
)
from vmss_jenkins.blue_green.plan.switch import Side, SwitchOrder, SwitchPlan, plan_switch, refuse, sets_in
from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import ScaleSetName

GROUP = "/subscriptions/s/resourceGroups/rg/providers"
LB = f"{GROUP}/Microsoft.Network/loadBalancers"
BLUE_POOL, GREEN_POOL = f"{LB}/lb/backendAddressPools/bluePool", f"{LB}/lb/backendAddressPools/greenPool"
BLUE, GREEN = ScaleSetName("rg", "blue"), ScaleSetName("rg", "green")
TO, OTHER = Side(GREEN, ("0", "1"), 2, (GREEN_POOL,)), Side(BLUE, ("0", "1"), 2, (BLUE_POOL,))
ORDER = SwitchOrder("lb", GREEN, BLUE)


def member(name: str) -> dict[str, str]:
    return {"id": f"{GROUP}/Microsoft.Compute/virtualMachineScaleSets/{name}/virtualMachines/0/networkInterfaces/n"}


def pool(arm_id: str, *members: str) -> dict[str, Any]:
    name = arm_id.rpartition("/")[2]
    return {"name": name, "id": arm_id, "properties": {"backendIPConfigurations": [member(one) for one in members]}}


def rule(name: str, arm_id: str, port: int = 80) -> dict[str, Any]:
    properties = {"frontendPort": port, "backendAddressPool": {"id": arm_id}, "backendAddressPools": [{"id": arm_id}]}
    return {"name": name, "id": f"{LB}/lb/loadBalancingRules/{name}", "etag": "x", "properties": properties}


def balancer(*rules: dict[str, Any], pools: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    known = (pool(BLUE_POOL, "blue"), pool(GREEN_POOL, "green"), *pools)
    parts = {"backendAddressPools": list(known), "loadBalancingRules": list(rules)}
    return {"id": f"{LB}/lb", "etag": "1", "sku": {"name": "Standard"}, "properties": parts}


LIVE = rule("live", BLUE_POOL)


def planned(
    order: SwitchOrder, body: dict[str, Any], to: Side, other: Side, skus: dict[str, str] | None = None
) -> SwitchPlan:
    """The plan, if nothing prevents it."""
    plan = plan_switch(order, body, to, other, skus)
    refuse(order.load_balancer, plan.findings)
    return plan


def test_the_only_rule_of_the_pair_is_pointed_at_the_idle_pool() -> None:
    plan = planned(ORDER, balancer(LIVE, rule("other", f"{LB}/lb/backendAddressPools/x")), TO, OTHER)
    assert (plan.rule, plan.pool_before, plan.pool_after, plan.changes) == ("live", BLUE_POOL, GREEN_POOL, True)


def test_an_active_set_needs_no_change_even_with_few_healthy_instances() -> None:
    plan = planned(ORDER, balancer(rule("live", GREEN_POOL.upper())), replace(TO, healthy=0), OTHER)
    assert not plan.changes


@pytest.mark.parametrize(
    ("to", "body", "order", "reason"),
    [
        (replace(TO, instance_ids=()), balancer(LIVE), ORDER, "green has no instance"),
        (replace(TO, pools=()), balancer(LIVE), ORDER, "in no backend pool"),
        (
            replace(TO, pools=(f"{LB}/old/backendAddressPools/p",)),
            balancer(LIVE),
            ORDER,
            r"green is behind old \(sku Basic\), not behind lb \(sku Standard\)",
        ),
        (replace(TO, pools=(BLUE_POOL,)), balancer(LIVE), ORDER, "in one backend pool"),
        (replace(TO, pools=(BLUE_POOL, GREEN_POOL)), balancer(LIVE), ORDER, "2 of its backend pools"),
        (TO, balancer(), ORDER, "0 rules send traffic to the pair"),
        (TO, balancer(LIVE, rule("https", BLUE_POOL, 443)), ORDER, "2 rules send .*--rule"),
        (TO, balancer(LIVE), replace(ORDER, rule="x"), "no rule 'x'; there are: live"),
        (TO, balancer(rule("live", f"{LB}/lb/backendAddressPools/x")), replace(ORDER, rule="live"), "not to the pair"),
        (TO, balancer(LIVE), replace(ORDER, test_port=80), "test port 80 is used by rule live"),
        (TO, balancer(LIVE), replace(ORDER, test_port=70000), "wanted 1 to 65535"),
        (replace(TO, healthy=0), balancer(LIVE), replace(ORDER, allow_fewer=True), "no instance of green is healthy"),
        (TO, balancer(LIVE, pools=(pool(f"{LB}/lb/backendAddressPools/x", "third"),)), ORDER, "shared with .* third"),
        (TO, balancer(), replace(ORDER, rule="x"), "no rule 'x'; there are: none"),
    ],
)
def test_a_pair_that_cannot_be_switched_is_reported(
    to: Side, body: dict[str, Any], order: SwitchOrder, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        planned(order, body, to, OTHER, {"old": "Basic"})


BASIC = {key: value for key, value in balancer(LIVE).items() if key != "sku"}


@pytest.mark.parametrize(
    ("to", "body", "order", "reasons"),
    [
        (
            replace(TO, pools=(BLUE_POOL, GREEN_POOL)),
            balancer(LIVE),
            ORDER,
            ["green is in 2 of its backend pools (bluePool, greenPool); wanted one"],
        ),
        (
            replace(TO, pools=tuple(f"{LB}/{name}/backendAddressPools/p" for name in ("old", "new"))),
            BASIC,
            ORDER,
            [
                (
                    "green is behind new (sku unknown), old (sku Basic), not behind lb (sku Basic); both sets of a "
                    "pair must be behind one load balancer, and no set can be behind Basic and Standard ones at once"
                )
            ],
        ),
        (
            replace(TO, pools=(BLUE_POOL,)),
            balancer(LIVE),
            ORDER,
            ["green and blue are in one backend pool, bluePool"],
        ),
        (
            TO,
            balancer(LIVE, rule("https", BLUE_POOL, 443)),
            ORDER,
            ["2 rules send traffic to the pair (rules: live, https); name the production rule with --rule"],
        ),
        (
            TO,
            balancer(LIVE),
            replace(ORDER, rule="live", check_ports=(80,)),
            [
                (
                    "a check uses its port 80, which sends traffic to bluePool; wanted green: give --test-port, or "
                    "measure each instance (via=private, public, nat or ssh)"
                )
            ],
        ),
        (
            TO,
            balancer(LIVE),
            replace(ORDER, load_balancer=f"{LB.replace('/s/', '/t/')}/lb"),
            [f"found {LB}/lb; wanted {LB.replace('/s/', '/t/')}/lb: it must be in the subscription of the sets"],
        ),
        (
            replace(TO, pools=()),
            balancer(LIVE),
            replace(ORDER, rule="live"),
            ["green is in no backend pool of a load balancer"],
        ),
        (
            replace(TO, pools=(BLUE_POOL, GREEN_POOL)),
            balancer(),
            ORDER,
            ["green is in 2 of its backend pools (bluePool, greenPool); wanted one"],
        ),
        (
            replace(TO, instance_ids=(), pools=()),
            balancer(LIVE),
            replace(ORDER, rule="gone"),
            ["there is no rule 'gone'; there are: live", "green has no instance"],
        ),
    ],
)
def test_each_reason_says_what_was_found_and_what_is_wanted(
    to: Side, body: dict[str, Any], order: SwitchOrder, reasons: list[str]
) -> None:
    plan = plan_switch(order, body, to, OTHER, {"old": "Basic"})
    assert [one.text for one in plan.findings] == reasons
    assert {plan.pool_after, plan.pool_other} <= {BLUE_POOL, GREEN_POOL, ""}
    assert plan.rule in {"live", ""}
    assert {one.severity for one in plan.findings} == {Severity.IMPOSSIBLE}


def test_where_neither_set_has_a_pool_the_rule_is_not_looked_for() -> None:
    found = plan_switch(ORDER, balancer(), replace(TO, pools=()), replace(OTHER, pools=())).findings
    assert [one.text for one in found] == [
        f"{name} is in no backend pool of a load balancer" for name in ("green", "blue")
    ]


def test_a_third_set_needs_a_named_rule_and_must_not_be_in_a_pool_of_the_pair() -> None:
    elsewhere = balancer(LIVE, pools=(pool(f"{LB}/lb/backendAddressPools/x", "third"),))
    assert planned(replace(ORDER, rule="LIVE"), elsewhere, TO, OTHER).rule == "live"
    elsewhere["properties"]["backendAddressPools"][1] = pool(GREEN_POOL, "green", "third")
    with pytest.raises(ConfigError, match="third is in backend pool greenPool too"):
        planned(replace(ORDER, rule="live"), elsewhere, TO, OTHER)


def test_fewer_healthy_instances_than_in_the_active_set_need_the_option() -> None:
    with pytest.raises(UnsafeRollout, match="--allow-fewer"):
        planned(ORDER, balancer(LIVE), replace(TO, healthy=1), OTHER)
    refused = plan_switch(ORDER, balancer(LIVE), replace(TO, healthy=1), OTHER)
    assert [(one.severity, one.flag) for one in refused.findings] == [(Severity.UNSAFE, "--allow-fewer")]
    allowed = planned(replace(ORDER, allow_fewer=True), balancer(LIVE), replace(TO, healthy=1), OTHER)
    assert allowed.changes
    assert [(one.severity, one.flag) for one in allowed.findings] == [(Severity.WARNING, None)]


@pytest.mark.parametrize(
    ("check_ports", "test_port", "reason"),
    [
        ((80,), None, "a check uses its port 80, which sends traffic to bluePool; wanted green"),
        ((81,), None, "a check uses its port 81, which has no rule; wanted green"),
        ((80, 81), 81, "a check uses its port 80"),
        ((81,), 81, ""),
        ((443,), None, ""),
        ((), None, ""),
    ],
)
def test_a_check_measures_the_idle_set_and_not_the_active_one(
    check_ports: tuple[int, ...], test_port: int | None, reason: str
) -> None:
    body = balancer(LIVE, rule("green only", GREEN_POOL.upper(), 443))
    order = replace(ORDER, rule="live", check_ports=check_ports, test_port=test_port)
    found = [one.text for one in plan_switch(order, body, TO, OTHER).findings]
    assert [text[: len(reason)] for text in found] == ([reason] if reason else [])
    served = balancer(rule("live", GREEN_POOL), rule("green only", GREEN_POOL, 443))
    assert plan_switch(order, served, TO, OTHER).findings == (), "without a switch there is no check"


@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port_can_be_test_ports(port: int) -> None:
    assert planned(replace(ORDER, test_port=port), balancer(LIVE), TO, OTHER).changes


def test_port_0_is_refused() -> None:
    with pytest.raises(ConfigError, match="found the test port 0"):
        planned(replace(ORDER, test_port=0), balancer(LIVE), TO, OTHER)


def test_the_test_rule_is_a_copy_of_the_production_rule_and_the_switch_removes_it() -> None:
    body = balancer(LIVE)
    testing = with_test_rule(body, "live", GREEN_POOL, 8081)
    test = testing["properties"]["loadBalancingRules"][-1]
    assert (test["name"], pool_of_rule(test), test["properties"]["frontendPort"]) == (TEST_RULE, GREEN_POOL, 8081)
    assert not {"id", "etag"} & test.keys()
    assert len(with_test_rule(testing, "live", GREEN_POOL, 8082)["properties"]["loadBalancingRules"]) == 2
    done = with_rule_pointing_at(testing, "live", GREEN_POOL)
    assert [pool_of_rule(one) for one in done["properties"]["loadBalancingRules"]] == [GREEN_POOL]
    for written in (test, *done["properties"]["loadBalancingRules"]):
        assert "backendAddressPools" not in written["properties"], "Azure refuses two pools that differ"
    assert (has_test_rule(testing), has_test_rule(done), has_test_rule(body)) == (True, False, False)
    assert pool_of_rule(body["properties"]["loadBalancingRules"][0]) == BLUE_POOL, "what was read stays as it is"


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"backendAddressPool": {"id": BLUE_POOL}}, BLUE_POOL),
        ({"backendAddressPool": {"id": BLUE_POOL}, "backendAddressPools": [{"id": GREEN_POOL}]}, BLUE_POOL),
        ({"backendAddressPools": [{"id": GREEN_POOL}]}, GREEN_POOL),
        ({"backendAddressPool": None, "backendAddressPools": None}, ""),
        ({"backendAddressPools": []}, ""),
        ({"backendAddressPool": {}}, ""),
        (None, ""),
    ],
)
def test_the_pool_of_a_rule_in_every_form_that_azure_has_for_it(properties: object, found: str) -> None:
    assert pool_of_rule({"name": "live", "properties": properties}) == found


def test_a_rule_with_one_pool_and_no_probe_is_copied_without_them() -> None:
    body = balancer({"name": "live", "properties": {"frontendPort": 80, "backendAddressPool": {"id": BLUE_POOL}}})
    body["properties"]["probes"] = [PROBE]
    testing = with_test_rule(body, "live", GREEN_POOL, 8081)["properties"]
    assert testing["probes"] == [PROBE]
    assert testing["loadBalancingRules"][-1]["properties"] == {
        "frontendPort": 8081,
        "backendAddressPool": {"id": GREEN_POOL},
    }
    pointed = with_rule_pointing_at(body, "live", GREEN_POOL)["properties"]["loadBalancingRules"]
    assert [pool_of_rule(one) for one in pointed] == [GREEN_POOL]


def test_azure_may_name_resource_types_in_any_case() -> None:
    shared = pool(GREEN_POOL, "green", "third")
    text = shared["properties"]["backendIPConfigurations"][1]["id"]
    shared["properties"]["backendIPConfigurations"][1]["id"] = text.lower()
    assert sets_in(shared) == {"green", "third"}


PROBE = {
    "name": "live",
    "id": f"{LB}/lb/probes/live",
    "etag": "x",
    "properties": {"port": 80, "requestPath": "/up", "loadBalancingRules": [{"id": "r"}], "provisioningState": "x"},
}


def test_the_test_rule_has_a_copy_of_the_probe_that_is_removed_with_it() -> None:
    """Azure refuses to remove a rule whose probe is a set's health probe."""
    body = balancer(LIVE)
    body["properties"]["probes"] = [PROBE]
    body["properties"]["loadBalancingRules"][0]["properties"]["probe"] = {"id": PROBE["id"]}
    testing = with_test_rule(body, "live", GREEN_POOL, 8081)
    assert testing["properties"]["probes"] == [
        PROBE,
        {"name": TEST_RULE, "properties": {"port": 80, "requestPath": "/up"}},
    ]
    assert testing["properties"]["loadBalancingRules"][-1]["properties"]["probe"]["id"] == f"{LB}/lb/probes/{TEST_RULE}"
    assert len(with_test_rule(testing, "live", GREEN_POOL, 8082)["properties"]["probes"]) == 2
    for done in (without_test_rule(testing), with_rule_pointing_at(testing, "live", GREEN_POOL)):
        assert done["properties"]["probes"] == [PROBE]


BY_ID = f"{LB.replace('/rg/', '/network/')}/lb"


def test_a_load_balancer_in_another_group_is_given_by_its_id() -> None:
    assert (ORDER.balancer, replace(ORDER, load_balancer=BY_ID).balancer) == (("rg", "lb"), ("network", "lb"))


def test_a_load_balancer_of_the_same_name_in_another_subscription_is_not_taken_for_it() -> None:
    order = replace(ORDER, load_balancer=f"{LB.replace('/s/', '/t/')}/lb")
    with pytest.raises(ConfigError, match="it must be in the subscription of the sets"):
        planned(order, balancer(LIVE), TO, OTHER)
    assert planned(replace(ORDER, load_balancer=f"{LB}/LB".replace("rg", "RG")), balancer(LIVE), TO, OTHER).changes
