"""Rules whose probe is the health probe of a scale set stay, as in Azure."""

import copy
from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of, profile

ADVICE = "To remove this rule, please update VM scale set to remove the reference to the probe."
CODE = "CannotRemoveRuleUsedByProbeUsedByVMSS"


def balancer_path(azure: Azure) -> str:
    return f"{azure.group}/providers/Microsoft.Network/loadBalancers/webLB"


def read(azure: Azure) -> Any:
    return azure.ask("GET", balancer_path(azure)).json()


def put(azure: Azure, body: Any) -> Any:
    return azure.ask("PUT", balancer_path(azure), body)


def with_second_rule(body: Any, probe: str) -> Any:
    """The load balancer with one more rule, on another port and with a probe of this name."""
    changed = copy.deepcopy(body)
    (known,) = changed["properties"]["loadBalancingRules"]
    rule = {"name": "second", "properties": copy.deepcopy(known["properties"])}
    rule["properties"] |= {"frontendPort": 81, "backendPort": 81, "probe": {"id": f"{body['id']}/probes/{probe}"}}
    changed["properties"]["loadBalancingRules"].append(rule)
    return changed


def without_rule(body: Any, name: str) -> Any:
    changed = copy.deepcopy(body)
    rules = changed["properties"]["loadBalancingRules"]
    changed["properties"]["loadBalancingRules"] = [rule for rule in rules if rule["name"] != name]
    return changed


@pytest.fixture
def probed(emulate: Emulate) -> Azure:
    """A set whose health probe is that of its load balancer."""
    return emulate(health_source="probe")


def test_the_rule_of_a_health_probe_cannot_be_removed(probed: Azure) -> None:
    before = read(probed)
    answer = put(probed, without_rule(before, "webRule"))
    assert error_of(answer) == (400, CODE)
    assert answer.json()["error"]["message"] == (
        f"Load balancer rule {before['id']}/loadBalancingRules/webRule cannot be removed because the rule references "
        f"the load balancer probe {before['id']}/probes/webProbe that is used as health probe by VM scale set "
        f"{probed.set}. {ADVICE}"
    )
    assert read(probed) == before


def test_a_second_rule_with_the_health_probe_cannot_be_removed_either(probed: Azure) -> None:
    assert put(probed, with_second_rule(read(probed), "webProbe")).status_code == 200
    assert error_of(put(probed, without_rule(read(probed), "second"))) == (400, CODE)


def test_a_rule_with_another_probe_can_be_removed_with_it(probed: Azure) -> None:
    before = read(probed)
    changed = with_second_rule(before, "own")
    changed["properties"]["probes"].append({"name": "own", "properties": {"protocol": "Tcp", "port": 81}})
    assert put(probed, changed).status_code == 200
    assert put(probed, before).status_code == 200


def test_the_rule_goes_once_no_instance_uses_the_probe(probed: Azure) -> None:
    removed = without_rule(read(probed), "webRule")
    extension = {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "1.0",
    }
    changes: dict[str, Any] = {
        "networkProfile": {"healthProbe": {"id": ""}},
        "extensionProfile": {"extensions": [{"name": "health", "properties": extension}]},
    }
    assert probed.ask("PATCH", body=profile(changes)).status_code == 200
    probed.settle(60)
    assert error_of(put(probed, removed)) == (400, CODE), "the instances still have the old model"
    probed.ask("POST", "manualupgrade", {"instanceIds": ["*"]})
    probed.settle()
    assert put(probed, removed).status_code == 200


def test_the_rule_of_a_set_without_instances_can_be_removed(emulate: Emulate) -> None:
    azure = emulate(health_source="probe", instances=0)
    assert put(azure, without_rule(read(azure), "webRule")).status_code == 200
