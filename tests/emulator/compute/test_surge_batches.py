"""Rolling upgrades with maxSurge, and which instances protection keeps out of upgrades."""

from typing import Any

import pytest

from tests.emulator.compute.test_rolling_upgrades import BROKEN, UPDATED, rolling
from tests.emulator.conftest import EXACT, Azure, Emulate, error_of, latest
from vmss_jenkins.emulator.compute.surge_batches import fits_quota

SURGE = {"maxSurge": True}
BATCH = EXACT.create + EXACT.health + EXACT.delete


def down(azure: Azure) -> int:
    return azure.emulator.availability.summary(azure.clock.now()).most_down


def test_a_surge_makes_new_instances_before_it_deletes_old_ones(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE)
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    assert rolling(azure) == ("RollingForward", [0, 0, 1, 4])
    azure.settle(1)
    new = azure.instances()["5"]
    assert list(azure.instances()) == ["0", "1", "2", "3", "4", "5"]
    assert (new["properties"]["provisioningState"], new["zones"]) == ("Creating", ["1"])
    azure.settle(EXACT.create + EXACT.health)
    assert azure.instances()["0"]["properties"]["provisioningState"] == "Deleting"
    assert azure.ask("GET").json()["sku"]["capacity"] == 5
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert azure.status(answer) == "Succeeded"
    assert latest(azure) == list("56789")


def test_a_surge_without_quota_updates_in_place_and_says_nothing(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE, core_quota=5)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(1)
    assert azure.instances()["0"]["properties"]["provisioningState"] == "Updating"
    assert down(azure) == 1
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert latest(azure) == list("01234")


@pytest.mark.parametrize(("quota", "fits"), [(5, True), (4, False)])
def test_deallocated_instances_use_no_quota(emulate: Emulate, quota: int, fits: bool) -> None:
    azure = emulate(mode="Rolling", instances=4, rolling_policy=SURGE, core_quota=quota)
    azure.ask("POST", "deallocate", body={"instanceIds": ["3"]})
    azure.settle()
    (scale_set,) = azure.emulator.backend.scale_sets.values()
    assert fits_quota(azure.emulator.backend, scale_set, 1)
    assert fits_quota(azure.emulator.backend, scale_set, 2) is fits


def test_a_surge_to_a_bad_release_leaves_the_old_instances(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE)
    azure.ask("PATCH", body=azure.image(BROKEN))
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    assert list(azure.instances()) == list("01234")


def test_a_surge_without_capacity_in_azure_fails(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE)
    azure.emulator.inject("no-capacity count=always")
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    assert list(azure.instances()) == list("01234")


def test_scaling_during_a_surge_does_not_take_the_new_instances(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(5)
    assert azure.ask("PATCH", body={"sku": {"capacity": 6}}).status_code == 200
    assert len(azure.instances()) == 7
    azure.settle()
    assert rolling(azure)[0] == "Completed"
    assert len(azure.instances()) == len(latest(azure)) == 6


def test_a_cancelled_surge_ends_after_its_batch(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(5)
    azure.ask("POST", "rollingUpgrades/cancel")
    azure.settle()
    assert rolling(azure) == ("Cancelled", [1, 0, 0, 4])
    assert list(azure.instances()) == ["1", "2", "3", "4", "5"]


def test_a_set_can_be_deleted_during_a_surge(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy=SURGE)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(5)
    azure.ask("DELETE")
    azure.settle()
    assert error_of(azure.ask("GET")) == (404, "ResourceNotFound")


def protect(azure: Azure, *ids: str, on: bool = True) -> None:
    policy = {"protectFromScaleIn": on, "protectFromScaleSetActions": on}
    body = {"location": "westeurope", "properties": {"protectionPolicy": policy}}
    for key in ids:
        assert azure.ask("PUT", f"virtualMachines/{key}", body).status_code == 200


@pytest.mark.parametrize(
    "options", [{"mode": "Automatic"}, {"mode": "Rolling"}, {"mode": "Rolling", "rolling_policy": SURGE}]
)
def test_protected_instances_stay_out_until_protection_is_lifted_and_the_model_is_written_again(
    emulate: Emulate, options: dict[str, Any]
) -> None:
    azure = emulate(instances=3, **options)
    protect(azure, "1", "2")
    azure.settle()
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle()
    assert len(latest(azure)) == 1
    assert {"1", "2"} <= azure.instances().keys() - set(latest(azure))
    protect(azure, "1", "2", on=False)
    azure.settle()
    assert len(latest(azure)) == 1
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle()
    assert len(latest(azure)) == 3


def test_a_flexible_set_rolls_by_its_extension_only_and_rolls_nothing_back(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible", nat="rule", health_source="probe")
    answer = azure.ask("PATCH", body={"properties": {"upgradePolicy": {"mode": "Rolling"}}})
    assert error_of(answer) == (400, "BadRequest")
    assert "health extension" in answer.json()["error"]["message"]
    back = {"rollbackFailedInstancesOnPolicyBreach": True}
    answer = azure.ask("PATCH", body={"properties": {"upgradePolicy": {"rollingUpgradePolicy": back}}})
    assert error_of(answer) == (400, "InvalidParameter")
