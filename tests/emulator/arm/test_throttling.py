import json

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of
from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.throttling import Limit, Throttle

LIMIT = Limit("ThingResource", refill=4, size=12)


def test_a_bucket_starts_full_and_is_refilled_every_minute_up_to_its_size() -> None:
    throttle = Throttle()
    assert throttle.take([LIMIT], "web", 12, now=100) == ["Microsoft.Compute/ThingResource;0"]
    with pytest.raises(ArmError):
        throttle.take([LIMIT], "web", 1, now=159)
    assert throttle.take([LIMIT], "web", 1, now=160) == ["Microsoft.Compute/ThingResource;3"]
    assert throttle.take([LIMIT], "web", 1, now=10_000) == ["Microsoft.Compute/ThingResource;11"]


def test_each_resource_has_its_own_bucket_and_the_subscription_has_one() -> None:
    shared = Limit("ThingSubscriptionMaximum", 4, 12)
    throttle = Throttle()
    throttle.take([LIMIT, shared], "web", 5, now=0)
    assert throttle.take([LIMIT, shared], "WEB", 5, now=0)[0].endswith(";2")
    left = throttle.take([LIMIT, shared], "other", 1, now=0)
    assert [part.rpartition(";")[2] for part in left] == ["11", "1"]


def test_if_one_bucket_is_short_nothing_is_taken_from_the_others() -> None:
    throttle = Throttle()
    small = Limit("SmallResource", 1, 1)
    throttle.take([small], "web", 1, now=0)
    with pytest.raises(ArmError):
        throttle.take([LIMIT, small], "web", 1, now=0)
    assert throttle.take([LIMIT], "web", 0, now=0)[0].endswith(";12")


@pytest.mark.parametrize(("cost", "scale", "wait"), [(1, 1.0, "50"), (5, 1.0, "110"), (13, 1.0, "50"), (1, 20.0, "3")])
def test_the_retry_after_of_an_empty_bucket_is_in_real_seconds(cost: int, scale: float, wait: str) -> None:
    throttle = Throttle(time_scale=scale)
    throttle.take([LIMIT], "web", 12, now=100)
    with pytest.raises(ArmError) as caught:
        throttle.take([LIMIT], "web", cost, now=110)
    assert caught.value.headers["Retry-After"] == wait


def test_a_throttle_that_is_off_counts_tokens_and_refuses_nothing() -> None:
    throttle = Throttle(enabled=False)
    throttle.take([LIMIT], "web", 12, now=0)
    assert throttle.take([LIMIT], "web", 1, now=0) == ["Microsoft.Compute/ThingResource;0"]


def test_the_thirty_first_list_within_a_minute_is_refused_as_azure_does(azure: Azure) -> None:
    for _ in range(30):
        assert azure.ask("GET", "virtualMachines").status_code == 200
    answer = azure.ask("GET", "virtualMachines")
    assert error_of(answer) == (429, "OperationNotAllowed")
    error = answer.json()["error"]
    assert error["message"] == (
        "The server rejected the request because too many requests have been received for this subscription."
    )
    assert error["details"][0]["code"] == "TooManyRequests"
    assert error["details"][0]["target"] == "HighCostGetVMScaleSetResource"
    measured = json.loads(error["details"][0]["message"])
    assert (measured["operationGroup"], measured["allowedRequestCount"], measured["measuredRequestCount"]) == (
        "HighCostGetVMScaleSet",
        30,
        31,
    )
    assert answer.headers["Retry-After"] == "60"
    azure.settle(60)
    assert [azure.ask("GET", "virtualMachines").status_code for _ in range(11)] == [200] * 10 + [429]


def test_an_operation_may_be_polled_every_two_seconds_for_a_while(azure: Azure) -> None:
    operation = azure.ask("PATCH", body={"tags": {}}).headers["Azure-AsyncOperation"]
    statuses = []
    for _ in range(60):
        statuses.append(azure.ask("GET", operation).status_code)
        azure.settle(2)
    assert set(statuses) == {200}


def test_a_call_that_was_refused_for_its_instances_changes_nothing(emulate: Emulate) -> None:
    azure = emulate(instances=700)
    for _ in range(9):
        assert azure.ask("POST", "start").status_code in (202, 429)
        azure.settle(50)
    azure.set_image()
    while azure.ask("POST", "restart").status_code == 202:
        azure.settle(16)
    assert {i.provisioning for i in azure.backend.scale_set("canary-rg", "web").instances.values()} == {"Succeeded"}


def test_throttling_can_be_turned_off(emulate: Emulate) -> None:
    azure = emulate(throttling=False)
    assert {azure.ask("GET", "virtualMachines").status_code for _ in range(40)} == {200}
