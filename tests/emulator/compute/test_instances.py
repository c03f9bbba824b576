from dataclasses import replace

import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of

ACTIONS = ("start", "restart", "reimage", "poweroff", "deallocate")


def power(azure: Azure, instance_id: str = "0") -> str:
    view = azure.ask("GET", f"virtualMachines/{instance_id}/instanceView").json()
    return str(view["statuses"][1]["code"]).partition("/")[2]


def test_instances_are_listed_in_pages_and_each_page_takes_tokens(emulate: Emulate) -> None:
    azure = emulate(instances=7, page_size=3)
    first = azure.ask("GET", "virtualMachines", params={"$expand": "instanceView"})
    assert first.headers["x-ms-request-charge"] == "3"
    assert first.headers["x-ms-ratelimit-remaining-resource"] == (
        "Microsoft.Compute/HighCostGetVMScaleSetSubscriptionMaximum;1079,"
        "Microsoft.Compute/HighCostGetVMScaleSetResource;29,"
        "Microsoft.Compute/VMScaleSetVMViewsSubscriptionMaximum;29997"
    )
    second = azure.ask("GET", first.json()["nextLink"])
    assert [item["instanceId"] for item in second.json()["value"]] == ["3", "4", "5"]
    assert "instanceView" in second.json()["value"][0]["properties"]
    last = azure.ask("GET", second.json()["nextLink"]).json()
    assert ([item["instanceId"] for item in last["value"]], "nextLink" in last) == (["6"], False)
    found = azure.compute.virtual_machine_scale_set_vms.list("canary-rg", "web", expand="instanceView")
    assert [vm.instance_id for vm in found] == list("0123456")


def test_a_full_page_is_the_last_if_no_instance_follows(emulate: Emulate) -> None:
    assert "nextLink" not in emulate(instances=3, page_size=3).ask("GET", "virtualMachines").json()


def test_an_invalid_skip_token_is_refused(azure: Azure) -> None:
    answer = azure.ask("GET", "virtualMachines", params={"$skiptoken": "x"})
    assert error_of(answer) == (400, "InvalidParameter")


def test_an_instance_view_is_shown_only_on_request(azure: Azure) -> None:
    plain = azure.ask("GET", "virtualMachines").json()["value"][0]["properties"]
    assert "instanceView" not in plain
    one = azure.ask("GET", "virtualMachines/0", params={"$expand": "instanceView"}).json()
    assert one["properties"]["instanceView"]["platformFaultDomain"] == 0


def test_outdated_instances_can_be_filtered(azure: Azure) -> None:
    azure.set_image()
    azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})
    azure.settle()
    vms = azure.compute.virtual_machine_scale_set_vms
    behind = vms.list("canary-rg", "web", filter="properties/latestModelApplied eq false")
    assert [vm.instance_id for vm in behind] == ["0", "2"]
    ahead = vms.list("canary-rg", "web", filter="properties/latestModelApplied eq true")
    assert [vm.instance_id for vm in ahead] == ["1"]
    every = vms.list("canary-rg", "web", filter="startswith(instanceView/statuses/code, 'PowerState') eq true")
    assert len(list(every)) == 3


def test_the_instance_view_can_be_selected_alone(azure: Azure) -> None:
    item = azure.ask("GET", "virtualMachines", params={"$select": "instanceView"}).json()["value"][0]
    assert list(item["properties"]) == ["instanceView"]
    params = {"$select": "instanceView/statuses", "$expand": "instanceView"}
    item = azure.ask("GET", "virtualMachines", params=params).json()["value"][0]
    assert list(item["properties"]["instanceView"]) == ["statuses"]


