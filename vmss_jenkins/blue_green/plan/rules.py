"""Edit the rules of a load balancer: point the production rule at a pool, add and remove the test rule.

The test rule has a probe of its own. Azure refuses to remove a rule whose probe is the health probe of a scale set,
even if another rule has the same probe (https://github.com/Azure/azure-cli/issues/14167).
"""

from __future__ import annotations

import copy
from typing import Any

from vmss_jenkins.model.network import Body

TEST_RULE = "vmss-jenkins-test"
"""The name of the test rule and of its probe."""
_READ_ONLY = ("id", "etag", "type")
_REFERRERS = ("loadBalancingRules", "provisioningState")
"""What Azure adds to the properties of a probe."""


def parts(body: Body, kind: str) -> list[Any]:
    """The parts of a load balancer of one kind, such as `probes`."""
    return (body.get("properties") or {}).get(kind) or []


def pool_of_rule(rule: Body) -> str:
    """The ARM id of a rule's backend pool; empty for none."""
    properties = rule.get("properties") or {}
    pools = (properties.get("backendAddressPool"), *(properties.get("backendAddressPools") or ()))
    return next((str(pool["id"]) for pool in pools if pool and pool.get("id")), "")


def pool_name(arm_id: str) -> str:
    """The name in the ARM id of a backend pool."""
    return arm_id.rpartition("/")[2]


def with_rule_pointing_at(body: Body, rule: str, pool: str) -> dict[str, Any]:
    """The load balancer with a rule pointed at another pool, and without the test rule."""
    changed = without_test_rule(body)
    for one in parts(changed, "loadBalancingRules"):
        if one["name"] == rule:
            one["properties"]["backendAddressPool"] = {"id": pool}
            one["properties"].pop("backendAddressPools", None)
    return changed


def with_test_rule(body: Body, rule: str, pool: str, port: int) -> dict[str, Any]:
    """The load balancer with a test rule: a copy of a rule and of its probe, with another port and another pool."""
    changed = without_test_rule(body)
    test = _copy(next(one for one in parts(changed, "loadBalancingRules") if one["name"] == rule))
    test["properties"] |= {"frontendPort": port, "backendAddressPool": {"id": pool}}
    test["properties"].pop("backendAddressPools", None)
    probe_id = (test["properties"].pop("probe", None) or {}).get("id") or ""
    for one in [one for one in parts(changed, "probes") if one["id"].lower() == probe_id.lower()]:
        probe = _copy(one)
        probe["properties"] = {key: value for key, value in probe["properties"].items() if key not in _REFERRERS}
        changed["properties"]["probes"].append(probe)
        test["properties"]["probe"] = {"id": f"{probe_id.rpartition('/')[0]}/{TEST_RULE}"}
    changed["properties"]["loadBalancingRules"].append(test)
    return changed


def _copy(part: Body) -> dict[str, Any]:
    """A copy of a rule or probe, under the name of the test rule."""
    return {key: copy.copy(value) for key, value in part.items() if key not in _READ_ONLY} | {"name": TEST_RULE}


def without_test_rule(body: Body) -> dict[str, Any]:
    """The load balancer without the test rule and its probe."""
    changed: dict[str, Any] = copy.deepcopy(dict(body))
    properties = changed.setdefault("properties", {})
    for kind in ("loadBalancingRules", "probes"):
        properties[kind] = [one for one in parts(changed, kind) if one["name"] != TEST_RULE]
    return changed


def has_test_rule(body: Body) -> bool:
    """Whether there is a test rule."""
    return any(rule["name"] == TEST_RULE for rule in parts(body, "loadBalancingRules"))
