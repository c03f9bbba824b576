"""The data plane follows ARM: frontend ports, NAT ports and administrative states, over real connections."""

import errno
import http.client
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.emulator.conftest import Azure, Emulate
from vmss_jenkins.emulator import Emulator, ManualClock, Release, SetSpec, Timings

OLD, NEW = "old", "new"
RELEASES = {OLD: Release("old page"), NEW: Release("new page"), "slow": Release("slow page", latency=0.4)}
POOL = "loadBalancers/webLB/backendAddressPools/webPool"


@pytest.fixture
def live(emulate: Emulate) -> Callable[..., Azure]:
    """An emulator with its data plane, whose load balancers probe only when a test says so."""

    def start(**options: Any) -> Azure:
        defaults: dict[str, Any] = {"releases": RELEASES, "image": OLD, "probe_interval": 3600.0, "data_plane": True}
        return emulate(**defaults | options)

    return start


def path(azure: Azure, rest: str = "loadBalancers/webLB") -> str:
    return f"{azure.group}/providers/Microsoft.Network/{rest}"


def read(azure: Azure, rest: str = "loadBalancers/webLB") -> Any:
    answer = azure.ask("GET", path(azure, rest))
    assert answer.status_code == 200, answer.text
    return answer.json()


def write(azure: Azure, body: Any, rest: str = "loadBalancers/webLB") -> None:
    answer = azure.ask("PUT", path(azure, rest), body)
    assert answer.status_code in (200, 201), answer.text


def administer(azure: Azure, **states: str) -> None:
    """Set administrative states by instance, as `i1="Down"`."""
    pool = read(azure, POOL)
    for entry in pool["properties"]["loadBalancerBackendAddresses"]:
        id_ = entry["properties"]["networkInterfaceIPConfiguration"]["id"].partition("/virtualMachines/")[2][0]
        entry["properties"]["adminState"] = states.get(f"i{id_}", "None")
    write(azure, pool, POOL)


def update(azure: Azure, *ids: str, image: str = NEW) -> None:
    azure.set_image(image)
    assert azure.ask("POST", "manualupgrade", {"instanceIds": list(ids)}).status_code == 202
    azure.settle()
    azure.emulator.data_plane.probe_now()


def page(url: str) -> str:
    # On a new connection: an open one would stay with its backend.
    return requests.get(url, headers={"Connection": "close"}, timeout=10).text


def frontend(azure: Azure) -> str:
    """The URL of the load balancer's frontend in ARM."""
    address = read(azure, "publicIPAddresses/webLBPublicIP")["properties"]["ipAddress"]
    port = read(azure, "loadBalancers/webLB/loadBalancingRules/webRule")["properties"]["frontendPort"]
    return f"http://{address}:{port}"


def nat_urls(azure: Azure) -> dict[str, str]:
    """The URL of each instance's NAT port in ARM."""
    address = read(azure, "publicIPAddresses/webLBPublicIP")["properties"]["ipAddress"]
    rules = read(azure, "loadBalancers/webLB/inboundNatRules")["value"]
    ports = {rule["name"].rpartition(".")[2]: rule["properties"]["frontendPort"] for rule in rules}
    if "webNatRule" in ports:
        entries = read(azure, POOL)["properties"]["loadBalancerBackendAddresses"]
        found = [entry["properties"]["inboundNatRulesPortMapping"][0]["frontendPort"] for entry in entries]
        ports = {str(id_): port for id_, port in enumerate(found)}
    return {id_: f"http://{address}:{port}" for id_, port in ports.items()}


def test_the_frontends_address_and_port_in_arm_serve_the_page(live: Callable[..., Azure]) -> None:
    azure = live()
    assert frontend(azure) == azure.emulator.frontend_url
    assert page(frontend(azure)) == "old page"


