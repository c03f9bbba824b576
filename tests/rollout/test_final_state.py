"""The last line of a rollout says which instances have the release, and never what was only attempted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rollout.test_engine import OTHER, Judge, roll
from tests.support.cloud import Cloud
from tests.support.fakes import NEW, OLD
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.rollout import RolloutFinished, RolloutHalted
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import InstanceIds
from vmss_jenkins.report import json
from vmss_jenkins.report.text import lines
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.engine import Order
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.preview import preview, preview_rollback
from vmss_jenkins.rollout.plan.selection import Amount, Scope

BACK = Order(rolling_back=True)


def failed(count: int, *ids: str) -> Cloud:
    """A set on which the last operation of some instances failed."""
    cloud = Cloud.of(count)
    for key in ids:
        cloud.change(key, provisioning_state="Failed", error="the extension failed")
    return cloud


def mixed() -> Cloud:
    """Five instances: two run a bad release, one runs a third one, which the model has too."""
    cloud = Cloud.of(5)
    cloud.set_model(OTHER)
    for key, image in {"0": NEW, "1": NEW, "2": OTHER}.items():
        cloud.change(key, image=image, latest_model_applied=image is OTHER)
    return cloud


def last_line(events: list[Event]) -> str:
    return next(lines.line(one) for one in reversed(events) if isinstance(one, RolloutFinished | RolloutHalted))


@pytest.mark.parametrize("changes", [{}, {"canary": Amount(1), "canary_only": True, "gates": Judge(Consequence.GO_ON)}])
def test_a_rollout_that_can_update_nothing_is_refused_and_changes_nothing(changes: dict[str, Any]) -> None:
    cloud = failed(3, "0", "1", "2")
    with pytest.raises(
        ConfigError, match="no instance can get nginx-updated-image: 0, 1, 2: its last operation failed"
    ):
        roll(cloud, **changes)
    assert cloud.scale_set.image is OLD
    assert not [call for call in cloud.calls if call.startswith("begin")]


@pytest.mark.parametrize("strategy", Strategy)
def test_the_dry_run_refuses_it_too(strategy: Strategy) -> None:
    cloud = failed(3, "0", "1", "2")
    found = preview(RolloutSpec(strategy=strategy), NEW, cloud.scale_set, tuple(cloud.there.values()))
    blocking = [one.text for one in found.findings if one.severity is Severity.IMPOSSIBLE]
    assert [text.partition(": its")[0] for text in blocking] == ["no instance can get nginx-updated-image: 0, 1, 2"]
    assert found.refused(allow_automatic_rollout=True)


def test_one_instance_that_failed_before_is_named_and_the_end_is_no_success() -> None:
    cloud, events = failed(3, "1"), list[Event]()
    result = roll(cloud, events)
    assert result.outcome is Outcome.HALTED
    assert result.final.have_it == ("0", "2")
    assert result.final.lacking == ("1",)
    assert "not every wanted instance has nginx-updated-image: 2 of 3 instances have it; left out: 1 (" in result.reason
    assert result.reason in last_line(events)
    assert list(result.states) == ["0", "1", "2"]


def test_stopped_and_protected_instances_are_named_and_were_not_wanted() -> None:
    cloud, events = Cloud.of(4), list[Event]()
    cloud.change("1", power="deallocated")
    cloud.change("3", protected_from_scale_set_actions=True)
    result = roll(cloud, events)
    assert result.outcome is Outcome.ROLLED_OUT
    assert result.final.complete
    assert "2 of 4 instances have it; left out: 1 (is deallocated" in last_line(events)
    assert "3 (protected from scale set actions" in last_line(events)
    assert '"left_out": {' in json.result(result)


def test_an_instance_that_is_named_by_its_id_is_wanted_whatever_it_is() -> None:
    cloud = Cloud.of(4)
    cloud.change("1", power="deallocated")
    result = roll(cloud, scope=Scope(InstanceIds.parse("0,1")))
    assert result.outcome is Outcome.HALTED
    assert (result.final.have_it, result.final.lacking) == (("0",), ("1",))


def test_a_named_instance_that_somebody_deletes_is_named_as_gone() -> None:
    cloud = Cloud.of(4)
    cloud.clock.after(5.0, lambda: cloud.delete("1"))
    result = roll(cloud, scope=Scope(InstanceIds.parse("0,1")))
    assert result.outcome is Outcome.HALTED
    assert result.final.gone == ("1",)
    assert "gone: 1" in result.reason


def test_of_all_instances_one_that_goes_was_not_wanted() -> None:
    cloud = Cloud.of(4)
    cloud.clock.after(5.0, lambda: cloud.delete("1"))
    assert roll(cloud).outcome is Outcome.ROLLED_OUT


def test_a_canary_that_has_the_release_already_is_judged_all_the_same() -> None:
    cloud, judge, events = Cloud.of(3), Judge(), list[Event]()
    cloud.set_model(NEW)
    cloud.change("0", image=NEW, latest_model_applied=True)
    result = roll(cloud, events, canary=Amount(1), canary_only=True, gates=judge)
    assert judge.asked == [("canary", ("0",))]
    assert result.outcome is Outcome.CANARY
    assert "1 of 3 instances has it; 1, 2 run nginx-base-image" in last_line(events)


def test_a_requested_rollback_takes_the_instances_of_every_other_release() -> None:
    cloud, events = mixed(), list[Event]()
    result = roll(cloud, events, BACK, rollback_to=OLD)
    assert result.outcome is Outcome.ROLLED_BACK
    assert set(result.rolled_back) == {"0", "1", "2"}
    assert cloud.images() == {OLD}
    assert "all 5 instances have it" in last_line(events)


def test_its_dry_run_names_what_each_instance_runs() -> None:
    cloud = mixed()
    found = preview_rollback(RolloutSpec(rollback_to=OLD), cloud.scale_set, tuple(cloud.there.values()))
    assert list(found.lines()) == [
        "would roll the model back to nginx-base-image",
        "would update: 0, 1 (nginx-updated-image); 2 (nginx-other-image); at most 1 down at a time",
        "have the release already: 3, 4",
    ]
    assert not found.refused(allow_automatic_rollout=False)


def test_a_dry_run_of_a_rollback_to_nowhere_is_refused() -> None:
    cloud = mixed()
    found = preview_rollback(RolloutSpec(), cloud.scale_set, tuple(cloud.there.values()))
    assert "the instances run 2 other images" in found.findings[0].text
    assert found.refused(allow_automatic_rollout=True)
    surge = preview_rollback(
        RolloutSpec(rollback_to=OLD, strategy=Strategy.SURGE), cloud.scale_set, tuple(cloud.there.values())
    )
    assert any(line.startswith("would replace: ") and line.endswith("none down at a time") for line in surge.lines())


def test_a_rollback_of_a_bad_release_leaves_a_third_one_alone_and_names_it() -> None:
    cloud, events = Cloud.of(4), list[Event]()
    cloud.change("3", image=OTHER, latest_model_applied=False)
    cloud.behaviour.fails = lambda _key, image: image is NEW
    result = roll(cloud, events, canary=Amount(1), rollback_to=OLD)
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.final.others == {"3": "nginx-other-image"}
    assert "3 of 4 instances have it; 3 runs nginx-other-image" in last_line(events)


def test_all_is_read_once_more_after_the_last_action() -> None:
    """An instance of the old release that appears at the end is updated too, before "rolled out" is said."""
    cloud, late = Cloud.of(3), ["9"]

    def appears(call: str) -> None:
        if call == "get" and cloud.all_updated(NEW) and late:
            cloud.add(late.pop(), image=OLD, latest_model_applied=False)

    cloud.fault = appears
    result = roll(cloud)
    assert result.outcome is Outcome.ROLLED_OUT
    assert set(result.final.have_it) == set(cloud.there) == {"0", "1", "2", "9"}
    assert cloud.images() == {NEW}


def test_a_halt_is_told_with_a_last_read_if_azure_gives_one() -> None:
    cloud = Cloud.of(3)
    cloud.behaviour.fails = lambda _key, image: image is NEW
    assert roll(cloud, on_failure=OnFailure.STOP).final.lacking == ("0", "1", "2")


def test_a_set_without_instances_is_rolled_out() -> None:
    cloud = Cloud.of(0)
    result = roll(cloud)
    assert (result.outcome, str(result.final)) == (Outcome.ROLLED_OUT, "the set has no instances")
    assert replace(result.final) == result.final
