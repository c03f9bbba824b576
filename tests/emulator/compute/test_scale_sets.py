import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError

from tests.emulator.conftest import Azure, Emulate, error_of, profile
from vmss_jenkins.emulator import Scenario, SetSpec
from vmss_jenkins.emulator.scenario.scenario import named_scenario

UPDATED = "nginx-updated-image"


def test_the_scenario_is_three_instances_of_the_base_image_over_three_zones(azure: Azure) -> None:
    scale_set = azure.compute.virtual_machine_scale_sets.get("canary-rg", "web")
    assert scale_set.virtual_machine_profile.storage_profile.image_reference.id.endswith("/images/nginx-base-image")
    assert (scale_set.sku.capacity, scale_set.upgrade_policy.mode) == (3, "Manual")
    vms = list(azure.compute.virtual_machine_scale_set_vms.list("canary-rg", "web", expand="instanceView"))
    assert [(vm.instance_id, vm.zones, vm.latest_model_applied) for vm in vms] == [
        ("0", ["1"], True),
        ("1", ["2"], True),
        ("2", ["3"], True),
    ]
    assert {vm.instance_view.vm_health.status.code for vm in vms} == {"HealthState/healthy"}
    assert [status.code for status in vms[0].instance_view.statuses] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]


def test_names_are_found_in_upper_and_lower_case(azure: Azure) -> None:
    shown = azure.compute.virtual_machine_scale_sets.get("CANARY-RG", "Web")
    assert shown.name == "web"
    assert azure.ask("GET", azure.set.upper()).json()["name"] == "web"


def test_a_patch_of_the_image_changes_the_model_and_no_instance(azure: Azure) -> None:
    answer = azure.ask("PATCH", body=azure.image(UPDATED))
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    azure.settle()
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Succeeded"
    images = {i["properties"]["storageProfile"]["imageReference"]["id"] for i in azure.instances().values()}
    assert images == {azure.emulator.scenario.image_id("nginx-base-image")}
    assert {i["properties"]["latestModelApplied"] for i in azure.instances().values()} == {False}


def test_an_etag_that_no_longer_matches_is_refused_and_nothing_changes(azure: Azure) -> None:
    sets = azure.compute.virtual_machine_scale_sets
    old = sets.get("canary-rg", "web").etag
    azure.ask("PATCH", body={"tags": {"by": "somebody else"}})
    azure.settle()
    with pytest.raises(ResourceModifiedError, match="PreconditionFailed"):
        sets.begin_update(
            "canary-rg", "web", azure.image(UPDATED), etag=old, match_condition=MatchConditions.IfNotModified
        )
    now = sets.get("canary-rg", "web")
    assert now.virtual_machine_profile.storage_profile.image_reference.id.endswith("nginx-base-image")
    assert azure.ask("PATCH", body={"tags": {}}, headers={"If-Match": now.etag}).status_code == 200


def test_a_patch_that_changes_nothing_keeps_the_etag(azure: Azure) -> None:
    before = azure.ask("GET").json()["etag"]
    assert azure.ask("PATCH", body=azure.image("nginx-base-image")).json()["etag"] == before


@pytest.mark.parametrize("condition", ["*", '"1"'])
def test_if_none_match_refuses_a_set_that_exists(azure: Azure, condition: str) -> None:
    answer = azure.ask("PUT", body={}, headers={"If-None-Match": condition})
    assert error_of(answer) == (412, "PreconditionFailed")


def test_older_api_versions_have_no_etag(azure: Azure) -> None:
    shown = azure.ask("GET", params={"api-version": "2023-09-01"})
    assert "etag" not in shown.json()
    assert "ETag" not in shown.headers
    old = {"api-version": "2023-09-01"}
    assert azure.ask("PATCH", body={"tags": {}}, headers={"If-Match": "x"}, params=old).status_code == 200