@pytest.mark.parametrize("nat", ["pool", "rule"])
def test_a_nat_port_leads_to_its_one_instance(live: Callable[..., Azure], nat: str) -> None:
    azure = live(nat=nat)
    urls = nat_urls(azure)
    update(azure, "1")
    assert {id_: page(url) for id_, url in urls.items()} == {"0": "old page", "1": "new page", "2": "old page"}
    azure.ask("POST", "virtualMachines/1/deallocate")
    with pytest.raises(requests.ConnectionError):
        page(urls["1"])
    assert nat_urls(azure) == urls


def test_an_instance_that_is_added_has_its_nat_port_before_it_is_up(live: Callable[..., Azure]) -> None:
    azure = live()
    azure.ask("PATCH", body={"sku": {"capacity": 4}})
    urls = nat_urls(azure)
    with pytest.raises(requests.ConnectionError):
        page(urls["3"])
    azure.settle()
    assert nat_urls(azure) == urls
    assert page(urls["3"]) == "old page"


def test_an_instance_that_is_down_gets_no_new_connection_at_once(live: Callable[..., Azure]) -> None:
    azure = live()
    update(azure, "1")
    assert {page(frontend(azure)) for _ in range(6)} == {"old page", "new page"}
    administer(azure, i1="Down")
    assert {page(frontend(azure)) for _ in range(6)} == {"old page"}
    azure.emulator.data_plane.probe_now()
    assert {page(frontend(azure)) for _ in range(6)} == {"old page"}
    administer(azure)
    assert {page(frontend(azure)) for _ in range(6)} == {"old page", "new page"}


def test_open_connections_of_an_instance_that_is_set_down_continue(live: Callable[..., Azure]) -> None:
    azure = live(instances=1)
    host, _, port = frontend(azure).removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"old page"
    administer(azure, i0="Down")
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"old page"
    with pytest.raises(requests.ConnectionError):
        page(frontend(azure))
    connection.close()


def test_an_instance_that_is_set_up_gets_connections_whatever_its_probe_finds(live: Callable[..., Azure]) -> None:
    azure = live(releases={**RELEASES, "bad": Release("bad page", status=500)}, probe_threshold=1)
    update(azure, "1", image="bad")
    assert {page(frontend(azure)) for _ in range(6)} == {"old page"}
    administer(azure, i1="Up")
    assert {page(frontend(azure)) for _ in range(6)} == {"old page", "bad page"}


def test_nat_ports_ignore_administrative_states(live: Callable[..., Azure]) -> None:
    azure = live()
    administer(azure, i0="Down", i1="Down", i2="Down")
    assert {page(url) for url in nat_urls(azure).values()} == {"old page"}


def test_a_rule_without_a_probe_sends_to_every_instance_and_ignores_states(live: Callable[..., Azure]) -> None:
    azure = live(releases={**RELEASES, "bad": Release("bad page", status=500)}, probe_threshold=1)
    update(azure, "1", image="bad")
    body = read(azure)
    del body["properties"]["loadBalancingRules"][0]["properties"]["probe"]
    write(azure, body)
    administer(azure, i0="Down")
    assert [page(frontend(azure)) for _ in range(6)].count("bad page") == 2
    azure.ask("POST", "virtualMachines/1/deallocate")
    for _ in range(3):
        azure.emulator.data_plane.probe_now()
    assert set(azure.emulator.data_plane.backend_up("canary-rg/webLB/webRule").values()) == {True}


def test_a_probe_threshold_counts_successes_and_failures(live: Callable[..., Azure]) -> None:
    azure = live()
    body = read(azure)
    body["properties"]["probes"][0]["properties"]["probeThreshold"] = 3
    write(azure, body)
    plane, name = azure.emulator.data_plane, "canary-rg/webLB/webRule"
    for _ in range(3):
        plane.probe_now()
    instance = next(iter(plane.backend_up(name)))
    assert plane.backend_up(name)[instance]
    plane.take_down(instance)
    seen = []
    for _ in range(3):
        plane.probe_now()
        seen.append(plane.backend_up(name)[instance])
    assert seen == [True, True, False]


