"""Automatic zone balance: Azure moves an instance from a full zone to an empty one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.compute.automation.test_repairs import set_state, states
from tests.emulator.conftest import EXACT, Azure, Emulate, error_of, latest

HOUR = 3600.0
MOVE = EXACT.create + EXACT.health + EXACT.delete + 61
"""More than a move takes, with the time until Azure looks."""


def crowded(emulate: Emulate, *gone: str, **options: Any) -> Azure:
    """A set of six in three zones, of which the instances ``gone`` are deleted."""
    azure = emulate(instances=6, **{"zone_balance": True} | options)
    assert azure.ask("POST", "delete", {"instanceIds": list(gone)}).status_code == 202
    azure.settle(60)
    return azure


def zones(azure: Azure) -> dict[str, str]:
    return {key: one["zones"][0] for key, one in azure.instances().items()}


def test_an_hour_after_the_last_write_an_instance_moves_to_the_empty_zone(emulate: Emulate) -> None:
    azure = crowded(emulate, "2", "5")
    azure.set_image()
    azure.settle(HOUR - 61)
    assert zones(azure) == {"0": "1", "1": "2", "3": "1", "4": "2"}
    azure.settle(31)
    assert zones(azure)["6"] == "3"
    assert azure.instances()["6"]["properties"]["provisioningState"] == "Creating"
    assert azure.ask("GET").json()["sku"]["capacity"] == 4
    azure.settle(MOVE)
    assert zones(azure) == {"0": "1", "1": "2", "3": "1", "6": "3"}
    assert latest(azure) == ["6"]
    assert {c.by for c in azure.emulator.availability.changes() if c.act == "rebalance"} == {"azure"}


def test_at_most_one_move_is_made_in_twelve_hours(emulate: Emulate) -> None:
    azure = emulate(instances=15, zone_balance=True)
    azure.ask("POST", "delete", {"instanceIds": [str(key) for key in range(15) if key % 3]})
    azure.settle(HOUR + MOVE)
    assert sorted(zones(azure).values()) == ["1", "1", "1", "1", "2"]
    azure.settle(11 * HOUR)
    assert sorted(zones(azure).values()) == ["1", "1", "1", "1", "2"]
    azure.settle(HOUR)
    assert sorted(zones(azure).values()) == ["1", "1", "1", "2", "3"]


def test_a_balanced_set_a_protected_instance_and_a_suspended_service_stay(emulate: Emulate) -> None:
    azure = emulate(instances=4, zone_balance=True)
    azure.ask("PATCH", body={"tags": {"a": "b"}})
    azure.settle(20 * HOUR)
    assert list(azure.instances()) == ["0", "1", "2", "3"]
    azure = crowded(emulate, "1", "2", "4", "5")
    protection = {"protectFromScaleIn": True, "protectFromScaleSetActions": False}
    body = {"location": "westeurope", "properties": {"protectionPolicy": protection}}
    for key in ("0", "3"):
        azure.ask("PUT", f"virtualMachines/{key}", body)
    azure.settle(20 * HOUR)
    assert list(azure.instances()) == ["0", "3"]
    azure = crowded(emulate, "1", "2", "4", "5")
    set_state(azure, "Suspend", "AutomaticZoneRebalancing")
    assert states(azure) == [("AutomaticRepairs", "Running"), ("AutomaticZoneRebalancing", "Suspended")]
    azure.settle(20 * HOUR)
    assert list(azure.instances()) == ["0", "3"]


def test_a_new_instance_that_is_not_healthy_goes_again(emulate: Emulate) -> None:
    azure = crowded(emulate, "1", "2", "4", "5")
    azure.set_image("nginx-broken-image")
    azure.settle(HOUR + MOVE)
    assert zones(azure) == {"0": "1", "3": "1"}


def test_zone_balance_switches_repairs_on_and_needs_zones(emulate: Emulate) -> None:
    azure = emulate()
    balance = {"properties": {"resiliencyPolicy": {"automaticZoneRebalancingPolicy": {"enabled": True}}}}
    changed = azure.ask("PATCH", body=balance).json()["properties"]
    assert changed["automaticRepairsPolicy"]["enabled"] is True
    off = {"properties": {"automaticRepairsPolicy": {"enabled": False}}}
    azure.settle()
    assert error_of(azure.ask("PATCH", body=off)) == (400, "InvalidParameter")
    assert error_of(emulate(zones=()).ask("PATCH", body=balance)) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "policy",
    [
        {"resilientVMDeletionPolicy": {"enabled": True}},
        {"zoneAllocationPolicy": {"maxZoneCount": 2}},
        {"automaticZoneRebalancingPolicy": {"rebalanceStrategy": "Move"}},
    ],
)
def test_what_is_wrong_or_not_emulated_is_refused(azure: Azure, policy: dict[str, Any]) -> None:
    answer = azure.ask("PATCH", body={"properties": {"resiliencyPolicy": policy}})
    assert error_of(answer) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "policy",
    [
        {"externalHealthPolicy": {"enabled": True}},
        {"spotRestorePolicy": {"enabled": True}},
        {"priorityMixPolicy": {"baseRegularPriorityCount": 1}},
        {"skuProfile": {"vmSizes": []}},
    ],
)
def test_a_policy_that_would_have_no_effect_is_refused(azure: Azure, policy: dict[str, Any]) -> None:
    answer = azure.ask("PATCH", body={"properties": policy})
    assert error_of(answer) == (400, "InvalidParameter")
    assert "is not emulated" in answer.json()["error"]["message"]
    assert azure.ask("PATCH", body={"properties": {"spotRestorePolicy": {"enabled": False}}}).status_code == 200


def test_resilient_creation_makes_another_instance_with_a_new_id_for_half_an_hour(emulate: Emulate) -> None:
    azure = emulate(resilient_creation=True)
    azure.set_image("nginx-failing-image")
    answer = azure.ask("PATCH", body={"sku": {"capacity": 4}})
    azure.settle(EXACT.create + 1)
    new = azure.instances()
    assert list(new) == ["0", "1", "2", "4"]
    assert new["4"]["properties"]["provisioningState"] == "Creating"
    assert azure.status(answer) == "InProgress"
    azure.settle(1800)
    last = list(azure.instances())[-1]
    assert last == "47", "one each 40 s; the last one ends when half an hour is over"
    assert azure.instances()[last]["properties"]["provisioningState"] == "Failed"
    assert azure.status(answer) == "Failed"


def test_without_resilient_creation_an_instance_that_does_not_come_up_fails_and_keeps_its_id(azure: Azure) -> None:
    azure.set_image("nginx-failing-image")
    azure.ask("PATCH", body={"sku": {"capacity": 4}})
    azure.settle(EXACT.create)
    assert azure.instances()["3"]["properties"]["provisioningState"] == "Failed"
