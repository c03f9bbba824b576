"""Terminate notification: deletions are held until the instance approves them, or their time is over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of, profile

HELD = 300.0


def notified(emulate: Emulate, **options: Any) -> Azure:
    return emulate(terminate_notification="PT5M", **options)


def events(azure: Azure) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = azure.ask("GET", "/_emulator/scheduled-events").json()["Events"]
    return found


def approve(azure: Azure, *machines: str) -> None:
    ids = [{"EventId": one["EventId"]} for one in events(azure) if one["Resources"][0] in machines]
    assert azure.ask("POST", "/_emulator/scheduled-events", {"StartRequests": ids}).status_code == 200


def states(azure: Azure) -> dict[str, str]:
    return {key: one["properties"]["provisioningState"] for key, one in azure.instances().items()}


def test_a_deletion_is_held_while_the_instance_serves_on(emulate: Emulate) -> None:
    azure = notified(emulate)
    answer = azure.ask("POST", "delete", {"instanceIds": ["1"]})
    azure.settle(HELD - 1)
    assert states(azure) == {"0": "Succeeded", "1": "Deleting", "2": "Succeeded"}
    power = azure.instances()["1"]["properties"]["instanceView"]["statuses"][1]["code"]
    assert power == "PowerState/running"
    assert azure.emulator.availability.summary(azure.clock.now()).most_down == 0
    (event,) = events(azure)
    assert (event["EventType"], event["Resources"]) == ("Terminate", ["web_1"])
    azure.settle(1 + EXACT.delete)
    assert list(states(azure)) == ["0", "2"]
    assert azure.status(answer) == "Succeeded"
    assert events(azure) == []


def test_an_approved_deletion_begins_at_once(emulate: Emulate) -> None:
    azure = notified(emulate)
    azure.ask("PATCH", body={"sku": {"capacity": 2}})
    approve(azure, "web_2")
    azure.settle(EXACT.delete)
    assert list(states(azure)) == ["0", "1"]


def test_an_instance_that_does_not_approve_holds_the_others_of_its_call(emulate: Emulate) -> None:
    azure = notified(emulate, instances=4)
    azure.ask("POST", "delete", {"instanceIds": ["1", "2"]})
    azure.ask("POST", "delete", {"instanceIds": ["3"]})
    approve(azure, "web_1", "web_3")
    azure.settle(EXACT.delete)
    assert states(azure) == {"0": "Succeeded", "1": "Deleting", "2": "Deleting"}
    approve(azure, "web_2")
    azure.settle(EXACT.delete)
    assert list(states(azure)) == ["0"]


def test_upgrades_reimages_and_stops_are_not_held(emulate: Emulate) -> None:
    surge = {"maxSurge": True, "maxBatchInstancePercent": 100, "maxUnhealthyInstancePercent": 100}
    azure = notified(emulate, mode="Rolling", zones=(), rolling_policy=surge)
    azure.ask("POST", "reimage", {"instanceIds": ["0"]})
    azure.ask("POST", "deallocate", {"instanceIds": ["1"]})
    azure.settle()
    azure.ask("PATCH", body=azure.image("nginx-updated-image"))
    azure.settle(EXACT.create + EXACT.health + EXACT.delete + 1)
    assert list(states(azure)) == ["3", "4", "5"]


def test_a_stopped_instance_is_deleted_at_once(emulate: Emulate) -> None:
    azure = notified(emulate)
    azure.ask("POST", "deallocate", {"instanceIds": ["1"]})
    azure.settle()
    azure.ask("POST", "delete", {"instanceIds": ["1"]})
    azure.settle(EXACT.delete)
    assert list(states(azure)) == ["0", "2"]


def test_deleting_the_set_takes_over_a_held_deletion_in_its_time(emulate: Emulate) -> None:
    azure = notified(emulate)
    first = azure.ask("POST", "delete", {"instanceIds": ["1"]})
    azure.settle(100)
    azure.ask("DELETE")
    assert azure.status(first) == "Succeeded"
    azure.settle(HELD - 100)
    assert len(events(azure)) == 3
    azure.settle(99)
    assert states(azure) == dict.fromkeys("012", "Deleting")
    azure.settle(1 + EXACT.delete)
    assert events(azure) == []
    assert error_of(azure.ask("GET")) == (404, "ResourceNotFound")


def test_a_repair_tells_the_instance_too(emulate: Emulate) -> None:
    azure = notified(emulate, repairs="Replace")
    azure.emulator.inject("fall-ill instance=1")
    azure.ask("GET")
    azure.settle(30 + HELD - 1)
    assert list(states(azure)) == ["0", "1", "2"]
    azure.settle(1 + EXACT.delete + EXACT.create)
    assert list(states(azure)) == ["0", "2", "3"]


@pytest.mark.parametrize("wait", ["PT4M", "PT16M", "long"])
def test_a_wait_out_of_range_is_refused(azure: Azure, wait: str) -> None:
    notice = {"terminateNotificationProfile": {"enable": True, "notBeforeTimeout": wait}}
    assert error_of(azure.ask("PATCH", body=profile({"scheduledEventsProfile": notice}))) == (400, "InvalidParameter")


def test_notices_of_new_disks_are_refused_as_not_emulated(azure: Azure) -> None:
    notice = {"osImageNotificationProfile": {"enable": True, "notBeforeTimeout": "PT15M"}}
    answer = azure.ask("PATCH", body=profile({"scheduledEventsProfile": notice}))
    assert "is not emulated" in answer.json()["error"]["message"]


def test_a_wrong_approval_is_refused_and_an_unknown_event_passed_over(emulate: Emulate) -> None:
    azure = notified(emulate)
    assert error_of(azure.ask("POST", "/_emulator/scheduled-events", ["x"])) == (400, "InvalidRequest")
    azure.ask("POST", "delete", {"instanceIds": ["1"]})
    azure.ask("POST", "/_emulator/scheduled-events", {"StartRequests": [{"EventId": "x"}]})
    assert len(events(azure)) == 1