def test_a_probes_path_may_lack_its_slash(live: Callable[..., Azure]) -> None:
    azure = live()
    body = read(azure)
    body["properties"]["probes"][0]["properties"]["requestPath"] = "health"
    write(azure, body)
    assert page(frontend(azure)) == "old page"


def test_a_tcp_probe_only_connects(live: Callable[..., Azure]) -> None:
    azure = live(releases={**RELEASES, "bad": Release("bad page", status=500)}, probe_threshold=1)
    body = read(azure)
    body["properties"]["probes"][0]["properties"] |= {"protocol": "Tcp", "requestPath": None}
    write(azure, body)
    update(azure, "1", image="bad")
    assert {page(frontend(azure)) for _ in range(6)} == {"old page", "bad page"}
    azure.ask("POST", "virtualMachines/1/deallocate")
    azure.settle()
    azure.emulator.data_plane.probe_now()
    assert azure.emulator.data_plane.backend_up("canary-rg/webLB/webRule")["canary-rg/web_1"] is False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_rule_that_a_client_writes_gets_the_port_it_asks_for(live: Callable[..., Azure]) -> None:
    azure = live()
    body, port = read(azure), free_port()
    rule = body["properties"]["loadBalancingRules"][0]
    second = {"name": "second", "properties": {**rule["properties"], "frontendPort": port, "enableFloatingIP": True}}
    body["properties"]["loadBalancingRules"].append(second)
    old = frontend(azure)
    write(azure, body)
    assert page(f"http://127.0.0.1:{port}") == "old page"
    assert page(old) == "old page"
    body["properties"]["loadBalancingRules"].pop()
    write(azure, body)
    with pytest.raises(requests.ConnectionError):
        page(f"http://127.0.0.1:{port}")
    assert page(old) == "old page"


def test_a_rule_that_does_not_change_keeps_its_connections(live: Callable[..., Azure]) -> None:
    azure = live()
    host, _, port = frontend(azure).removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/")
    connection.getresponse().read()
    write(azure, {**read(azure), "tags": {"a": "b"}})
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"old page"
    connection.close()


def test_a_changed_rule_keeps_its_port_and_connections_and_a_deleted_one_does_not(
    live: Callable[..., Azure],
) -> None:
    azure = live()
    host, _, port = frontend(azure).removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/")
    connection.getresponse().read()
    body = read(azure)
    body["properties"]["probes"][0]["properties"]["requestPath"] = "/health"
    write(azure, body)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"old page"
    assert frontend(azure) == f"http://{host}:{port}"
    assert page(frontend(azure)) == "old page"
    body["properties"]["loadBalancingRules"] = []
    write(azure, body)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=10)
    connection.close()


def test_a_change_takes_effect_when_its_operation_ends(live: Callable[..., Azure]) -> None:
    azure = live(timings=Timings(network=5, spread=0))
    url = frontend(azure)
    body = read(azure)
    body["properties"]["loadBalancingRules"] = []
    write(azure, body)
    assert read(azure)["properties"]["provisioningState"] == "Updating"
    assert page(url) == "old page"
    azure.settle(5)
    assert read(azure)["properties"]["provisioningState"] == "Succeeded"
    with pytest.raises(requests.ConnectionError):
        page(url)


def test_if_a_port_is_taken_another_is_used_and_the_endpoints_show_it(live: Callable[..., Azure]) -> None:
    azure = live()
    body = read(azure)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        body["properties"]["loadBalancingRules"][0]["properties"]["frontendPort"] = port
        write(azure, body)
    url = f"{azure.emulator.endpoint}/_emulator/endpoints"
    endpoints = azure.session.get(url, timeout=10).json()
    (rule,) = [one for one in endpoints if one["rule"] == "webRule"]
    assert (rule["address"], rule["port"], rule["loadBalancer"]) == ("127.0.0.1", port, "webLB")
    assert rule["instance"] is None
    assert rule["url"] != f"http://127.0.0.1:{port}"
    assert page(rule["url"]) == "old page"
    assert azure.emulator.frontend_url == rule["url"]