def test_a_set_is_created_and_deleted(azure: Azure) -> None:
    body = {key: value for key, value in azure.ask("GET").json().items() if key in ("location", "sku", "properties")}
    path = azure.set.replace("/web", "/second")
    answer = azure.ask("PUT", path, body)
    assert (answer.status_code, answer.json()["properties"]["provisioningState"]) == (201, "Creating")
    azure.settle()
    sets = azure.compute.virtual_machine_scale_sets
    assert [s.name for s in sets.list("canary-rg")] == ["web", "second"]
    assert [s.name for s in sets.list_all()] == ["web", "second"]
    assert len(list(azure.compute.virtual_machine_scale_set_vms.list("canary-rg", "second"))) == 3
    assert azure.ask("DELETE", path).status_code == 202
    assert azure.ask("DELETE", path).status_code == 202
    azure.settle()
    assert error_of(azure.ask("GET", path)) == (404, "ResourceNotFound")
    assert azure.ask("DELETE", path).status_code == 204


def test_a_set_that_is_being_deleted_refuses_other_operations(azure: Azure) -> None:
    azure.ask("PATCH", body={"tags": {"a": "b"}})
    azure.ask("DELETE")
    azure.settle(10)
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Deleting"
    for method, path, body in (
        ("PATCH", "", azure.image(UPDATED)),
        ("POST", "manualupgrade", {"instanceIds": ["*"]}),
        ("POST", "restart", None),
    ):
        answer = azure.ask(method, path, body)
        assert error_of(answer) == (409, "OperationNotAllowed")
        assert "marked for deletion" in answer.json()["error"]["message"]


def test_a_second_change_during_the_first_is_a_conflict(azure: Azure) -> None:
    azure.ask("PATCH", body=azure.image(UPDATED))
    assert error_of(azure.ask("PATCH", body={"tags": {}})) == (409, "Conflict")
    assert error_of(azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})) == (409, "Conflict")


def test_sets_are_listed_in_pages(emulate: Emulate) -> None:
    azure = emulate(more_sets=tuple(SetSpec(f"set{number}", instances=0) for number in range(120)))
    first = azure.ask("GET", azure.set.rpartition("/")[0]).json()
    assert len(first["value"]) == 100
    assert len(azure.ask("GET", first["nextLink"]).json()["value"]) == 21
    assert len(list(azure.compute.virtual_machine_scale_sets.list("canary-rg"))) == 121


def test_capacity_up_adds_instances_of_the_latest_model_with_new_ids(azure: Azure) -> None:
    azure.set_image()
    answer = azure.ask("PATCH", body={"sku": {"capacity": 5}})
    assert answer.headers["x-ms-request-charge"] == "2"
    assert azure.instances()["3"]["properties"]["provisioningState"] == "Creating"
    azure.settle()
    found = azure.instances()
    assert {key: item["properties"]["latestModelApplied"] for key, item in found.items()} == {
        "0": False,
        "1": False,
        "2": False,
        "3": True,
        "4": True,
    }
    assert [found[key]["zones"] for key in ("3", "4")] == [["1"], ["2"]]


def test_a_set_whose_image_is_deleted_gets_no_new_instances(azure: Azure) -> None:
    del azure.backend.images["canary-rg", "nginx-base-image"]
    assert error_of(azure.ask("PATCH", body={"sku": {"capacity": 4}})) == (404, "NotFound")
    assert azure.ask("PATCH", body={"sku": {"capacity": 2}}).status_code == 200


def test_scale_in_deletes_the_newest_of_the_fullest_zone_and_ids_are_not_used_again(azure: Azure) -> None:
    azure.ask("PATCH", body={"sku": {"capacity": 4}})
    azure.settle()
    azure.ask("PATCH", body={"sku": {"capacity": 3}})
    assert azure.instances()["3"]["properties"]["provisioningState"] == "Deleting"
    azure.settle()
    assert list(azure.instances()) == ["0", "1", "2"]
    azure.ask("PUT", body={"location": "westeurope", "sku": {"capacity": 4}})
    azure.settle()
    assert list(azure.instances()) == ["0", "1", "2", "4"]


