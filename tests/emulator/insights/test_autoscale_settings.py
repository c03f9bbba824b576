"""Autoscale settings: what a deployer reads of them, and what they do to their set."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of
from vmss_jenkins.emulator import SetSpec

LIST = "providers/Microsoft.Insights/autoscalesettings"
VERSION = {"api-version": "2022-10-01"}


def test_a_group_without_autoscale_lists_nothing(azure: Azure) -> None:
    answer = azure.ask("GET", f"{azure.group}/{LIST}", params=VERSION)
    assert (answer.status_code, answer.json()) == (200, {"value": []})


def test_an_autoscale_setting_names_its_set(emulate: Emulate) -> None:
    azure = emulate(autoscale=("by-cpu",), more_sets=(SetSpec("api", autoscale=("nightly", "daily")),))
    listed = azure.ask("GET", f"{azure.group}/{LIST}", params=VERSION).json()["value"]
    targets = [(one["name"], one["properties"]["targetResourceUri"].rpartition("/")[2]) for one in listed]
    assert targets == [("by-cpu", "web"), ("nightly", "api"), ("daily", "api")]
    assert listed[0]["properties"]["enabled"] is True
    assert listed[0]["properties"]["targetResourceUri"] == azure.set
    subscription = azure.group.partition("/resourceGroups")[0]
    assert azure.ask("GET", f"{subscription}/{LIST}", params=VERSION).json()["value"] == listed


def test_another_group_lists_nothing_and_an_unknown_group_is_not_found(emulate: Emulate) -> None:
    azure = emulate(autoscale=("by-cpu",))
    other = azure.group.replace("canary-rg", "other-rg")
    assert error_of(azure.ask("GET", f"{other}/{LIST}")) == (404, "ResourceGroupNotFound")
    azure.ask("PUT", other, {"location": "westeurope"})
    assert azure.ask("GET", f"{other}/{LIST}").json() == {"value": []}


def test_other_resources_of_insights_are_not_served(azure: Azure) -> None:
    answer = azure.ask("GET", f"{azure.group}/providers/Microsoft.Insights/metricAlerts")
    assert error_of(answer) == (404, "InvalidResourceType")
    assert "'Microsoft.Insights'" in answer.json()["error"]["message"]


# Settings at work

MINUTE = 60.0
CPU = "Percentage CPU"
SETTING = "providers/Microsoft.Insights/autoscalesettings/by-cpu"


def rule(direction: str, operator: str, threshold: float, **action: Any) -> dict[str, Any]:
    """A rule about the CPU, with a window of 5 minutes."""
    trigger = {"metricName": CPU, "operator": operator, "threshold": threshold, "timeWindow": "PT5M"}
    change = {"direction": direction, "type": "ChangeCount", "value": "1", "cooldown": "PT5M"} | action
    return {"metricTrigger": trigger, "scaleAction": change}


OUT, IN = rule("Increase", "GreaterThan", 70), rule("Decrease", "LessThan", 20)


def setting(azure: Azure, *rules: dict[str, Any], bounds: tuple[int, int, int] = (2, 3, 5), **changes: Any) -> Any:
    """PUT a setting with bounds (minimum, default, maximum)."""
    capacity = dict(zip(("minimum", "default", "maximum"), map(str, bounds), strict=True))
    profile = {"name": "default", "capacity": capacity, "rules": list(rules)} | changes.pop("profile", {})
    properties = {"targetResourceUri": azure.set, "profiles": [profile]} | changes
    return azure.ask("PUT", f"{azure.group}/{SETTING}", {"location": "westeurope", "properties": properties})


def report(azure: Azure, value: float | None, name: str = CPU) -> int:
    body = {"set": "web", "metric": name, "value": value}
    return azure.ask("POST", "/_emulator/metrics", body).status_code


def capacity(azure: Azure) -> int:
    found: int = azure.ask("GET").json()["sku"]["capacity"]
    assert len(azure.instances()) in (found, found + 1), "one may be on its way out"
    return found


@pytest.mark.parametrize(("bounds", "after"), [((4, 4, 5), 4), ((1, 1, 2), 2), ((1, 3, 5), 3)])
def test_a_setting_brings_the_capacity_into_its_bounds(azure: Azure, bounds: tuple[int, int, int], after: int) -> None:
    assert setting(azure, bounds=bounds).status_code == 201
    assert capacity(azure) == 3
    azure.settle(MINUTE)
    azure.settle(MINUTE)
    assert capacity(azure) == after
    acts = {c.by for c in azure.emulator.availability.changes() if c.act in ("scale-out", "scale-in")}
    assert acts <= {"azure"}


def test_a_rule_scales_out_after_its_window_with_cooldowns_up_to_the_maximum(azure: Azure) -> None:
    setting(azure, OUT)
    assert report(azure, 90) == 204
    azure.settle(4 * MINUTE)
    assert capacity(azure) == 3
    azure.settle(MINUTE)
    assert capacity(azure) == 4
    azure.settle(4 * MINUTE)
    assert capacity(azure) == 4
    azure.settle(2 * MINUTE)
    assert capacity(azure) == 5
    azure.settle()
    assert capacity(azure) == 5
    assert azure.backend.next_due is None


def test_scaling_in_needs_all_rules_and_is_left_out_if_it_would_flap(azure: Azure) -> None:
    setting(azure, OUT, IN)
    report(azure, 10)
    azure.settle()
    assert capacity(azure) == 2
    report(azure, 50)
    azure.ask("PATCH", body={"sku": {"capacity": 3}})
    setting(azure, OUT, rule("Decrease", "LessThan", 60))
    azure.settle()
    assert capacity(azure) == 3, "75% on two would scale out again"
    report(azure, 40)
    azure.settle()
    assert capacity(azure) == 2


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ({"value": "2"}, 5),
        ({"type": "PercentChangeCount", "value": "50"}, 5),
        ({"type": "ExactCount", "value": "4"}, 4),
    ],
)
def test_a_rule_changes_by_a_count_a_share_or_to_a_number(azure: Azure, action: dict[str, str], after: int) -> None:
    setting(azure, rule("Increase", "GreaterThan", 70, **action))
    report(azure, 90)
    azure.settle(6 * MINUTE)
    assert capacity(azure) == after


def test_without_metrics_the_default_is_the_least(azure: Azure) -> None:
    setting(azure, OUT, bounds=(1, 4, 5))
    azure.settle()
    assert capacity(azure) == 4
    assert report(azure, 50) == report(azure, None) == 204


def test_a_setting_that_is_disabled_or_deleted_does_nothing(azure: Azure) -> None:
    setting(azure, OUT, enabled=False)
    report(azure, 90)
    azure.settle()
    assert capacity(azure) == 3
    path = f"{azure.group}/{SETTING}"
    assert azure.ask("PATCH", path, {"properties": {"enabled": True}}).status_code == 200
    assert azure.ask("GET", path).json()["properties"]["enabled"] is True
    assert azure.ask("DELETE", path).status_code == 200
    assert azure.ask("DELETE", path).status_code == 204
    assert error_of(azure.ask("GET", path)) == (404, "ResourceNotFound")
    azure.settle()
    assert capacity(azure) == 3


def test_a_scale_in_may_take_the_only_instance_of_the_new_model(azure: Azure) -> None:
    azure.set_image()
    azure.ask("POST", "manualupgrade", {"instanceIds": ["2"]})
    azure.settle()
    setting(azure, bounds=(2, 2, 2))
    azure.settle()
    assert "2" not in azure.instances()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"profile": {"recurrence": {"frequency": "Week"}}}, 400),
        ({"profile": {"fixedDate": {}}}, 400),
        ({"profile": {"capacity": {"minimum": "3", "default": "2", "maximum": "5"}}}, 400),
        ({"profile": {"capacity": {"minimum": "few"}}}, 400),
        ({"profiles": []}, 400),
        ({"predictiveAutoscalePolicy": {"scaleMode": "Enabled"}}, 400),
        ({"targetResourceUri": "/subscriptions/s"}, 404),
        ({"profile": {"rules": [OUT] * 11}}, 400),
        ({"profile": {"rules": [rule("Up", "GreaterThan", 70)]}}, 400),
        ({"profile": {"rules": [rule("Increase", "Above", 70)]}}, 400),
        ({"profile": {"rules": [rule("Increase", "GreaterThan", 70, cooldown="PT1S")]}}, 400),
        ({"profile": {"rules": [rule("Increase", "GreaterThan", 70, value="one")]}}, 400),
        ({"profile": {"rules": [{**OUT, "metricTrigger": {**OUT["metricTrigger"], "timeWindow": "PT1M"}}]}}, 400),
    ],
)
def test_a_wrong_setting_is_refused(azure: Azure, changes: dict[str, Any], status: int) -> None:
    assert setting(azure, **changes).status_code == status
    assert azure.ask("GET", f"{azure.group}/{LIST}").json() == {"value": []}


def test_a_set_has_at_most_one_setting(emulate: Emulate) -> None:
    azure = emulate(autoscale=("nightly",))
    assert error_of(setting(azure)) == (409, "Conflict")


def test_a_wrong_metric_is_refused(azure: Azure) -> None:
    for body in (["x"], {"set": "web"}, {"set": "web", "metric": CPU, "value": "high"}, {"metric": "", "value": 1}):
        assert error_of(azure.ask("POST", "/_emulator/metrics", body)) == (400, "InvalidRequest")
    other = azure.ask("POST", "/_emulator/metrics", {"set": "api", "metric": CPU, "value": 1})
    assert error_of(other) == (404, "ResourceNotFound")
