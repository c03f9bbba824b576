import pytest

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of, latest, profile
from vmss_jenkins.emulator import Timings

UPDATED = "nginx-updated-image"


def upgrade(azure: Azure, *ids: str) -> str:
    """Begin a manualupgrade; returns the URL of its operation."""
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": list(ids)})
    assert answer.status_code == 202, answer.text
    return answer.headers["Azure-AsyncOperation"]


def state(azure: Azure, instance_id: str) -> tuple[str, str, str]:
    """Provisioning state, power state and health of an instance."""
    properties = azure.instances()[instance_id]["properties"]
    view = properties["instanceView"]
    power, health = view["statuses"][1]["code"], view["vmHealth"]["status"]["code"]
    return properties["provisioningState"], power.partition("/")[2], health.partition("/")[2]


def test_an_update_takes_an_instance_down_and_brings_it_up_healthy_on_the_new_image(azure: Azure) -> None:
    azure.set_image()
    upgrade(azure, "0")
    assert state(azure, "0") == ("Updating", "stopped", "unknown")
    assert state(azure, "1") == ("Succeeded", "running", "healthy")
    azure.settle(EXACT.update - 1)
    assert state(azure, "0")[0] == "Updating"
    azure.settle(1)
    assert state(azure, "0") == ("Succeeded", "running", "unknown")
    azure.settle(EXACT.health)
    assert state(azure, "0") == ("Succeeded", "running", "healthy")
    reference = azure.instances()["0"]["properties"]["storageProfile"]["imageReference"]
    assert reference == {"id": azure.emulator.scenario.image_id(UPDATED)}
    assert latest(azure) == ["0"]


def test_many_instances_are_updated_at_once_and_the_operation_ends_with_the_last(emulate: Emulate) -> None:
    azure = emulate(instances=20, timings=Timings(spread=0.5))
    azure.set_image()
    operation = upgrade(azure, "*")
    done = []
    while azure.ask("GET", operation).json()["status"] == "InProgress":
        done.append(len(latest(azure)))
        azure.settle(8)
    assert done[0] == 0
    assert len(set(done)) > 3
    assert len(latest(azure)) == 20


def test_an_upgrade_of_up_to_date_instances_does_nothing_and_is_fast(azure: Azure) -> None:
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["0", "1"]})
    assert answer.headers["x-ms-request-charge"] == "0"
    assert "Batched" not in answer.headers["x-ms-ratelimit-remaining-resource"]
    azure.settle(1)
    assert azure.status(answer) == "Succeeded"
    assert state(azure, "0") == ("Succeeded", "running", "healthy")


def test_the_charge_is_the_number_of_instances(azure: Azure) -> None:
    azure.set_image()
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["0", "2", "2"]})
    assert answer.headers["x-ms-request-charge"] == "2"
    assert "VMScaleSetBatchedVMRequestsSubscriptionMaximum;5998" in answer.headers["x-ms-ratelimit-remaining-resource"]


def test_a_model_with_the_same_image_is_applied_without_taking_the_instance_down(azure: Azure) -> None:
    azure.ask("PATCH", body=profile({"extensionProfile": {"extensions": []}}))
    azure.settle()
    upgrade(azure, "0")
    answer = azure.ask("GET", "virtualMachines/0/instanceView").json()
    assert answer["statuses"][1]["code"] == "PowerState/running"
    azure.settle(EXACT.settle)
    assert latest(azure) == ["0"]


def test_a_deallocated_instance_gets_the_model_and_stays_deallocated(azure: Azure) -> None:
    azure.set_image()
    azure.ask("POST", "deallocate", {"instanceIds": ["0"]})
    azure.settle()
    upgrade(azure, "0")
    azure.settle()
    assert latest(azure) == ["0"]
    assert state(azure, "0") == ("Succeeded", "deallocated", "unknown")


