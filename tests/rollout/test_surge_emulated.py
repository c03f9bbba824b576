"""Surges through the real Azure SDK, against the emulator; its clock moves when the engine waits."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest

from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import Killed
from vmss_jenkins.azure.scripts.script_sets import ScriptSets
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.emulator.compute import instances as emulated
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.instances import Instance
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount


def surge(azure: Session, order: Order, **changes: Any) -> RolloutResult:
    sets = changes.pop("sets", azure.sets)
    spec = RolloutSpec(**{"strategy": Strategy.SURGE, "canary": Amount(1), "instance_timeout": 200.0, **changes})
    context = RunContext(claims=azure.sets.claims(WEB), headcounts=azure.sets.headcounts(WEB), owner="job")
    return run_rollout(sets, WEB, order, spec, context, azure.waiter())


def fewest_up(azure: Session, before: int) -> int:
    """How many were up at the least, by the emulator's own record, of those that were there at the beginning."""
    up, fewest = before, before
    for change in azure.emulator.availability.changes():
        comes = change.act == "scale-out" and change.phase == "end" and change.up
        goes = change.act in {"delete", "scale-in"} and change.phase == "begin"
        up += comes - goes
        fewest = min(fewest, up)
    return fewest


def zones(instances: tuple[Instance, ...]) -> set[str | None]:
    return {instance.zone for instance in instances}


@pytest.mark.parametrize("orchestration", ["Uniform", "Flexible"])
def test_a_release_is_surged_out_and_back(orchestration: Any) -> None:
    with session(Scenario(instances=3, orchestration=orchestration)) as azure:
        old = azure.sets.get(WEB).image
        canary = surge(azure, Order(azure.new), canary_only=True)
        assert (canary.outcome, len(azure.instances())) == (Outcome.CANARY, 4)
        assert surge(azure, Order(azure.new), canary=None).outcome is Outcome.ROLLED_OUT
        assert {instance.image for instance in azure.instances()} == {azure.new}
        back = surge(azure, Order(rolling_back=True), canary=None, rollback_to=old, max_surge=Amount.parse("100%"))
        assert (back.outcome, len(back.removed) >= 3) == (Outcome.ROLLED_BACK, True)
        assert {instance.image for instance in azure.instances()} == {old}
        assert azure.sets.get(WEB).capacity == len(azure.instances()) == 3
        assert azure.sets.headcounts(WEB).read() is None
        assert fewest_up(azure, 3) == 3
        assert not [c for c in azure.emulator.availability.changes() if c.act in {"update", "reimage"}]


def test_another_strategy_does_not_go_on_with_a_surge_and_leave_its_instances_there() -> None:
    with session(Scenario(instances=3)) as azure:
        surge(azure, Order(azure.new), canary_only=True)
        changes = azure.changes()
        with pytest.raises(ConfigError, match="has 4 instances, wanted 3; finish it with --strategy surge"):
            surge(azure, Order(azure.new), strategy=Strategy.WAVES, canary=None)
        assert [one for one in azure.changes() if one == "POST"] == [one for one in changes if one == "POST"]
        azure.sets.begin_delete_instances(azure.sets.get(WEB), ["3"])
        azure.clock.sleep(60)
        alone = surge(azure, Order(azure.new), strategy=Strategy.WAVES, canary=None)
        assert alone.outcome is Outcome.ROLLED_OUT, "who took the new one away has ended the surge"


def test_no_zone_is_left_without_an_instance() -> None:
    """Azure chooses where new ones go; where that left a zone bare, one more is made and one of the fullest goes."""
    with session(Scenario(instances=3)) as azure:
        assert zones(azure.instances()) == {"1", "2", "3"}
        assert surge(azure, Order(azure.new)).outcome is Outcome.ROLLED_OUT
        assert zones(azure.instances()) == {"1", "2", "3"}
        assert fewest_up(azure, 3) == 3