@pytest.mark.parametrize("params", [{"$filter": "a eq b"}, {"$select": "name"}, {"$expand": "everything"}])
def test_other_queries_are_refused(azure: Azure, params: dict[str, str]) -> None:
    answer = azure.ask("GET", "virtualMachines", params=params)
    assert error_of(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"] in params


def test_an_unknown_instance_is_not_found(azure: Azure) -> None:
    for path in ("virtualMachines/7", "virtualMachines/7/instanceView"):
        answer = azure.ask("GET", path)
        assert answer.json()["error"] == {
            "code": "NotFound",
            "message": "The entity was not found in this Azure location.",
        }
        assert answer.status_code == 404


@pytest.mark.parametrize("scope", ["", "virtualMachines/0/"])
@pytest.mark.parametrize(
    ("action", "during", "after"),
    [
        ("poweroff", "stopping", "stopped"),
        ("deallocate", "deallocating", "deallocated"),
        ("restart", "starting", "running"),
        ("reimage", "stopped", "running"),
        ("start", "running", "running"),
    ],
)
def test_power_actions_lead_to_their_power_states(
    azure: Azure, scope: str, action: str, during: str, after: str
) -> None:
    answer = azure.ask("POST", scope + action, None if scope else {"instanceIds": ["0"]})
    assert answer.status_code == 202
    assert (power(azure), power(azure, "1")) == (during, "running")
    azure.settle()
    assert (azure.status(answer), power(azure)) == ("Succeeded", after)


@pytest.mark.parametrize("off", ["poweroff", "deallocate"])
def test_a_stopped_instance_can_be_started(azure: Azure, off: str) -> None:
    azure.ask("POST", off)
    azure.settle()
    assert [power(azure, key) for key in "012"] == ["stopped" if off == "poweroff" else "deallocated"] * 3
    azure.ask("POST", "start")
    assert power(azure) == "starting"
    azure.settle(EXACT.start)
    view = azure.ask("GET", "virtualMachines/0/instanceView").json()
    assert view["vmHealth"]["status"]["code"] == "HealthState/unknown"


def test_a_reimage_uses_the_new_image_and_keeps_the_latest_model_flag(azure: Azure) -> None:
    azure.set_image()
    assert azure.ask("POST", "reimage", {"instanceIds": ["0"]}).status_code == 202
    azure.settle()
    found = azure.instances()["0"]["properties"]
    assert found["storageProfile"]["imageReference"]["id"].endswith("nginx-updated-image")
    assert not found["latestModelApplied"]
    azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    azure.settle(EXACT.settle)
    assert azure.instances()["0"]["properties"]["latestModelApplied"]


def test_deleting_instances_lowers_the_capacity(azure: Azure) -> None:
    assert azure.ask("POST", "delete", {"instanceIds": ["0"]}).status_code == 202
    assert azure.ask("DELETE", "virtualMachines/1").status_code == 202
    assert azure.ask("GET").json()["sku"]["capacity"] == 1
    assert azure.instances()["0"]["properties"]["provisioningState"] == "Deleting"
    azure.settle()
    assert list(azure.instances()) == ["2"]
    assert error_of(azure.ask("POST", "restart", {"instanceIds": ["0"]})) == (400, "InvalidParameter")
    assert error_of(azure.ask("POST", "delete")) == (400, "InvalidParameter")


def test_deleting_an_instance_during_its_update_fails_no_operation(emulate: Emulate) -> None:
    azure = emulate(timings=replace(EXACT, delete=100.0))
    azure.set_image()
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["2"]})
    azure.settle(1)
    assert azure.ask("PATCH", body={"sku": {"capacity": 2}}).status_code == 200
    azure.settle(EXACT.update)
    assert azure.instances()["2"]["properties"]["provisioningState"] == "Deleting"
    azure.settle()
    assert azure.status(answer) == "Succeeded"
    assert list(azure.instances()) == ["0", "1"]


def test_an_upgrade_skips_an_instance_that_is_being_deleted(azure: Azure) -> None:
    azure.set_image()
    azure.ask("POST", "delete", {"instanceIds": ["0"]})
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["*"]})
    assert answer.headers["x-ms-request-charge"] == "2"


