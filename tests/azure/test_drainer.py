import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from tests.azure.test_load_balancers import ENDPOINT, MODEL, has_load_balancer, lists_interfaces
from tests.model.test_network import POOL, entry, load_balancer
from tests.support.fakes import SUBSCRIPTION, FakeClock
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.drainer import AzureDrainer
from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
from vmss_jenkins.errors import AzureError

URL = f"{ENDPOINT}{POOL}"
OPERATION = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/locations/x/operations/1"
CONFLICT = {"error": {"code": "PreconditionFailed", "message": "The condition was not met"}}


@pytest.fixture
def azure() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        lists_interfaces(mock, "0", "3")
        yield mock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def drainer(clock: FakeClock) -> Iterator[AzureDrainer]:
    balancers = AzureLoadBalancers(Endpoint(SUBSCRIPTION, ENDPOINT), None)
    yield AzureDrainer(balancers, clock)
    balancers.close()


def pool(*entries: dict[str, Any]) -> dict[str, Any]:
    properties = {"loadBalancerBackendAddresses": list(entries), "provisioningState": "Succeeded"}
    return {"id": POOL, "name": "webPool", "etag": 'W/"2"', "properties": properties}


def sent(azure: responses.RequestsMock) -> dict[str, str | None]:
    """The administrative state of each entry in the last PUT."""
    request = [call.request for call in azure.calls if call.request.method == "PUT"][-1]
    body = json.loads(request.body or "")
    return {e["name"]: e["properties"].get("adminState") for e in body["properties"]["loadBalancerBackendAddresses"]}


def test_a_drained_instance_is_down_in_its_pool_and_nothing_else_changes(
    azure: responses.RequestsMock, drainer: AzureDrainer
) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("0"), entry("3")))
    azure.put(URL, json=pool(entry("0"), entry("3", adminState="Down")))
    assert drainer.drain(MODEL, ["3"]) == {}
    assert sent(azure) == {"web_0": None, "web_3": "Down"}
    put = [call.request for call in azure.calls if call.request.method == "PUT"][-1]
    assert put.headers["If-Match"] == 'W/"2"'


def test_many_instances_take_one_change(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("0"), entry("3")))
    azure.put(URL, json=pool(entry("0"), entry("3")))
    assert drainer.drain(MODEL, ["0", "3"]) == {}
    assert [call.request.method for call in azure.calls] == ["GET", "GET", "GET", "PUT"]


def test_our_clock_waits_for_a_change(azure: responses.RequestsMock, drainer: AzureDrainer, clock: FakeClock) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("3")))
    azure.put(URL, json=pool(entry("3")), status=201, headers={"Azure-AsyncOperation": OPERATION, "Retry-After": "10"})
    azure.get(OPERATION, json={"status": "InProgress"}, headers={"Retry-After": "10"})
    azure.get(OPERATION, json={"status": "Succeeded"})
    azure.get(URL, json=pool(entry("3", adminState="Down")))
    assert drainer.drain(MODEL, ["3"]) == {}
    assert clock.slept == [10.0]


def test_an_instance_that_is_already_down_is_not_written(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("3", adminState="Down")))
    assert drainer.drain(MODEL, ["3"]) == {}


def test_the_probe_decides_again_about_restored_instances(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("0", adminState="Down"), entry("3", adminState="Down")))
    azure.put(URL, json=pool(entry("0"), entry("3")))
    drainer.restore(MODEL, ["3"])
    assert sent(azure) == {"web_0": "Down", "web_3": "None"}


def test_a_rule_without_a_probe_prevents_draining(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    body = load_balancer()
    del body["properties"]["loadBalancingRules"][0]["properties"]["probe"]
    has_load_balancer(azure, body)
    assert drainer.drain(MODEL, ["3"]) == {"3": "a rule of backend pool webPool has no health probe"}


def test_an_instance_outside_its_pool_is_not_drained(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("0")))
    assert drainer.drain(MODEL, ["3", "9"]) == {
        "3": "backend pool webPool does not list its address",
        "9": "it is in no backend pool of a load balancer",
    }


def test_a_refusal_to_drain_is_a_reason(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("3")))
    azure.put(URL, status=400, json={"error": {"code": "InvalidRequestFormat", "message": "not for such pools"}})
    assert drainer.drain(MODEL, ["3"]) == {"3": "InvalidRequestFormat: not for such pools"}


def test_restore_is_repeated_after_a_race(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("3", adminState="Down")))
    azure.put(URL, status=412, json=CONFLICT)
    azure.put(URL, json=pool(entry("3")))
    drainer.restore(MODEL, ["3"])
    assert sent(azure) == {"web_3": "None"}


def test_a_race_that_does_not_end_is_an_error(azure: responses.RequestsMock, drainer: AzureDrainer) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("3", adminState="Down")))
    azure.put(URL, status=412, json=CONFLICT)
    with pytest.raises(AzureError, match="PreconditionFailed"):
        drainer.restore(MODEL, ["3"])
    assert [call.request.method for call in azure.calls].count("PUT") == 3


def test_an_address_that_was_lost_from_the_pool_is_reported(
    azure: responses.RequestsMock, drainer: AzureDrainer
) -> None:
    has_load_balancer(azure)
    azure.get(URL, json=pool(entry("0"), entry("3")))
    azure.put(URL, json=pool(entry("3")))
    assert drainer.drain(MODEL, ["3"]) == {"3": "AddressesLost: these are no longer in the pool: web_0"}
