"""Instances that Azure replaces in the middle of a rollout: the new id takes the place of the old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.rollout.claims.test_suspension_emulated import NEW as NEW_NAME
from tests.rollout.claims.test_suspension_emulated import Passed, repaired, roll
from tests.rollout.test_engine import EACH_STRATEGY, Judge
from tests.rollout.test_engine import roll as roll_in_cloud
from tests.rollout.test_lost_canary import lost
from tests.support.cloud import Cloud
from tests.support.fakes import NEW
from vmss_jenkins.events.base import Event
from vmss_jenkins.model.automation.policies import Automation
from vmss_jenkins.model.instances import Health
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.plan.actions import Repairs, Strategy
from vmss_jenkins.rollout.plan.selection import Amount

ONE: dict[str, Any] = {"canary": Amount(1), "max_unavailable": Amount(1)}


class Asked:
    """Gates that note which instances they measure."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def assess(self, stage: str, instance_ids: Sequence[str], before: Any = None) -> Passed:
        self.asked.append((stage, tuple(instance_ids)))
        return Passed()


def replace_in(cloud: Cloud, key: str, new: str, seconds: float = 60.0) -> None:
    """A repair: the instance goes, and one of the model of this moment comes in its zone."""
    zone = cloud.there[key].zone
    cloud.delete(key)
    cloud.join(new, seconds)
    cloud.change(new, zone=zone)


@EACH_STRATEGY
def test_a_canary_that_a_repair_replaces_is_judged_under_its_new_id_and_none_is_updated_for_it(
    strategy: Strategy,
) -> None:
    """The new one has the release of the model, as the canary had: it is the canary then."""
    cloud, judge, told = Cloud.of(4), Judge(), list[Event]()
    cloud.behaviour.healthy_after = lambda key, _image: None if key == "0" else 0.0
    cloud.clock.after(40.0, lambda: replace_in(cloud, "0", "20"))
    result = roll_in_cloud(cloud, told, gates=judge, strategy=strategy, **ONE)
    assert result.outcome is Outcome.ROLLED_OUT
    assert judge.asked[0] == ("canary", ("20",))
    assert lost(told) == [("0",)]
    assert cloud.all_updated(NEW)


def test_a_judged_canary_that_is_replaced_is_judged_again_before_the_others_follow() -> None:
    cloud, judge = Cloud.of(4), Judge()
    cloud.clock.after(30.0, lambda: replace_in(cloud, "0", "20"))
    result = roll_in_cloud(cloud, gates=judge, pause=60.0, **ONE)
    assert result.outcome is Outcome.ROLLED_OUT
    assert judge.asked[:2] == [("canary", ("0",)), ("canary", ("20",))]
    assert [key for _, key, _ in cloud.updates][:2] == ["0", "1"]


def test_a_whole_zone_is_never_taken_down_although_its_instances_have_new_ids() -> None:
    cloud = Cloud.of(6, zones=3)
    cloud.clock.after(30.0, lambda: replace_in(cloud, "4", "20"))
    result = roll_in_cloud(cloud, canary=Amount(1), max_unavailable=Amount(3))
    assert result.outcome is Outcome.ROLLED_OUT
    assert cloud.zones_lost == []
    assert cloud.all_updated(NEW)


@pytest.mark.parametrize("resilient", [True, False])
def test_an_instance_that_autoscale_adds_is_awaited_as_long_as_azure_tries_to_create_it(resilient: bool) -> None:
    cloud = Cloud.of(4)
    cloud.scale_set = replace(cloud.scale_set, automation=Automation(resilient_creation=resilient))
    cloud.clock.after(30.0, lambda: cloud.join("20", 1700.0))
    result = roll_in_cloud(cloud, instance_timeout=300.0, **ONE)
    assert (result.outcome is Outcome.ROLLED_OUT) == resilient
    assert resilient == cloud.all_updated(NEW)


def test_each_try_of_azure_with_a_new_id_has_its_own_time() -> None:
    cloud = Cloud.of(4)
    cloud.scale_set = replace(cloud.scale_set, automation=Automation(resilient_creation=True))
    cloud.clock.after(30.0, lambda: cloud.join("20", 10_000.0))
    cloud.clock.after(1500.0, lambda: replace_in(cloud, "20", "21", 1500.0))
    assert roll_in_cloud(cloud, instance_timeout=300.0, **ONE).outcome is Outcome.ROLLED_OUT
    assert cloud.all_updated(NEW)
    assert "21" in cloud.there


def test_an_instance_that_was_created_and_stays_ill_has_the_time_of_every_other_one() -> None:
    cloud = Cloud.of(4)
    cloud.scale_set = replace(cloud.scale_set, automation=Automation(resilient_creation=True))
    cloud.clock.after(30.0, lambda: cloud.join("20", 60.0))
    cloud.clock.after(91.0, lambda: cloud.change("20", health=Health.UNHEALTHY))
    result = roll_in_cloud(cloud, instance_timeout=300.0, **ONE)
    assert result.outcome is Outcome.ROLLED_BACK
    assert "20: not healthy after 300 s" in result.reason


def test_azures_own_repair_of_the_canary_is_followed_on_the_emulator() -> None:
    """With `--repairs keep`: the canary falls ill after its update, and Azure puts a new instance in its place."""
    with repaired() as azure:
        azure.emulator.inject("never-healthy instance=0")
        gates = Asked()
        result = roll(
            azure,
            NEW_NAME,
            gates=gates,  # type: ignore[arg-type]
            repairs=Repairs.KEEP,
            canary=Amount(1),
            instance_timeout=3000.0,
        )
        assert result.outcome is Outcome.ROLLED_OUT
        there = {one.id for one in azure.instances()}
        assert "0" not in there
        (canary,) = gates.asked[0][1]
        assert canary in there - {"0", "1", "2", "3", "4"}
        assert all(one.image and one.image.same_as(azure.new) for one in azure.instances())
