"""Load balancers, public addresses and network interfaces: through the real SDK, and by their bodies."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import LoadBalancer

from tests.emulator.conftest import EXACT, Azure, Emulate, NoCredential, error_of
from vmss_jenkins.emulator import SetSpec, Timings

GROUP = "canary-rg"


def client(azure: Azure) -> NetworkManagementClient:
    return NetworkManagementClient(
        NoCredential(),
        azure.emulator.subscription_id,
        azure.emulator.endpoint,
        authentication_policy=SansIOHTTPPolicy(),
        polling_interval=0,
    )


@pytest.fixture
def network(azure: Azure) -> Iterator[NetworkManagementClient]:
    with closing(client(azure)) as made:
        yield made


def path(azure: Azure, rest: str = "loadBalancers/webLB") -> str:
    return f"{azure.group}/providers/Microsoft.Network/{rest}"


def read(azure: Azure, rest: str = "loadBalancers/webLB") -> Any:
    answer = azure.ask("GET", path(azure, rest))
    assert answer.status_code == 200, answer.text
    return answer.json()


def write(azure: Azure, body: Any, rest: str = "loadBalancers/webLB", **options: Any) -> Any:
    return azure.ask("PUT", path(azure, rest), body, **options)


def addresses(pool: Any) -> list[Any]:
    found: list[Any] = pool["properties"]["loadBalancerBackendAddresses"]
    return found


def names(parts: list[Any]) -> list[str]:
    return [part["name"] for part in parts]


def test_the_scenario_has_a_load_balancer_whose_parts_refer_to_each_other(network: NetworkManagementClient) -> None:
    balancer = network.load_balancers.get(GROUP, "webLB")
    frontend, pool = balancer.frontend_ip_configurations[0], balancer.backend_address_pools[0]
    rule, probe = balancer.load_balancing_rules[0], balancer.probes[0]
    assert balancer.provisioning_state == "Succeeded"
    assert balancer.sku.name == "Standard"
    assert rule.frontend_ip_configuration.id == frontend.id
    assert rule.backend_address_pool.id == pool.id
    assert rule.probe.id == probe.id
    assert [one.id for one in frontend.load_balancing_rules] == [rule.id]
    assert [one.id for one in pool.load_balancing_rules] == [rule.id]
    assert [one.id for one in probe.load_balancing_rules] == [rule.id]
    assert (rule.frontend_port, rule.backend_port, rule.protocol) == (80, 80, "Tcp")
    assert (probe.interval_in_seconds, probe.number_of_probes, probe.request_path) == (5, 2, "/")


def test_a_frontend_and_its_public_address_refer_to_each_other(network: NetworkManagementClient) -> None:
    frontend = network.load_balancers.get(GROUP, "webLB").frontend_ip_configurations[0]
    address = network.public_ip_addresses.get(GROUP, "webLBPublicIP")
    assert frontend.public_ip_address.id == address.id
    assert address.ip_address == "127.0.0.1"
    assert address.ip_configuration.id == frontend.id
    assert [one.name for one in network.public_ip_addresses.list(GROUP)] == ["webLBPublicIP"]
    assert [one.name for one in network.public_ip_addresses.list_all()] == ["webLBPublicIP"]


def test_every_instance_is_in_the_pool_by_its_network_interface(network: NetworkManagementClient) -> None:
    interfaces = list(network.network_interfaces.list_virtual_machine_scale_set_network_interfaces(GROUP, "web"))
    configurations = [nic.ip_configurations[0] for nic in interfaces]
    pool = network.load_balancer_backend_address_pools.get(GROUP, "webLB", "webPool")
    assert [one.id for one in pool.backend_ip_configurations] == [one.id for one in configurations]
    entries = [a.network_interface_ip_configuration.id for a in pool.load_balancer_backend_addresses]
    assert entries == [one.id for one in configurations]
    assert {one.load_balancer_backend_address_pools[0].id for one in configurations} == {pool.id}
    assert [one.private_ip_address for one in configurations] == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]
    assert [nic.virtual_machine.id.rpartition("/")[2] for nic in interfaces] == ["0", "1", "2"]


def test_an_instances_interface_can_be_read_alone(network: NetworkManagementClient) -> None:
    operations = network.network_interfaces
    (nic,) = operations.list_virtual_machine_scale_set_vm_network_interfaces(GROUP, "web", "1")
    again = operations.get_virtual_machine_scale_set_network_interface(GROUP, "web", "1", "webNic")
    assert nic.id == again.id
    assert "/virtualMachines/1/" in str(nic.id)
    with pytest.raises(ResourceNotFoundError):
        operations.get_virtual_machine_scale_set_network_interface(GROUP, "web", "1", "other")


def test_the_interface_of_a_uniform_instance_is_not_a_resource_of_the_group(network: NetworkManagementClient) -> None:
    assert list(network.network_interfaces.list(GROUP)) == []
    with pytest.raises(ResourceNotFoundError):
        network.network_interfaces.get(GROUP, "webNic")


def test_a_flexible_instance_has_an_ordinary_interface(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible", instances=2)
    with closing(client(azure)) as network:
        interfaces = list(network.network_interfaces.list(GROUP))
        one = network.network_interfaces.get(GROUP, str(interfaces[0].name))
        pool = network.load_balancer_backend_address_pools.get(GROUP, "webLB", "webPool")
        assert list(network.network_interfaces.list_virtual_machine_scale_set_network_interfaces(GROUP, "web")) == []
        with pytest.raises(ResourceNotFoundError, match="networkInterfaces/other"):
            network.network_interfaces.get(GROUP, "other")
    machine = azure.compute.virtual_machines.get(GROUP, interfaces[0].virtual_machine.id.rpartition("/")[2])
    assert machine.network_profile.network_interfaces[0].id == one.id
    assert len(pool.load_balancer_backend_addresses) == len(interfaces) == 2
    assert read(azure)["properties"]["inboundNatPools"] == []
    assert addresses(read(azure, POOL))[0]["properties"]["inboundNatRulesPortMapping"]


def test_instances_have_no_public_addresses_of_their_own(network: NetworkManagementClient) -> None:
    assert list(network.public_ip_addresses.list_virtual_machine_scale_set_public_ip_addresses(GROUP, "web")) == []


def test_a_nat_pool_makes_a_rule_for_each_instance(azure: Azure, network: NetworkManagementClient) -> None:
    balancer = network.load_balancers.get(GROUP, "webLB")
    pool, rules = balancer.inbound_nat_pools[0], list(network.inbound_nat_rules.list(GROUP, "webLB"))
    assert [rule.name for rule in rules] == ["webNatPool.0", "webNatPool.1", "webNatPool.2"]
    assert [rule.id for rule in rules] == [rule.id for rule in balancer.inbound_nat_rules]
    assert {rule.backend_port for rule in rules} == {80}
    assert len({rule.frontend_port for rule in rules}) == 3
    assert all(pool.frontend_port_range_start <= r.frontend_port <= pool.frontend_port_range_end for r in rules)
    nic = network.network_interfaces.get_virtual_machine_scale_set_network_interface(GROUP, "web", "1", "webNic")
    assert rules[1].backend_ip_configuration.id == nic.ip_configurations[0].id
    assert [rule.id for rule in nic.ip_configurations[0].load_balancer_inbound_nat_rules] == [rules[1].id]
    assert network.inbound_nat_rules.get(GROUP, "webLB", "webnatpool.1").frontend_port == rules[1].frontend_port
    azure.ask("DELETE", "virtualMachines/1")
    azure.settle()
    after = {rule.name: rule.frontend_port for rule in network.inbound_nat_rules.list(GROUP, "webLB")}
    assert after == {"webNatPool.0": rules[0].frontend_port, "webNatPool.2": rules[2].frontend_port}


def test_a_nat_rule_with_a_range_maps_a_port_to_each_backend(emulate: Emulate) -> None:
    azure = emulate(nat="rule")
    body = read(azure)
    (rule,) = body["properties"]["inboundNatRules"]
    (pool,) = body["properties"]["backendAddressPools"]
    assert (rule["name"], rule["properties"]["frontendPort"]) == ("webNatRule", 0)
    assert pool["properties"]["inboundNatRules"] == [{"id": rule["id"]}]
    assert body["properties"]["inboundNatPools"] == []
    mappings = [address["properties"]["inboundNatRulesPortMapping"] for address in addresses(pool)]
    assert [(one["inboundNatRuleName"], one["backendPort"]) for (one,) in mappings] == [("webNatRule", 80)] * 3
    assert len({one["frontendPort"] for (one,) in mappings}) == 3
    query = f"{path(azure)}/backendAddressPools/webPool/queryInboundNatRulePortMapping"
    answer = azure.ask("POST", query, {"ipAddress": "10.0.0.5"}).json()
    assert answer["inboundNatRulePortMappings"] == [{"protocol": "Tcp", **mappings[1][0]}]
    configuration = addresses(pool)[2]["properties"]["networkInterfaceIPConfiguration"]
    answer = azure.ask("POST", query, {"ipConfiguration": configuration}).json()
    assert answer["inboundNatRulePortMappings"] == [{"protocol": "Tcp", **mappings[2][0]}]
    assert azure.ask("POST", query, {"ipAddress": "10.9.9.9"}).status_code == 400


def test_a_set_may_have_no_nat(emulate: Emulate) -> None:
    properties = read(emulate(nat="none"))["properties"]
    assert (properties["inboundNatRules"], properties["inboundNatPools"]) == ([], [])


def test_two_nat_pools_never_give_the_same_port(azure: Azure) -> None:
    body = read(azure)
    pool = body["properties"]["inboundNatPools"][0]
    ssh = {**pool, "name": "ssh", "properties": {**pool["properties"], "backendPort": 22}}
    body["properties"]["inboundNatPools"].append(ssh)
    assert write(azure, body).status_code == 200
    profile = azure.ask("GET").json()["properties"]["virtualMachineProfile"]["networkProfile"]
    nic = profile["networkInterfaceConfigurations"][0]
    nic["properties"]["ipConfigurations"][0]["properties"]["loadBalancerInboundNatPools"].append(
        {"id": pool["id"].replace("webNatPool", "ssh")}
    )
    azure.ask("PATCH", body={"properties": {"virtualMachineProfile": {"networkProfile": profile}}})
    azure.settle()
    assert len(read(azure)["properties"]["inboundNatRules"]) == 3
    azure.ask("POST", "manualupgrade", {"instanceIds": ["*"]})
    azure.settle()
    rules = read(azure)["properties"]["inboundNatRules"]
    assert len({rule["properties"]["frontendPort"] for rule in rules}) == len(rules) == 6


def test_a_range_that_is_used_up_gives_no_port(azure: Azure) -> None:
    body = read(azure)
    body["properties"]["inboundNatPools"][0]["properties"] |= {
        "frontendPortRangeStart": 50000,
        "frontendPortRangeEnd": 50001,
    }
    assert write(azure, body).status_code == 200
    rules = read(azure)["properties"]["inboundNatRules"]
    assert [rule["properties"]["frontendPort"] for rule in rules] == [50000, 50001, 0]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("frontendIPConfigurations", "loadBalancerFrontEnd"),
        ("backendAddressPools", "webPool"),
        ("loadBalancingRules", "webRule"),
        ("probes", "webProbe"),
        ("inboundNatRules", "webNatPool.0"),
        ("inboundNatPools", "webNatPool"),
    ],
)
def test_every_kind_of_part_is_listed_and_read_as_the_whole_shows_it(azure: Azure, kind: str, found: str) -> None:
    whole = read(azure)
    listed = read(azure, f"loadBalancers/weblb/{kind}")["value"]
    answer = azure.ask("GET", path(azure, f"loadBalancers/WEBLB/{kind.upper()}/{found.upper()}"))
    assert listed == whole["properties"][kind]
    assert answer.json() == listed[0]
    assert answer.headers["ETag"] == whole["etag"] == listed[0]["etag"]
    assert listed[0]["name"] == found
    assert listed[0]["id"] == f"{whole['id']}/{kind}/{found}"
    assert error_of(azure.ask("GET", path(azure, f"loadBalancers/webLB/{kind}/x"))) == (404, "ResourceNotFound")


def test_what_a_get_shows_can_be_put_back_and_changes_nothing(azure: Azure) -> None:
    before = read(azure)
    answer = write(azure, before)
    assert answer.status_code == 200
    assert answer.json() == before == read(azure)


def test_a_put_succeeds_at_once_and_its_operation_shows_only_a_status(azure: Azure) -> None:
    answer = write(azure, read(azure))
    operation = answer.headers["Azure-AsyncOperation"]
    assert "/providers/Microsoft.Network/locations/westeurope/operations/" in operation
    assert answer.headers["Azure-AsyncNotification"] == "Enabled"
    assert "Retry-After" not in answer.headers
    assert "Location" not in answer.headers
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    assert azure.ask("GET", operation).json() == {"status": "Succeeded"}
    assert azure.ask("GET", f"{operation[:-40]}x?api-version=2024-01-01").status_code == 404


def test_a_put_may_take_time_and_another_put_is_refused_during_it(emulate: Emulate) -> None:
    azure = emulate(timings=Timings(spread=0, network=20))
    answer = write(azure, {**read(azure), "tags": {"a": "b"}})
    pool = addresses(read(azure, "loadBalancers/webLB/backendAddressPools/webPool"))
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    assert pool[0]["properties"]["provisioningState"] == "Updating"
    assert azure.status(answer) == "InProgress"
    assert error_of(write(azure, read(azure))) == (409, "AnotherOperationInProgress")
    azure.settle(20)
    assert azure.status(answer) == "Succeeded"
    assert read(azure)["properties"]["provisioningState"] == "Succeeded"
    assert EXACT.network == 0


def test_the_sdk_creates_a_load_balancer_and_finds_it_in_the_lists(network: NetworkManagementClient) -> None:
    body: Any = {"location": "westeurope", "properties": {"backendAddressPools": [{"name": "pool"}]}}
    made = network.load_balancers.begin_create_or_update(GROUP, "other", body).result()
    assert made.sku is not None
    assert (made.name, made.provisioning_state, made.sku.name) == ("other", "Succeeded", "Standard")
    assert [one.name for one in made.backend_address_pools] == ["pool"]
    assert {one.name for one in network.load_balancers.list(GROUP)} == {"webLB", "other"}
    assert {one.name for one in network.load_balancers.list_all()} == {"webLB", "other"}


def test_a_new_load_balancer_answers_created(azure: Azure) -> None:
    answer = write(azure, {"location": "westeurope"}, "loadBalancers/other")
    assert answer.status_code == 201
    assert answer.json()["properties"]["backendAddressPools"] == []
    assert error_of(write(azure, {}, "loadBalancers/third")) == (400, "LocationRequired")


def test_parts_that_a_put_leaves_out_are_deleted(azure: Azure) -> None:
    body = read(azure)
    body["properties"] |= {"loadBalancingRules": [], "probes": []}
    assert write(azure, body).status_code == 200
    after = read(azure)["properties"]
    assert (after["loadBalancingRules"], after["probes"]) == ([], [])
    assert "loadBalancingRules" not in after["backendAddressPools"][0]["properties"]
    assert len(addresses(after["backendAddressPools"][0])) == 3


def test_a_patch_replaces_the_tags_alone(azure: Azure) -> None:
    before = read(azure)
    answer = azure.ask("PATCH", path(azure), {"tags": {"release": "2"}})
    assert answer.status_code == 200
    assert "Azure-AsyncOperation" not in answer.headers
    after = read(azure)
    assert after["tags"] == {"release": "2"}
    assert after["etag"] != before["etag"]
    assert names(after["properties"]["loadBalancingRules"]) == ["webRule"]
    azure.ask("PATCH", path(azure), {})
    assert read(azure) == after


def test_a_pool_is_added_and_replaced_alone(azure: Azure) -> None:
    ip = {"name": "vm", "properties": {"ipAddress": "10.9.9.9", "virtualNetwork": {"id": "/x"}}}
    made = write(azure, {"properties": {"loadBalancerBackendAddresses": [ip]}}, POOL.replace("webPool", "second"))
    assert made.status_code == 201
    assert names(addresses(made.json())) == ["vm"]
    assert names(read(azure)["properties"]["backendAddressPools"]) == ["webPool", "second"]
    replaced = write(azure, {"properties": {}}, POOL.replace("webPool", "SECOND"))
    assert (replaced.status_code, addresses(replaced.json())) == (200, [])
    assert write(azure, {}, POOL).status_code == 200
    assert names(read(azure)["properties"]["backendAddressPools"]) == ["webPool", "second"]
    assert len(addresses(read(azure, POOL))) == 3


POOL = "loadBalancers/webLB/backendAddressPools/webPool"


def test_the_administrative_state_of_a_backend_is_kept_until_it_is_changed_again(azure: Azure) -> None:
    pool = read(azure, POOL)
    addresses(pool)[1]["properties"]["adminState"] = "Down"
    answer = write(azure, pool, POOL)
    assert answer.status_code == 200
    assert [a["properties"].get("adminState") for a in addresses(answer.json())] == [None, "Down", None]
    azure.ask("POST", "virtualMachines/1/reimage")
    azure.settle()
    assert write(azure, read(azure)).status_code == 200
    assert addresses(read(azure, POOL)) == addresses(read(azure)["properties"]["backendAddressPools"][0])
    assert addresses(read(azure, POOL))[1]["properties"]["adminState"] == "Down"
    write(azure, {}, POOL)
    body = read(azure)
    body["properties"]["backendAddressPools"] = [{"name": "webPool"}, {"name": "other"}]
    write(azure, body)
    write(azure, {}, POOL.replace("webPool", "other"))
    assert addresses(read(azure, POOL))[1]["properties"]["adminState"] == "Down"
    addresses(pool)[1]["properties"]["adminState"] = "None"
    write(azure, pool, POOL)
    assert [a["properties"].get("adminState") for a in addresses(read(azure, POOL))] == [None] * 3


def test_the_sdk_sets_the_administrative_state(network: NetworkManagementClient) -> None:
    pools = network.load_balancer_backend_address_pools
    pool = pools.get(GROUP, "webLB", "webPool")
    pool.load_balancer_backend_addresses[0].admin_state = "Up"
    after = pools.begin_create_or_update(GROUP, "webLB", "webPool", pool).result()
    assert [one.admin_state for one in after.load_balancer_backend_addresses] == ["Up", None, None]


def test_a_backend_can_be_named_by_its_name(azure: Azure) -> None:
    entry = {"name": addresses(read(azure, POOL))[2]["name"], "properties": {"adminState": "Down"}}
    assert write(azure, {"properties": {"loadBalancerBackendAddresses": [entry]}}, POOL).status_code == 200
    assert addresses(read(azure, POOL))[2]["properties"]["adminState"] == "Down"


def test_a_put_adds_no_instance_to_a_pool(azure: Azure) -> None:
    pool = read(azure, POOL)
    reference = addresses(pool)[0]["properties"]["networkInterfaceIPConfiguration"]
    reference["id"] = reference["id"].replace("/0/", "/9/")
    answer = write(azure, pool, POOL)
    assert answer.status_code == 400
    assert "specified with a network interface IP configuration" in answer.json()["error"]["message"]


def test_a_scenario_may_refuse_administrative_states_as_users_report(emulate: Emulate) -> None:
    azure = emulate(admin_state=False)
    pool = read(azure, POOL)
    assert write(azure, pool, POOL).status_code == 200
    addresses(pool)[1]["properties"]["adminState"] = "Down"
    answer = write(azure, pool, POOL)
    assert answer.status_code == 400
    assert "adds/modifies/deletes backend address pool members" in answer.json()["error"]["message"]
    assert "adminState" not in addresses(read(azure, POOL))[1]["properties"]


def test_a_basic_load_balancer_has_no_addresses_and_no_administrative_states(azure: Azure) -> None:
    pool = read(azure, POOL)
    assert write(azure, {**read(azure), "sku": {"name": "Basic"}}).status_code == 200
    basic = read(azure, POOL)["properties"]
    assert "loadBalancerBackendAddresses" not in basic
    assert len(basic["backendIPConfigurations"]) == 3
    addresses(pool)[0]["properties"]["adminState"] = "Down"
    assert write(azure, pool, POOL).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        lambda azure: azure.ask("PATCH", path(azure), {"tags": {"a": "b"}}),
        lambda azure: azure.ask("PATCH", body={"sku": {"capacity": 4}}),
        lambda azure: (azure.ask("DELETE", "virtualMachines/1"), azure.settle()),
    ],
)
def test_a_write_on_a_load_balancer_that_changed_since_it_was_read_is_refused(azure: Azure, change: Any) -> None:
    pool = read(azure, POOL)
    headers = {"If-Match": pool["etag"]}
    assert write(azure, pool, POOL, headers=headers).status_code == 200
    change(azure)
    assert error_of(write(azure, pool, POOL, headers=headers)) == (412, "PreconditionFailed")
    assert error_of(write(azure, read(azure), headers=headers)) == (412, "PreconditionFailed")
    assert error_of(azure.ask("PATCH", path(azure), {}, headers=headers)) == (412, "PreconditionFailed")
    assert write(azure, read(azure, POOL), POOL, headers={"If-Match": read(azure)["etag"]}).status_code == 200
    assert write(azure, read(azure, POOL), POOL, headers={"If-Match": "*"}).status_code == 200
    new = write(azure, {"location": "x"}, "loadBalancers/new", headers={"If-Match": "*"})
    assert error_of(new) == (412, "PreconditionFailed")


def rule(**changes: Any) -> dict[str, Any]:
    return {"loadBalancingRules": [{"name": "r", "properties": changes}]}


def pool(name: str | None = None, **properties: str) -> dict[str, Any]:
    entry = {"properties": properties} | ({"name": name} if name else {})
    return {"backendAddressPools": [{"name": "p", "properties": {"loadBalancerBackendAddresses": [entry]}}]}


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"probes": [{"properties": {"port": 80}}]}, "InvalidRequestContent"),
        ({"probes": "x"}, "InvalidRequestContent"),
        ({"probes": [{"name": "p", "properties": {"port": 80, "intervalInSeconds": 0}}]}, "InvalidRequestFormat"),
        ({"probes": [{"name": "p", "properties": {"port": 80, "numberOfProbes": "x"}}]}, "InvalidRequestFormat"),
        (rule(frontendPort=70000), "InvalidRequestFormat"),
        (rule(frontendPort="http"), "InvalidRequestContent"),
        (rule(frontendPort=80, probe={"id": "/x/probes/none"}), "InvalidResourceReference"),
        (rule(backendAddressPools=[{"id": "/x/backendAddressPools/none"}]), "InvalidResourceReference"),
        ({"inboundNatPools": [{"name": "n", "properties": {"backendPort": -1}}]}, "InvalidRequestFormat"),
        (pool(ipAddress="10.0.0.4"), "InvalidRequestContent"),
        (pool(name="a", ipAddress="10.0.0.4", adminState="Off"), "InvalidRequestContent"),
        (pool(name="a"), "InvalidRequest"),
    ],
)
def test_an_invalid_load_balancer_is_refused(azure: Azure, properties: Any, code: str) -> None:
    body = {"location": "westeurope", "properties": properties}
    assert error_of(write(azure, body, "loadBalancers/other")) == (400, code)
    assert error_of(azure.ask("GET", path(azure, "loadBalancers/other"))) == (404, "ResourceNotFound")


def test_the_error_of_a_missing_resource_has_its_name(azure: Azure) -> None:
    for rest in ("loadBalancers/x", "loadBalancers/x/probes", "publicIPAddresses/x"):
        answer = azure.ask("GET", path(azure, rest))
        assert error_of(answer) == (404, "ResourceNotFound")
        assert "/x'" in answer.json()["error"]["message"]
    for rest in ("loadBalancers", "publicIPAddresses", "networkInterfaces", "loadBalancers/webLB"):
        nowhere = path(azure, rest).replace("canary-rg", "nowhere")
        assert error_of(azure.ask("GET", nowhere)) == (404, "ResourceGroupNotFound")
    assert error_of(write(azure, {"location": "x"}, "../x/loadBalancers/y"))[0] == 404
    assert error_of(azure.ask("GET", path(azure, "routeTables"))) == (404, "InvalidResourceType")
    assert error_of(azure.ask("POST", path(azure))) == (405, "MethodNotAllowed")


def test_another_group_has_none_of_them(azure: Azure) -> None:
    azure.ask("PUT", azure.group.replace("canary-rg", "other-rg"), {"location": "westeurope"})
    for rest in ("loadBalancers", "publicIPAddresses", "networkInterfaces"):
        other = path(azure, rest).replace("canary-rg", "other-rg")
        assert azure.ask("GET", other).json() == {"value": []}


def test_every_set_has_a_load_balancer_of_its_own(emulate: Emulate) -> None:
    azure = emulate(more_sets=(SetSpec("api", instances=2),))
    counts = {one["name"]: len(one["properties"]["inboundNatRules"]) for one in read(azure, "loadBalancers")["value"]}
    assert counts == {"webLB": 3, "apiLB": 2}


def test_network_calls_take_no_tokens_of_the_compute_provider(azure: Azure) -> None:
    for rest in ("loadBalancers/webLB", "publicIPAddresses"):
        assert "x-ms-ratelimit-remaining-resource" not in azure.ask("GET", path(azure, rest)).headers
    assert "x-ms-ratelimit-remaining-resource" not in azure.ask("GET", "networkInterfaces").headers


def test_a_role_may_not_allow_to_read_a_load_balancer(emulate: Emulate) -> None:
    azure = emulate(denied_actions=frozenset({"Microsoft.Network/loadBalancers/read"}))
    assert error_of(azure.ask("GET", path(azure))) == (403, "AuthorizationFailed")


def test_the_sdk_gets_the_errors_of_the_network_provider(network: NetworkManagementClient) -> None:
    with pytest.raises(HttpResponseError, match="The location property is required"):
        network.load_balancers.begin_create_or_update(GROUP, "other", LoadBalancer())
