"""The decision: given what is seen and what was done, which action comes next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.cloud import IN_PLACE
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.actions import (
    Action,
    Done,
    Drain,
    Halt,
    OnFailure,
    Restore,
    RestoreModel,
    RolloutSpec,
    RunGate,
    SetModel,
    Strategy,
    Update,
    Wait,
)
from vmss_jenkins.rollout.plan.decision import decide
from vmss_jenkins.rollout.plan.history import GateResult, History, Observed, OperationState, Stage
from vmss_jenkins.rollout.plan.selection import Amount, Include, Scope, Target, reason_to_skip

OLDER = ImageReference(id=str(OLD.id).replace("base", "older"))
NOW = 1000.0


def instance(instance_id: str, image: ImageReference = OLD, **changes: object) -> Instance:
    values = {
        "image": image,
        "latest_model_applied": image is NEW,
        "power": "running",
        "health": Health.HEALTHY,
        **changes,
    }
    return Instance(instance_id, **values)  # type: ignore[arg-type]


def four(new: int = 0, **changes: object) -> tuple[Instance, ...]:
    return tuple(instance(str(n), NEW if n < new else OLD, **changes) for n in range(4))


class Run:
    """A run at one moment: what it sees, what it did, and what it decides."""

    def __init__(self, *instances: Instance, model: ImageReference = NEW, **spec: object) -> None:
        self.spec = RolloutSpec(**{"canary": None, "max_unavailable": Amount(2), **spec})  # type: ignore[arg-type]
        self.scale_set = ScaleSet(WEB, model)
        self.instances = instances
        self.history = History(began=0.0, target=Target(NEW), previous=(OLD,), model_set=model is NEW)
        self.now = NOW
        self.operations: tuple[OperationState, ...] = ()

    def asked(self, *ids: str, at: float = NOW, answered: bool = True) -> Run:
        chosen = [each for each in self.instances if each.id in ids]
        self.history = self.history.asked(chosen, at, answered=answered)
        return self

    def sees(self, *instances: Instance, at: float | None = None) -> Run:
        """Replace some instances by what they have become, and take them in."""
        changed = {each.id: each for each in instances}
        known = {each.id for each in self.instances}
        kept = tuple(changed.get(each.id, each) for each in self.instances)
        self.instances = (*kept, *(each for each in instances if each.id not in known))
        self.now = at if at is not None else self.now
        self.history = self.history.observe(self.observed, self.now)
        return self

    def judged(self, *ids: str, stage: Stage = Stage.BATCH, follows: Consequence = Consequence.GO_ON) -> Run:
        self.history = self.history.add_gate(GateResult(stage, ids, follows, self.now, "5 of 20 failed"))
        return self

    @property
    def observed(self) -> Observed:
        read = {each.id: self.now for each in self.instances}
        return Observed(self.scale_set, self.instances, read, self.operations)

    def next(self) -> Action:
        self.history = self.history.observe(self.observed, self.now)
        return decide(self.spec, self.observed, self.history, self.now)


def test_the_model_comes_first() -> None:
    assert Run(*four(), model=OLD).next() == SetModel(NEW)


def test_a_batch_is_as_large_as_may_be_down() -> None:
    assert Run(*four()).next() == Update(("0", "1"))


def test_the_canary_goes_alone_and_is_judged_before_the_others() -> None:
    run = Run(*four(), canary=Amount(1))
    assert run.next() == Update(("0",))
    assert run.asked("0").next() == Wait(7200.0, "not healthy yet", ("0",))
    assert run.sees(instance("0", NEW)).next() == RunGate(Stage.CANARY, ("0",))
    assert run.judged("0", stage=Stage.CANARY).next() == Update(("1", "2"))


def test_a_canary_that_is_there_already_is_judged_and_not_widened() -> None:
    assert Run(*four(new=1), canary=Amount(1)).next() == RunGate(Stage.CANARY, ("0",))


def test_a_rollout_of_the_canary_alone_ends_when_it_is_judged() -> None:
    run = Run(*four(new=1), canary=Amount(1), canary_only=True).judged("0", stage=Stage.CANARY)
    assert run.next() == Done({})


def test_waves_wait_for_the_slowest_and_a_window_does_not() -> None:
    waves, window = (
        Run(*four(), strategy=strategy).asked("0", "1").sees(instance("0", NEW)).next() for strategy in IN_PLACE
    )
    assert isinstance(waves, Wait)
    assert window == Update(("2",))


def test_a_window_goes_in_waves_once_azure_refused_to_overlap() -> None:
    run = Run(*four(), strategy=Strategy.WINDOW).asked("0", "1").sees(instance("0", NEW))
    run.history = run.history.refused(NOW + 2, overlapping=True)
    run.now = NOW + 3
    assert isinstance(run.next(), Wait)


def test_an_instance_counts_as_done_when_it_was_healthy_for_long_enough() -> None:
    run = Run(*four(), min_healthy_time=30.0).asked("0", "1").sees(instance("0", NEW), instance("1", NEW))
    assert run.next() == Wait(NOW + 30, "not healthy yet", ("0", "1"))
    assert run.sees(instance("1", NEW, health=Health.UNHEALTHY), at=NOW + 20).history.updated_since.keys() == {"0"}
    run.sees(instance("1", NEW), at=NOW + 25)
    run.now = NOW + 54
    assert run.next() == Wait(NOW + 55, "not healthy yet", ("1",))
    run.now = NOW + 55
    assert run.next() == RunGate(Stage.BATCH, ("0", "1"))


@pytest.mark.parametrize(
    "changes",
    [
        {"provisioning_state": "Updating"},
        {"power": "starting"},
        {"power": "stopped"},
        {"health": Health.UNHEALTHY},
        {"health": Health.INITIALIZING},
        {"health": Health.UNKNOWN},
        {"latest_model_applied": False},
    ],
)
def test_an_instance_that_lacks_anything_is_awaited(changes: dict[str, object]) -> None:
    run = Run(*four()).asked("0", "1").sees(instance("0", NEW), instance("1", NEW, **changes))
    assert isinstance(run.next(), Wait)


def test_instances_that_are_down_for_other_reasons_count_and_go_first() -> None:
    sick = instance("3", OLD, health=Health.UNHEALTHY)
    assert Run(*four()[:3], sick).next() == Update(("3", "0"))
    assert Run(*four()[:3], sick, max_unavailable=Amount(1)).next() == Update(("3",))


def test_an_instance_that_is_stopped_by_its_update_is_awaited_and_not_skipped() -> None:
    """As after Ctrl-C: the next run meets the update that Azure goes on with."""
    busy = instance("3", OLD, power="stopped", provisioning_state="Updating")
    run = Run(*four()[:3], busy, max_unavailable=Amount(1))
    assert run.next() == Wait(7200.0, "Azure works on them", ("3",))
    assert reason_to_skip(busy, ()) is None
    assert reason_to_skip(replace(busy, provisioning_state="Succeeded"), ()) is not None


def test_nothing_more_is_taken_down_while_a_protected_one_is_down() -> None:
    sick = instance("3", OLD, health=Health.UNHEALTHY, protected_from_scale_set_actions=True)
    run = Run(*four()[:3], sick, max_unavailable=Amount(1))
    assert run.next() == Wait(7200.0, "down for other reasons, so no other may be taken down", ("3",))


def test_a_zone_is_never_taken_whole() -> None:
    zoned = [instance(str(n), zone="1" if n < 2 else "2") for n in range(6)]
    action = Run(*zoned, max_unavailable=Amount(5)).next()
    assert action == Update(("0", "2", "3", "4"))


def test_the_only_instance_of_a_zone_goes_while_the_other_zones_serve() -> None:
    zoned = [instance(str(n), zone=str(n)) for n in range(3)]
    assert Run(*zoned, max_unavailable=Amount(3)).next() == Update(("0",))


def test_a_protected_instance_is_left_alone_and_named() -> None:
    done = four(new=3)
    action = Run(*done[:3], instance("3", protected_from_scale_set_actions=True)).judged("0", "1", "2").next()
    assert action == Done({"3": "protected from scale set actions: Azure does not update it"})


def test_no_instance_is_taken_twice_even_if_it_does_not_change() -> None:
    run = Run(*four()).asked("0", "1")
    run.now = NOW + 100
    assert isinstance(run.next(), Wait)


def test_an_id_that_went_is_dropped() -> None:
    run = Run(*four()).asked("0", "1")
    run.instances = run.instances[1:]
    assert run.sees(instance("1", NEW)).next() == RunGate(Stage.BATCH, ("1",))


def test_an_instance_that_came_with_the_new_model_is_not_updated() -> None:
    run = Run(*four(new=4)).judged("0", "1", "2", "3").sees(instance("9", NEW))
    assert run.next() == RunGate(Stage.BATCH, ("9",))


def test_one_that_is_being_created_is_awaited() -> None:
    run = Run(*four(new=4), instance("9", NEW, provisioning_state="Creating", power=None))
    assert isinstance(run.judged("0", "1", "2", "3").next(), Wait)


def test_a_model_that_somebody_else_changed_stops_it_and_names_every_instance() -> None:
    run = Run(*four(new=1)).asked("1")
    run.scale_set = replace(run.scale_set, image=OLDER)
    action = run.next()
    assert isinstance(action, Halt)
    assert "somebody changed the model's image" in action.reason
    assert action.states.keys() == {"0", "1", "2", "3"}
    assert action.states["0"] == "runs nginx-updated-image, latest model, Succeeded, running, health healthy"


def test_the_pause_follows_each_batch_in_waves_and_the_canary_alone_in_a_window() -> None:
    for strategy, stage, pauses in [
        (Strategy.WAVES, Stage.BATCH, True),
        (Strategy.WINDOW, Stage.BATCH, False),
        (Strategy.WINDOW, Stage.CANARY, True),
    ]:
        run = Run(*four(new=1), pause=60.0, strategy=strategy).judged("0", stage=stage)
        assert run.next() == (Wait(NOW + 60, "pause") if pauses else Update(("1", "2")))
        run.now = NOW + 60
        assert run.next() == Update(("1", "2"))


@pytest.mark.parametrize(
    ("state", "ended", "reason"),
    [
        (instance("0", provisioning_state="Failed", error="no quota"), False, "its update failed: no quota"),
        (instance("0"), True, "does not have the latest model"),
        (instance("0", NEW, provisioning_state="Failed"), True, "its update failed"),
    ],
)
def test_a_failed_update_stops_the_rollout_when_none_is_allowed(state: Instance, ended: bool, reason: str) -> None:
    run = Run(*four(), on_failure=OnFailure.STOP).asked("0", "1").sees(instance("1", NEW))
    run.operations = (OperationState(("0", "1"), NOW if ended else None),)
    action = run.sees(state, at=NOW + 10).next()
    assert isinstance(action, Halt)
    assert action.reason.startswith("1 instance(s) failed, allowed 0: 0: ")
    assert reason in action.reason


def test_an_instance_that_was_failed_before_is_not_failed_until_azure_ended_its_update() -> None:
    broken = instance("0", provisioning_state="Failed")
    run = Run(broken, *four()[1:], scope=Scope(include=frozenset(Include))).asked("0", "1")
    assert isinstance(run.next(), Wait)


def test_an_instance_that_is_not_healthy_in_time_has_failed() -> None:
    run = Run(*four(), instance_timeout=60.0, on_failure=OnFailure.STOP).asked("0", "1")
    run.sees(instance("0", NEW), instance("1", NEW, health=Health.UNHEALTHY), at=NOW + 60)
    assert isinstance(run.next(), Wait)
    run.now = NOW + 61
    assert isinstance(run.next(), Halt)


def test_a_failed_instance_that_is_allowed_for_keeps_its_place_among_those_down() -> None:
    run = Run(*four(), max_failed=1).asked("0", "1")
    run.sees(instance("0", provisioning_state="Failed"), instance("1", NEW)).judged("1")
    assert run.next() == Update(("2",))


def test_no_failed_instance_is_allowed_for_in_the_canary() -> None:
    run = Run(*four(), canary=Amount(2), max_failed=1).asked("0", "1")
    run.sees(instance("0", provisioning_state="Failed"), instance("1", NEW))
    assert run.next() == RestoreModel(OLD, "1 instance(s) failed, allowed 0: 0: its update failed")


def test_failed_instances_are_told_in_the_end_though_they_were_allowed_for() -> None:
    run = Run(*four(new=1), max_failed=1).judged("0").asked("1", "2", "3")
    run.sees(instance("1", provisioning_state="Failed"), instance("2", NEW), instance("3", NEW)).judged("2", "3")
    action = run.next()
    assert isinstance(action, Halt)
    assert action.reason == "all but 1 instance(s): 1: its update failed"


def test_each_failed_instance_is_told_in_the_end() -> None:
    run = Run(*four(new=1), max_failed=2).judged("0").asked("1", "2", "3")
    failed = [instance(key, provisioning_state="Failed", error="no quota") for key in ("1", "2")]
    action = run.sees(*failed, instance("3", NEW)).judged("3").next()
    assert isinstance(action, Halt)
    assert action.reason == "all but 2 instance(s): 1: its update failed: no quota; 2: its update failed: no quota"


def test_before_a_halt_the_drained_instances_are_put_back() -> None:
    run = Run(*four(new=1), drain=30.0).judged("0", follows=Consequence.HALT)
    run.history = run.history.draining(run.instances[2:3], NOW)
    assert run.next() == Restore(("2",))


def test_what_azure_refused_waits_and_is_counted() -> None:
    history = Run(*four()).history
    once = history.refused(5.0, overlapping=False)
    assert (once.held_until, once.waves_only, once.refusals) == (5.0, False, 1)
    twice = once.refused(9.0, overlapping=True)
    assert (twice.held_until, twice.waves_only, twice.refusals) == (9.0, True, 2)
    assert twice.refused(9.0, overlapping=False).waves_only, "it stays so"


def test_a_failed_gate_restores_the_model_before_any_instance() -> None:
    run = Run(*four(new=1)).judged("0", follows=Consequence.FAIL)
    assert run.next() == RestoreModel(OLD, "the gates after the batch failed: 5 of 20 failed")


def test_gates_that_cannot_tell_halt_it_and_nothing_goes_back() -> None:
    action = Run(*four(new=1)).judged("0", follows=Consequence.HALT).next()
    assert isinstance(action, Halt)
    assert action.reason == "the gates after the batch are inconclusive: 5 of 20 failed"


def back(run: Run, image: ImageReference = OLD) -> Run:
    run.history = run.history.begin_rollback(image, "bad", run.now)
    run.scale_set = replace(run.scale_set, image=image)
    return run


def test_on_the_way_back_only_the_updated_instances_are_touched_whatever_the_flag_says() -> None:
    run = back(Run(*four(new=1)))
    run.sees(instance("0", NEW, latest_model_applied=False))
    assert run.next() == Update(("0",))
    run.asked("0").sees(instance("0", OLD, latest_model_applied=True))
    assert run.next() == Done({})


def test_on_the_way_back_the_model_is_restored_once_and_a_change_by_others_stops_it() -> None:
    run = Run(*four(new=1))
    run.history = run.history.begin_rollback(OLD, "bad", NOW)
    assert run.next() == RestoreModel(OLD, "bad")
    back(run).sees()
    run.scale_set = replace(run.scale_set, image=OLDER)
    assert isinstance(run.next(), Halt)


def test_a_failed_instance_is_brought_back_too_before_those_that_serve() -> None:
    run = Run(*four(new=3), max_unavailable=Amount(1)).asked("2")
    run.sees(instance("2", NEW, provisioning_state="Failed"))
    assert back(run).sees(at=NOW + 1).next() == Update(("2",))


def test_an_instance_is_not_updated_while_its_update_forward_still_runs() -> None:
    run = Run(*four()).asked("0", "1")
    run.operations = (OperationState(("0", "1")),)
    assert isinstance(back(run).sees(at=NOW + 5).next(), Wait)
    run.operations = (OperationState(("0", "1"), NOW + 6),)
    run.sees(instance("0", NEW), instance("1", NEW), at=NOW + 7)
    assert run.next() == Update(("0", "1"))


@pytest.mark.parametrize("max_failed", [0, 4])
def test_where_the_old_release_does_not_come_up_either_it_halts_and_names_every_instance(max_failed: int) -> None:
    run = back(Run(*four(new=1), max_failed=max_failed))
    run.asked("0").sees(instance("0", OLD, provisioning_state="Failed"), at=NOW + 9)
    action = run.next()
    assert isinstance(action, Halt)
    assert action.reason.startswith("the rollback failed too: 1 instance(s) failed")
    assert len(action.states) == 4


def spelled(image: ImageReference) -> ImageReference:
    """The same image: Azure ignores case in ids, and answers in another case than it was asked in."""
    return ImageReference(id=str(image.id).replace("nginx", "NGINX").replace("resourceGroups", "resourcegroups"))


def test_an_image_in_another_spelling_is_the_same_in_a_rollout() -> None:
    run = Run(*(replace(one, image=spelled(one.image or OLD)) for one in four(new=1)), model=spelled(NEW))
    assert run.sees().history.model_set, "the model has it: nothing to set"
    assert run.next() == RunGate(Stage.BATCH, ("0",))
    run.judged("0", follows=Consequence.FAIL)
    assert run.next() == RestoreModel(spelled(OLD), "the gates after the batch failed: 5 of 20 failed")


def test_an_image_in_another_spelling_is_the_same_in_a_rollback() -> None:
    bad, good = (replace(instance(key), image=spelled(image)) for key, image in (("0", NEW), ("1", OLD)))
    run = Run(bad, good)
    run.history = run.history.begin_rollback(OLD, "bad", NOW)
    run.scale_set = replace(run.scale_set, image=spelled(OLD))
    assert run.next() == Update(("0",))
    run.asked("0").sees(replace(good, id="0", latest_model_applied=True))
    assert run.next() == Done({})


def test_without_another_image_the_script_of_the_scale_set_is_named() -> None:
    run = Run(*four(new=4)).judged("0", follows=Consequence.FAIL)
    run.history = replace(run.history, previous=())
    run.scale_set = replace(run.scale_set, scripts=(ExtensionSettings(name="app"),))
    action = run.next()
    assert isinstance(action, Halt)
    assert "to roll back its script, add --extension app" in action.reason


@pytest.mark.parametrize(
    ("instances", "previous", "to", "found"),
    [
        (four(new=2), (), None, OLD),
        (four(new=4), (OLD,), None, OLD),
        (four(new=4), (), None, "no instance runs another image"),
        ((*four(new=2), instance("9", OLDER)), (), None, "the instances run 2 other images"),
        ((*four(new=2), instance("9", OLDER)), (), OLDER, OLDER),
    ],
)
def test_where_the_way_back_leads(
    instances: tuple[Instance, ...],
    previous: tuple[ImageReference, ...],
    to: ImageReference | None,
    found: ImageReference | str,
) -> None:
    run = Run(*instances, rollback_to=to).judged("0", follows=Consequence.FAIL)
    run.history = replace(run.history, previous=previous)
    action = run.next()
    if isinstance(found, ImageReference):
        assert isinstance(action, RestoreModel)
        assert action.image == found
    else:
        assert isinstance(action, Halt)
        assert found in action.reason
        assert action.reason.endswith("with --to IMAGE_ID")


def test_stopping_waits_for_what_is_under_way_and_starts_nothing_new() -> None:
    run = Run(*four(), on_failure=OnFailure.STOP, strategy=Strategy.WINDOW).asked("0", "1")
    assert isinstance(run.sees(instance("0", provisioning_state="Failed")).next(), Wait)
    assert isinstance(run.sees(instance("1", NEW)).next(), Halt)


def test_stopping_waits_no_longer_than_the_rollout_may_take() -> None:
    run = Run(*four(), on_failure=OnFailure.STOP, timeout=NOW + 10).asked("0", "1")
    run.sees(instance("0", provisioning_state="Failed"), at=NOW + 9)
    assert isinstance(run.next(), Wait)
    run.now = NOW + 10
    assert isinstance(run.next(), Halt)


@pytest.mark.parametrize(("include", "ids"), [(frozenset(), ("0",)), (frozenset({Include.FAILED}), ("3", "0"))])
def test_an_instance_that_failed_before_is_brought_back_only_if_failed_ones_are_included(
    include: frozenset[Include], ids: tuple[str, ...]
) -> None:
    run = back(Run(*four(new=1)[:3], instance("3", provisioning_state="Failed"), scope=Scope(include=include)))
    assert run.next() == Update(ids)


def test_an_instance_whose_update_never_began_needs_no_rollback() -> None:
    run = back(Run(*four()).asked("0"))
    run.sees(instance("0", latest_model_applied=True), at=NOW + 20)
    assert run.next() == Done({})


def test_a_rollout_that_takes_too_long_goes_back() -> None:
    run = Run(*four(new=1), timeout=500.0)
    assert run.next() == RestoreModel(OLD, "not done after 500 s")


def test_an_update_whose_answer_was_lost_is_looked_for_and_made_again_only_if_azure_did_not_begin() -> None:
    run = Run(*four()).asked("0", "1", answered=False)
    assert isinstance(run.sees(at=NOW + 14).next(), Wait)
    assert run.sees(instance("0", NEW), at=NOW + 16).history.records.keys() == {"0"}
    run.judged("0")
    assert run.next() == Update(("1", "2"))


def test_an_instance_is_drained_updated_and_put_back() -> None:
    run = Run(*four(new=2), drain=30.0).judged("0", "1")
    assert run.next() == Drain(("2", "3"))
    run.history = run.history.draining(run.instances[2:], NOW)
    assert run.next() == Wait(NOW + 30, "not healthy yet", ("2", "3"))
    run.now = NOW + 30
    assert run.next() == Update(("2", "3"))
    run.asked("2", "3", at=run.now).sees(instance("2", NEW), at=NOW + 40)
    assert run.next() == Restore(("2",))
    run.history = run.history.restored(["2"])
    assert isinstance(run.next(), Wait)


def test_instances_that_are_drained_and_not_updated_are_put_back_when_it_goes_back() -> None:
    run = Run(*four(new=1), drain=30.0)
    run.history = run.history.draining(run.instances[1:2], NOW)
    assert back(run).sees().next() == Restore(("1",))


def test_instances_out_of_the_given_ids_are_left_alone() -> None:
    scope = Scope(InstanceIds(("2", "3")))
    run = Run(*four(), scope=scope)
    assert run.next() == Update(("2", "3"))
    run.asked("2", "3").sees(instance("2", NEW), instance("3", NEW)).judged("2", "3")
    assert run.next() == Done({})


def test_a_window_is_judged_when_it_is_full_and_at_the_end() -> None:
    assert Run(*four(new=1), strategy=Strategy.WINDOW).next() == Update(("1", "2")), "one of two"
    assert Run(*four(new=2), strategy=Strategy.WINDOW).next() == RunGate(Stage.BATCH, ("0", "1"))
    last = Run(*(instance(str(n), NEW) for n in range(3)), strategy=Strategy.WINDOW).judged("0", "1")
    assert last.next() == RunGate(Stage.BATCH, ("2",)), "none is left"


def test_after_a_refusal_nothing_is_asked_for_until_its_time() -> None:
    run = Run(*four())
    run.history = run.history.refused(NOW + 2, overlapping=False)
    assert run.next() == Wait(NOW + 2, "pause")
    run.now = NOW + 2
    assert run.next() == Update(("0", "1"))


def test_stopping_starts_nothing_though_more_might_be_down() -> None:
    run = Run(*four(), on_failure=OnFailure.STOP, strategy=Strategy.WINDOW, max_unavailable=Amount(3)).asked("0", "1")
    assert run.sees(instance("0", provisioning_state="Failed")).next() == Wait(7200.0, "not healthy yet", ("1",))


def test_one_that_is_down_for_other_reasons_may_come_up_and_is_awaited() -> None:
    ill = instance("3", health=Health.UNHEALTHY, protected_from_scale_set_actions=True)
    run = Run(*four()[:3], ill, max_failed=1).asked("0").sees(instance("0", provisioning_state="Failed"))
    assert run.next() == Wait(7200.0, "down for other reasons, so no other may be taken down", ("3",))


@pytest.mark.parametrize("rolls_back", [False, True])
def test_a_run_that_failed_instances_hold_up_for_good_halts_and_names_them(rolls_back: bool) -> None:
    run = Run(*four(new=3 if rolls_back else 0), max_failed=2)
    run = (back(run) if rolls_back else run).asked("0", "1")
    run.sees(*(instance(key, provisioning_state="Failed") for key in "01"), at=NOW + 20)
    action = run.next()
    assert isinstance(action, Halt)
    assert action.reason == (
        f"{'the rollback failed too: ' if rolls_back else ''}instances 0, 1 are down and stay down, so no other may be "
        "taken down"
    )


def test_each_failed_instance_is_told_when_there_are_more_than_allowed() -> None:
    run = Run(*four(), on_failure=OnFailure.STOP, max_failed=1).asked("0", "1")
    action = run.sees(*(instance(key, provisioning_state="Failed", error="no quota") for key in "01")).next()
    assert isinstance(action, Halt)
    assert action.reason == (
        "2 instance(s) failed, allowed 1: 0: its update failed: no quota; 1: its update failed: no quota"
    )


def test_a_rollout_may_take_less_than_its_timeout() -> None:
    run = Run(*four(new=1), timeout=NOW)
    run.now = NOW - 0.5
    assert run.judged("0").next() == Update(("1", "2"))
    run.now = NOW
    assert run.next() == RestoreModel(OLD, f"not done after {NOW:.0f} s")


SCRIPTS = tuple(ExtensionSettings.of({"commandToExecute": f"bash {name}.sh"}, name="app") for name in ("v1", "v2"))


@pytest.mark.parametrize(
    ("target", "changes", "what", "found"),
    [
        (NEW, {"image": OLDER}, "image", str(OLDER)),
        (NEW, {"image": None}, "image", "an unknown one"),
        (SCRIPTS[1], {"extension": SCRIPTS[0]}, "script", str(SCRIPTS[0])),
    ],
)
def test_what_somebody_changed_in_the_model_is_told(
    target: ImageReference | ExtensionSettings, changes: dict[str, object], what: str, found: str
) -> None:
    run = Run(*four())
    run.history = replace(run.history, target=Target(target))
    run.scale_set = replace(run.scale_set, **changes)  # type: ignore[arg-type]
    action = run.next()
    assert isinstance(action, Halt)
    assert action.reason == f"somebody changed the model's {what} to {found} while {target} was rolled out"


def test_a_rollback_without_a_cause_restores_the_model_all_the_same() -> None:
    run = Run(*four(new=1))
    run.history = replace(run.history.begin_rollback(OLD, "bad", NOW), cause=None)
    assert run.next() == RestoreModel(OLD, "")
