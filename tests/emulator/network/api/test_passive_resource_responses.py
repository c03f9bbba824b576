"""Virtual networks, security groups, public addresses; creating and deleting load balancers and their parts."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.emulator.conftest import Azure, Emulate, error_of

RULE = {"protocol": "tcp", "frontendPort": 0, "backendPort": 80}


def path(azure: Azure, rest: str) -> str:
    return f"{azure.group}/providers/Microsoft.Network/{rest}"


def put(azure: Azure, rest: str, **properties: Any) -> requests.Response:
    return azure.ask("PUT", path(azure, rest), {"location": "westeurope", "properties": properties})


def get(azure: Azure, rest: str) -> Any:
    answer = azure.ask("GET", path(azure, rest))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_network_is_created_changed_and_deleted(azure: Azure) -> None:
    subnets = [{"name": "s", "properties": {"addressPrefix": "10.1.0.0/24"}}]
    assert put(azure, "virtualNetworks/v", subnets=subnets).status_code == 201
    first = get(azure, "virtualNetworks/v")
    assert first["properties"]["subnets"][0]["id"].endswith("/virtualNetworks/v/subnets/s")
    assert get(azure, "virtualNetworks/v/subnets/S")["properties"]["addressPrefix"] == "10.1.0.0/24"
    assert put(azure, "virtualNetworks/V", subnets=[]).status_code == 200
    second = get(azure, "virtualNetworks/v")
    assert (second["name"], second["properties"]["subnets"]) == ("v", [])
    assert second["etag"] != first["etag"]
    gone = azure.ask("DELETE", path(azure, "virtualNetworks/v"))
    assert gone.status_code == 202
    assert azure.ask("GET", gone.headers["Location"]).status_code == 204
    assert azure.ask("DELETE", path(azure, "virtualNetworks/v")).status_code == 204


def test_a_network_shows_its_instances_and_cannot_be_deleted_with_any(azure: Azure) -> None:
    (subnet,) = get(azure, "virtualNetworks/webVNET/subnets")["value"]
    assert len(subnet["properties"]["ipConfigurations"]) == 3
    used = azure.ask("DELETE", path(azure, "virtualNetworks/webVNET"))
    assert error_of(used) == (400, "InUseResourceCannotBeDeleted")


@pytest.mark.parametrize("kind", ["virtualNetworks", "networkSecurityGroups", "publicIPAddresses"])
def test_a_resource_needs_a_location(azure: Azure, kind: str) -> None:
    assert error_of(azure.ask("PUT", path(azure, f"{kind}/x"), {})) == (400, "LocationRequired")


def test_parts_need_names_and_missing_parts_are_not_found(azure: Azure) -> None:
    assert error_of(put(azure, "networkSecurityGroups/n", securityRules=[{"properties": {}}]))[0] == 400
    put(azure, "networkSecurityGroups/n", securityRules=[{"name": "ssh", "properties": {"priority": 1000}}])
    assert get(azure, "networkSecurityGroups/n/securityRules")["value"][0]["properties"]["priority"] == 1000
    missing = azure.ask("GET", path(azure, "networkSecurityGroups/n/securityRules/x"))
    assert error_of(missing) == (404, "ResourceNotFound")
    listed = azure.ask(
        "GET", f"{azure.group.partition('/resourceGroups')[0]}/providers/Microsoft.Network/virtualNetworks"
    )
    assert [one["name"] for one in listed.json()["value"]] == ["webVNET"]


def test_an_address_is_one_of_this_machine_and_cannot_be_deleted_with_a_frontend(azure: Azure) -> None:
    put(azure, "publicIPAddresses/fixed", publicIPAllocationMethod="Static", idleTimeoutInMinutes="9")
    fixed = get(azure, "publicIPAddresses/fixed")["properties"]
    assert (fixed["ipAddress"], fixed["idleTimeoutInMinutes"]) == ("127.0.0.1", 9)
    put(azure, "publicIPAddresses/moving", publicIPAllocationMethod="Dynamic")
    assert "ipAddress" not in get(azure, "publicIPAddresses/moving")["properties"]
    assert azure.ask("DELETE", path(azure, "publicIPAddresses/fixed")).status_code == 202
    assert azure.ask("DELETE", path(azure, "publicIPAddresses/fixed")).status_code == 204
    used = azure.ask("DELETE", path(azure, "publicIPAddresses/webLBPublicIP"))
    assert error_of(used) == (400, "PublicIPAddressCannotBeDeleted")
    assert "loadBalancers/webLB/frontendIPConfigurations/" in used.json()["error"]["message"]


def test_a_load_balancer_can_be_deleted_if_no_instance_is_behind_it(azure: Azure) -> None:
    used = azure.ask("DELETE", path(azure, "loadBalancers/webLB"))
    assert error_of(used) == (400, "LoadBalancerInUseByVirtualMachineScaleSet")
    put(azure, "loadBalancers/empty", backendAddressPools=[{"name": "p"}])
    azure.settle(1)
    assert azure.ask("DELETE", path(azure, "loadBalancers/empty")).status_code == 202
    assert error_of(azure.ask("GET", path(azure, "loadBalancers/empty"))) == (404, "ResourceNotFound")


def test_a_nat_rule_can_be_put_and_deleted_alone(azure: Azure) -> None:
    pool = get(azure, "loadBalancers/webLB/backendAddressPools/webPool")["id"]
    properties = {
        "backendAddressPool": {"id": pool},
        "frontendPortRangeStart": "50000",
        "frontendPortRangeEnd": "50119",
    }
    made = azure.ask("PUT", path(azure, "loadBalancers/webLB/inboundNatRules/ssh"), {"properties": properties})
    assert (made.status_code, made.json()["properties"]["frontendPortRangeStart"]) == (201, 50000)
    mappings = get(azure, "loadBalancers/webLB/backendAddressPools/webPool")["properties"][
        "loadBalancerBackendAddresses"
    ]
    ports = [one["properties"]["inboundNatRulesPortMapping"][0]["frontendPort"] for one in mappings]
    assert ports == [50000, 50001, 50002]
    again = azure.ask("PUT", path(azure, "loadBalancers/webLB/inboundNatRules/SSH"), {"properties": properties})
    assert again.status_code == 200
    assert azure.ask("DELETE", path(azure, "loadBalancers/webLB/inboundNatRules/ssh")).status_code == 202
    assert azure.ask("DELETE", path(azure, "loadBalancers/webLB/inboundNatRules/ssh")).status_code == 204
    needed = azure.ask("DELETE", path(azure, "loadBalancers/webLB/backendAddressPools/webPool"))
    assert error_of(needed) == (400, "InvalidResourceReference")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"frontendPort": 81}, "RulesUseSameBackendPortProtocolAndPool"),
        ({"frontendPort": 80, "backendPort": 81}, "RulesUseSameFrontendPortProtocolAndIPConfig"),
        ({"frontendPort": 81, "backendPort": 81}, None),
        ({"frontendPort": 81, "enableFloatingIP": True}, None),
        ({"frontendPort": 80, "protocol": "udp"}, None),
    ],
)
def test_two_rules_may_not_have_the_same_backend_or_frontend_port(azure: Azure, changes: Any, code: str | None) -> None:
    whole = get(azure, "loadBalancers/webLB")
    rules = whole["properties"]["loadBalancingRules"]
    rules.append({"name": "second", "properties": {**rules[0]["properties"], **changes}})
    answer = azure.ask("PUT", path(azure, "loadBalancers/webLB"), whole)
    assert (answer.status_code, answer.json().get("error", {}).get("code")) == (400 if code else 200, code)


def test_new_instances_get_their_own_ports_from_the_range_of_their_nat_pool(emulate: Emulate) -> None:
    azure = emulate(data_plane=True, instances=0, nat="none")
    start = 51000
    frontend = get(azure, "loadBalancers/webLB")["properties"]["frontendIPConfigurations"][0]["id"]
    pool = {
        "frontendIPConfiguration": {"id": frontend},
        "frontendPortRangeStart": start,
        "frontendPortRangeEnd": start + 500,
        "backendPort": 22,
    }
    put(
        azure,
        "loadBalancers/nat",
        inboundNatPools=[{"name": "n", "properties": pool | {"frontendIPConfiguration": {}}}],
    )
    nat = get(azure, "loadBalancers/nat/inboundNatPools/n")["id"]
    model = azure.ask("GET").json()["properties"]["virtualMachineProfile"]
    configuration = model["networkProfile"]["networkInterfaceConfigurations"][0]["properties"]["ipConfigurations"][0]
    configuration["properties"]["loadBalancerInboundNatPools"] = [{"id": nat}]
    azure.ask("PATCH", body={"properties": {"virtualMachineProfile": model}})
    azure.settle()
    azure.ask("PATCH", body={"sku": {"capacity": 2}})
    azure.settle()
    rules = get(azure, "loadBalancers/nat/inboundNatRules")["value"]
    assert [rule["name"] for rule in rules] == ["n.0", "n.1"]
    for rule in rules:
        port = rule["properties"]["frontendPort"]
        assert start <= port <= start + 500
        assert "Welcome to nginx!" in requests.get(f"http://127.0.0.1:{port}/", timeout=10).text


def test_a_deleted_load_balancer_closes_its_frontends(emulate: Emulate) -> None:
    azure = emulate(data_plane=True, instances=0)
    frontend = azure.emulator.frontend_url
    assert azure.ask("DELETE").status_code == 202
    azure.settle()
    assert azure.ask("DELETE", path(azure, "loadBalancers/webLB")).status_code == 202
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(frontend, timeout=10)
    assert azure.emulator.endpoints == []
