"""The network adapters through the real SDK, against the emulator: the addresses that they find really answer."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.support.fakes import OLD, WEB, FakeClock
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.drainer import AzureDrainer
from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
from vmss_jenkins.emulator import Emulator, ManualClock, Release, Scenario, Timings
from vmss_jenkins.gates.specs import Via
from vmss_jenkins.model.instances import OrchestrationMode, ScaleSet
from vmss_jenkins.model.network import Address, Unreachable

MODEL = ScaleSet(WEB, OLD)
IDS = ("0", "1", "2")


class World:
    """An emulator of three instances with a page each, and the adapters to it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.balancers = AzureLoadBalancers(Endpoint(emulator.subscription_id, emulator.endpoint), None)
        self.drainer = AzureDrainer(self.balancers, FakeClock())

    def served(self, tries: int = 6) -> list[str]:
        """The answers of the load balancer, each on a connection of its own."""
        url, close = self.emulator.frontend_url, {"Endpoint": "close"}
        return [requests.get(url, headers=close, timeout=10).text for _ in range(tries)]


@pytest.fixture
def start() -> Iterator[Callable[..., World]]:
    with ExitStack() as stack:

        def make(**options: Any) -> World:
            scenario = Scenario(probe_interval=3600.0, releases={"nginx-base-image": Release("page")}, **options)
            emulator = Emulator(scenario, clock=ManualClock(), timings=Timings(spread=0))
            world = World(stack.enter_context(emulator))
            stack.callback(world.balancers.close)
            return world

        yield make


def answers(address: object) -> bool:
    return isinstance(address, Address) and requests.get(f"http://{address}", timeout=10).text == "page"


@pytest.mark.parametrize("nat", ["pool", "rule", "none"])
def test_every_address_of_the_instances_is_found_and_answers(start: Callable[..., World], nat: str) -> None:
    world = start(nat=nat)
    found = world.balancers.endpoints(MODEL, IDS)
    assert [f"http://{address}" for address in found.frontends] == [world.emulator.frontend_url]
    ports = [port for id_ in IDS for port in found.ports[id_]]
    assert len({port.address for port in ports}) == (0 if nat == "none" else 3)
    assert all(answers(port.address) and port.backend_port == 80 for port in ports)


@pytest.mark.parametrize("nat", ["pool", "rule"])
def test_the_nat_address_of_each_instance_is_found_and_answers(start: Callable[..., World], nat: str) -> None:
    found = start(nat=nat).balancers.addresses(MODEL, IDS, Via.NAT, 80)
    assert len(set(found.values())) == 3
    assert all(answers(address) for address in found.values())


def test_the_nat_address_of_a_flexible_instance_is_found_and_answers(start: Callable[..., World]) -> None:
    world = start(orchestration="Flexible")
    ids = list(world.emulator.backend.scale_set("canary-rg", "web").instances)
    model = ScaleSet(MODEL.name, MODEL.image, orchestration_mode=OrchestrationMode.FLEXIBLE)
    found = world.balancers.addresses(model, ids, Via.NAT, 80)
    assert len(set(found.values())) == 3
    assert all(answers(address) for address in found.values())


def test_the_frontend_is_found_and_answers(start: Callable[..., World]) -> None:
    world = start()
    (address,) = world.balancers.frontends(MODEL, IDS)
    assert isinstance(address, Address)
    assert f"http://{address}" == world.emulator.frontend_url
    assert answers(address)


def test_drained_instances_get_no_new_connection_until_they_are_restored(start: Callable[..., World]) -> None:
    world = start()
    assert world.drainer.drain(MODEL, ["1", "2"]) == {}
    world.emulator.data_plane.take_down("canary-rg/web_1")
    world.emulator.data_plane.take_down("canary-rg/web_2")
    assert world.served() == ["page"] * 6
    world.drainer.restore(MODEL, ["1", "2"])
    with pytest.raises(requests.ConnectionError):
        world.served()


def test_a_refusal_to_drain_has_a_reason(start: Callable[..., World]) -> None:
    reasons = start(admin_state=False).drainer.drain(MODEL, ["1"])
    assert "network interface IP configuration" in reasons["1"]


@pytest.mark.parametrize("via", [Via.PRIVATE, Via.SSH])
def test_no_connection_leaves_the_emulator_for_an_address_of_the_users_network(
    start: Callable[..., World], via: Via
) -> None:
    world = start(nat="none")
    for id_, found in world.balancers.addresses(MODEL, IDS, via, 80).items():
        assert isinstance(found, Unreachable)
        assert (
            f"its address 10.0.0.{4 + int(id_)}:80 is one of the emulator ({world.emulator.endpoint})" in found.reason
        )


def test_an_internal_frontend_of_the_emulator_is_listed_and_never_measured(start: Callable[..., World]) -> None:
    world = start()
    body = world.emulator.backend.load_balancer("canary-rg", "webLB").body
    (frontend,) = body["properties"]["frontendIPConfigurations"]
    frontend["properties"] = {"privateIPAddress": "10.0.0.100"}
    (found,) = world.balancers.frontends(MODEL, IDS)
    assert isinstance(found, Unreachable)
    assert "its address 10.0.0.100:" in found.reason
    assert f"is one of the emulator ({world.emulator.endpoint})" in found.reason
    assert found.reason.endswith("use via=nat")
    assert [one.host for one in world.balancers.endpoints(MODEL, IDS).frontends] == ["10.0.0.100"]
