"""The places of instances: zones, ids with gaps, missing capacity, and quotas."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulator.conftest import Azure, Emulate, error_of
from vmss_jenkins.emulator.compute.placement import overprovisioned, places
from vmss_jenkins.emulator.compute.sizes import cores


def scale(azure: Azure, capacity: int) -> str:
    """Change the capacity and let the operation end; returns its URL."""
    answer = azure.ask("PATCH", body={"sku": {"capacity": capacity}})
    assert answer.status_code == 200, answer.text
    azure.settle()
    return answer.headers["Azure-AsyncOperation"]


def power(azure: Azure, instance_id: str) -> str:
    view = azure.ask("GET", f"virtualMachines/{instance_id}/instanceView").json()
    return str(view["statuses"][1]["code"]).partition("/")[2]


@given(st.integers(0, 60), st.integers(0, 100), st.sampled_from([(), ("1",), ("1", "2", "3")]), st.randoms())
def test_new_instances_fill_the_emptiest_zones_and_skip_the_numbers_of_the_spare_ones(
    count: int, first: int, zones: tuple[str, ...], chance: random.Random
) -> None:
    spare = overprovisioned(count, first, chance)
    found = places(count, first, zones, [], spare)
    numbers = [place.number for place in found]
    assert sorted({*numbers, *spare}) == list(range(first, first + count + len(spare)))
    assert len(numbers) == count
    filled = [[place.zone for place in found].count(zone) for zone in zones or (None,)]
    assert max(filled) - min(filled) <= 1


def test_overprovisioning_leaves_gaps_between_the_ids(emulate: Emulate) -> None:
    azure = emulate(overprovision=True, instances=6)
    ids = [int(key) for key in azure.instances()]
    assert len(ids) == 6
    assert ids != list(range(min(ids), min(ids) + 6))
    scale(azure, 9)
    later = [int(key) for key in azure.instances()][6:]
    assert len(later) == 3
    assert min(later) > max(ids)


def test_a_set_grows_by_as_many_instances_as_azure_has_capacity_for(azure: Azure) -> None:
    azure.emulator.inject("no-capacity zone=2 count=always")
    operation = scale(azure, 8)
    error = azure.ask("GET", operation).json()["error"]
    assert error["code"] == "OverconstrainedZonalAllocationRequest"
    assert "  - Availability Zone\n" in error["message"]
    assert [item["zones"] for item in azure.instances().values()] == [["1"], ["2"], ["3"], ["1"], ["3"], ["1"]]
    found = azure.ask("GET").json()
    assert (found["sku"]["capacity"], found["properties"]["provisioningState"]) == (8, "Failed")
    azure.emulator.withdraw()
    scale(azure, 8)
    assert len(azure.instances()) == 8
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Succeeded"


def test_a_region_without_capacity_answers_azures_error(emulate: Emulate) -> None:
    azure = emulate(zones=())
    azure.emulator.inject("no-capacity PATCH */web")
    operation = scale(azure, 5)
    assert azure.ask("GET", operation).json()["error"]["code"] == "AllocationFailed"
    assert len(azure.instances()) == 4


def test_a_deallocated_instance_needs_capacity_to_start(azure: Azure) -> None:
    azure.ask("POST", "deallocate", {"instanceIds": ["0"]})
    azure.settle()
    azure.emulator.inject("no-capacity")
    answer = azure.ask("POST", "start", {"instanceIds": ["0", "1"]})
    azure.settle()
    assert azure.status(answer) == "Failed"
    assert (power(azure, "0"), power(azure, "1")) == ("deallocated", "running")
    azure.ask("POST", "start", {"instanceIds": ["0"]})
    azure.settle()
    assert power(azure, "0") == "running"


def test_a_quota_refuses_too_many_cores_before_anything_changes(emulate: Emulate) -> None:
    azure = emulate(core_quota=4)
    answer = azure.ask("PATCH", body={"sku": {"capacity": 5}})
    assert error_of(answer) == (409, "OperationNotAllowed")
    assert answer.json()["error"]["message"].startswith(
        "Operation could not be completed as it results in exceeding approved Total Regional Cores quota. Additional "
        "details - Deployment Model: Resource Manager, Location: westeurope, Current Limit: 4, Current Usage: 3, "
        "Additional Required: 2, (Minimum) New Limit Required: 5."
    )
    assert azure.ask("GET").json()["sku"]["capacity"] == 3
    scale(azure, 4)
    body = azure.ask("GET").json()
    assert error_of(azure.ask("PUT", f"{azure.set}2", body)) == (409, "OperationNotAllowed")
    azure.ask("POST", "deallocate")
    azure.settle()
    assert azure.ask("PUT", f"{azure.set}2", body).status_code == 201


@pytest.mark.parametrize(
    ("size", "number"),
    [
        ("Standard_B1s", 1),
        ("Standard_DS1_v2", 1),
        ("Standard_DS3_v2", 4),
        ("Standard_D2s_v3", 2),
        ("Standard_D16ds_v5", 16),
        ("Standard_E4-2ds_v4", 4),
        ("Strange", 1),
    ],
)
def test_the_cores_of_a_size_are_read_from_its_name(size: str, number: int) -> None:
    assert cores(size) == number


def test_the_sizes_that_a_set_may_have_are_listed(azure: Azure) -> None:
    found = list(azure.compute.virtual_machine_scale_sets.list_skus("canary-rg", "web"))
    assert found[0].sku.name == "Standard_B1s"
    assert {one.capacity.maximum for one in found} == {100}
    assert len({one.sku.name for one in found}) == len(found) > 1


@pytest.mark.parametrize(
    ("begin", "after"),
    [
        ("begin_power_off", "stopped"),
        ("begin_deallocate", "deallocated"),
        ("begin_restart", "running"),
        ("begin_start", "running"),
    ],
)
def test_flexible_instances_take_actions_as_virtual_machines(emulate: Emulate, begin: str, after: str) -> None:
    azure = emulate(orchestration="Flexible")
    name = azure.ask("GET", "virtualMachines").json()["value"][0]["instanceId"]
    getattr(azure.compute.virtual_machines, begin)("canary-rg", name)
    azure.settle()
    view = azure.compute.virtual_machines.instance_view("canary-rg", name)
    assert view.statuses[1].code == f"PowerState/{after}"


def test_a_flexible_machine_can_be_reimaged_evicted_and_deleted(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible", spot="Deallocate")
    machines, (first, second, _) = azure.compute.virtual_machines, azure.instances()
    azure.set_image()
    machines.begin_reimage("canary-rg", first, {})
    azure.settle()
    assert machines.get("canary-rg", first).storage_profile.image_reference.id.endswith("nginx-updated-image")
    machines.simulate_eviction("canary-rg", first)
    machines.begin_delete("canary-rg", second)
    azure.settle()
    view = machines.instance_view("canary-rg", first)
    assert view.statuses[1].code == "PowerState/deallocated"
    assert second not in azure.instances()
    assert azure.ask("GET").json()["sku"]["capacity"] == 2


def test_flexible_instances_are_updated_by_their_names(emulate: Emulate) -> None:
    azure = emulate(orchestration="Flexible")
    name = next(iter(azure.instances()))
    azure.set_image()
    azure.compute.virtual_machine_scale_sets.begin_update_instances("canary-rg", "web", {"instanceIds": [name]})
    azure.settle()
    machine = azure.compute.virtual_machines.get("canary-rg", name)
    assert machine.storage_profile.image_reference.id.endswith("nginx-updated-image")