def test_star_and_no_body_leave_out_protected_instances(azure: Azure) -> None:
    policy = {"protectFromScaleIn": True, "protectFromScaleSetActions": True}
    answer = azure.ask("PUT", "virtualMachines/1", {"properties": {"protectionPolicy": policy}})
    assert answer.headers["Retry-After"] == "10"
    azure.ask("POST", "poweroff", {"instanceIds": ["*"]})
    azure.settle()
    azure.ask("POST", "poweroff")
    azure.settle()
    assert [power(azure, key) for key in "012"] == ["stopped", "running", "stopped"]
    azure.ask("POST", "poweroff", {"instanceIds": ["1"]})
    azure.settle()
    assert power(azure, "1") == "stopped"


def test_protection_from_actions_needs_protection_from_scale_in(azure: Azure) -> None:
    vms = azure.compute.virtual_machine_scale_set_vms
    policy = {"protectionPolicy": {"protectFromScaleSetActions": True}}
    with pytest.raises(HttpResponseError) as caught:
        vms.begin_update("canary-rg", "web", "0", {"location": "westeurope", "properties": policy})
    assert caught.value.error is not None
    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidParameter")
    assert vms.get("canary-rg", "web", "0").protection_policy is None


def test_protection_ends_if_a_put_leaves_it_out(azure: Azure) -> None:
    azure.ask("PUT", "virtualMachines/0", {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}})
    assert azure.instances()["0"]["properties"]["protectionPolicy"]["protectFromScaleIn"]
    azure.settle()
    azure.ask("PUT", "virtualMachines/0", {"properties": {}})
    assert "protectionPolicy" not in azure.instances()["0"]["properties"]


def test_flexible_instances_are_virtual_machines_listed_without_properties(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible", instances=2)
    vms = azure.ask("GET", "virtualMachines").json()["value"]
    assert all("properties" not in vm for vm in vms)
    name = vms[0]["instanceId"]
    assert name.startswith("web_")
    assert len(name) == len("web_") + 8
    machine = azure.compute.virtual_machines.get("canary-rg", name, expand="instanceView")
    assert machine.virtual_machine_scale_set.id == azure.set
    assert machine.storage_profile.image_reference.id.endswith("nginx-base-image")
    assert [status.code for status in machine.instance_view.statuses][1] == "PowerState/running"
    view = azure.compute.virtual_machines.instance_view("canary-rg", name)
    assert view.vm_health.status.code == "HealthState/healthy"


def test_flexible_sets_have_no_instance_view(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible")
    answer = azure.ask("GET", "instanceView")
    assert error_of(answer) == (409, "OperationNotAllowed")
    assert "'VirtualMachineScaleSets.instanceView.GET' is not allowed" in answer.json()["error"]["message"]


def test_machines_of_a_flexible_set_can_be_listed(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible", page_size=2)
    machines = azure.compute.virtual_machines
    of_set = list(machines.list("canary-rg", filter=f"'virtualMachineScaleSet/id' eq '{azure.set}'"))
    assert len(of_set) == 3
    of_other = f"virtualMachineScaleSet/id eq '{azure.set}2'"
    assert list(machines.list("canary-rg", filter=of_other)) == []
    path = azure.set.replace("virtualMachineScaleSets/web", "virtualMachines")
    assert error_of(azure.ask("GET", path, params={"$filter": "x"})) == (400, "InvalidParameter")


def test_instances_of_uniform_sets_are_not_virtual_machines(azure: Azure) -> None:
    path = azure.set.replace("virtualMachineScaleSets/web", "virtualMachines/web_0")
    assert error_of(azure.ask("GET", path)) == (404, "ResourceNotFound")


def test_regional_sets_have_no_zones(emulate: Emulate) -> None:
    azure = emulate(zones=())
    assert "zones" not in azure.ask("GET").json()
    assert "zones" not in azure.instances()["0"]
