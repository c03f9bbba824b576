from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.fakes import NEW, OLD, WEB, FakeOperation, World, outage
from vmss_jenkins.errors import AzureError, ConfigError, Failure, UnsafeRollout
from vmss_jenkins.events.calls import CallRetried, WaitingForInstances
from vmss_jenkins.events.steps import InstanceSkipped, PreflightFound, UpdateFinished, UpdateInstancesFinished
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import Health, InstanceIds, ScaleSet, UpgradeMode
from vmss_jenkins.rollout import instance_update, steps
from vmss_jenkins.rollout.instance_update import UpdateInstancesResult
from vmss_jenkins.rollout.steps import Options, UpdateResult


def update(world: World, **options: bool) -> UpdateResult:
    return steps.update(world.azure, WEB, NEW, Options(**options), world.waiter())


def update_instances(world: World, ids: str, timeout: float = 3600.0, **options: bool) -> UpdateInstancesResult:
    return instance_update.update_instances(
        world.azure, WEB, InstanceIds.parse(ids), Options(**options), world.waiter(timeout)
    )


def updated_model() -> World:
    world = World()
    world.azure.set_image(NEW)
    return world


def begun(world: World) -> list[str]:
    return [call for call in world.azure.calls if call.startswith("begin")]


class TestUpdate:
    def test_changes_the_model_and_no_instance(self) -> None:
        world = World()
        result = update(world)
        assert (result.image_before, result.image_after, result.changed) == (OLD, NEW, True)
        assert result.request_ids == ("request-1",)
        assert world.azure.scale_set.image == NEW
        assert {instance.image for instance in world.azure.listed} == {OLD}

    def test_a_second_run_changes_nothing_and_says_so(self) -> None:
        world = updated_model()
        result = update(world)
        assert not result.changed
        assert begun(world) == []
        assert world.events[-1] == UpdateFinished(WEB, NEW, changed=False, seconds=0)
        assert world.azure.calls == ["get"]

    def test_a_model_that_somebody_else_changes_meanwhile_is_no_success(self) -> None:
        world = World()
        world.azure.applies = False
        with pytest.raises(AzureError, match="Azure ended the operation, but the model has"):
            update(world)

    def test_is_refused_where_every_instance_would_follow_unless_that_is_wanted(self) -> None:
        world = World()
        world.azure.scale_set = replace(world.azure.scale_set, upgrade_mode=UpgradeMode.AUTOMATIC)
        with pytest.raises(UnsafeRollout, match="add --allow-automatic-rollout"):
            update(world)
        assert begun(world) == []
        assert update(world, allow_automatic_rollout=True).changed

    def test_is_refused_where_azure_would_refuse(self) -> None:
        world = World()
        world.azure.scale_set = replace(world.azure.scale_set, provisioning_state="Deleting")
        with pytest.raises(ConfigError, match="is being deleted"):
            update(world)
        assert begun(world) == []

    def test_a_dry_run_tells_everything_and_changes_nothing(self) -> None:
        world = World()
        world.azure.scale_set = replace(world.azure.scale_set, upgrade_mode=UpgradeMode.ROLLING)
        world.azure.autoscale = (AutoscaleSetting("cpu"),)
        world.azure.remaining = {"GetVMScaleSetResource": 34}
        result = update(world, dry_run=True)
        assert not result.changed
        assert begun(world) == []
        assert len(result.findings) == len(world.events_of(PreflightFound)) == 3

    def test_a_lost_answer_is_found_out_by_looking_and_the_change_is_not_made_twice(self) -> None:
        world = World()
        lost = outage(None, "NoAnswer")
        world.azure.faults["begin_set_image"] = [lost]
        begin = world.azure.begin_set_image

        def accepted_but_unheard(*args: object) -> object:
            world.azure.set_image(NEW)
            return begin(*args)  # type: ignore[arg-type]

        world.azure.begin_set_image = accepted_but_unheard  # type: ignore[method-assign, assignment]
        result = update(world)
        assert result.changed
        assert len(begun(world)) == 1
        assert len(world.events_of(CallRetried)) == 1

    def test_a_model_that_is_still_changing_to_that_image_is_awaited(self) -> None:
        world = updated_model()
        world.azure.scale_set = replace(world.azure.scale_set, provisioning_state="Updating")

        def settle() -> None:
            if world.clock.now() > 5:
                world.azure.scale_set = replace(world.azure.scale_set, provisioning_state="Succeeded")

        world.clock.on_sleep = settle
        assert not update(world).changed
        assert world.clock.now() > 5

    def test_somebody_elses_change_in_between_is_an_error_and_not_tried_again(self) -> None:
        world = World()
        world.azure.faults["begin_set_image"] = [outage(412, "PreconditionFailed")]
        with pytest.raises(AzureError, match="PreconditionFailed"):
            update(world)
        assert len(begun(world)) == 1