def test_a_port_that_needs_privileges_is_replaced_by_another(
    live: Callable[..., Azure], monkeypatch: pytest.MonkeyPatch
) -> None:
    azure = live()
    opened = azure.emulator.data_plane.open_frontend

    def without_privileges(name: str, backends: Any, probe: Any, port: int = 0) -> int:
        if 0 < port < 1024:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(name, backends, probe, port)

    monkeypatch.setattr(azure.emulator.data_plane, "open_frontend", without_privileges)
    body = read(azure)
    body["properties"]["loadBalancingRules"][0]["properties"]["frontendPort"] = 80
    write(azure, body)
    (rule,) = [one for one in azure.emulator.endpoints if one["rule"] == "webRule"]
    assert rule["port"] == 80
    assert page(rule["url"]) == "old page"


@pytest.mark.parametrize("nat", ["pool", "rule"])
def test_every_endpoint_reaches_what_it_names(live: Callable[..., Azure], nat: str) -> None:
    azure = live(nat=nat, more_sets=(SetSpec("api", instances=2, image=NEW, probe_interval=3600.0),))
    endpoints = azure.emulator.endpoints
    assert {(one["address"], one["port"]) for one in endpoints} == {
        ("127.0.0.1", int(one["url"].rpartition(":")[2])) for one in endpoints
    }
    instances = {one["instance"]: page(one["url"]) for one in endpoints if one["instance"]}
    assert instances == {f"web/{n}": "old page" for n in range(3)} | {f"api/{n}": "new page" for n in range(2)}
    balanced = {one["loadBalancer"]: page(one["url"]) for one in endpoints if not one["instance"]}
    assert balanced == {"webLB": "old page", "apiLB": "new page"}


def test_nat_ports_are_in_the_clients_range_and_the_endpoints_show_the_urls(live: Callable[..., Azure]) -> None:
    azure = live()
    body = read(azure)
    body["properties"]["inboundNatPools"][0]["properties"] |= {
        "frontendPortRangeStart": 50,
        "frontendPortRangeEnd": 60,
    }
    write(azure, body)
    update(azure, "1")
    found = {one["port"]: page(one["url"]) for one in azure.emulator.endpoints if one["instance"]}
    assert found == {50: "old page", 51: "new page", 52: "old page"}


def test_a_rule_that_cannot_be_served_is_listed_nowhere(live: Callable[..., Azure]) -> None:
    azure = live()
    body = read(azure)
    rule = body["properties"]["loadBalancingRules"][0]
    body["properties"]["loadBalancingRules"] += [
        {"name": "dns", "properties": {**rule["properties"], "protocol": "Udp", "frontendPort": 53}},
        {"name": "nowhere", "properties": {"frontendPort": 8080, "backendPort": 80}},
    ]
    write(azure, body)
    assert [one["rule"] for one in azure.emulator.endpoints if not one["instance"]] == ["webRule"]


def test_an_internal_frontend_has_the_address_it_was_given(live: Callable[..., Azure]) -> None:
    azure = live()
    body = read(azure)
    body["properties"]["frontendIPConfigurations"][0]["properties"] = {"privateIPAddress": "10.1.2.3"}
    write(azure, body)
    assert {one["address"] for one in azure.emulator.endpoints} == {"10.1.2.3"}


def test_without_a_data_plane_there_are_no_endpoints() -> None:
    with Emulator(clock=ManualClock(), data_plane=False) as emulator:
        assert emulator.endpoints == []
        assert emulator.frontend_urls == {}
        assert "VMSS_JENKINS_EMULATOR_FRONTEND" not in emulator.environment