def test_with_one_more_for_each_zone_every_zone_serves_at_every_moment() -> None:
    with session(Scenario(instances=3)) as azure:
        up = Counter(instance.zone for instance in azure.instances())
        assert surge(azure, Order(azure.new), max_surge=Amount(3)).outcome is Outcome.ROLLED_OUT
        for change in azure.emulator.availability.changes():
            up[change.zone] += change.act == "scale-out" and change.phase == "end"
            up[change.zone] -= change.act == "delete" and change.phase == "begin"
            assert min(up[zone] for zone in "123") >= 1
        assert not [one for one in azure.events if isinstance(one, PreflightFound)]


def test_a_release_that_breaks_its_instances_is_taken_back() -> None:
    with session(Scenario(instances=3)) as azure:
        before = azure.instances()
        result = surge(azure, Order(azure.image("nginx-broken-image")))
        assert result.outcome is Outcome.ROLLED_BACK
        assert [one.id for one in azure.instances()] == [one.id for one in before]
        assert fewest_up(azure, 3) == 3
        assert azure.sets.headcounts(WEB).read() is None


def test_a_quota_is_told_in_azures_words_and_the_model_goes_back() -> None:
    with session(Scenario(instances=3, core_quota=3)) as azure:
        old = azure.sets.get(WEB).image
        result = surge(azure, Order(azure.new))
        assert result.outcome is Outcome.ROLLED_BACK
        assert "exceeding approved Total Regional Cores quota" in result.reason
        assert (azure.sets.get(WEB).image, azure.sets.get(WEB).capacity) == (old, 3)


def test_where_azure_has_no_room_the_set_ends_as_it_was() -> None:
    with session(Scenario(instances=3)) as azure:
        azure.emulator.inject("no-capacity count=1")
        result = surge(azure, Order(azure.new))
        assert result.outcome is Outcome.ROLLED_BACK
        assert "AllocationRequest" in result.reason
        assert azure.sets.get(WEB).capacity == len(azure.instances()) == 3


@pytest.mark.parametrize(
    "fault",
    [
        "503 PATCH */web count=1 skip=1",
        "429 POST */delete count=1 retry-after=7",
        "lost-answer PATCH */web count=1 skip=1",
        "lost-answer POST */delete count=1",
        "reset PATCH */web count=1 skip=1",
        "409 POST */delete count=1",
    ],
)
def test_a_call_that_fails_in_a_way_that_passes_makes_and_deletes_nothing_twice(fault: str) -> None:
    with session(Scenario(instances=3, zones=())) as azure:
        azure.emulator.inject(fault)
        result = surge(azure, Order(azure.new))
        assert (result.outcome, len(result.removed), len(azure.instances())) == (Outcome.ROLLED_OUT, 3, 3)
        made = [c for c in azure.emulator.availability.changes() if (c.act, c.phase) == ("scale-out", "begin")]
        assert len(made) == 3
        assert fewest_up(azure, 3) == 3


