"""What a surge waits for, where it is stuck, and how many it deletes at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rollout.plan.test_moving_target import NAMED, V1, V2
from tests.rollout.plan.test_surge_decision import OLDEST, chosen, made, new
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.images import ResolvedImage
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.rollout.plan.actions import (
    Action,
    Halt,
    Remove,
    Restore,
    RolloutSpec,
    RunGate,
    ScaleOut,
    Shrink,
    Strategy,
    Wait,
)
from vmss_jenkins.rollout.plan.capacity import Capacity
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import GateResult, History, Observed, Stage
from vmss_jenkins.rollout.plan.selection import Amount, Target
from vmss_jenkins.rollout.plan.surge.decision import choose
from vmss_jenkins.rollout.plan.surge.preview import preview_surge
from vmss_jenkins.rollout.plan.surge.situation import survey

NOW, END = 100.0, 7200.0
OLD_TWO = (made("0"), made("1"))
ILL = made("2", well=False)
NONE_MAY_GO = {"surplus": 1, "old": OLD_TWO, "capacity": Capacity((*OLD_TWO, ILL), frozenset("2"), frozenset(), 0)}
"""Two serve and two are wanted: none of them may be deleted."""


def waiting(
    *, now: float = NOW, rolls_back: bool = False, history: dict[str, object] | None = None, drain: bool = False,
    pause: float = 0.0, canary: int | None = None, max_surge: int = 1, **found: object,
) -> Action:  # fmt: skip
    """What follows in a situation in which nothing is left to do but what is given."""
    scale_set = ScaleSet(WEB, OLD if rolls_back else NEW, capacity=2, scale_in=OLDEST)
    observed = Observed(scale_set, OLD_TWO, {"0": NOW, "1": NOW})
    run = History(0.0, Target(NEW), headcount=Headcount.of(2), model_set=True)
    run = run.add_gate(GateResult(Stage.BATCH, (), Consequence.GO_ON, NOW))
    run = run.begin_rollback(OLD, "bad", 0.0) if rolls_back else run
    run = run.draining(OLD_TWO[:1], NOW) if drain else run
    run = replace(run, model_set=True, **(history or {}))  # type: ignore[arg-type]
    spec = RolloutSpec(
        canary=Amount(canary) if canary else None, strategy=Strategy.SURGE, drain=30.0 if drain else None, pause=pause,
        max_surge=Amount(max_surge),
    )  # fmt: skip
    quiet = replace(
        survey(spec, observed, run, now),
        **{"old": (), "new": (), "in_flight": frozenset(), "unjudged": (), "surplus": 0, "absent": 0, **found},  # type: ignore[arg-type]
    )
    return choose(spec, observed, run, quiet, now)


@pytest.mark.parametrize(
    ("found", "until", "reason", "ids"),
    [
        ({"in_flight": frozenset("10")}, END, "not healthy yet", ("0", "1")),
        ({"leaving": frozenset("10")}, END, "Azure deletes them", ("0", "1")),
        ({"coming": frozenset("4")}, END, "Azure makes instances", ("4",)),
        ({"resizing": True}, END, "Azure makes instances", ()),
        ({"awaited": frozenset("2")}, END, "Azure works on them", ("2",)),
        (NONE_MAY_GO, END, "down for other reasons, so no serving instance may be deleted", ("2",)),
        ({"drain": True, "old": OLD_TWO}, NOW + 30, "their open connections end", ("0",)),
        ({"pause": 60.0, "old": OLD_TWO, "now": NOW + 59}, NOW + 60, "pause", ()),
        ({"history": {"held_until": NOW + 5}, "old": OLD_TWO}, NOW + 5, "pause", ()),
    ],
)
def test_what_is_waited_for(found: dict[str, object], until: float, reason: str, ids: tuple[str, ...]) -> None:
    assert waiting(**found) == Wait(until, reason, ids)  # type: ignore[arg-type]


@pytest.mark.parametrize("found", [{"pause": 60.0, "now": NOW + 60}, {"history": {"held_until": NOW}}])
def test_a_wait_ends_at_its_time(found: dict[str, object]) -> None:
    assert not isinstance(waiting(old=OLD_TWO, **found), Wait)  # type: ignore[arg-type]


FAILED = {"failed": {"2": "no quota", "3": "ill"}, **NONE_MAY_GO}


def test_a_rollback_that_can_do_no_more_halts_with_each_reason() -> None:
    for found in ({}, {"history": {"held_until": NOW}}):
        halted = waiting(rolls_back=True, **FAILED, **found)  # type: ignore[arg-type]
        assert isinstance(halted, Halt)
        assert halted.reason == "the rollback failed too: 2 instance(s) failed: 2: no quota; 3: ill"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"leaving": frozenset("1")}, "Azure deletes them"),
        ({"history": {"held_until": NOW + 5}}, "pause"),
        ({"drain": True}, "their open connections end"),
        ({"failed": {}}, "down for other reasons, so no serving instance may be deleted"),
    ],
)
def test_a_rollback_is_not_stuck_while_something_is_under_way(found: dict[str, object], reason: str) -> None:
    waits = waiting(rolls_back=True, **{**FAILED, **found})  # type: ignore[arg-type]
    assert isinstance(waits, Wait)
    assert waits.reason == reason


PROTECTED_ILL = replace(made("1", well=False), protected_from_scale_in=True)


@pytest.mark.parametrize(
    ("instances", "wanted", "removed"),
    [
        ((made("0"), made("1"), new("2"), new("3")), 2, "0 1"),
        ((made("0"), made("1"), made("2"), new("3"), new("4")), 3, "0 1"),
        ((*(made(key, well=False) for key in "012"), new("3"), new("4")), 3, "0 1"),  # no more than are too many
        ((made("0"), made("1"), made("2", well=False), new("3"), new("4")), 3, "0 2"),  # one more serves than wanted
        ((made("0", "1"), made("1", "1"), new("2", "2"), new("3", "2")), 2, "0"),  # then 1 alone serves its zone
        ((made("0", "1"), made("1", "1"), made("4", "1"), new("2", "2"), new("3", "2")), 3, "0 1"),
        ((made("0", "1"), made("1"), new("2"), new("3")), 2, "1 0"),  # one zone is no spread to keep
        ((PROTECTED_ILL, replace(PROTECTED_ILL, id="3"), made("0"), new("2")), 2, "0"),  # 2 serves
        ((made("0"), PROTECTED_ILL, new("2")), 2, "0"),  # what stays and serves nobody was no capacity before
        ((made("1", "2"), made("2", "3", age=5), new("3", "1"), new("4", "1"), new("5", "1")), 3, "2"),
    ],
)
def test_how_many_are_deleted_at_a_time(instances: tuple[Instance, ...], wanted: int, removed: str) -> None:
    assert chosen(*instances, wanted=wanted, max_surge=Amount(2), canary=None) == Remove(tuple(removed.split()))


ONE_SERVES = (PROTECTED_ILL, replace(PROTECTED_ILL, id="3"), made("0"))


def test_the_last_serving_instance_is_deleted_only_when_another_one_serves() -> None:
    assert chosen(*ONE_SERVES, wanted=2, max_surge=Amount(2), canary=None) == ScaleOut(1)
    waits = chosen(*ONE_SERVES, wanted=2, max_surge=Amount(1), canary=None)
    assert isinstance(waits, Wait)
    assert waits.reason == "down for other reasons, so no serving instance may be deleted"
    assert waits.instance_ids == ("1", "3")


def test_a_set_that_is_scaled_to_none_keeps_none() -> None:
    assert chosen(made("0"), new("1"), wanted=0, max_surge=Amount(2), canary=None) == Remove(("0",))


def test_a_rollback_that_is_over_names_each_that_failed() -> None:
    action = waiting(rolls_back=True, failed={"2": "no quota", "3": "ill"})
    assert isinstance(action, Halt)
    assert action.reason == "all but 2 instance(s): 2: no quota; 3: ill"


@pytest.mark.parametrize(
    "found",
    [{"in_flight": frozenset("3")}, {"leaving": frozenset("3")}, {"coming": frozenset("3")}, {"resizing": True}],
)
def test_gates_run_when_nothing_is_under_way(found: dict[str, object]) -> None:
    assert waiting(unjudged=("2",)) == RunGate(Stage.BATCH, ("2",))
    assert isinstance(waiting(unjudged=("2",), **found), Wait)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("there", "old", "action"),
    [
        ("", OLD_TWO, ScaleOut(2)),
        ("2", OLD_TWO, ScaleOut(1)),
        ("23", OLD_TWO, RunGate(Stage.CANARY, ("2", "3"))),
        ("2", (), RunGate(Stage.CANARY, ("2",))),  # there is none to replace
    ],
)
def test_the_canary_is_complete_before_it_is_judged(there: str, old: tuple[Instance, ...], action: Action) -> None:
    found = tuple(new(key) for key in there)
    assert waiting(canary=2, in_canary=True, new=found, unjudged=tuple(there), old=old) == action


def test_after_the_canary_its_size_asks_for_no_more() -> None:
    assert waiting(canary=2, in_canary=False, old=OLD_TWO) == ScaleOut(1)


def test_a_capacity_that_azure_did_not_fill_is_shrunk_only_as_far_as_it_is_too_large() -> None:
    for absent, surplus, action in (
        (1, 0, ScaleOut(1)), (1, 1, Shrink(1)), (2, 1, Shrink(1)), (1, 2, Shrink(1)),
    ):  # fmt: skip
        assert waiting(absent=absent, surplus=surplus, old=OLD_TWO) == action


@pytest.mark.parametrize(("empty", "step", "more"), [(1, 1, 1), (2, 1, 1), (2, 2, 2), (1, 2, 1)])
def test_an_empty_zone_is_filled_as_the_last_step(empty: int, step: int, more: int) -> None:
    assert waiting(empty_zones=empty, max_surge=step) == ScaleOut(more, fills_zone=True)


def test_an_instance_that_stays_after_all_gets_its_traffic_back() -> None:
    drained: dict[str, object] = {"drained": frozenset("0")}
    assert waiting(rolls_back=True, history=drained, updated=frozenset("0")) == Restore(("0",))


def test_a_surge_of_a_moving_name_halts_when_a_newer_version_runs() -> None:
    newer = replace(made("0"), image=V2)
    observed = Observed(ScaleSet(WEB, NAMED, capacity=1), (newer,), {"0": NOW})
    run = History(0.0, Target(V1, floats_as=NAMED), headcount=Headcount.of(1), model_set=True, model_sent=True)
    spec = RolloutSpec(canary=None, strategy=Strategy.SURGE)
    action = choose(spec, observed, run, survey(spec, observed, run, NOW), NOW)
    assert isinstance(action, Halt)
    assert "1.11.0 was published while" in action.reason


def test_the_dry_run_of_a_surge_says_that_the_model_keeps_the_name_that_moves() -> None:
    spec = RolloutSpec(canary=None, strategy=Strategy.SURGE, resolved=ResolvedImage(NAMED, V1, floats=True))
    for there, verb in ((V1, "leave the model at"), (V2, "set the model to")):
        observed = Observed(ScaleSet(WEB, NAMED, capacity=1), (replace(made("0"), image=there),), {"0": NOW})
        found = preview_surge(spec, V1, observed, Headcount.of(1), ())
        assert next(found.lines()) == f"would {verb} nginx, which means {V1.short_name} now"
