"""Rolling upgrades as Azure makes them, with the real SDK and plain requests."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of, latest, profile
from vmss_jenkins.emulator import Release

UPDATED = "nginx-updated-image"
BROKEN = "nginx-broken-image"


def rolling(azure: Azure) -> tuple[str, list[int]]:
    """The code of the latest rolling upgrade, and its counts: successful, failed, in progress, pending."""
    found = azure.ask("GET", "rollingUpgrades/latest").json()["properties"]
    counts = ("successful", "failed", "inProgress", "pending")
    return found["runningStatus"]["code"], [found["progress"][f"{name}InstanceCount"] for name in counts]


def test_in_rolling_mode_azure_updates_instances_in_batches_with_pauses(emulate: Emulate) -> None:
    policy = {
        "maxBatchInstancePercent": 40,
        "maxUnhealthyInstancePercent": 40,
        "pauseTimeBetweenBatches": "PT1M30S",
    }
    azure = emulate(mode="Rolling", instances=5, rolling_policy=policy)
    assert error_of(azure.ask("GET", "rollingUpgrades/latest")) == (404, "NotFound")
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(5)
    assert azure.status(answer) == "InProgress"
    assert rolling(azure) == ("RollingForward", [0, 0, 2, 3])
    azure.settle(EXACT.update + EXACT.health - 5)
    assert rolling(azure) == ("RollingForward", [2, 0, 0, 3])
    azure.settle(89)
    assert rolling(azure)[1] == [2, 0, 0, 3]
    azure.settle(1)
    assert rolling(azure)[1] == [2, 0, 2, 1]
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert azure.status(answer) == "Succeeded"
    assert latest(azure) == list("01234")


def test_a_rolling_upgrade_to_a_bad_release_stops_with_the_reason(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("PATCH", body=azure.image("nginx-broken-image"))
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    error = azure.ask("GET", "rollingUpgrades/latest").json()["properties"]["error"]
    assert error["code"] == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"


def test_a_rolling_upgrade_can_be_cancelled_after_its_batch(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    assert error_of(azure.ask("POST", "rollingUpgrades/cancel")) == (409, "OperationNotAllowed")
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(5)
    assert azure.ask("POST", "rollingUpgrades/cancel").status_code == 202
    azure.settle()
    assert rolling(azure) == ("Cancelled", [1, 0, 0, 4])


def test_a_cancelled_rolling_upgrade_stays_cancelled_if_its_batch_fails(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("PATCH", body=azure.image("nginx-broken-image"))
    azure.settle(5)
    azure.ask("POST", "rollingUpgrades/cancel")
    azure.settle()
    assert rolling(azure) == ("Cancelled", [0, 1, 0, 4])


def test_a_new_model_during_a_rolling_upgrade_starts_another_one(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("PATCH", body=azure.image("nginx-broken-image"))
    azure.settle(5)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle()
    assert rolling(azure)[0] == "Completed"
    assert len(latest(azure)) == 5


def test_deleting_a_set_ends_its_rolling_upgrade(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(10)
    assert azure.ask("DELETE").status_code == 202
    azure.settle()
    assert error_of(azure.ask("GET")) == (404, "ResourceNotFound")


def policy(**values: Any) -> dict[str, Any]:
    """A PATCH of the rolling upgrade policy."""
    return {"properties": {"upgradePolicy": {"rollingUpgradePolicy": values}}}


def begun(azure: Azure) -> list[str]:
    """The ids of instances in the order in which their updates began."""
    return [c.instance for c in azure.emulator.availability.changes() if (c.act, c.phase) == ("update", "begin")]


def error_code(azure: Azure) -> str:
    return str(azure.ask("GET", "rollingUpgrades/latest").json()["properties"]["error"]["code"])


def test_rolling_mode_needs_a_health_source(emulate: Emulate) -> None:
    azure = emulate(health_source="none")
    answer = azure.ask("PATCH", body={"properties": {"upgradePolicy": {"mode": "Rolling"}}})
    assert error_of(answer) == (400, "BadRequest")
    assert "a health probe or health extension was not provided" in answer.json()["error"]["message"]
    assert error_of(azure.ask("POST", "osRollingUpgrade")) == (409, "OperationNotAllowed")
    assert azure.ask("POST", "extensionRollingUpgrade").status_code == 202


@pytest.mark.parametrize(
    "values",
    [
        {"maxBatchInstancePercent": 4},
        {"maxUnhealthyInstancePercent": 101},
        {"maxUnhealthyUpgradedInstancePercent": -1},
        {"pauseTimeBetweenBatches": "5 minutes"},
    ],
)
def test_a_policy_out_of_range_is_refused(azure: Azure, values: dict[str, Any]) -> None:
    answer = azure.ask("PATCH", body=policy(**values))
    assert error_of(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"].endswith(next(iter(values)))


def test_a_batch_stays_in_its_zone_unless_the_policy_allows_several(emulate: Emulate) -> None:
    wide = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}
    azure = emulate(mode="Rolling", instances=6, rolling_policy=wide)
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert begun(azure) == ["0", "3"]
    azure.settle()
    assert begun(azure) == ["0", "3", "1", "4", "2", "5"]
    azure = emulate(mode="Rolling", instances=6, rolling_policy=wide | {"enableCrossZoneUpgrade": True})
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert begun(azure) == ["0", "1", "2"]


def sick(emulate: Emulate, *ids: str, **options: Any) -> Azure:
    """A set of ten with some unhealthy instances."""
    azure = emulate(instances=10, zones=(), **options)
    for key in ids:
        azure.emulator.inject(f"never-healthy instance={key}")
        azure.ask("POST", "restart", {"instanceIds": [key]})
    azure.settle()
    return azure


def test_unhealthy_instances_are_updated_first_if_the_policy_says_so(emulate: Emulate) -> None:
    azure = sick(emulate, "4", "7", mode="Rolling", rolling_policy={"prioritizeUnhealthyInstances": True})
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert begun(azure) == ["4", "7"]
    azure.settle()
    assert rolling(azure) == ("Completed", [10, 0, 0, 0])


def test_a_batch_is_smaller_by_the_unhealthy_instances_outside_of_it(emulate: Emulate) -> None:
    azure = sick(emulate, "9", mode="Rolling")
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert begun(azure) == ["0"]


def test_too_many_unhealthy_instances_end_an_upgrade_before_it_begins(emulate: Emulate) -> None:
    azure = sick(emulate, "1", "2", "3", mode="Rolling")
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 0, 0, 10])
    error = azure.ask("GET", answer.headers["Azure-AsyncOperation"]).json()["error"]
    assert error["code"] == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    assert "30% of instances are in an unhealthy state, more than the threshold of 20%" in error["message"]
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Failed"
    assert begun(azure) == []


def test_too_many_unhealthy_instances_end_an_upgrade_between_batches(emulate: Emulate) -> None:
    lax = {"maxUnhealthyUpgradedInstancePercent": 100}
    azure = emulate(mode="Rolling", instances=10, zones=(), rolling_policy=lax)
    azure.ask("PATCH", body=azure.image(BROKEN))
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 3, 0, 7])
    assert error_code(azure) == "MaxUnhealthyInstancePercentExceededInRollingUpgrade"


def test_failed_instances_are_rolled_back_on_a_breach_if_the_policy_says_so(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy={"rollbackFailedInstancesOnPolicyBreach": True})
    azure.ask("PATCH", body=azure.image(BROKEN))
    azure.settle(EXACT.update + EXACT.health)
    assert rolling(azure)[0] == "RollingBack"
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    first = azure.instances()["0"]["properties"]
    assert first["storageProfile"]["imageReference"]["id"].endswith("nginx-base-image")
    assert first["instanceView"]["vmHealth"]["status"]["code"] == "HealthState/healthy"
    assert latest(azure) == []


def test_a_client_can_start_a_rolling_upgrade_of_a_manual_set(azure: Azure) -> None:
    azure.set_image()
    azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    azure.settle()
    azure.compute.virtual_machine_scale_set_rolling_upgrades.begin_start_os_upgrade("canary-rg", "web")
    assert rolling(azure) == ("RollingForward", [1, 0, 1, 1])
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Updating"
    assert error_of(azure.ask("POST", "osRollingUpgrade")) == (409, "OperationNotAllowed")
    assert error_of(azure.ask("POST", "manualupgrade", {"instanceIds": ["2"]})) == (409, "OperationNotAllowed")
    azure.settle()
    assert rolling(azure) == ("Completed", [3, 0, 0, 0])
    assert latest(azure) == ["0", "1", "2"]
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Succeeded"


def test_an_upgrade_of_extensions_finds_all_instances_up_to_date(azure: Azure) -> None:
    azure.set_image()
    azure.compute.virtual_machine_scale_set_rolling_upgrades.begin_start_extension_upgrade("canary-rg", "web")
    azure.settle()
    assert rolling(azure) == ("Completed", [3, 0, 0, 0])
    assert latest(azure) == []
    assert azure.ask("GET", "osUpgradeHistory").json() == {"value": []}


@pytest.mark.parametrize(("disabled", "back"), [(False, 1), (True, 0)])
def test_an_os_upgrade_rolls_back_each_failed_instance_unless_that_is_disabled(
    emulate: Emulate, disabled: bool, back: int
) -> None:
    azure = emulate(instances=5)
    automatic = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False, "disableAutomaticRollback": disabled}}
    azure.ask("PATCH", body={"properties": {"upgradePolicy": automatic}})
    azure.settle()
    azure.set_image(BROKEN)
    azure.ask("POST", "osRollingUpgrade")
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    history = list(azure.compute.virtual_machine_scale_sets.get_os_upgrade_history("canary-rg", "web"))
    assert len(history) == 1
    found = history[0].properties
    assert found.running_status.code == "Faulted"
    assert found.running_status.end_time > found.running_status.start_time
    assert found.target_image_reference.id.endswith(BROKEN)
    assert found.error.code == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert found.rollback_info.successfully_rolledback_instance_count == back
    assert ("nginx-base" in azure.instances()["0"]["properties"]["storageProfile"]["imageReference"]["id"]) == bool(
        back
    )


def test_the_operation_that_began_an_upgrade_ends_with_it(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(EXACT.update)
    newer = azure.ask("PATCH", body=azure.image(BROKEN))
    assert azure.status(answer) == "Canceled"
    assert azure.status(newer) == "InProgress"
    azure.settle(10)
    azure.ask("POST", "rollingUpgrades/cancel")
    azure.settle()
    assert azure.status(newer) == "Canceled"


def test_scaling_does_not_change_a_rolling_upgrade(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(10)
    started = azure.ask("GET", "rollingUpgrades/latest").json()["properties"]["runningStatus"]["startTime"]
    assert azure.ask("PATCH", body={"sku": {"capacity": 6}}).status_code == 200
    azure.settle()
    found = azure.ask("GET", "rollingUpgrades/latest").json()["properties"]["runningStatus"]
    assert (found["startTime"], found["code"]) == (started, "Completed")
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Succeeded"


def test_an_application_that_stays_initializing_is_given_five_minutes(emulate: Emulate) -> None:
    slow = {"slow": Release("slow", health="initializing"), "old": Release("old")}
    azure = emulate(mode="Rolling", instances=5, rich_health=True, releases=slow, image="old")
    azure.ask("PATCH", body=azure.image("slow"))
    azure.settle(EXACT.update)
    assert azure.instances()["0"]["properties"]["instanceView"]["vmHealth"]["status"]["code"].endswith("initializing")
    azure.settle(299)
    assert rolling(azure)[0] == "RollingForward"
    azure.settle(1)
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    azure.settle(300)
    assert azure.instances()["0"]["properties"]["instanceView"]["vmHealth"]["status"]["code"].endswith("unknown")


def test_the_sdk_raises_the_error_of_a_failed_upgrade(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    answer = azure.ask("PATCH", body=azure.image(BROKEN))
    azure.settle()
    monitor = azure.ask("GET", answer.headers["Azure-AsyncOperation"]).json()
    assert monitor["status"] == "Failed"
    assert "First failed instance ID is: 0." in monitor["error"]["message"]
    with pytest.raises(HttpResponseError) as caught:
        azure.compute.virtual_machine_scale_set_rolling_upgrades.begin_cancel("canary-rg", "web")
    assert caught.value.status_code == 409


def test_a_rolling_upgrade_without_a_new_image_takes_no_instance_down(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("PATCH", body=profile({"userData": "eA=="}))
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert azure.emulator.availability.summary(azure.clock.now()).most_down == 0


def test_a_busy_instance_is_upgraded_later(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=2)
    azure.ask("POST", "reimage", {"instanceIds": ["0", "1"]})
    azure.settle(1)
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert rolling(azure) == ("RollingForward", [0, 0, 0, 2])
    azure.settle()
    assert rolling(azure) == ("Completed", [2, 0, 0, 0])


def test_a_cancelled_upgrade_begins_no_batch_after_its_pause(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy={"pauseTimeBetweenBatches": "PT1H"})
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(100)
    azure.ask("POST", "rollingUpgrades/cancel")
    assert azure.status(answer) == "Canceled"
    azure.settle()
    assert rolling(azure) == ("Cancelled", [1, 0, 0, 4])


def test_a_new_model_during_a_rollback_updates_those_instances_too(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5, rolling_policy={"rollbackFailedInstancesOnPolicyBreach": True})
    azure.ask("PATCH", body=azure.image(BROKEN))
    azure.settle(EXACT.update + EXACT.health)
    assert rolling(azure)[0] == "RollingBack"
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert len(latest(azure)) == 5


def test_an_instance_that_has_just_come_up_does_not_count_as_unhealthy(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=5)
    azure.ask("POST", "restart", {"instanceIds": ["3", "4"]})
    azure.settle(EXACT.start)
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert rolling(azure) == ("RollingForward", [0, 0, 1, 4])


def test_a_set_is_still_updating_if_it_is_scaled_when_its_upgrade_ends(emulate: Emulate) -> None:
    azure = emulate(mode="Rolling", instances=1)
    azure.ask("PATCH", body=azure.image(UPDATED))
    azure.settle(EXACT.update + EXACT.health - 1)
    answer = azure.ask("PATCH", body={"sku": {"capacity": 2}})
    azure.settle(1)
    assert rolling(azure)[0] == "Completed"
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Updating"
    azure.settle()
    assert azure.status(answer) == "Succeeded"
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Succeeded"
