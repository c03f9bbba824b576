"""Instances that are down before a rollout: they go first, cost no capacity, and are no canary if possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rollout.plan.test_decision import NOW, Run, instance
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.actions import Halt, RolloutSpec, RunGate, Update, Wait
from vmss_jenkins.rollout.plan.capacity import Capacity
from vmss_jenkins.rollout.plan.down_before import at_start, down_before, findings
from vmss_jenkins.rollout.plan.history import Observed, OperationState, Stage
from vmss_jenkins.rollout.plan.preview import preview
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Target, choose_canary, select

ONE = Amount(1)


def ill(key: str, **changes: object) -> Instance:
    return instance(key, **{"health": Health.UNHEALTHY, **changes})  # type: ignore[arg-type]


def run(*instances: Instance, **spec: object) -> Run:
    """A run that begins with these instances."""
    made = Run(*instances, **{"canary": None, "max_unavailable": ONE, **spec})  # type: ignore[arg-type]
    down = down_before(made.observed, Target(NEW, by_image=True), resumed=False)
    made.history = replace(made.history, down_before=down)
    return made


def test_it_goes_before_the_canary_and_a_healthy_one_is_the_canary_that_is_judged() -> None:
    made = run(ill("0"), instance("1"), instance("2"), canary=ONE)
    assert made.next() == Update(("0",))
    made.asked("0").sees(instance("0", NEW), at=NOW + 9)
    assert made.next() == Update(("1",))
    made.asked("1").sees(instance("1", NEW), at=NOW + 19)
    assert made.next() == RunGate(Stage.CANARY, ("1",))
    made.judged("1", stage=Stage.CANARY)
    assert made.next() == RunGate(Stage.BATCH, ("0",))


def test_one_that_the_release_does_not_cure_holds_nobody_up_and_is_named_in_the_end() -> None:
    made = run(ill("0"), instance("1"), canary=ONE)
    made.instances = (*made.instances, instance("2"))
    made.asked("0").sees(ill("0", image=NEW, latest_model_applied=True), at=NOW + 9)
    assert made.next() == Update(("1",)), "the canary does not wait for it"
    made.asked("1").sees(instance("1", NEW), at=NOW + 19)
    assert made.next() == RunGate(Stage.CANARY, ("1",))
    made.judged("1", stage=Stage.CANARY)
    assert made.next() == Update(("2",)), "it costs no capacity"
    made.asked("2").sees(instance("2", NEW), at=NOW + 29)
    made.judged("2")
    waiting = made.next()
    assert isinstance(waiting, Wait)
    assert (waiting.reason, waiting.instance_ids) == ("down before, not healthy yet", ("0",))
    made.sees(at=NOW + 9 + 901)
    end = made.next()
    assert isinstance(end, Halt)
    assert end.reason == "all but 1 instance(s): 0: was down before the run; not healthy after 900 s"


def test_one_whose_update_fails_is_no_fault_of_the_release() -> None:
    made = run(ill("0"), instance("1"), instance("2"), canary=ONE)
    made.asked("0").sees(ill("0", provisioning_state="Failed"), at=NOW + 9)
    assert made.next() == Update(("1",))


def test_one_that_falls_ill_while_the_rollout_runs_is_counted() -> None:
    made = run(instance("0"), instance("1"), instance("2"), canary=ONE)
    made.sees(ill("2", protected_from_scale_set_actions=True))
    assert isinstance(made.next(), Wait)


def test_one_that_recovers_by_itself_is_capacity_again() -> None:
    made = run(ill("0", protected_from_scale_set_actions=True), instance("1"), instance("2"))
    made.sees(instance("0", protected_from_scale_set_actions=True))
    assert made.history.down_before == frozenset()
    made.sees(ill("0", protected_from_scale_set_actions=True))
    assert isinstance(made.next(), Wait), "it fell ill in the run"


def test_one_that_may_not_be_updated_costs_no_capacity() -> None:
    made = run(ill("0", protected_from_scale_set_actions=True), instance("1"), instance("2"))
    assert made.next() == Update(("1",))


def test_the_last_one_that_serves_is_never_taken() -> None:
    made = run(ill("0"), instance("1"))
    assert made.next() == Update(("0",))
    made.asked("0").sees(ill("0", provisioning_state="Failed"), at=NOW + 9)
    end = made.next()
    assert isinstance(end, Halt)
    assert end.reason == "instances 0 are down and stay down, so no other may be taken down"


def test_while_it_is_updated_the_other_one_of_its_zone_is_not_taken() -> None:
    """Its bad health may be a false alarm: then the zone would serve nobody."""
    other = instance("2", protected_from_scale_set_actions=True)
    zones = [replace(one, zone=zone) for one, zone in ((ill("0"), "1"), (instance("1"), "1"), (other, "2"))]
    assert run(*zones, max_unavailable=Amount(2)).next() == Update(("0",))


def test_the_canary_is_ill_only_if_no_healthy_instance_is_left() -> None:
    made = run(ill("0"), ill("1"), instance("2"), canary=Amount(2))
    assert made.next() == Update(("1",)), "the one that is not in the canary goes first, or with it"
    none = run(ill("0"), ill("1"), canary=ONE, canary_only=True)
    assert none.next() == Update(("0",))
    none.asked("0").sees(instance("0", NEW), at=NOW + 9)
    assert none.next() == RunGate(Stage.CANARY, ("0",))


def test_with_the_canary_alone_no_other_instance_is_updated() -> None:
    made = run(ill("0"), instance("1"), instance("2"), canary=ONE, canary_only=True)
    assert made.next() == Update(("1",))


def test_a_canary_of_ill_instances_that_stay_ill_ends_the_rollout() -> None:
    made = run(ill("0"), ill("1"), canary=ONE, canary_only=True)
    made.asked("0").sees(ill("0", provisioning_state="Failed"), at=NOW + 9)
    assert isinstance(made.next(), Halt)


def test_a_set_whose_only_instance_stays_ill_with_the_release_is_told_and_not_judged() -> None:
    made = run(ill("0"), canary=ONE)
    made.asked("0").operations = (OperationState(("0",), ended=NOW + 5),)
    made.sees(ill("0", image=NEW, latest_model_applied=True, provisioning_state="Failed"), at=NOW + 9)
    action = made.next()
    assert isinstance(action, Halt)
    assert action.reason == "all but 1 instance(s): 0: was down before the run; its update failed"


def test_one_stuck_in_the_rollback_does_not_stop_the_rollback_of_the_others() -> None:
    made = Run(instance("0", NEW), instance("1"), instance("2"), max_unavailable=ONE, canary=Amount(2))
    made.asked("0", "1").sees(instance("1", provisioning_state="Failed"), at=NOW + 9)
    made.history = made.history.begin_rollback(OLD, "1 failed", NOW + 9)
    made.scale_set = ScaleSet(WEB, OLD)
    assert made.next() == Update(("1",))
    made.asked("1", at=NOW + 10).operations = (OperationState(("1",), ended=NOW + 12),)
    made.sees(instance("1", provisioning_state="Failed"), at=NOW + 13)
    assert made.next() == Update(("0",)), "0 is healthy on the bad release, and goes back"
    made.asked("0", at=NOW + 13).sees(instance("0", OLD, latest_model_applied=True), at=NOW + 20)
    end = made.next()
    assert isinstance(end, Halt)
    assert end.reason.startswith("the rollback failed too: 1 instance(s) failed: 1: its update failed")


def test_a_rollback_that_takes_healthy_instances_down_stops_at_what_may_be_down() -> None:
    made = Run(instance("0", NEW), instance("1", NEW), instance("2"), max_unavailable=ONE)
    made.asked("0", "1").sees(at=NOW + 9)
    made.history = made.history.begin_rollback(OLD, "a gate failed", NOW + 9)
    made.scale_set = ScaleSet(WEB, OLD)
    assert made.next() == Update(("0",))
    made.asked("0", at=NOW + 10).sees(instance("0", NEW, provisioning_state="Failed"), at=NOW + 13)
    end = made.next()
    assert isinstance(end, Halt)
    assert "0 are down and stay down" in end.reason


@pytest.mark.parametrize(
    ("one", "resumed", "is_down"),
    [
        (instance("0"), False, False),
        (ill("0"), False, True),
        (ill("0"), True, True),
        (ill("0", provisioning_state="Failed"), False, True),
        (ill("0", provisioning_state="Failed"), True, False),  # the killed run may have broken it
        (ill("0", provisioning_state="Updating"), False, False),  # somebody's operation brings it back
        (ill("0", health=Health.INITIALIZING), False, False),
        (ill("0", image=NEW), False, False),  # it may be ill because of the release
    ],
)
def test_down_before_is_what_neither_this_rollout_nor_one_before_it_broke(
    one: Instance, resumed: bool, is_down: bool
) -> None:
    observed = Observed(ScaleSet(WEB, OLD), (one,), {})
    assert bool(down_before(observed, Target(NEW, by_image=True), resumed=resumed)) is is_down
    if one.image is NEW:
        assert down_before(observed, None, resumed=resumed) == {"0"}, "a rollback is not to blame for it"


def _findings(*instances: Instance, **spec: object) -> list[tuple[Severity, str]]:
    wanted = RolloutSpec(**{"canary": None, "max_unavailable": ONE, **spec})  # type: ignore[arg-type]
    found = preview(wanted, NEW, ScaleSet(WEB, OLD), instances).findings
    return [(one.severity, one.text) for one in found]


def test_what_is_down_is_announced_before_anything_changes() -> None:
    assert _findings(instance("0"), instance("1")) == []
    assert _findings(ill("0"), ill("1", power="stopped"), instance("2"), canary=ONE) == [
        (Severity.NOTE, "0 (unhealthy) was down before the rollout: updated first, and not counted as unavailable")
    ]
    ((severity, text),) = _findings(ill("0", provisioning_state="Failed"), instance("1"), instance("2"))
    assert (severity, text) == (
        Severity.NOTE,
        "0 (Failed) was down before the rollout: not updated, and not counted as unavailable",
    )
    ((_, many),) = _findings(
        ill("0", provisioning_state="Failed"), ill("1", power="starting"), ill("2", power="stopped"), instance("3")
    )[-1:]
    assert many == "0 (Failed) was down before the rollout: not updated, and not counted as unavailable"
    every = _findings(ill("0"), ill("1", power="starting"), instance("2"), instance("3"))
    assert [text for _, text in every] == [
        "0 (unhealthy), 1 (starting) were down before the rollout: updated first, and not counted as unavailable"
    ]
    text = (
        "1 (unhealthy) was down before the rollout and in the canary: there are not enough healthy instances for the "
        "canary, so the gates judge it by these too"
    )
    assert (Severity.WARNING, text) in _findings(instance("0"), ill("1"), canary=Amount(2))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "down with the release (unhealthy): counts as failed unless healthy within 900 s"),
        ({"provisioning_state": "Failed"}, "down with the release (Failed): counts as failed at once"),
        ({"provisioning_state": "Updating"}, None),
        ({"health": Health.INITIALIZING}, None),
        ({"power": "deallocated"}, None),
    ],
)
def test_an_instance_that_is_down_with_the_release_is_named_with_what_follows(
    changes: dict[str, Any], told: str | None
) -> None:
    there = replace(ill("0", image=NEW), **changes)
    found = _findings(there, instance("1"))
    assert found == ([(Severity.WARNING, f"0: {told}")] if told else [])


def test_a_rollout_that_what_is_down_makes_impossible_is_refused_with_the_numbers() -> None:
    ((_, note), (severity, text)) = _findings(ill("0", protected_from_scale_set_actions=True), instance("1"))
    assert note.startswith("0 (unhealthy) was down before the rollout: not updated")
    assert severity is Severity.IMPOSSIBLE
    assert text == (
        "1 of 2 instances are down and are not updated (0: unhealthy), so 1 cannot be updated either: the last "
        "instance that serves must stay up. Repair 0, or include it (--include failed, and no protection against scale "
        "set actions)"
    )
    protected = [ill(key, protected_from_scale_set_actions=True) for key in ("0", "1")]
    (_, (_, text)) = _findings(*protected, instance("2"), max_unavailable=Amount(2))
    assert text.startswith("2 of 3 instances are down and are not updated (0: unhealthy, 1: unhealthy), so 2 cannot be")
    assert "Repair 0, 1, or include" in text
    assert Severity.IMPOSSIBLE not in {one for one, _ in _findings(ill("0"), instance("1"))}, "the release may cure it"


def test_the_dry_run_names_what_goes_before_the_canary() -> None:
    spec = RolloutSpec(max_unavailable=ONE, canary=ONE)
    found = preview(spec, NEW, ScaleSet(WEB, OLD), (ill("0"), instance("1"), instance("2")))
    assert (found.down, found.canary, found.others) == (("0",), ("1",), ("2",))
    assert "would update before, since they are down: 0" in list(found.lines())


STATES = st.sampled_from(["serves", "ill", "ill and protected", "taken"])


@given(st.lists(st.tuples(STATES, st.sampled_from([None, "1", "2", "3"])), min_size=1, max_size=9), st.integers(1, 4))
def test_no_more_than_allowed_are_taken_from_what_serves_and_one_always_serves(
    drawn: list[tuple[str, str | None]], limit: int
) -> None:
    every = [
        replace(instance(str(n)) if kind in {"serves", "taken"} else ill(str(n)), zone=zone)
        for n, (kind, zone) in enumerate(drawn)
    ]
    excused = frozenset(one.id for one, (kind, _) in zip(every, drawn, strict=True) if kind.startswith("ill"))
    taken = frozenset(one.id for one, (kind, _) in zip(every, drawn, strict=True) if kind == "taken")
    pending = [one for one, (kind, _) in zip(every, drawn, strict=True) if kind in {"serves", "ill"}]
    counted = tuple(one for one in every if one.id not in excused)
    admitted = Capacity(counted, taken, taken, limit, excused).admit(pending)
    lost = [one for one in admitted if one.id not in excused]
    assert len(lost) + len(taken) <= max(limit, len(taken)), "more are down than allowed"
    assert len(admitted) + len(taken) <= max(limit, len(taken)), "more are under way than allowed"
    serving = [one for one in counted if one.id not in taken]
    if excused and serving and lost:
        assert len(lost) < len(serving), "none serves"
    for zone in {one.zone for one in every if one.zone}:
        members = [one for one in counted if one.zone == zone]
        if len({one.zone for one in counted if one.zone}) > 1 and len(members) > 1:
            gone = {one.id for one in lost} | taken
            assert not lost or not {one.id for one in members} <= gone or {one.id for one in members} <= taken


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.integers(1, 9))
def test_a_canary_has_an_ill_instance_only_if_it_has_every_healthy_one(healthy: list[bool], size: int) -> None:
    every = [instance(str(n)) if well else ill(str(n)) for n, well in enumerate(healthy)]
    selection = select(Scope(), Target(NEW, by_image=True), ScaleSet(WEB, OLD), every)
    canary = choose_canary(Amount(size), selection)
    assert len(canary) == min(size, len(every))
    if any(not one.is_healthy for one in canary):
        assert {one.id for one in every if one.is_healthy} <= {one.id for one in canary}


def test_at_the_start_the_release_is_looked_for_and_not_the_models_flag() -> None:
    target, selection = at_start(RolloutSpec(), NEW, ScaleSet(WEB, OLD), (instance("0"),))
    assert target is not None
    assert [one.id for one in selection.pending] == ["0"]
    assert findings(RolloutSpec(), (instance("0"),), selection, frozenset()) == ()


OLD_SCRIPT, NEW_SCRIPT = (
    ExtensionSettings.of({"commandToExecute": f"bash {name}.sh"}, name="app") for name in ("v1", "v2")
)


@pytest.mark.parametrize(
    ("script", "has_target", "pending"),
    [(NEW_SCRIPT, False, ("0", "1")), (OLD_SCRIPT, True, ("1",)), (None, True, ("1",))],
    ids=["another script", "the same script", "the script of the model"],
)
def test_a_new_script_leaves_no_instance_with_the_release_and_the_same_one_those_that_have_it(
    script: ExtensionSettings | None, has_target: bool, pending: tuple[str, ...]
) -> None:
    scale_set = ScaleSet(WEB, OLD, scripts=(OLD_SCRIPT,), extension=OLD_SCRIPT)
    there = (instance("0", latest_model_applied=True), ill("1", latest_model_applied=False))
    target, selection = at_start(RolloutSpec(), script, scale_set, there)
    assert (target is not None) is has_target
    assert {one.id for one in selection.pending} == set(pending)
    assert {one.id for one in selection.have_it} == {"0", "1"} - set(pending)


def test_with_the_canary_alone_an_ill_instance_out_of_it_is_not_updated() -> None:
    not_updated = "0 (unhealthy) was down before the rollout: not updated, and not counted as unavailable"
    assert _findings(ill("0"), instance("1"), canary=ONE, canary_only=True) == [(Severity.NOTE, not_updated)]
    ((_, text),) = _findings(ill("0"), instance("1"), canary=ONE)
    assert text.endswith("updated first, and not counted as unavailable")


def test_an_instance_that_is_starting_up_is_no_reason_to_say_anything() -> None:
    assert _findings(ill("0", health=Health.INITIALIZING), canary=ONE) == []


def test_a_set_without_traffic_may_lose_its_last_instance_that_serves() -> None:
    there = (ill("0", protected_from_scale_set_actions=True), instance("1"))
    assert [one for one, _ in _findings(*there)] == [Severity.NOTE, Severity.IMPOSSIBLE]
    assert [one for one, _ in _findings(*there, idle=True)] == [Severity.NOTE]


@pytest.mark.parametrize(
    "other",
    [instance("2"), ill("2"), instance("2", protected_from_scale_set_actions=True), instance("2", zone="2")],
    ids=["healthy", "may be cured", "protected and serves", "in a zone of its own"],
)
def test_where_another_one_serves_or_may_serve_the_rollout_is_possible(other: Instance) -> None:
    there = (ill("0", protected_from_scale_set_actions=True), instance("1"), other)
    assert Severity.IMPOSSIBLE not in {one for one, _ in _findings(*there)}