def test_scale_in_leaves_instances_that_are_protected_from_it(azure: Azure) -> None:
    protection = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
    for instance_id in "012":
        assert azure.ask("PUT", f"virtualMachines/{instance_id}", protection).status_code == 200
        azure.settle(1)
    azure.ask("PATCH", body={"sku": {"capacity": 1}})
    azure.settle()
    assert list(azure.instances()) == ["0", "1", "2"]


def test_a_system_assigned_identity_gets_a_principal(azure: Azure) -> None:
    shown = azure.ask("PATCH", body={"identity": {"type": "SystemAssigned"}}).json()["identity"]
    assert shown["tenantId"] == azure.emulator.tenant_id
    assert shown["principalId"]
    azure.settle()
    assert "identity" not in azure.ask("PATCH", body={"identity": {"type": "None"}}).json()


def test_resource_groups_and_images_can_be_created(azure: Azure) -> None:
    group = azure.group.replace("canary-rg", "other-rg")
    assert error_of(azure.ask("GET", group)) == (404, "ResourceGroupNotFound")
    assert error_of(azure.ask("PUT", group, {})) == (400, "LocationRequired")
    assert azure.ask("PUT", group, {"location": "westeurope"}).status_code == 201
    assert azure.ask("PUT", group, {"tags": {"a": "b"}}).json()["location"] == "westeurope"
    assert azure.ask("HEAD", group).status_code == 204
    groups = azure.ask("GET", group.rpartition("/")[0]).json()["value"]
    assert [g["name"] for g in groups] == ["canary-rg", "other-rg"]
    image = f"{group}/providers/Microsoft.Compute/images/mine"
    assert error_of(azure.ask("PUT", image, {})) == (400, "InvalidParameter")
    assert azure.ask("PUT", image, {"location": "westeurope"}).status_code == 201
    assert azure.ask("PUT", image, {"tags": {"a": "b"}}).status_code == 200
    azure.settle()
    images = azure.compute.images
    assert images.get("other-rg", "mine").provisioning_state == "Succeeded"
    assert [i.name for i in images.list_by_resource_group("other-rg")] == ["mine"]
    assert len(list(images.list())) == 5
    change = profile({"storageProfile": {"imageReference": {"id": image}}})
    assert azure.ask("PATCH", body=change).status_code == 200
    assert azure.ask("DELETE", image).status_code == 202
    azure.settle()
    assert error_of(azure.ask("GET", image)) == (404, "ResourceNotFound")


def test_a_denied_action_is_named_with_its_scope(emulate: Emulate) -> None:
    azure = emulate(denied_actions=frozenset({"Microsoft.Compute/virtualMachineScaleSets/manualupgrade/action"}))
    with pytest.raises(HttpResponseError) as caught:
        azure.compute.virtual_machine_scale_sets.begin_update_instances("canary-rg", "web", {"instanceIds": ["0"]})
    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "AuthorizationFailed"
    assert "'Microsoft.Compute/virtualMachineScaleSets/manualupgrade/action'" in str(caught.value.message)
    assert f"over scope '{azure.set}'" in str(caught.value.message)
    assert azure.ask("GET").status_code == 200


def test_the_error_of_an_unknown_scenario_names_all_scenarios() -> None:
    wanted = (
        "there is no scenario 'x'; the scenarios are: nginx-application, nginx-blue-green, nginx-canary, "
        "nginx-extension, nginx-gallery"
    )
    with pytest.raises(ValueError, match=wanted):
        named_scenario("x")
    assert named_scenario("nginx-canary") == Scenario()


def test_the_instance_view_of_a_set_counts_its_instances(azure: Azure) -> None:
    azure.ask("POST", "restart", {"instanceIds": ["1"]})
    view = azure.compute.virtual_machine_scale_sets.get_instance_view("canary-rg", "web")
    summary = {entry.code: entry.count for entry in view.virtual_machine.statuses_summary}
    assert summary == {"ProvisioningState/succeeded": 2, "ProvisioningState/updating": 1}
