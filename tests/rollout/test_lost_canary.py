"""Somebody else takes the canary away, before or after it is judged: another one is judged, or the rollout says no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.rollout.test_engine import EACH_STRATEGY, Judge, Said, roll
from tests.rollout.test_surge_engine import World
from tests.support.cloud import Cloud
from tests.support.fakes import NEW, OLD
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import Health
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.plan.actions import Strategy
from vmss_jenkins.rollout.plan.selection import Amount

ONE: dict[str, Any] = {"canary": Amount(1), "max_unavailable": Amount(1), "pause": 60.0}


@dataclass
class Taken(Judge):
    """Gates in whose middle somebody takes the judged instance away, the first few times."""

    take: Callable[[str], None] = field(default=lambda _: None)
    times: int = 1

    def assess(self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None) -> Said:
        said = super().assess(stage, instance_ids, before)
        if self.times:
            self.times -= 1
            for key in instance_ids:
                self.take(key)
        return said


def evict(cloud: Cloud, key: str) -> None:
    if key in cloud.there:
        cloud.change(key, power="deallocated", health=Health.NOT_REPORTED)


def lost(told: list[Event]) -> list[tuple[str, ...]]:
    return [one.instance_ids for one in told if isinstance(one, rollout_events.CanaryLost)]


@EACH_STRATEGY
@pytest.mark.parametrize("evicted", [False, True])
def test_a_canary_that_goes_while_it_is_measured_is_judged_again_on_another(evicted: bool, strategy: Strategy) -> None:
    cloud = Cloud.of(5)
    judge = Taken(take=(lambda key: evict(cloud, key)) if evicted else cloud.delete)
    told: list[Event] = []
    result = roll(cloud, told, gates=judge, strategy=strategy, **ONE)
    assert result.outcome is Outcome.ROLLED_OUT
    assert judge.asked[:2] == [("canary", ("0",)), ("canary", ("1",))]
    assert lost(told) == [("0",)]
    assert all(one.image is NEW for key, one in cloud.there.items() if key != "0")


@EACH_STRATEGY
@pytest.mark.parametrize("canary_only", [False, True])
def test_a_canary_that_goes_in_its_pause_is_judged_again_on_another(canary_only: bool, strategy: Strategy) -> None:
    """Canary-only, it ends right after the judgement: what goes after its end is seen by the next command."""
    cloud, judge = Cloud.of(5), Judge()
    cloud.clock.after(50.0, lambda: cloud.delete("0"))
    told: list[Event] = []
    result = roll(cloud, told, gates=judge, strategy=strategy, canary_only=canary_only, **{**ONE, "pause": 100.0})
    if canary_only:
        assert result.outcome is Outcome.CANARY
        return
    assert result.outcome is Outcome.ROLLED_OUT
    assert judge.asked[:2] == [("canary", ("0",)), ("canary", ("1",))]
    assert lost(told) == [("0",)]


def test_between_two_updates_no_other_instance_gets_the_release_before_the_new_canary_is_judged() -> None:
    cloud = Cloud.of(4)
    judge = Taken(take=cloud.delete, times=2)
    roll(cloud, gates=judge, **{**ONE, "max_unavailable": Amount(3)})
    stages = [stage for stage, _ in judge.asked]
    assert stages[:3] == ["canary"] * 3
    assert [ids for _, ids in judge.asked[:3]] == [("0",), ("1",), ("2",)]


def test_a_canary_that_goes_before_it_is_judged_is_told_and_another_one_is_updated() -> None:
    cloud, judge = Cloud.of(4), Judge()
    cloud.clock.after(15.0, lambda: cloud.delete("0"))
    told: list[Event] = []
    assert roll(cloud, told, gates=judge, **ONE).outcome is Outcome.ROLLED_OUT
    assert judge.asked[0] == ("canary", ("1",))
    assert lost(told) == [("0",)]


def test_a_canary_that_is_evicted_before_it_is_judged_is_replaced_too() -> None:
    cloud, judge = Cloud.of(4), Judge()
    cloud.behaviour.healthy_after = lambda key, _image: None if key == "0" else 0.0
    cloud.clock.after(25.0, lambda: evict(cloud, "0"))
    told: list[Event] = []
    result = roll(cloud, told, gates=judge, **ONE)
    assert result.outcome is Outcome.ROLLED_OUT
    assert judge.asked[0] == ("canary", ("1",))
    assert lost(told) == [("0",)]


def test_judged_batches_are_evidence_enough_if_the_canary_goes_later() -> None:
    cloud = Cloud.of(6)
    judge = Judge()
    cloud.clock.after(150.0, lambda: cloud.delete("0"))
    told: list[Event] = []
    assert roll(cloud, told, gates=judge, **ONE).outcome is Outcome.ROLLED_OUT
    assert [stage for stage, _ in judge.asked].count("canary") == 1
    assert lost(told) == []


@pytest.mark.parametrize("canary_only", [False, True])
def test_it_never_ends_as_rolled_out_on_no_running_instance(canary_only: bool) -> None:
    cloud = Cloud.of(2)
    cloud.change("1", protected_from_scale_set_actions=True)
    judge = Taken(take=lambda key: evict(cloud, key))
    result = roll(cloud, gates=judge, canary_only=canary_only, **ONE)
    assert result.outcome is Outcome.HALTED
    assert result.reason == "no instance with the release runs, and no other can be the canary"
    assert cloud.clock.time < 1000, "it does not wait for what never comes"


def test_a_bad_release_is_seen_on_the_second_canary_too() -> None:
    cloud = Cloud.of(4)

    class Late(Taken):
        def assess(self, stage: str, ids: Sequence[str], before: Callable[[float], None] = lambda _: None) -> Said:
            self.says = Consequence.FAIL if self.asked else Consequence.GO_ON
            return super().assess(stage, ids, before)

    result = roll(cloud, gates=Late(take=cloud.delete), **ONE)
    assert result.outcome is Outcome.ROLLED_BACK
    assert {one.image for one in cloud.there.values()} == {OLD}
    assert {key for _, key, image in cloud.updates if image is NEW} == {"0", "1"}


def test_a_surge_makes_another_canary_if_its_canary_goes() -> None:
    world = World(3)

    def scale_in(key: str) -> None:
        world.cloud._resize(world.cloud.scale_set.capacity - 1)
        world.cloud.delete(key)

    judge = Taken(take=scale_in)
    result = world.surge(gates=judge, canary=Amount(1))
    assert result.outcome is Outcome.ROLLED_OUT
    assert [stage for stage, _ in judge.asked[:2]] == ["canary", "canary"]
    assert all(one.image is NEW for one in world.cloud.there.values())
