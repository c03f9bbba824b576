"""Automatic instance repairs as Azure makes them, with the real SDK and plain requests."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.conftest import Azure, Emulate, error_of, latest

GRACE = 600.0
LOOK = 30.0
"""The longest time until Azure looks again."""
REPAIR = 100.0
"""More than it takes to delete an instance and to make another."""


def fall_ill(azure: Azure, *ids: str) -> None:
    """Let the application of instances fail, without a write to the set."""
    for key in ids:
        azure.emulator.inject(f"fall-ill instance={key}")
        azure.ask("GET")


def policy(**values: Any) -> dict[str, Any]:
    """A PATCH of the policy."""
    return {"properties": {"automaticRepairsPolicy": values}}


def states(azure: Azure) -> list[Any]:
    view = azure.compute.virtual_machine_scale_sets.get_instance_view("canary-rg", "web")
    return [(one.service_name, one.service_state) for one in view.orchestration_services or []]


def set_state(azure: Azure, action: str, service: str = "AutomaticRepairs") -> None:
    body = {"serviceName": service, "action": action}
    azure.compute.virtual_machine_scale_sets.begin_set_orchestration_service_state("canary-rg", "web", body)


def images(azure: Azure) -> dict[str, str]:
    found = azure.instances().items()
    return {key: one["properties"]["storageProfile"]["imageReference"]["id"].rpartition("/")[2] for key, one in found}


def test_an_ill_instance_is_replaced_by_one_of_the_latest_model_with_a_new_id(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace")
    azure.set_image()
    fall_ill(azure, "1")
    azure.settle(GRACE - 60)
    assert list(azure.instances()) == ["0", "1", "2"]
    assert azure.instances()["1"]["properties"]["provisioningState"] == "Deleting"
    azure.settle(REPAIR)
    assert images(azure) == {"0": "nginx-base-image", "2": "nginx-base-image", "3": "nginx-updated-image"}
    assert azure.ask("GET").json()["sku"]["capacity"] == 3
    assert azure.instances()["3"]["zones"] == ["2"]
    assert latest(azure) == ["3"]


def test_nothing_is_repaired_in_the_grace_period_after_the_last_write_to_the_set(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace")
    fall_ill(azure, "1")
    azure.settle(10)
    azure.ask("PATCH", body={"tags": {"a": "b"}})
    azure.settle(GRACE - LOOK)
    azure.ask("POST", "start", {"instanceIds": ["0"]})
    azure.settle(GRACE - 1)
    assert list(azure.instances()) == ["0", "1", "2"]
    azure.settle(LOOK)
    assert len(azure.instances()) == 3
    azure.settle(REPAIR)
    assert list(azure.instances()) == ["0", "2", "3"]


def test_at_most_one_in_twenty_is_repaired_at_a_time(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace", instances=40)
    fall_ill(azure, "3", "4", "5")
    azure.settle(LOOK)
    down = [key for key, one in azure.instances().items() if one["properties"]["provisioningState"] == "Deleting"]
    assert down == ["3", "4"]
    azure = emulate(repairs="Replace", instances=3)
    fall_ill(azure, "0", "1")
    azure.settle(LOOK)
    down = [key for key, one in azure.instances().items() if one["properties"]["provisioningState"] == "Deleting"]
    assert down == ["0"]
    azure.settle(21)
    for _ in range(2):  # before and after Azure looks again
        assert {i["properties"]["provisioningState"] for i in azure.instances().values()} == {"Succeeded", "Creating"}
        azure.settle(15)
    azure.settle(2 * REPAIR)
    assert list(azure.instances()) == ["2", "3", "4"]


@pytest.mark.parametrize("action", ["Restart", "Reimage"])
def test_an_ill_instance_can_be_restarted_or_reimaged_instead(emulate: Emulate, action: str) -> None:
    azure = emulate(repairs=action)
    fall_ill(azure, "1")
    azure.settle(LOOK + REPAIR)
    assert list(azure.instances()) == ["0", "1", "2"]
    acts = [(c.act, c.instance, c.by) for c in azure.emulator.availability.changes() if c.phase == "begin"]
    assert acts == [(action.lower(), "1", "azure")]
    assert azure.instances()["1"]["properties"]["instanceView"]["vmHealth"]["status"]["code"] == "HealthState/healthy"


def test_protected_stopped_and_failed_instances_are_not_repaired(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace", instances=4)
    for key, both in (("0", False), ("1", True)):
        protection = {"protectFromScaleIn": True, "protectFromScaleSetActions": both}
        azure.ask(
            "PUT", f"virtualMachines/{key}", {"location": "westeurope", "properties": {"protectionPolicy": protection}}
        )
    azure.ask("POST", "deallocate", {"instanceIds": ["2"]})
    azure.emulator.inject("fail instance=3")
    azure.ask("POST", "reimage", {"instanceIds": ["3"]})
    azure.settle(200)
    fall_ill(azure, "0", "1")
    azure.settle(20 * GRACE)
    assert list(azure.instances()) == ["0", "1", "2", "3"]


def test_repairs_are_suspended_and_resumed(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace")
    assert states(azure) == [("AutomaticRepairs", "Running")]
    set_state(azure, "Suspend")
    assert states(azure) == [("AutomaticRepairs", "Suspended")]
    fall_ill(azure, "1")
    azure.settle(10 * GRACE)
    assert list(azure.instances()) == ["0", "1", "2"]
    set_state(azure, "Resume")
    assert states(azure) == [("AutomaticRepairs", "Running")]
    azure.settle(GRACE + LOOK + REPAIR)
    assert list(azure.instances()) == ["0", "2", "3"]


def test_azure_suspends_repairs_that_do_not_heal(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace")
    azure.set_image("nginx-broken-image")
    fall_ill(azure, "1")
    azure.settle(20 * (GRACE + REPAIR))
    assert states(azure) == [("AutomaticRepairs", "Suspended")]
    assert list(azure.instances()) == ["0", "2", "5"]
    azure.set_image("nginx-base-image")
    set_state(azure, "Resume")
    azure.settle(20 * (GRACE + REPAIR))
    assert list(azure.instances()) == ["0", "2", "6"]
    assert states(azure) == [("AutomaticRepairs", "Running")]


def test_the_state_of_a_service_that_the_set_does_not_have_cannot_be_set(azure: Azure) -> None:
    with pytest.raises(HttpResponseError, match="is not enabled") as caught:
        set_state(azure, "Suspend")
    assert caught.value.status_code == 409
    assert states(azure) == []
    for service, action in (("Repairs", "Suspend"), ("AutomaticRepairs", "Stop")):
        with pytest.raises(HttpResponseError) as caught:
            set_state(azure, action, service)
        assert caught.value.status_code == 400
    assert error_of(azure.ask("POST", "setOrchestrationServiceState", {"action": "Suspend"})) == (
        400,
        "InvalidParameter",
    )


def test_a_client_switches_repairs_on_and_off(azure: Azure) -> None:
    answer = azure.ask("PATCH", body=policy(enabled=True, repairAction="restart"))
    assert answer.json()["properties"]["automaticRepairsPolicy"] == {
        "enabled": True,
        "gracePeriod": "PT10M",
        "repairAction": "Restart",
    }
    azure.settle(60)
    fall_ill(azure, "1")
    azure.settle(GRACE + LOOK)
    assert [c.act for c in azure.emulator.availability.changes() if c.by == "azure" and c.phase == "begin"] == [
        "restart"
    ]
    azure.ask("PATCH", body=policy(enabled=False))
    azure.settle(60)
    fall_ill(azure, "1", "2")
    azure.settle(10 * GRACE)
    assert [c.act for c in azure.emulator.availability.changes() if c.by == "azure" and c.phase == "begin"] == [
        "restart"
    ]
    assert azure.backend.next_due is None


def test_a_longer_grace_period_is_kept(azure: Azure) -> None:
    azure.ask("PATCH", body=policy(enabled=True, gracePeriod="PT30M"))
    azure.settle(60)
    fall_ill(azure, "1")
    azure.settle(3 * GRACE - 61)
    assert list(azure.instances()) == ["0", "1", "2"]
    azure.settle(LOOK + REPAIR)
    assert list(azure.instances()) == ["0", "2", "3"]


@pytest.mark.parametrize(
    "values", [{"gracePeriod": "PT5M"}, {"gracePeriod": "PT2H"}, {"gracePeriod": "soon"}, {"repairAction": "Wait"}]
)
def test_a_policy_out_of_range_is_refused(azure: Azure, values: dict[str, Any]) -> None:
    answer = azure.ask("PATCH", body=policy(enabled=True, **values))
    assert error_of(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"].endswith(next(iter(values)))


def test_repairs_need_a_health_source(emulate: Emulate) -> None:
    azure = emulate(health_source="none")
    answer = azure.ask("PATCH", body=policy(enabled=True))
    assert error_of(answer) == (400, "BadRequest")
    assert "a health probe or health extension was not provided" in answer.json()["error"]["message"]


def test_a_deleted_set_is_not_repaired(emulate: Emulate) -> None:
    azure = emulate(repairs="Replace")
    fall_ill(azure, "1")
    azure.settle(GRACE + LOOK)
    azure.ask("DELETE")
    azure.settle()
    assert error_of(azure.ask("GET")) == (404, "ResourceNotFound")
    assert azure.backend.next_due is None
