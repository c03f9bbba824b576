"""Where an upgrade stands, from what Azure shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.govern.plan.worlds import COMPLETED, FORWARD, HOOKS, NOW, V1, V2, event, instance, observed, waiting
from vmss_jenkins.govern.plan.preview import findings, preview
from vmss_jenkins.govern.plan.situation import survey
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.model.instances import Health
from vmss_jenkins.model.os_upgrades.hook_events import (
    Answer,
    HookEvent,
    answer_body,
    events_from,
    postponement_body,
)
from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, Hook, HookKind, OsUpgradePolicy
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade, upgrade_from
from vmss_jenkins.rollout.plan.selection import Amount

PLAIN, ONE_FIRST = GovernSpec(), GovernSpec(canary=Amount(1))
DEFERRAL = OsUpgradePolicy(automatic=True, deferral=True)


def approved(*names: str, created: float = NOW - 300) -> HookEvent:
    return event(dict.fromkeys(names, "Approved"), created=created)


def test_the_oldest_event_that_waits_is_the_question() -> None:
    first, second = waiting("1", created=NOW - 30), waiting("2", created=NOW - 20)
    found = survey(PLAIN, observed(approved("0"), first, second, new=("0",)), None)
    assert found.question
    assert (found.question.event, found.question.waiting) == (first, ("1",))
    assert (found.approved, found.total, found.failed) == (("0",), 5, ())


def test_an_event_whose_time_is_over_is_no_question() -> None:
    late = waiting("1", created=NOW - 1800)
    assert survey(PLAIN, observed(late), None).question is None


def test_answers_of_an_earlier_upgrade_do_not_count() -> None:
    old = approved("3", created=FORWARD.started - 5000)
    assert survey(PLAIN, observed(old, waiting("0")), None).approved == ()


def test_an_upgrade_that_ended_before_the_run_is_none_of_its_own_unless_a_killed_run_left_it() -> None:
    world = observed(approved("0"), upgrade=COMPLETED, new=("0",))
    assert survey(PLAIN, world, COMPLETED.started).upgrade is None
    assert survey(PLAIN, world, COMPLETED.started).approved == ()
    assert survey(PLAIN, world, None).approved == ("0",)


def test_an_event_of_a_cancelled_upgrade_needs_no_answer() -> None:
    cancelled = RollingUpgrade("Cancelled", NOW - 600)
    for over in (None, cancelled.started):
        assert survey(PLAIN, observed(waiting("1"), upgrade=cancelled), over).question is None


def test_instances_that_the_canary_left_out_are_recognized_by_the_answers() -> None:
    cut = event({"0": "Approved", "1": "Rejected"}, created=NOW - 300)
    found = survey(ONE_FIRST, observed(cut, new=("0",)), None)
    assert (found.left_out, found.rejected) == (("1",), ())
    found = survey(PLAIN, observed(cut, new=("0",)), None)
    assert (found.left_out, found.rejected) == ((), ("1",))


@pytest.mark.parametrize(
    "answers",
    [
        {"0": "Rejected", "1": "Approved"},
        {"0": "Rejected", "1": "Rejected"},
        {"0": "Approved", "1": "Approved", "2": "Rejected"},
    ],
)
def test_other_rejections_are_somebody_elses(answers: dict[str, str]) -> None:
    found = survey(ONE_FIRST, observed(event(answers, created=NOW - 300)), None)
    assert found.left_out == ()
    assert found.rejected == tuple(name for name, answer in answers.items() if answer == "Rejected")


def test_a_rejection_after_the_canary_is_not_its_own() -> None:
    later = event({"1": "Approved", "2": "Rejected"}, created=NOW - 100)
    found = survey(ONE_FIRST, observed(approved("0"), later), None)
    assert (found.left_out, found.rejected) == ((), ("2",))


def test_an_instance_with_the_former_version_again_failed() -> None:
    found = survey(PLAIN, observed(approved("0", "1"), waiting("2"), new=("0",)), None)
    assert found.failed == (("1", "runs nginx/1.0.0 again: Azure put its former disk back"),)
    found = survey(PLAIN, observed(approved("0", "1"), upgrade=COMPLETED, new=("0",)), None)
    assert [name for name, _ in found.failed] == ["1"]


def test_an_instance_that_is_ill_failed_and_one_that_is_upgraded_now_is_busy() -> None:
    ill, busy = instance("0", V2, health=Health.UNHEALTHY), instance("1", V1, provisioning_state="Updating")
    rest = tuple(instance(key) for key in "234")
    found = survey(PLAIN, observed(approved("0", "1"), waiting("2"), instances=(ill, busy, *rest)), None)
    assert (found.failed, found.busy) == ((("0", "unhealthy"),), ("1",))


def test_instances_that_are_gone_or_parked_do_not_count() -> None:
    parked = instance("4", power="deallocated")
    world = observed(approved("0", "7"), new=("0",))
    found = survey(PLAIN, replace(world, instances=(*world.instances[:4], parked)), None)
    assert (found.approved, found.total) == (("0",), 4)


def test_a_deferred_upgrade_asks_about_the_instances_without_it() -> None:
    found = survey(PLAIN, observed(policy=DEFERRAL, new=("0", "3")), None)
    assert found.question
    assert (found.question.waiting, found.question.event) == (("1", "2", "4"), None)
    assert found.approved == ("0", "3")
    busy = replace(FORWARD, in_progress=1)
    assert survey(PLAIN, observed(policy=DEFERRAL, upgrade=busy), None).question is None
    assert survey(PLAIN, observed(policy=DEFERRAL, upgrade=None), None).question is None


def test_a_flexible_set_tells_by_versions_which_instances_a_deferred_upgrade_waits_for() -> None:
    flexible = tuple(replace(instance(key, V2 if key == "0" else V1), latest_model_applied=None) for key in "012")
    world = observed(policy=DEFERRAL, instances=flexible)
    found = survey(PLAIN, replace(world, target=V2), None)
    assert found.question
    assert (found.question.waiting, found.approved) == (("1", "2"), ("0",))
    assert survey(PLAIN, world, None).question is None
    assert "which instances wait for approval is not known" in findings(world)[-1].text


def test_without_a_hook_for_batches_the_instances_show_who_has_the_version() -> None:
    policy = OsUpgradePolicy(automatic=True, hooks=HOOKS[:1])
    found = survey(PLAIN, observed(policy=policy, target=V2, new=("0", "1")), None)
    assert found.approved == ("0", "1")


def test_what_prevents_governing_is_said_with_the_next_step() -> None:
    assert findings(observed()) == ()
    off = observed(policy=OsUpgradePolicy())
    assert "--enable-auto-os-upgrade true" in findings(off)[0].text
    bare = observed(policy=OsUpgradePolicy(automatic=True))
    assert "vmss-jenkins govern --resource-group canary-rg --name web --install" in findings(bare)[0].text
    approving = Hook(HookKind.BATCH.value, DefaultAction.APPROVE)
    assert "upgraded unjudged" in findings(observed(policy=OsUpgradePolicy(automatic=True, hooks=(approving,))))[0].text
    assert findings(observed(policy=DEFERRAL)) == ()


@pytest.mark.parametrize(
    ("events", "changes", "does"),
    [
        ((), {"upgrade": None}, "no OS upgrade waits for an answer"),
        ((waiting("0", "1"),), {}, "a run would approve 0, and reject 1 until the end"),
        ((approved("0"), waiting("1")), {"new": ("0",)}, "a run would judge 0, then answer"),
        ((approved("0"),), {"new": ("0",)}, "an OS upgrade is under way, and a run would wait for it"),
    ],
)
def test_a_dry_run_says_what_a_run_would_do(
    events: tuple[HookEvent, ...], changes: dict[str, object], does: str
) -> None:
    found = preview(observed(*events, **changes), ONE_FIRST)
    assert found.does.endswith(does)
    assert found.lines() == (found.does,)


def test_a_dry_run_in_a_window_says_that_it_rejects() -> None:
    spec = GovernSpec(deny=("2026-12-01..2026-12-09",))  # type: ignore[arg-type]
    found = preview(observed(waiting("0")), spec)
    assert "a run would reject 0: nothing is approved in 2026-12-01..2026-12-09" in found.does
    assert (found.asked, found.default_action, found.until) == (("0",), "Reject", NOW - 60 + 1800)
    long = replace(waiting("web", kind=HookKind.SCHEDULING), max_wait_until=NOW + 999_999)
    assert "a run would let Azure wait" in preview(observed(long, upgrade=None), spec).does


def test_events_are_read_from_azures_bodies() -> None:
    target = {"resource": {"id": "/subscriptions/s/virtualMachines/web_1a"}, "actionState": "Waiting"}
    properties = {
        "type": "UpgradeAutoOSRollingBatchStarting",
        "waitUntil": "2026-12-01T12:30:00.1234567Z",
        "maxWaitUntil": "2026-12-01T16:00:00Z",
        "timeCreated": "2026-12-01T12:00:00+00:00",
        "defaultAction": "Reject",
        "targetResources": [target],
    }
    newer = {"name": "x", "properties": {**properties, "type": "SomethingNewer"}}
    earlier = {
        "name": "e",
        "properties": {**properties, "timeCreated": "2026-12-01T11:00:00Z", "targetResources": None},
    }
    first, found = events_from([{"name": "e1", "properties": properties}, newer, earlier])
    assert (first.name, first.targets) == ("e", ())
    assert (found.kind, found.waiting, found.default_action) == (HookKind.BATCH, ("web_1a",), DefaultAction.REJECT)
    assert (found.created, found.wait_until, found.max_wait_until) == (NOW, NOW + 1800, NOW + 4 * 3600)
    assert found.fate == "without an answer Azure rejects them at 2026-12-01 12:30:00 UTC: web_1a"
    assert answer_body(found, {"web_1a": Answer.APPROVED}) == {
        "properties": {"targetResources": [{**target, "actionState": "Approved"}]}
    }
    assert postponement_body(NOW + 0.9) == {"properties": {"waitUntil": "2026-12-01T12:00:00Z"}}


def test_an_upgrade_is_read_from_azures_body() -> None:
    body = {
        "properties": {
            "runningStatus": {"code": "Faulted", "startTime": "2026-12-01T12:00:00Z"},
            "progress": {"inProgressInstanceCount": 1, "pendingInstanceCount": 4},
            "error": {"code": "MaxUnhealthy", "message": "too many"},
        }
    }
    found = upgrade_from(body)
    assert found == RollingUpgrade("Faulted", NOW, 1, 4, "MaxUnhealthy: too many")
    assert not found.goes_on
    assert upgrade_from({"properties": {"runningStatus": {"code": "RollingForward"}}}).goes_on
