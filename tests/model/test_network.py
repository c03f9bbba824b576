"""The shapes of the network provider: written out, and as Azure's recorded answers have them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import SUBSCRIPTION
from vmss_jenkins.model import network
from vmss_jenkins.model.network import Address, Interface, Rule

RECORDINGS = Path(os.environ.get("VMSS_JENKINS_RECORDINGS", Path(__file__).parents[3] / "shared" / "azure-recordings"))
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg/providers"
LB = f"{GROUP}/Microsoft.Network/loadBalancers/webLB"
POOL = f"{LB}/backendAddressPools/webPool"
FRONT = f"{LB}/frontendIPConfigurations/front"
PUBLIC_IP = f"{GROUP}/Microsoft.Network/publicIPAddresses/webIP"
NIC = f"{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web/virtualMachines/{{}}/networkInterfaces/nic"


def interface_body(instance_id: str, **properties: Any) -> dict[str, Any]:
    nic = NIC.format(instance_id)
    details = {
        "primary": True,
        "privateIPAddress": f"10.0.0.{4 + int(instance_id)}",
        "loadBalancerBackendAddressPools": [{"id": POOL}],
        "loadBalancerInboundNatRules": [{"id": f"{LB}/inboundNatRules/natpool.{instance_id}"}],
    }
    configurations = [{"id": f"{nic}/ipConfigurations/config", "name": "config", "properties": details}]
    return {"id": nic, "properties": {"primary": True, "ipConfigurations": configurations, **properties}}


def interface(instance_id: str) -> Interface:
    found = network.interface_from(interface_body(instance_id))
    assert found is not None
    return found


def pool_rule(instance_id: str, backend_port: int = 22) -> dict[str, Any]:
    """What a NAT pool makes for an instance."""
    return {
        "name": f"natpool.{instance_id}",
        "properties": {
            "frontendIPConfiguration": {"id": FRONT},
            "frontendPort": 50000 + int(instance_id),
            "backendPort": backend_port,
            "protocol": "Tcp",
            "backendIPConfiguration": {"id": f"{NIC.format(instance_id).upper()}/IPCONFIGURATIONS/CONFIG"},
        },
    }


def entry(instance_id: str, **properties: Any) -> dict[str, Any]:
    """An instance in a backend pool."""
    config = f"{NIC.format(instance_id)}/ipConfigurations/config"
    return {
        "name": f"web_{instance_id}",
        "properties": {"networkInterfaceIPConfiguration": {"id": config}, **properties},
    }


def load_balancer(**properties: Any) -> dict[str, Any]:
    front = {"id": FRONT, "properties": {"publicIPAddress": {"id": PUBLIC_IP}}}
    rule = {
        "name": "http",
        "properties": {
            "frontendIPConfiguration": {"id": FRONT},
            "backendAddressPool": {"id": POOL},
            "protocol": "Tcp",
            "frontendPort": 80,
            "backendPort": 8080,
            "probe": {"id": f"{LB}/probes/http"},
        },
    }
    plain = {
        "frontendIPConfigurations": [front],
        "loadBalancingRules": [rule],
        "inboundNatRules": [pool_rule("0"), pool_rule("3")],
        "backendAddressPools": [
            {
                "id": POOL,
                "name": "webPool",
                "etag": 'W/"1"',
                "properties": {"loadBalancerBackendAddresses": [entry("0"), entry("3")]},
            }
        ],
    }
    return {"id": LB, "name": "webLB", "properties": {**plain, **properties}}


def test_an_interface_is_read() -> None:
    found = interface("3")
    assert (found.instance_id, found.private_ip, found.pools) == ("3", "10.0.0.7", (POOL,))
    assert found.load_balancers == (LB,)


def test_the_interface_of_a_flexible_instance_names_its_machine() -> None:
    machine = {"id": f"{GROUP}/Microsoft.Compute/virtualMachines/web_1a2b3c4d"}
    body = {**interface_body("0", virtualMachine=machine), "id": f"{GROUP}/Microsoft.Network/networkInterfaces/nic"}
    found = network.interface_from(body)
    assert found is not None
    assert found.instance_id == "web_1a2b3c4d"


@pytest.mark.parametrize(
    "body",
    [interface_body("0", primary=False), interface_body("0", ipConfigurations=[]), {"id": "/x", "properties": {}}, {}],
)
def test_other_interfaces_are_ignored(body: dict[str, Any]) -> None:
    assert network.interface_from(body) is None


def test_the_rule_of_a_nat_pool_forwards_to_its_instance() -> None:
    assert network.nat_rules(load_balancer(), interface("3")) == (Rule("natpool.3", FRONT, 50003, 22, probed=False),)


def test_a_mapped_port_forwards_to_its_instance() -> None:
    mapping = [{"inboundNatRuleName": "ssh", "frontendPort": 50010, "backendPort": 22}]
    listed = [entry("3", inboundNatRulesPortMapping=mapping)]
    body = load_balancer(
        inboundNatRules=[{"name": "ssh", "properties": {"frontendIPConfiguration": {"id": FRONT}, "backendPort": 22}}],
        backendAddressPools=[{"id": POOL, "properties": {"loadBalancerBackendAddresses": listed}}],
    )
    assert network.nat_rules(body, interface("3")) == (Rule("ssh", FRONT, 50010, 22, probed=False),)
    assert network.nat_rules(body, interface("0")) == ()


def test_the_rules_of_a_pool_are_found() -> None:
    assert network.balancing_rules(load_balancer(), [POOL.upper()]) == (Rule("http", FRONT, 80, 8080, probed=True),)
    assert network.balancing_rules(load_balancer(), [f"{LB}/backendAddressPools/other"]) == ()


def test_an_arm_id_has_names() -> None:
    assert network.arm_names(POOL) == ("canary-rg", "webLB", "webPool")
    with pytest.raises(ValueError, match="not an ARM id: '/x'"):
        network.arm_names("/x")


def test_an_address_of_version_6_is_bracketed() -> None:
    assert str(Address("2001:db8::1", 80)) == "[2001:db8::1]:80"


@pytest.fixture
def recorded() -> Any:
    """The last answers of Azure for a load balancer with a port mapping."""
    path = RECORDINGS / "network_lb_port_mapping.json"
    if not path.is_file():
        pytest.skip(f"no recordings of Azure in {RECORDINGS}; set VMSS_JENKINS_RECORDINGS")
    return json.loads(path.read_text())["exchanges"]


def test_a_recorded_port_mapping_is_read(recorded: Any) -> None:
    body = next(
        e["response"]["body"]
        for e in reversed(recorded)
        if e["request"]["method"] == "GET" and e["request"]["path"].endswith("/loadBalancers/test-lb")
    )
    (rule,) = network.nat_rules(body, Interface("1", "/nic", private_ip="10.0.0.1"))
    assert (rule.name, rule.port, rule.backend_port) == ("test-nat", 3389, 3389)
    public_ip, private_ip = network.frontend_public_ip(body, rule.frontend_id)
    assert (network.arm_names(public_ip or "")[1], private_ip) == ("PublicIPtest-lb", None)
    assert network.nat_rules(body, Interface("2", "/nic", private_ip="10.0.0.2")) == ()


def test_recorded_rules_are_read() -> None:
    path = RECORDINGS / "network_lb_rules.json"
    if not path.is_file():
        pytest.skip(f"no recordings of Azure in {RECORDINGS}; set VMSS_JENKINS_RECORDINGS")
    bodies = [e["response"]["body"] for e in json.loads(path.read_text())["exchanges"]]
    balancers = [
        body for body in bodies if isinstance(body, dict) and "loadBalancingRules" in body.get("properties", {})
    ]
    found = {
        rule
        for body in balancers
        for pool in body["properties"]["backendAddressPools"]
        for rule in network.balancing_rules(body, [pool["id"]])
    }
    assert found
    assert all(rule.port > 0 and rule.backend_port > 0 and rule.frontend_id for rule in found)