@pytest.mark.parametrize("call", ["begin_set_image", "begin_set_capacity", "begin_delete_instances"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_run_that_ends_when_azure_has_just_taken_something_is_gone_on_with(
    call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session(Scenario(instances=2, zones=())) as azure:
        takes, count = getattr(azure.sets, call), iter(range(1, 99))

        def ends(*given: Any) -> Any:
            operation = takes(*given)
            if next(count) == number:
                raise Killed
            return operation

        monkeypatch.setattr(azure.sets, call, ends)
        with pytest.raises(Killed) if call != "begin_set_image" or number == 1 else nullcontext():
            surge(azure, Order(azure.new))
        assert surge(azure, Order(azure.new)).outcome is Outcome.ROLLED_OUT
        made = [c for c in azure.emulator.availability.changes() if (c.act, c.phase) == ("scale-out", "begin")]
        assert len(made) == len(azure.instances()) == azure.sets.get(WEB).capacity == 2
        assert {instance.image for instance in azure.instances()} == {azure.new}
        assert azure.sets.headcounts(WEB).read() is None
        assert fewest_up(azure, 2) == 2


def test_somebody_who_scales_in_the_middle_has_it_in_the_end() -> None:
    with session(Scenario(instances=3, zones=())) as azure:
        azure.emulator.inject("scale GET */web by=2 skip=6")
        assert surge(azure, Order(azure.new)).outcome is Outcome.ROLLED_OUT
        assert azure.sets.get(WEB).capacity == len(azure.instances()) == 5
        assert {instance.image for instance in azure.instances()} == {azure.new}


def test_autoscale_is_refused_with_the_command_that_switches_it_off() -> None:
    with session(Scenario(instances=3, autoscale=("by-cpu",))) as azure:
        with pytest.raises(ConfigError, match="az monitor autoscale update --name by-cpu --enabled false"):
            surge(azure, Order(azure.new))
        assert {call["method"] for call in azure.emulator.calls if "/tags/" not in call["path"]} == {"GET"}


def test_a_script_is_surged_as_an_image_is() -> None:
    with session(SCENARIOS["nginx-extension"]) as azure:
        count = len(azure.instances())
        release = ExtensionSettings.of({"commandToExecute": "apt-get install -y nginx"}, name="CustomScript")
        scripts = ScriptSets(azure.sets, azure.sets.memory(WEB), azure.events.append, "CustomScript")
        assert surge(azure, Order(release), sets=scripts).outcome is Outcome.ROLLED_OUT
        assert all(instance.latest_model_applied for instance in azure.instances())
        back = surge(azure, Order(rolling_back=True), sets=scripts)
        assert back.outcome is Outcome.ROLLED_BACK, back.reason
        assert all(instance.latest_model_applied for instance in azure.instances())
        assert azure.sets.get(WEB).capacity == len(azure.instances()) == count
        assert not [c for c in azure.emulator.availability.changes() if c.act == "update"]


@pytest.mark.parametrize("timeout", [900.0, 7200.0])
def test_deletions_that_terminate_notification_holds_are_waited_for_as_long_as_the_set_says(timeout: float) -> None:
    with session(Scenario(instances=2, zones=(), terminate_notification="PT15M")) as azure:
        began = azure.clock.now()
        result = surge(azure, Order(azure.new), canary=None, instance_timeout=120.0, timeout=timeout)
        told = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
        slow = [text for text in told if "may hold each of 2 batches of deletions for 15 min, together 30 min" in text]
        assert bool(slow) is (timeout < 1800)
        if slow:
            assert "rolled back after 15 min (--timeout)" in slow[0]
            return
        assert (result.outcome, result.final.complete) == (Outcome.ROLLED_OUT, True)
        assert {instance.image for instance in azure.instances()} == {azure.new}
        assert len(azure.instances()) == azure.sets.get(WEB).capacity == 2
        assert fewest_up(azure, 2) == 2
        assert 1800 < azure.clock.now() - began < 3000


def test_an_instance_that_comes_at_the_third_try_has_another_id_and_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resilient creation: each try of Azure is an instance with a new id; two of them do not come up."""
    with session(Scenario(instances=2, zones=(), resilient_creation=True)) as azure:
        boot, slow = emulated._boot, {"code": "OSProvisioningTimedOut", "message": "slow"}
        monkeypatch.setattr(emulated, "_boot", lambda *of: slow if of[-1].id in {"2", "3"} else boot(*of))
        result = surge(azure, Order(azure.new), instance_timeout=60.0)
        assert (result.outcome, result.final.complete) == (Outcome.ROLLED_OUT, True)
        assert {instance.id for instance in azure.instances()} == {"4", "5"}
        assert {instance.image for instance in azure.instances()} == {azure.new}
        assert fewest_up(azure, 2) == 2


def test_an_instance_of_a_rollback_that_comes_at_the_second_try_is_waited_for_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with session(Scenario(instances=2, zones=(), resilient_creation=True)) as azure:
        old = azure.sets.get(WEB).image
        assert surge(azure, Order(azure.new)).outcome is Outcome.ROLLED_OUT
        boot, slow = emulated._boot, {"code": "OSProvisioningTimedOut", "message": "slow"}
        monkeypatch.setattr(emulated, "_boot", lambda *of: slow if of[-1].id == "4" else boot(*of))
        azure.emulator.inject("never-healthy instance=5")
        back = surge(azure, Order(rolling_back=True), canary=None, rollback_to=old, max_surge=Amount(1))
        assert back.outcome is Outcome.HALTED
        assert "5: not healthy after 2000 s" in back.reason
        assert {"2", "3"} <= {one.id for one in azure.instances() if one.is_healthy}
