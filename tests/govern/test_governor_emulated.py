"""Governed OS upgrades through the real Azure SDK, against the emulator."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from tests.govern.worlds import BATCH, SCHEDULING, Judge, Life, World, world
from tests.rollout.test_steps_emulated import WEB
from tests.support.cloud import Killed
from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events import govern as events
from vmss_jenkins.events.rollout import OtherActorsFound, RolloutFinished, RolloutHalted, RolloutPlanned
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.os_upgrades.hook_events import Answer
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.plan.claims import AnotherRollout, Claim

NEW, OLD = "1.0.1", "1.0.0"


def bad(run: int, ids: tuple[str, ...]) -> Consequence:
    return Consequence.FAIL


def bad_later(run: int, ids: tuple[str, ...]) -> Consequence:
    return Consequence.FAIL if run > 1 else Consequence.GO_ON


def claims(found: World) -> tuple[Claim, ...]:
    return found.azure.sets.claims(WEB).read()[1]


def test_without_a_question_nothing_is_locked_or_answered() -> None:
    with world() as found:
        assert found.govern() is None
        assert [one.scale_set for one in found.told(events.NothingAsked)] == [WEB]
        assert found.azure.changes() == []


def test_each_batch_is_judged_before_the_next_one_is_approved_and_the_last_one_too() -> None:
    with world(instances=10) as found:
        found.publish()
        assert set(found.versions.values()) == {OLD}
        judge = Judge(found.azure)
        result = found.govern(judge)
        assert result
        assert (result.outcome, result.final.complete, len(result.updated)) == (Outcome.ROLLED_OUT, True, 10)
        assert set(found.versions.values()) == {NEW}
        assert judge.asked == [
            ("canary", ("0", "1")), ("batch", ("2", "3")), ("batch", ("4", "5")), ("batch", ("6", "7")),
            ("batch", ("8", "9")),
        ]  # fmt: skip
        asked = found.told(events.UpgradeApproved)
        assert [(one.is_set, one.targets) for one in asked[:3]] == [
            (True, ("web",)),
            (False, ("0", "1")),
            (False, ("2", "3")),
        ]
        (planned,) = found.told(RolloutPlanned)
        assert (planned.strategy, planned.image_from.short_name, planned.image_to.short_name) == (
            "govern", "nginx/1.0.0", "nginx/1.0.1",
        )  # fmt: skip
        assert found.told(RolloutFinished)[0].outcome == "rolled out"
        assert found.told(OtherActorsFound) == [], "the upgrade that is governed is nobody else"
        assert claims(found) == ()
        assert found.govern() is None, "a second run finds nothing to do"


def test_a_bad_version_is_rejected_after_the_canary_and_no_other_instance_gets_it() -> None:
    with world() as found:
        found.publish()
        result = found.govern(Judge(found.azure, bad))
        assert result
        assert (result.outcome, result.updated) == (Outcome.REJECTED, ("0",))
        assert result.reason == "the gates after the canary failed: "
        assert found.versions == {"0": NEW, "1": OLD, "2": OLD, "3": OLD, "4": OLD}
        assert [one.targets for one in found.told(events.UpgradeRejected)] == [("1",)]
        assert len(found.told(events.UpgradeCancelled)) == 1
        found.pass_time(200_000)
        assert list(found.versions.values()) == [NEW, OLD, OLD, OLD, OLD]
        assert found.govern() is None
        assert claims(found) == ()
        found.publish("1.0.2")
        assert found.govern(Judge(found.azure)) is not None, "a newer version is asked about again"
        assert set(found.versions.values()) == {"1.0.2"}


def test_a_version_that_is_bad_in_a_later_batch_is_rejected_there() -> None:
    with world() as found:
        found.publish()
        result = found.govern(Judge(found.azure, bad_later))
        assert result
        assert (result.outcome, result.updated) == (Outcome.REJECTED, ("0", "1"))
        assert list(found.versions.values()) == [NEW, NEW, OLD, OLD, OLD]


def test_a_canary_smaller_than_azures_batch_goes_alone_and_those_it_left_out_follow_at_the_end() -> None:
    with world(instances=10) as found:
        found.publish()
        judge = Judge(found.azure)
        result = found.govern(judge, canary=1)
        assert result
        assert (result.outcome, result.final.complete) == (Outcome.ROLLED_OUT, True)
        approved = found.told(events.UpgradeApproved)[1]
        assert (approved.targets, approved.left_out) == (("0",), ("1",))
        assert (judge.asked[0], judge.asked[-1]) == (("canary", ("0",)), ("batch", ("1",)))
        assert set(found.versions.values()) == {NEW}


def test_a_canary_larger_than_azures_batch_is_complete_before_larger_steps() -> None:
    with world(instances=10) as found:
        found.publish()
        found.govern(Judge(found.azure), canary=3)
        approved = found.told(events.UpgradeApproved)[1:]
        assert [(one.targets, one.left_out) for one in approved[:3]] == [
            (("0", "1"), ()), (("2",), ("3",)), (("4", "5"), ()),
        ]  # fmt: skip
        assert set(found.versions.values()) == {NEW}


def test_an_undecided_gate_stops_the_run_and_says_what_azure_will_do() -> None:
    with world() as found:
        found.publish()
        result = found.govern(Judge(found.azure, lambda _run, _ids: Consequence.HALT))
        assert result
        assert result.outcome is Outcome.HALTED
        assert "the gates did not decide" in result.reason
        assert "without an answer Azure rejects them at" in result.reason
        (halted,) = found.told(RolloutHalted)
        assert halted.reason == result.reason
        again = found.govern(Judge(found.azure))
        assert again
        assert again.outcome is Outcome.ROLLED_OUT, "the next run judges again"


def test_azure_waits_as_long_as_the_gates_measure_and_never_longer_than_it_can() -> None:
    with world() as found:
        found.publish()
        judge = Judge(found.azure, seconds=3000.0)
        result = found.govern(judge, timeout=1e6)
        assert result
        assert result.outcome is Outcome.ROLLED_OUT
        postponed = found.told(events.UpgradePostponed)
        assert [one.latest for one in postponed] == [False] * 4
        assert {one.default_action for one in postponed} == {"Reject"}


def test_a_measurement_longer_than_azure_can_wait_ends_with_azures_rejection_which_is_said() -> None:
    with world() as found:
        found.publish()
        result = found.govern(Judge(found.azure, seconds=20_000.0), timeout=1e6)
        assert result
        assert result.outcome is Outcome.HALTED
        assert "rejected by somebody else, or by Azure since no answer came: 1, 2, 3, 4" in result.reason
        assert found.told(events.UpgradePostponed)[0].latest
        assert found.versions == {"0": NEW, "1": OLD, "2": OLD, "3": OLD, "4": OLD}


def test_nobody_governs_and_nothing_is_upgraded() -> None:
    with world() as found:
        found.publish()
        found.pass_time(500_000)
        assert set(found.versions.values()) == {OLD}


def test_where_hooks_cannot_reject_the_canary_is_azures_batch_and_a_bad_version_is_cancelled() -> None:
    approving = [{**one, "defaultAction": "Approve"} for one in (SCHEDULING, BATCH)]
    with world(*approving, instances=10, hook_rejection=False) as found:
        found.publish()
        result = found.govern(Judge(found.azure, bad), canary=1)
        assert result
        assert (result.outcome, result.updated) == (Outcome.REJECTED, ("0", "1"))
        warnings = [one.finding.text for one in found.told(PreflightFound)]
        assert any("Azure refused to reject: Lifecycle hooks cannot reject" in text for text in warnings)
        assert len(found.told(events.UpgradeCancelled)) == 1
        found.pass_time(500_000)
        assert list(found.versions.values()) == [NEW] * 2 + [OLD] * 8
        assert found.govern() is None


def test_a_window_holds_the_question_until_its_end() -> None:
    with world() as found:
        found.publish()
        (event,) = found.events
        day = f"{datetime.fromtimestamp(found.azure.clock.now(), timezone.utc):%Y-%m-%d}"
        assert found.govern(deny=(f"{day}..{day}",)) is None
        (held,) = found.events
        assert held.wait_until > event.wait_until
        assert held.waits
        assert f"nothing is approved in {day}..{day}" in found.told(events.UpgradePending)[0].reason
        assert claims(found) == ()
        assert set(found.versions.values()) == {OLD}
        found.pass_time(86_400 - found.azure.clock.now() % 86_400 + 100)
        result = found.govern(Judge(found.azure), deny=(f"{day}..{day}",))
        assert result
        assert result.outcome is Outcome.ROLLED_OUT


def test_a_rollout_that_runs_keeps_the_governor_out() -> None:
    with world() as found:
        found.publish()
        other = found.azure.sets.claims(WEB)
        other.write(Claim("other", "a rollout", found.azure.clock.now() + 100))
        with pytest.raises(AnotherRollout):
            found.govern(Judge(found.azure))
        assert all(one.waits for one in found.events)


@pytest.mark.parametrize("orchestration", ["Uniform", "Flexible"])
def test_a_deferred_upgrade_is_approved_in_our_own_steps(orchestration: str) -> None:
    options: dict[str, Any] = {"nat": "rule"} if orchestration == "Flexible" else {}
    with world(hooks=(), os_upgrade_deferral=True, instances=6, orchestration=orchestration, **options) as found:
        found.publish()
        judge = Judge(found.azure)
        result = found.govern(judge, canary=1, max_unavailable=2)
        assert result
        assert (result.outcome, result.final.complete) == (Outcome.ROLLED_OUT, True)
        assert [len(one.targets) for one in found.told(events.UpgradeApproved)] == [1, 2, 2, 1]
        assert [len(ids) for _, ids in judge.asked] == [1, 2, 2, 1]
        assert set(found.versions.values()) == {NEW}


def test_a_bad_deferred_upgrade_is_cancelled() -> None:
    with world(hooks=(), os_upgrade_deferral=True) as found:
        found.publish()
        result = found.govern(Judge(found.azure, bad), canary=1)
        assert result
        assert (result.outcome, result.updated) == (Outcome.REJECTED, ("0",))
        found.pass_time(500_000)
        assert list(found.versions.values()) == [NEW, OLD, OLD, OLD, OLD]
        assert found.govern() is None


def lives(found: World, verdict: Any, **spec: Any) -> int:
    """Kill the run at its first wait, the next one at its second, and so on; return how many were killed."""
    for waits in range(200):
        try:
            if found.govern(Judge(found.azure, verdict), clock=Life(found.azure, waits), **spec):
                return waits
        except Killed:
            pass
        found.pass_time(60)
    raise AssertionError("it never ended")


@pytest.mark.parametrize("canary", [None, 1])
@pytest.mark.parametrize("deferral", [False, True])
def test_killed_at_every_wait_it_goes_on_and_every_instance_gets_the_version(
    canary: int | None, deferral: bool
) -> None:
    options: dict[str, Any] = {"hooks": (), "os_upgrade_deferral": True} if deferral else {}
    with world(instances=10, **options) as found:
        found.publish()
        assert lives(found, lambda _run, _ids: Consequence.GO_ON, canary=canary) > 3
        assert set(found.versions.values()) == {NEW}
        assert claims(found) == ()


@pytest.mark.parametrize("deferral", [False, True])
def test_killed_at_every_wait_a_bad_version_stays_on_the_canary(deferral: bool) -> None:
    options: dict[str, Any] = {"hooks": (), "os_upgrade_deferral": True} if deferral else {}
    with world(**options) as found:
        found.publish()
        lives(found, bad, canary=1)
        found.pass_time(500_000)
        assert sorted(found.versions.values()) == [OLD] * 4 + [NEW]
        assert claims(found) == ()


def test_an_answer_that_came_meanwhile_is_no_error() -> None:
    with world() as found:
        found.publish()
        upgrades = AzureOsUpgrades(found.azure.sets, WEB)

        class Person(Judge):
            def assess(self, stage: str, instance_ids: Any, before: Any = None) -> Any:
                for waiting in [one for one in upgrades.events()[1] if one.waits and not self.asked]:
                    upgrades.answer(waiting, dict.fromkeys(waiting.waiting, Answer.REJECTED))
                return super().assess(stage, instance_ids)

        result = found.govern(Person(found.azure))
        assert result
        assert result.outcome is Outcome.HALTED
        assert "rejected by somebody else" in result.reason


def test_azures_refusal_has_its_code_and_names_what_was_asked() -> None:
    with world() as found:
        found.publish()
        upgrades = AzureOsUpgrades(found.azure.sets, WEB)
        (event,) = upgrades.events()[1]
        upgrades.answer(event, {"web": Answer.REJECTED})
        with pytest.raises(AzureError, match="is completed") as caught:
            upgrades.answer(event, {"web": Answer.APPROVED})
        assert "answer the lifecycle hook event" in str(caught.value)
        with pytest.raises(AzureError, match="no ongoing Rolling Upgrade"):
            upgrades.begin_cancel()
        assert upgrades.upgrade() is None
