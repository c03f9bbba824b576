"""Single exchanges with Azure's network provider, through the real SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from tests.model.test_network import LB, NIC, PUBLIC_IP, interface_body, load_balancer, pool_rule
from tests.support.fakes import OLD, SUBSCRIPTION, WEB
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
from vmss_jenkins.errors import AzureError
from vmss_jenkins.gates.specs import Via
from vmss_jenkins.model.instances import OrchestrationMode, ScaleSet
from vmss_jenkins.model.network import Address, Unreachable

ENDPOINT = "http://azure.example:1"
GROUP = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg/providers"
SET = f"{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web"
MODEL = ScaleSet(WEB, OLD)
FLEXIBLE = ScaleSet(WEB, OLD, orchestration_mode=OrchestrationMode.FLEXIBLE)


@pytest.fixture
def azure() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def balancers() -> Iterator[AzureLoadBalancers]:
    adapter = AzureLoadBalancers(Endpoint(SUBSCRIPTION, ENDPOINT), None)
    yield adapter
    adapter.close()


def lists_interfaces(azure: responses.RequestsMock, *ids: str) -> None:
    azure.get(f"{SET}/networkInterfaces", json={"value": [interface_body(id_) for id_ in ids]})


def has_load_balancer(azure: responses.RequestsMock, body: Any = None) -> None:
    azure.get(f"{ENDPOINT}{LB}", json=body or load_balancer())


def has_public_ip(azure: responses.RequestsMock) -> None:
    azure.get(f"{ENDPOINT}{PUBLIC_IP}", json={"id": PUBLIC_IP, "properties": {"ipAddress": "203.0.113.7"}})


def test_private_addresses_take_one_call(azure: responses.RequestsMock, balancers: AzureLoadBalancers) -> None:
    lists_interfaces(azure, "0", "3", "4")
    found = balancers.addresses(MODEL, ["3", "0", "9"], Via.PRIVATE, 80)
    assert found == {
        "3": Address("10.0.0.7", 80),
        "0": Address("10.0.0.4", 80),
        "9": Unreachable("Azure lists no network interface of it", may_come=True),
    }
    assert list(found) == ["3", "0", "9"]
    assert len(azure.calls) == 1


def test_public_addresses_are_listed_with_the_set(azure: responses.RequestsMock, balancers: AzureLoadBalancers) -> None:
    lists_interfaces(azure, "0", "3")
    ip = f"{NIC.format('3')}/ipConfigurations/config/publicIPAddresses/pub"
    azure.get(f"{SET}/publicipaddresses", json={"value": [{"id": ip, "properties": {"ipAddress": "198.51.100.3"}}]})
    assert balancers.addresses(MODEL, ["0", "3"], Via.PUBLIC, 443) == {
        "0": Unreachable("it has no public IP address"),
        "3": Address("198.51.100.3", 443),
    }


def test_a_nat_rule_is_used_if_it_forwards_to_the_port(
    azure: responses.RequestsMock, balancers: AzureLoadBalancers
) -> None:
    lists_interfaces(azure, "0", "3")
    has_load_balancer(azure, load_balancer(inboundNatRules=[pool_rule("0", 22), pool_rule("3", 80)]))
    has_public_ip(azure)
    assert balancers.addresses(MODEL, ["0", "3"], Via.NAT, 80) == {
        "0": Unreachable("no inbound NAT rule forwards to its port 80; there are: natpool.0 to port 22"),
        "3": Address("203.0.113.7", 50003),
    }


def test_an_instance_without_nat_rules_has_no_nat_address(
    azure: responses.RequestsMock, balancers: AzureLoadBalancers
) -> None:
    lists_interfaces(azure, "3")
    has_load_balancer(azure, load_balancer(inboundNatRules=[]))
    found = balancers.addresses(MODEL, ["3"], Via.NAT, 80)
    assert found == {"3": Unreachable("no inbound NAT rule forwards to it")}


def test_ssh_takes_the_nat_rule_else_the_private_address(
    azure: responses.RequestsMock, balancers: AzureLoadBalancers
) -> None:
    lists_interfaces(azure, "0", "3")
    has_load_balancer(azure, load_balancer(inboundNatRules=[pool_rule("3", 22)]))
    has_public_ip(azure)
    azure.get(f"{SET}/publicipaddresses", json={"value": []})
    assert balancers.addresses(MODEL, ["0", "3"], Via.SSH, 22) == {
        "0": Address("10.0.0.4", 22),
        "3": Address("203.0.113.7", 50003),
    }


def test_a_frontend_is_an_address_and_the_rules_port(
    azure: responses.RequestsMock, balancers: AzureLoadBalancers
) -> None:
    lists_interfaces(azure, "0", "3")
    has_load_balancer(azure)
    has_public_ip(azure)
    assert balancers.frontends(MODEL, ["0", "3"]) == (Address("203.0.113.7", 80),)


def test_an_internal_load_balancer_has_a_private_frontend(
    azure: responses.RequestsMock, balancers: AzureLoadBalancers
) -> None:
    lists_interfaces(azure, "0")
    body = load_balancer()
    body["properties"]["frontendIPConfigurations"][0]["properties"] = {"privateIPAddress": "10.0.0.100"}
    has_load_balancer(azure, body)
    assert balancers.frontends(MODEL, ["0"]) == (Address("10.0.0.100", 80),)


def test_a_flexible_sets_interfaces_are_ordinary_ones(
    azure: responses.RequestsMock, balancers: AzureLoadBalancers
) -> None:
    machine = {"id": f"{GROUP}/Microsoft.Compute/virtualMachines/web_1a2b"}
    body = {**interface_body("0", virtualMachine=machine), "id": "/nic"}
    azure.get(f"{GROUP}/Microsoft.Network/networkInterfaces", json={"value": [body, interface_body("7")]})
    assert balancers.addresses(FLEXIBLE, ["web_1a2b"], Via.PRIVATE, 80) == {"web_1a2b": Address("10.0.0.4", 80)}


def test_a_refusal_is_an_azure_error(azure: responses.RequestsMock, balancers: AzureLoadBalancers) -> None:
    error = {"error": {"code": "AuthorizationFailed", "message": "does not have authorization"}}
    azure.get(f"{SET}/networkInterfaces", status=403, json=error)
    with pytest.raises(AzureError, match="could not list the network interfaces of canary-rg/web: AuthorizationFailed"):
        balancers.addresses(MODEL, ["0"], Via.PRIVATE, 80)