def test_protected_instances_are_left_out_of_upgrades(azure: Azure) -> None:
    policy = {"protectFromScaleIn": True, "protectFromScaleSetActions": True}
    answer = azure.ask("PUT", "virtualMachines/1", {"properties": {"protectionPolicy": policy}})
    assert answer.json()["properties"]["protectionPolicy"] == policy
    azure.settle()
    azure.set_image()
    upgrade(azure, "*")
    azure.settle()
    upgrade(azure, "1")
    azure.settle()
    assert latest(azure) == ["0", "2"]


@pytest.mark.parametrize("ids", [[], ["*", "0"], None])
def test_an_empty_list_of_ids_is_refused(azure: Azure, ids: list[str] | None) -> None:
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ids})
    assert error_of(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"] == "instanceIds"


def test_an_unknown_id_fails_the_whole_call(azure: Azure) -> None:
    azure.set_image()
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["0", "1181"]})
    assert answer.json()["error"] == {
        "code": "InvalidParameter",
        "message": "The provided instanceId 1181 is not an active Virtual Machine Scale Set VM instanceId.",
        "target": "instanceIds",
    }
    assert state(azure, "0")[0] == "Succeeded"


def test_an_instance_that_is_being_updated_refuses_a_second_update(azure: Azure) -> None:
    azure.set_image()
    upgrade(azure, "0")
    assert error_of(azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})) == (409, "Conflict")
    assert error_of(azure.ask("POST", "virtualMachines/0/restart")) == (409, "Conflict")
    upgrade(azure, "1")


def test_a_set_may_refuse_a_second_operation_on_its_instances(emulate: Emulate) -> None:
    azure = emulate(parallel_operations=False)
    azure.set_image()
    upgrade(azure, "0")
    assert error_of(azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})) == (409, "Conflict")


def test_a_release_that_fails_to_provision_fails_the_operation_with_status_200(azure: Azure) -> None:
    azure.set_image("nginx-failing-image")
    operation = upgrade(azure, "0", "1")
    azure.settle()
    answer = azure.ask("GET", operation)
    assert (answer.status_code, answer.json()["status"]) == (200, "Failed")
    assert answer.json()["error"]["code"] == "OSProvisioningTimedOut"
    assert list(answer.json()) == ["startTime", "endTime", "status", "error", "name"]
    assert state(azure, "0") == ("Failed", "running", "unknown")
    monitor = operation.replace("&api-version", "&monitor=true&api-version")
    assert error_of(azure.ask("GET", monitor)) == (409, "OSProvisioningTimedOut")


def test_an_image_that_is_deleted_during_an_update_fails_the_instance(azure: Azure) -> None:
    azure.set_image()
    operation = upgrade(azure, "0")
    del azure.backend.images["canary-rg", UPDATED]
    azure.settle()
    assert azure.ask("GET", operation).json()["error"]["code"] == "NotFound"


def test_a_bad_release_comes_up_unhealthy(azure: Azure) -> None:
    azure.set_image("nginx-broken-image")
    upgrade(azure, "0")
    azure.settle()
    assert state(azure, "0") == ("Succeeded", "running", "unhealthy")


@pytest.mark.parametrize(("source", "shown"), [("probe", True), ("extension", True), ("none", False)])
def test_health_is_shown_only_with_a_health_source(emulate: Emulate, source: str, shown: bool) -> None:
    azure = emulate(health_source=source)
    assert ("vmHealth" in azure.instances()["0"]["properties"]["instanceView"]) == shown


def test_in_automatic_mode_azure_updates_all_instances_at_once(emulate: Emulate) -> None:
    azure = emulate(mode="Automatic")
    azure.ask("POST", "restart", {"instanceIds": ["2"]})
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    assert answer.headers["x-ms-request-charge"] == "3"
    assert [state(azure, key)[1] for key in "012"] == ["stopped", "stopped", "starting"]
    azure.settle(EXACT.update)
    assert azure.status(answer) == "Succeeded"
    assert latest(azure) == ["0", "1"]
