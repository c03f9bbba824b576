from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of

SPOT = {"priority": "Spot", "evictionPolicy": "Delete"}


def power(azure: Azure, instance_id: str) -> str:
    view = azure.ask("GET", f"virtualMachines/{instance_id}/instanceView").json()
    return str(view["statuses"][1]["code"]).partition("/")[2]


def test_an_evicted_instance_is_deallocated_after_its_notice_and_stays_a_member(emulate: Emulate) -> None:
    azure = emulate(spot="Deallocate")
    azure.compute.virtual_machine_scale_set_vms.simulate_eviction("canary-rg", "web", "1")
    azure.settle(EXACT.evict - 1)
    assert power(azure, "1") == "running"
    azure.settle()
    assert (power(azure, "1"), power(azure, "0")) == ("deallocated", "running")
    assert azure.ask("GET").json()["sku"]["capacity"] == 3
    found = azure.ask("GET", "virtualMachines/1").json()["properties"]
    assert (found["priority"], found["evictionPolicy"], found["billingProfile"]) == (
        "Spot",
        "Deallocate",
        {"maxPrice": -1},
    )


def test_an_evicted_instance_is_deleted_if_its_policy_says_so(emulate: Emulate) -> None:
    azure = emulate(spot="Delete")
    azure.compute.virtual_machine_scale_set_vms.simulate_eviction("canary-rg", "web", "1")
    azure.settle()
    assert list(azure.instances()) == ["0", "2"]
    assert azure.ask("GET").json()["sku"]["capacity"] == 2
    who = [c for c in azure.emulator.availability.changes() if c.act == "delete"]
    assert {(c.by, c.request, c.instance) for c in who} == {("azure", "eviction", "1")}


def test_regular_instances_are_never_evicted(azure: Azure) -> None:
    with pytest.raises(HttpResponseError) as caught:
        azure.compute.virtual_machine_scale_set_vms.simulate_eviction("canary-rg", "web", "1")
    assert caught.value.status_code == 409
    azure.emulator.inject("evict GET */virtualMachines instance=1")
    azure.instances()
    azure.settle()
    assert power(azure, "1") == "running"


def test_azure_may_evict_an_instance_during_its_update(emulate: Emulate) -> None:
    azure = emulate(spot="Deallocate")
    azure.emulator.inject("evict GET */operations/* instance=1")
    azure.set_image()
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})
    azure.settle(5)
    assert azure.status(answer) == "InProgress"
    azure.settle()
    assert power(azure, "1") == "deallocated"
    found = azure.instances()["1"]["properties"]
    assert (found["provisioningState"], found["latestModelApplied"]) == ("Succeeded", False)


def test_an_instance_that_is_deleted_before_its_eviction_is_not_evicted(emulate: Emulate) -> None:
    azure = emulate(spot="Deallocate")
    azure.ask("POST", "virtualMachines/1/simulateEviction")
    azure.ask("POST", "delete", {"instanceIds": ["1"]})
    azure.settle()
    assert list(azure.instances()) == ["0", "2"]


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ({"priority": "Cheap"}, (400, "InvalidParameter")),
        ({"priority": "Spot", "evictionPolicy": "Sell"}, (400, "InvalidParameter")),
        ({"evictionPolicy": "Delete"}, (400, "InvalidParameter")),
    ],
)
def test_only_azures_priorities_and_eviction_policies_are_accepted(
    azure: Azure, profile: dict[str, Any], reason: tuple[int, str]
) -> None:
    body = azure.ask("GET").json()
    body["properties"]["virtualMachineProfile"] |= profile
    assert error_of(azure.ask("PUT", f"{azure.set}2", body)) == reason


def test_the_priority_of_a_set_cannot_change(azure: Azure) -> None:
    answer = azure.ask("PATCH", body={"properties": {"virtualMachineProfile": SPOT}})
    assert error_of(answer) == (409, "PropertyChangeNotAllowed")
    assert azure.ask("PATCH", body={"properties": {"virtualMachineProfile": {"priority": "Regular"}}}).ok


def test_a_deallocated_instance_is_not_evicted_again(emulate: Emulate) -> None:
    azure = emulate(spot="Deallocate")
    azure.ask("POST", "deallocate", {"instanceIds": ["1"]})
    azure.settle()
    azure.ask("POST", "virtualMachines/1/simulateEviction")
    azure.settle()
    assert "evict" not in [c.act for c in azure.emulator.availability.changes()]