class TestUpdateInstances:
    def test_updates_the_chosen_one_and_no_other(self) -> None:
        world = updated_model()
        result = update_instances(world, "0")
        assert result.instance_ids == ("0",)
        assert [i.latest_model_applied for i in world.azure.listed] == [True, False, False]
        assert begun(world) == ["begin_update_instances 0"]

    def test_hands_a_star_to_azure_as_it_is(self) -> None:
        world = updated_model()
        result = update_instances(world, "*")
        assert result.instance_ids == ("0", "1", "2")
        assert begun(world) == ["begin_update_instances *"]

    def test_leaves_alone_and_names_those_that_are_up_to_date_or_protected(self) -> None:
        world = updated_model()
        world.azure.update(["0"])
        world.azure.change({"1"}, protected_from_scale_set_actions=True)
        result = update_instances(world, "*")
        assert result.instance_ids == ("2",)
        assert result.up_to_date == ("0",)
        assert result.skipped == {"1": "protected from scale set actions"}
        assert world.events_of(InstanceSkipped) == [
            InstanceSkipped("0", "has the latest model already"),
            InstanceSkipped("1", "protected from scale set actions"),
        ]

    def test_a_second_run_changes_nothing_and_says_so(self) -> None:
        world = updated_model()
        update_instances(world, "*")
        world.azure.calls.clear()
        result = update_instances(world, "*")
        assert result.instance_ids == ()
        assert begun(world) == []
        assert world.events[-1] == UpdateInstancesFinished(WEB, (), 0, FinalState(("0", "1", "2")))

    def test_an_id_that_does_not_exist_changes_nothing(self) -> None:
        world = updated_model()
        with pytest.raises(ConfigError, match="ids that exist: 0, 1, 2"):
            update_instances(world, "0,7")
        assert begun(world) == []

    def test_a_dry_run_says_what_it_would_do_and_does_not_do_it(self) -> None:
        world = updated_model()
        result = update_instances(world, "*", dry_run=True)
        assert result.instance_ids == ("0", "1", "2")
        assert begun(world) == []
        assert "go down at once" in result.findings[0].text

    def test_a_dry_run_waits_for_nobodys_health(self) -> None:
        world = World()
        world.azure.change({"0"}, health=Health.UNHEALTHY)
        update_instances(world, "0", dry_run=True, await_healthy=True)
        assert world.clock.slept == []

    def test_taking_down_all_that_serve_is_warned_of_as_it_happens(self) -> None:
        world = updated_model()
        update_instances(world, "*")
        (told,) = world.events_of(PreflightFound)
        assert "all 3 healthy instances go down at once" in str(told)

    def test_an_operation_that_already_runs_on_a_chosen_instance_is_awaited_not_doubled(self) -> None:
        world = updated_model()
        world.azure.change({"0"}, provisioning_state="Updating")

        def another_run_ends() -> None:
            if world.clock.now() > 20:
                world.azure.update(["0"])

        world.clock.on_sleep = another_run_ends
        update_instances(world, "0")
        assert begun(world) == []
        assert world.events_of(WaitingForInstances)

    def test_a_lost_answer_is_found_out_by_looking_and_the_update_is_not_run_twice(self) -> None:
        world = updated_model()
        world.azure.faults["answer"] = [outage(None, "NoAnswer")]
        begin = world.azure.begin_update_instances

        def accepted_but_unheard(*args: object) -> object:
            world.azure.change({"0"}, provisioning_state="Updating")
            return begin(*args)  # type: ignore[arg-type]

        def azure_goes_on() -> None:
            if world.clock.now() > 9:
                world.azure.update(["0"])

        world.azure.begin_update_instances = accepted_but_unheard  # type: ignore[method-assign, assignment]
        world.clock.on_sleep = azure_goes_on
        result = update_instances(world, "0")
        assert result.instance_ids == ("0",)
        assert begun(world) == ["begin_update_instances 0"]

    @pytest.mark.parametrize("fault", [outage(429, "OperationNotAllowed"), outage(409, "Conflict"), outage(503)])
    def test_a_refusal_that_passes_is_tried_again(self, fault: AzureError) -> None:
        world = updated_model()
        world.azure.faults["begin_update_instances 0"] = [fault]
        assert update_instances(world, "0").instance_ids == ("0",)
        assert len(begun(world)) == 2

    def test_an_operation_that_ended_well_but_left_an_instance_behind_is_an_error(self) -> None:
        world = updated_model()
        world.azure.applies = False
        world.azure.change({"0"}, error="disk full")
        with pytest.raises(AzureError) as failed:
            update_instances(world, "0")
        assert failed.value.code == "NotUpdated"
        assert "0: Succeeded, disk full" in str(failed.value)

    def test_an_instance_deleted_in_the_meantime_is_no_error(self) -> None:
        world = updated_model()

        def scale_in() -> None:
            world.azure.listed = tuple(i for i in world.azure.listed if i.id != "0")

        world.clock.on_sleep = scale_in
        result = update_instances(world, "0,1")
        assert result.instance_ids == ("1",)
        assert result.final == FinalState(("1",), gone=("0",), lacking=("0",))
        assert not result.final.complete

    def test_of_all_instances_one_that_is_deleted_meanwhile_is_named_and_was_not_wanted(self) -> None:
        world = updated_model()
        world.clock.on_sleep = lambda: world.azure.delete(["0"])
        assert update_instances(world, "*").final == FinalState(("1", "2"), gone=("0",))

    def test_an_id_that_is_deleted_as_azure_is_asked_is_left_out_and_the_others_are_updated(self) -> None:
        world = updated_model()
        gone = Failure("InvalidParameter", "The provided instanceId 0 is not an active instanceId.", 400)
        world.azure.faults["begin_update_instances 0,1"] = [AzureError("update instances", gone)]
        begin = world.azure.begin_update_instances

        def deleted(scale_set: ScaleSet, ids: Sequence[str]) -> FakeOperation:
            world.azure.listed = tuple(one for one in world.azure.listed if one.id != "0")
            return begin(scale_set, ids)

        world.azure.begin_update_instances = deleted  # type: ignore[method-assign]
        result = update_instances(world, "0,1")
        assert begun(world) == ["begin_update_instances 0,1", "begin_update_instances 1"]
        assert result.instance_ids == ("1",)
        assert result.final.gone == ("0",)

    def test_an_instance_that_is_being_deleted_is_left_out_and_the_others_are_updated(self) -> None:
        world = updated_model()
        world.azure.change({"0"}, provisioning_state="Deleting")
        result = update_instances(world, "0,1")
        assert begun(world) == ["begin_update_instances 1"]
        assert result.skipped == {"0": "is being deleted"}
        assert result.final.lacking == ("0",)

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_plan_that_can_update_nothing_is_refused(self, *, dry_run: bool) -> None:
        world = updated_model()
        world.azure.change({"0", "1"}, protected_from_scale_set_actions=True)
        wanted = "no chosen instance can be updated: 0, 1: protected from scale set actions"
        if dry_run:
            result = update_instances(world, "0,1", dry_run=True)
            assert (Severity.IMPOSSIBLE, wanted) in [(one.severity, one.text) for one in result.findings]
            return
        with pytest.raises(ConfigError, match=wanted):
            update_instances(world, "0,1")
        assert begun(world) == []

    def test_health_is_awaited_where_wanted(self) -> None:
        world = updated_model()
        world.azure.change({"0"}, health=Health.INITIALIZING)

        def comes_up() -> None:
            if world.clock.now() > 30:
                world.azure.change({"0"}, health=Health.HEALTHY)

        world.clock.on_sleep = comes_up
        update_instances(world, "0", await_healthy=True)
        assert world.clock.now() > 30

    def test_health_is_not_awaited_where_nobody_asked(self) -> None:
        world = updated_model()
        world.azure.change({"0"}, health=Health.UNHEALTHY)
        update_instances(world, "0")
        assert world.events_of(WaitingForInstances) == []

    def test_an_instance_that_never_gets_healthy_ends_at_the_deadline(self) -> None:
        world = updated_model()
        world.azure.change({"0"}, health=Health.UNHEALTHY)
        with pytest.raises(AzureError, match="TimedOut"):
            update_instances(world, "0", timeout=100, await_healthy=True)

    def test_nobody_waits_for_the_health_of_an_instance_that_has_no_hardware(self) -> None:
        world = updated_model()
        world.azure.change({"0"}, power="deallocated", health=Health.UNKNOWN)
        assert update_instances(world, "0", await_healthy=True).instance_ids == ("0",)

    def test_run_again_it_still_awaits_the_health_of_those_that_have_the_model(self) -> None:
        world = updated_model()
        world.azure.update(["0"])
        world.azure.change({"0"}, health=Health.UNHEALTHY)
        with pytest.raises(AzureError, match="TimedOut"):
            update_instances(world, "0", timeout=100, await_healthy=True)
        assert begun(world) == []
