"""Rollouts through the real Azure SDK, against the emulator; its clock moves when the engine waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import IN_PLACE
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.instances import OrchestrationMode
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.claims import AnotherRollout, Claim
from vmss_jenkins.rollout.plan.selection import Amount


def roll(azure: Session, order: Order, **changes: Any) -> RolloutResult:
    spec = RolloutSpec(**{"canary": None, "max_unavailable": Amount(2), **changes})
    context = RunContext(claims=azure.sets.claims(WEB), owner="job")
    return run_rollout(azure.sets, WEB, order, spec, context, azure.waiter())


@pytest.mark.parametrize("strategy", IN_PLACE)
@pytest.mark.parametrize("orchestration", ["Uniform", "Flexible"])
def test_a_release_is_rolled_out_and_back(strategy: Strategy, orchestration: Any) -> None:
    with session(Scenario(instances=6, orchestration=orchestration)) as azure:
        old = azure.sets.get(WEB).image
        canary = roll(azure, Order(azure.new), strategy=strategy, canary=Amount(1), canary_only=True)
        assert (canary.outcome, len(canary.updated)) == (Outcome.CANARY, 1)
        assert sum(instance.image == azure.new for instance in azure.instances()) == 1
        rest = roll(azure, Order(azure.new), strategy=strategy)
        assert (rest.outcome, len(rest.updated)) == (Outcome.ROLLED_OUT, 5)
        assert {instance.image for instance in azure.instances()} == {azure.new}
        back = roll(azure, Order(rolling_back=True), strategy=strategy, rollback_to=old)
        assert (back.outcome, len(back.rolled_back)) == (Outcome.ROLLED_BACK, 6)
        assert {instance.image for instance in azure.instances()} == {old}
        assert azure.sets.claims(WEB).read()[1] == ()


@pytest.mark.parametrize("strategy", IN_PLACE)
def test_a_release_that_breaks_its_instances_is_taken_back(strategy: Strategy) -> None:
    with session(Scenario(instances=6)) as azure:
        old = azure.sets.get(WEB).image
        broken = azure.image("nginx-broken-image")
        result = roll(azure, Order(broken), strategy=strategy, instance_timeout=200.0)
        assert result.outcome is Outcome.ROLLED_BACK
        assert {instance.image for instance in azure.instances()} == {old}
        assert all(instance.is_healthy for instance in azure.instances())


def test_a_second_rollout_refuses_by_a_tag_that_makes_no_instance_outdated() -> None:
    with session(Scenario(instances=2)) as azure:
        claims = azure.sets.claims(WEB)
        now, none = claims.read()
        assert none == ()
        claims.write(Claim("other", "job 7", now + 60))
        with pytest.raises(AnotherRollout, match="job 7"):
            roll(azure, Order(azure.new))
        assert {instance.latest_model_applied for instance in azure.instances()} == {True}
        assert [claim.run for claim in claims.read()[1]] == ["other"]
        claims.remove(["other"])
        assert claims.read()[1] == ()


def test_one_instance_is_read_as_the_list_shows_it_and_one_that_is_gone_is_not_found() -> None:
    for orchestration in OrchestrationMode:
        with session(Scenario(instances=2, orchestration=orchestration.value)) as azure:
            scale_set = azure.sets.get(WEB)
            for instance in azure.sets.instances(scale_set):
                assert azure.sets.instance(scale_set, instance.id) == instance
            with pytest.raises(AzureError) as missing:
                azure.sets.instance(scale_set, "99")
            assert missing.value.failure.status == 404


@pytest.mark.parametrize("policy", ["Deallocate", "Delete"])
@pytest.mark.parametrize("strategy", IN_PLACE)
def test_an_instance_that_azure_evicts_in_the_middle_takes_no_release_back(strategy: Strategy, policy: Any) -> None:
    with session(Scenario(instances=3, spot=policy)) as azure:
        azure.emulator.inject("evict GET */operations/* instance=2 skip=1")
        result = roll(azure, Order(azure.new), strategy=strategy, max_unavailable=Amount(1), instance_timeout=200.0)
        assert result.outcome is Outcome.ROLLED_OUT
        served = [instance for instance in azure.instances() if instance.is_healthy]
        assert {instance.image for instance in served} == {azure.new}
        assert len(served) == 2
        assert [c.act for c in azure.emulator.availability.changes() if c.request == "eviction"]


def test_a_rollout_onto_a_set_that_azure_has_no_room_for_says_what_to_do() -> None:
    with session(Scenario(instances=3)) as azure:
        azure.emulator.inject("no-capacity zone=1 count=always")
        azure.emulator.inject("scale GET */web by=1")
        azure.sets.get(WEB)
        azure.clock.sleep(60)
        with pytest.raises(AzureError, match="OverconstrainedZonalAllocationRequest") as told:
            roll(azure, Order(azure.new))
        assert "Azure has no room for a missing instance of the set" in str(told.value.next_step)


def test_an_instance_whose_provisioning_failed_before_is_not_waited_for() -> None:
    with session(Scenario(instances=3)) as azure:
        old = azure.sets.get(WEB).image
        azure.update(azure.new)
        azure.emulator.inject("fail instance=0")
        with pytest.raises(AzureError):
            azure.update_instances("0")
        began = azure.clock.now()
        result = roll(azure, Order(azure.new), canary=Amount(1), instance_timeout=3600.0)
        assert result.outcome is Outcome.ROLLED_BACK
        assert azure.clock.now() - began < 600
        assert {instance.image for instance in azure.instances()} == {old}


def test_a_rollout_of_the_model_says_what_it_brings_and_brings_it() -> None:
    """Size and disk changed, the image did not: as `az vmss update` does it."""
    with session(Scenario()) as azure:
        disk = {"storageProfile": {"osDisk": {"diskSizeGB": 64}}}
        body = {"sku": {"name": "Standard_D2s_v5", "capacity": 3}, "properties": {"virtualMachineProfile": disk}}
        machines = azure.sets._client.virtual_machine_scale_sets
        machines.begin_update("canary-rg", "web", body, polling=False)  # type: ignore[call-overload]
        azure.clock.sleep(60)
        told: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, PreflightFound):
                told.append(event.finding.text)

        spec = RolloutSpec(max_unavailable=Amount(1))
        result = run_rollout(azure.sets, WEB, Order(), spec, RunContext(), replace(azure.waiter(), on_event=listen))
        assert told[0] == (
            "0, 1, 2: an update brings the whole model, not only the release: size Standard_B1s, in the model "
            "Standard_D2s_v5; OS disk in GB 30, in the model 64"
        )
        assert (result.outcome, result.updated) == (Outcome.ROLLED_OUT, ("0", "1", "2"))
        assert {one.settings["size"] for one in azure.instances()} == {"Standard_D2s_v5"}
        assert {one.settings["OS disk in GB"] for one in azure.instances()} == {"64"}
