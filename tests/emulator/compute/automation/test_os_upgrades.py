"""Automatic OS upgrades by themselves, deferred, and asked for by lifecycle hooks, with the real SDK."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.compute.test_rolling_upgrades import rolling
from tests.emulator.conftest import EXACT, Azure, Emulate, error_of, profile
from vmss_jenkins.emulator import Release

IMAGE = "apps/nginx"
RELEASES = {
    f"{IMAGE}/1.0.0": Release("one"),
    f"{IMAGE}/1.0.1": Release("two"),
    f"{IMAGE}/1.0.2": Release("bad", status=500, health="unhealthy"),
}
LOOK = 30.0
BATCH = EXACT.update + EXACT.health
SCHEDULING = {"type": "UpgradeAutoOSScheduling"}
STARTING = {"type": "UpgradeAutoOSRollingBatchStarting"}


def automatic(emulate: Emulate, *hooks: dict[str, str], **options: Any) -> Azure:
    """A set of five that follows a definition of a gallery, of which two versions are not published yet."""
    unpublished = frozenset(list(RELEASES)[1:])
    fixed = {"image": IMAGE, "releases": RELEASES, "unpublished": unpublished, "automatic_os_upgrade": True}
    return emulate(**{"instances": 5, "hooks": hooks} | fixed | options)


def publish(azure: Azure, version: str = "1.0.1") -> None:
    """Publish a version, let it be replicated, and let Azure look."""
    azure.emulator.inject(f"publish image={IMAGE}/{version}")
    azure.ask("GET")
    azure.settle(EXACT.replicate + LOOK)


def versions(azure: Azure) -> list[str]:
    found = azure.instances().values()
    return [one["properties"]["storageProfile"]["imageReference"]["exactVersion"] for one in found]


def events(azure: Azure) -> list[Any]:
    return list(azure.compute.virtual_machine_scale_set_life_cycle_hook_events.list("canary-rg", "web"))


def answer(azure: Azure, event: Any, state: str, *ids: str) -> Any:
    """Answer for the targets with these ids, by default for all."""
    targets = [t for t in event.properties.target_resources if not ids or t.resource.id.rpartition("/")[2] in ids]
    body = {
        "properties": {"targetResources": [{"resource": {"id": t.resource.id}, "actionState": state} for t in targets]}
    }
    client = azure.compute.virtual_machine_scale_set_life_cycle_hook_events
    return client.update("canary-rg", "web", event.name, body)


def test_a_newer_version_in_the_region_is_rolled_out_by_azure_in_any_upgrade_mode(emulate: Emulate) -> None:
    azure = automatic(emulate)
    azure.settle(86_400)
    assert versions(azure) == ["1.0.0"] * 5
    azure.emulator.inject(f"publish image={IMAGE}/1.0.1")
    azure.ask("GET")
    azure.settle(EXACT.replicate)
    assert error_of(azure.ask("GET", "rollingUpgrades/latest")) == (404, "NotFound")
    azure.settle(LOOK)
    assert rolling(azure) == ("RollingForward", [0, 0, 1, 4])
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert versions(azure) == ["1.0.1"] * 5
    (history,) = azure.compute.virtual_machine_scale_sets.get_os_upgrade_history("canary-rg", "web")
    assert history.properties.started_by == "Platform"
    assert {c.by for c in azure.emulator.availability.changes() if c.act == "update"} == {"azure"}


def test_a_batch_of_an_automatic_upgrade_has_at_most_a_fifth_of_the_set(emulate: Emulate) -> None:
    azure = automatic(
        emulate,
        instances=10,
        zones=(),
        rolling_policy={"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50},
    )
    publish(azure)
    assert rolling(azure) == ("RollingForward", [0, 0, 2, 8])


def test_a_bad_version_is_put_back_and_not_tried_again(emulate: Emulate) -> None:
    azure = automatic(emulate)
    publish(azure, "1.0.2")
    azure.settle()
    assert rolling(azure) == ("Faulted", [0, 1, 0, 4])
    assert versions(azure) == ["1.0.0"] * 5
    azure.settle()
    assert len(list(azure.compute.virtual_machine_scale_sets.get_os_upgrade_history("canary-rg", "web"))) == 1


def test_a_set_without_the_policy_keeps_its_version_and_an_older_version_is_nothing_new(emulate: Emulate) -> None:
    azure = automatic(emulate, automatic_os_upgrade=False)
    publish(azure)
    azure.settle()
    assert versions(azure) == ["1.0.0"] * 5
    azure.ask(
        "PATCH",
        body={"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}},
    )
    azure.settle()
    assert versions(azure) == ["1.0.1"] * 5
    azure.emulator.inject(f"withdraw image={IMAGE}/1.0.1")
    azure.ask("GET")
    azure.settle()
    assert versions(azure) == ["1.0.1"] * 5


def enable(azure: Azure) -> Any:
    policy = {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}
    return azure.ask("PATCH", body={"properties": policy})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "its image does not move"),
        ({"image": "apps/nginx/1.0.0", "releases": RELEASES}, "its image does not move"),
        ({"image": IMAGE, "releases": RELEASES, "health_source": "none"}, "was not specified"),
    ],
)
def test_a_set_that_azure_cannot_upgrade_by_itself_is_refused(
    emulate: Emulate, options: dict[str, Any], text: str
) -> None:
    answer = enable(emulate(**options))
    assert error_of(answer) == (400, "BadRequest")
    assert text in answer.json()["error"]["message"]


def test_both_health_sources_together_are_refused(emulate: Emulate) -> None:
    azure = automatic(emulate, automatic_os_upgrade=False)
    probe = f"{azure.group}/providers/Microsoft.Network/loadBalancers/webLB/probes/webProbe"
    assert azure.ask("PATCH", body=profile({"networkProfile": {"healthProbe": {"id": probe}}})).status_code == 200
    azure.settle()
    assert "both a health probe and a health extension" in enable(azure).json()["error"]["message"]


def test_a_deferred_upgrade_waits_for_the_approval_of_instances(emulate: Emulate) -> None:
    azure = automatic(emulate, os_upgrade_deferral=True)
    publish(azure)
    azure.settle()
    assert rolling(azure) == ("RollingForward", [0, 0, 0, 5])
    sets = azure.compute.virtual_machine_scale_sets
    sets.begin_approve_rolling_upgrade("canary-rg", "web", {"instanceIds": ["2"]})
    azure.settle()
    assert versions(azure) == ["1.0.0", "1.0.0", "1.0.1", "1.0.0", "1.0.0"]
    azure.compute.virtual_machine_scale_set_vms.begin_approve_rolling_upgrade("canary-rg", "web", "4")
    azure.settle()
    assert versions(azure) == ["1.0.0", "1.0.0", "1.0.1", "1.0.0", "1.0.1"]
    sets.begin_approve_rolling_upgrade("canary-rg", "web")
    azure.settle()
    assert rolling(azure) == ("Completed", [5, 0, 0, 0])
    assert error_of(azure.ask("POST", "approveRollingUpgrade")) == (409, "OperationNotAllowed")


def test_approving_an_instance_that_does_not_exist_is_refused(emulate: Emulate) -> None:
    azure = automatic(emulate, os_upgrade_deferral=True)
    publish(azure)
    assert error_of(azure.ask("POST", "approveRollingUpgrade", {"instanceIds": ["77"]})) == (400, "InvalidParameter")


def test_a_deferred_upgrade_can_be_cancelled(emulate: Emulate) -> None:
    azure = automatic(emulate, os_upgrade_deferral=True)
    publish(azure)
    assert azure.ask("POST", "rollingUpgrades/cancel").status_code == 202
    azure.settle()
    assert rolling(azure) == ("Cancelled", [0, 0, 0, 5])


def test_a_hook_is_asked_before_an_upgrade_is_scheduled(emulate: Emulate) -> None:
    azure = automatic(emulate, SCHEDULING)
    publish(azure)
    (event,) = events(azure)
    found = event.properties
    assert (found.type, found.state, found.default_action) == (SCHEDULING["type"], "Active", "Approve")
    assert [(t.resource.id, t.action_state) for t in found.target_resources] == [(azure.set, "Waiting")]
    times = [datetime.fromisoformat(one[:19]) for one in (found.time_created, found.wait_until, found.max_wait_until)]
    assert [one - times[0] for one in times[1:]] == [timedelta(hours=1), timedelta(days=2)]
    azure.settle(3500)
    assert error_of(azure.ask("GET", "rollingUpgrades/latest")) == (404, "NotFound")
    answer(azure, event, "Approved")
    assert rolling(azure)[0] == "RollingForward"
    azure.settle()
    assert versions(azure) == ["1.0.1"] * 5
    assert [one.properties.state for one in events(azure)] == ["Completed"]


def test_a_rejected_schedule_is_not_asked_again_until_a_newer_version_comes(emulate: Emulate) -> None:
    azure = automatic(emulate, SCHEDULING)
    publish(azure)
    answer(azure, events(azure)[0], "Rejected")
    azure.settle()
    assert versions(azure) == ["1.0.0"] * 5
    assert len(events(azure)) == 1
    publish(azure, "1.0.2")
    assert len(events(azure)) == 2


@pytest.mark.parametrize(("default", "version"), [("Approve", "1.0.1"), ("Reject", "1.0.0")])
def test_the_default_action_answers_when_the_wait_is_over(emulate: Emulate, default: str, version: str) -> None:
    azure = automatic(emulate, {**SCHEDULING, "waitDuration": "PT20M", "defaultAction": default})
    publish(azure)
    azure.settle(1000)
    assert events(azure)[0].properties.state == "Active"
    azure.settle()
    assert events(azure)[0].properties.state == "Completed"
    assert versions(azure) == [version] * 5


def test_a_hook_is_asked_before_each_batch_and_answered_for_some_instances(emulate: Emulate) -> None:
    azure = automatic(emulate, STARTING, instances=10, zones=())
    publish(azure)
    (event,) = events(azure)
    ids = [target.resource.id for target in event.properties.target_resources]
    assert ids == [f"{azure.set}/virtualMachines/{key}" for key in "01"]
    assert rolling(azure) == ("RollingForward", [0, 0, 0, 10])
    answered = answer(azure, event, "Approved", "0")
    assert [t.action_state for t in answered.properties.target_resources] == ["Approved", "Waiting"]
    azure.settle(600)
    assert rolling(azure) == ("RollingForward", [0, 0, 0, 10])
    answer(azure, event, "Rejected", "1")
    assert rolling(azure) == ("RollingForward", [0, 0, 1, 9])
    azure.settle(BATCH + 1)
    assert versions(azure) == ["1.0.1", *["1.0.0"] * 9]
    second = events(azure)[1]
    assert [t.resource.id.rpartition("/")[2] for t in second.properties.target_resources] == ["2", "3"]
    azure.ask("POST", "rollingUpgrades/cancel")
    answer(azure, second, "Approved")
    azure.settle()
    assert versions(azure) == ["1.0.1", *["1.0.0"] * 9]


def test_unanswered_batches_go_on_by_default_and_rejected_instances_keep_their_version(emulate: Emulate) -> None:
    azure = automatic(emulate, {**STARTING, "waitDuration": "PT5M"})
    publish(azure)
    answer(azure, events(azure)[0], "Rejected")
    azure.settle()
    assert versions(azure) == ["1.0.0", *["1.0.1"] * 4]
    assert rolling(azure) == ("Completed", [4, 0, 0, 1])
    assert len(events(azure)) == 5


def test_the_wait_of_an_event_is_moved_up_to_its_latest_time(emulate: Emulate) -> None:
    azure = automatic(emulate, STARTING)
    publish(azure)
    (event,) = events(azure)
    now = datetime.fromtimestamp(azure.clock.now(), tz=timezone.utc)

    def move(hours: float) -> Any:
        until = (now + timedelta(hours=hours)).isoformat()
        return azure.ask("PATCH", f"lifecycleHookEvents/{event.name}", {"properties": {"waitUntil": until}})

    assert move(3).status_code == 200
    azure.settle(10_000)
    assert events(azure)[0].properties.state == "Active"
    latest = {"properties": {"waitUntil": event.properties.max_wait_until}}
    assert azure.ask("PATCH", f"lifecycleHookEvents/{event.name}", latest).status_code == 200, "as it was shown"
    assert error_of(move(5)) == (400, "InvalidParameter")
    assert error_of(move(0)) == (400, "InvalidParameter")
    azure.settle(5_000)
    assert events(azure)[0].properties.state == "Completed"
    assert error_of(azure.ask("PATCH", f"lifecycleHookEvents/{event.name}", {"properties": {"waitUntil": "soon"}})) == (
        400,
        "InvalidParameter",
    )


def test_wrong_answers_are_refused(emulate: Emulate) -> None:
    azure = automatic(emulate, STARTING)
    publish(azure)
    (event,) = events(azure)
    assert error_of(azure.ask("GET", "lifecycleHookEvents/nothing")) == (404, "NotFound")
    with pytest.raises(HttpResponseError, match="not one of Approved, Rejected"):
        answer(azure, event, "Perhaps")
    other = [{"resource": {"id": f"{azure.set}/virtualMachines/4"}, "actionState": "Approved"}]
    refused = azure.ask("PATCH", f"lifecycleHookEvents/{event.name}", {"properties": {"targetResources": other}})
    assert error_of(refused) == (400, "InvalidParameter")
    answer(azure, event, "Waiting")
    answer(azure, event, "Approved")
    with pytest.raises(HttpResponseError, match="is completed") as caught:
        answer(azure, event, "Rejected")
    assert caught.value.status_code == 409


def test_an_answer_cannot_be_taken_back(emulate: Emulate) -> None:
    azure = automatic(emulate, STARTING, instances=10, zones=())
    publish(azure)
    (event,) = events(azure)
    answer(azure, event, "Approved", "0")
    answer(azure, event, "Approved", "0")
    with pytest.raises(HttpResponseError, match="already Approved"):
        answer(azure, event, "Rejected", "0")


@pytest.mark.parametrize(
    "hooks",
    [
        [{"type": "Delete"}],
        [STARTING, STARTING],
        [{**STARTING, "defaultAction": "Wait"}],
        [{**STARTING, "waitDuration": "PT5H"}],
        [{**STARTING, "waitDuration": "1 hour"}],
    ],
)
def test_wrong_hooks_are_refused(azure: Azure, hooks: list[dict[str, str]]) -> None:
    answer = azure.ask("PATCH", body={"properties": {"lifecycleHooksProfile": {"lifecycleHooks": hooks}}})
    assert error_of(answer) == (400, "InvalidParameter")


def test_the_preview_cannot_reject(emulate: Emulate) -> None:
    azure = automatic(emulate, STARTING, hook_rejection=False)
    hooks = {"lifecycleHooksProfile": {"lifecycleHooks": [{**STARTING, "defaultAction": "Reject"}]}}
    assert error_of(azure.ask("PATCH", body={"properties": hooks})) == (400, "InvalidParameter")
    publish(azure)
    with pytest.raises(HttpResponseError, match="cannot reject"):
        answer(azure, events(azure)[0], "Rejected")


def test_a_flexible_set_names_virtual_machines(emulate: Emulate) -> None:
    azure = automatic(emulate, STARTING, orchestration="Flexible", nat="rule")
    publish(azure)
    (target,) = events(azure)[0].properties.target_resources
    assert "/virtualMachines/web_" in target.resource.id
    assert "virtualMachineScaleSets" not in target.resource.id
