"""How a surge sorts the instances of a read: who failed and why, who is missing, and what Azure still works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.rollout.plan.test_surge_decision import made, new
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.automation.policies import Automation
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import GateResult, History, Observed, OperationState, Stage
from vmss_jenkins.rollout.plan.selection import Amount, Target
from vmss_jenkins.rollout.plan.surge.situation import survey

ASKED = 100.0
SPEC = RolloutSpec(canary=None, strategy=Strategy.SURGE, instance_timeout=150.0)


def run(*instances: Instance, asked: float = ASKED) -> History:
    """A run of which a read at this time shows these instances; it asked for none of them."""
    history = History(0.0, Target(NEW), headcount=Headcount.of(3), model_set=True)
    return history.observe(observed(*instances, read=asked), asked)


def observed(
    *instances: Instance, read: float, operation: OperationState | None = None, capacity: int = 3, **changes: object
) -> Observed:
    there = tuple(replace(one, latest_model_applied=one.image is NEW) for one in instances)
    scale_set = ScaleSet(WEB, NEW, capacity=capacity, **changes)  # type: ignore[arg-type]
    operations = (operation,) if operation else ()
    return Observed(scale_set, there, {one.id: read for one in there}, operations)


ILL = replace(made("7", well=False), image=NEW)
NO_DISK = replace(new("7"), provisioning_state="Failed", error="no disk")


@pytest.mark.parametrize(
    ("instance", "read", "reason"),
    [
        (new("7"), 900.0, None),
        (ILL, 250.0, None),
        (ILL, 250.5, "not healthy after 150 s"),
        (NO_DISK, 100.0, "could not be created: no disk"),
        (replace(NO_DISK, error=None), 100.0, "could not be created"),
        (replace(NO_DISK, image=OLD), 900.0, None),  # an old one that failed is left alone
    ],
    ids=["healthy", "ill for long", "ill for too long", "failed with an error", "failed", "old"],
)
def test_a_new_instance_fails_by_azures_word_or_by_time(instance: Instance, read: float, reason: str | None) -> None:
    found = survey(SPEC, observed(instance, read=read), run(instance), read)
    assert found.failed == ({"7": reason} if reason else {})


def test_the_tries_of_resilient_creation_and_a_held_deletion_are_waited_for() -> None:
    slow = Automation(resilient_creation=True, termination_notice=600.0)
    for read, failed in ((ASKED + 1950, {}), (ASKED + 1951, {"7": "not healthy after 1950 s"})):
        found = survey(SPEC, observed(ILL, read=read, automation=slow), run(ILL), read)
        assert found.failed == failed
    asked = run(THERE).removing([THERE], ASKED)
    for read, failed in ((ASKED + 750, {}), (ASKED + 751, {"2": "still there 750 s after its deletion began"})):
        found = survey(SPEC, observed(THERE, read=read, automation=slow), asked, read)
        assert found.failed == failed


def test_failures_are_told_in_the_order_of_the_ids() -> None:
    there = [replace(NO_DISK, id=key) for key in ("9", "8", "7")]
    found = survey(SPEC, observed(*there, read=ASKED), run(*there), ASKED)
    assert list(found.failed) == ["7", "8", "9"]
    assert found.in_flight == frozenset(), "nothing waits for them"


def test_an_instance_without_a_read_has_not_failed() -> None:
    at_once = replace(SPEC, instance_timeout=0.5)
    there = replace(observed(ILL, read=0.0), read={})
    assert survey(at_once, there, run(ILL, asked=0.0), 5.0).failed == {}
    assert survey(at_once, there, replace(run(ILL), not_updated_since={}), 5.0).failed == {}


def deletion(**changes: object) -> Callable[[], OperationState]:
    return lambda: OperationState(("2",), **changes)  # type: ignore[arg-type]


THERE = made("2")
LOCKED = "its deletion failed: locked"


@pytest.mark.parametrize(
    ("instance", "operation", "read", "reason"),
    [
        (THERE, deletion(ended=120.0, error="locked"), 125.0, LOCKED),
        (THERE, deletion(ended=120.0, error="locked"), 124.5, None),
        (THERE, deletion(ended=100.0, error="locked"), 105.0, LOCKED),
        (THERE, deletion(ended=99.5, error="locked"), 125.0, None),
        (THERE, deletion(), 125.0, None),
        (replace(THERE, error="busy"), deletion(ended=120.0), 125.0, "its deletion failed: busy"),
        (replace(THERE, error="busy"), deletion(ended=120.0, error="locked"), 125.0, LOCKED),
        (THERE, deletion(ended=120.0), 125.0, "its deletion failed"),
        (replace(THERE, provisioning_state="Deleting"), deletion(ended=120.0), 250.0, None),
        (replace(THERE, provisioning_state="Deleting"), deletion(ended=120.0), 250.5, "LATE"),
        (THERE, deletion(), 250.5, "LATE"),
        (THERE, lambda: None, 250.0, None),
        (THERE, lambda: None, 250.5, "LATE"),
    ],
    ids=[
        "ended, and Azure had time to show it", "ended just now", "ended at once", "an earlier deletion", "it runs",
        "error of the instance", "error of both", "no error", "shown", "shown for too long", "runs for too long",
        "not known", "not known for too long",
    ],
)  # fmt: skip
def test_a_deletion_fails_by_its_end_or_by_time(
    instance: Instance, operation: Callable[[], OperationState | None], read: float, reason: str | None
) -> None:
    history = run(THERE).removing([THERE], ASKED)
    found = survey(SPEC, observed(instance, read=read, operation=operation()), history, read)
    late = "still there 150 s after its deletion began"
    assert found.failed == ({"2": late if reason == "LATE" else reason} if reason else {})
    assert found.leaving == {"2"}


def test_deletions_that_failed_are_told_in_the_order_of_the_ids_and_after_new_instances() -> None:
    there = (made("3"), made("2"), NO_DISK)
    history = run(*there).removing(there[:2], ASKED)
    assert list(survey(SPEC, observed(*there, read=300.0), history, 300.0).failed) == ["7", "2", "3"]


def test_a_deletion_that_was_never_read_has_not_failed() -> None:
    at_once, history = replace(SPEC, instance_timeout=0.5), run(THERE, asked=0.0).removing([THERE], 0.0)
    assert survey(at_once, replace(observed(THERE, read=0.0), read={}), history, 5.0).failed == {}


def test_what_others_delete_is_no_failure_of_this_run() -> None:
    """Nobody asked for it here: neither when it began nor how long it may take is known."""
    going = replace(THERE, provisioning_state="Deleting")
    for history in (run(THERE), run(THERE).draining([THERE], ASKED)):
        found = survey(SPEC, observed(going, read=900.0), history, 900.0)
        assert found.failed == {}
        assert found.leaving == {"2"}
    both = run(going, made("3")).draining([THERE], ASKED).removing([made("3")], ASKED)
    found = survey(SPEC, observed(going, made("3"), read=900.0), both, 900.0)
    assert list(found.failed) == ["3"], "this run deletes that one"


def zoned(*zones: str, fresh: str = "") -> tuple[Instance, ...]:
    """Old instances in these zones, and new ones in others."""
    old = (made(str(number), zone) for number, zone in enumerate(zones))
    return (*old, *(new(str(10 + number), zone) for number, zone in enumerate(fresh)))


@pytest.mark.parametrize(
    ("instances", "fills", "empty"),
    [
        (zoned(fresh="112"), 0, 1),
        (zoned(fresh="111"), 0, 2),
        (zoned(fresh="11"), 0, 1),  # two zones are empty; one new instance can be spared
        (zoned(fresh="1111"), 0, 2),
        (zoned("1", fresh="12"), 0, 1),
        (zoned(fresh="12"), 0, 0),
        (zoned(fresh="123"), 0, 0),
        (zoned(fresh="1123"), 0, 0),
        (zoned("1", "1", fresh="2"), 0, 0),  # the next new ones may come into the third zone
        (zoned(fresh="112"), 2, 1),
        (zoned(fresh="112"), 3, 0),  # as often as there are zones, and never again
    ],
)
def test_a_zone_is_empty_if_an_instance_of_a_fuller_zone_could_be_there(
    instances: tuple[Instance, ...], fills: int, empty: int
) -> None:
    there = observed(*instances, read=ASKED, zones=("1", "2", "3"))
    assert survey(SPEC, there, replace(run(*instances), zone_fills=fills), ASKED).empty_zones == empty


@pytest.mark.parametrize(
    ("operation", "state", "answered", "now", "resizing"),
    [
        (None, "Succeeded", True, 100.0, False),
        (None, "Updating", True, 100.0, True),
        (None, "Succeeded", False, 114.5, True),
        (None, "Succeeded", False, 115.0, False),
        (None, "Updating", False, 115.0, True),
        (OperationState((), resizes=True), "Succeeded", True, 100.0, True),
        (OperationState((), resizes=True, ended=99.0), "Succeeded", True, 100.0, False),
        (OperationState((), resizes=True, ended=99.0), "Updating", True, 100.0, True),  # the answer of another was lost
        (OperationState(("2",)), "Succeeded", True, 100.0, False),
        (OperationState(("2",)), "Updating", True, 100.0, True),
    ],
    ids=[
        "quiet", "somebody changes the set", "no answer", "no answer for long", "no answer, and it shows", "ours runs",
        "ours ended", "ours ended, and another runs", "of instances", "of instances, and somebody changes the set",
    ],
)  # fmt: skip
def test_the_number_of_instances_changes_while_azure_may_work_on_it(
    operation: OperationState | None, state: str, answered: bool, now: float, resizing: bool
) -> None:
    there = observed(THERE, read=now, operation=operation, provisioning_state=state)
    history = replace(run(THERE), headcount=Headcount(3, 3, 4, 100.0, answered))
    assert survey(SPEC, there, history, now).resizing is resizing


PASSED, BAD = Consequence.GO_ON, Consequence.FAIL


@pytest.mark.parametrize(
    ("gates", "in_canary"),
    [
        ([], True),
        ([(Stage.BATCH, PASSED)], True),
        ([(Stage.CANARY, BAD)], True),
        ([(Stage.CANARY, PASSED)], False),
        ([(Stage.CANARY, BAD), (Stage.CANARY, PASSED), (Stage.BATCH, BAD)], False),
    ],
)
def test_the_canary_ends_with_gates_that_passed_it(gates: list[tuple[Stage, Consequence]], in_canary: bool) -> None:
    history = run(THERE)
    for stage, follows in gates:
        history = history.add_gate(GateResult(stage, (THERE.id,), follows, ASKED))
    spec, there = replace(SPEC, canary=Amount(1)), observed(THERE, read=ASKED)
    assert survey(spec, there, history, ASKED).in_canary is in_canary
    assert not survey(SPEC, there, history, ASKED).in_canary, "there is no canary"
    assert not survey(spec, there, history.begin_rollback(OLD, "bad", ASKED), ASKED).in_canary
    assert not survey(spec, observed(read=ASKED), history, ASKED).in_canary, "there are no instances"


def test_what_is_sorted_by_release_and_by_state() -> None:
    failed = replace(made("1"), provisioning_state="Failed", error="no disk")
    unknown = replace(made("2"), image=None)
    coming = replace(new("7"), provisioning_state="Creating", health=Health.UNKNOWN)
    going = replace(made("8"), provisioning_state="Deleting")
    busy = replace(made("3"), provisioning_state="Updating")
    there = (made("0"), failed, unknown, busy, new("6"), coming, going)
    seen = observed(*there, read=ASKED, capacity=8)
    seen = replace(
        seen,
        instances=tuple(replace(one, latest_model_applied=None) if one.id == "2" else one for one in seen.instances),
    )
    found = survey(replace(SPEC, max_surge=Amount(2)), seen, run(*there), ASKED)
    left = {
        "1": "its last operation failed (--include failed updates it anyway): no disk",
        "2": "neither its image nor its latest-model flag is known",
    }
    assert dict(found.skipped) == left
    assert [one.id for one in found.old] == ["0", "3"]
    assert [one.id for one in found.new] == ["6", "7"]
    assert (found.have_it, found.pending) == (frozenset("67"), frozenset("03"))
    assert [one.id for one in found.untouched] == ["1", "2"]
    assert (found.coming, found.leaving, found.in_flight) == (frozenset("7"), frozenset("8"), frozenset("7"))
    assert found.awaited == {"3"}
    assert [one.id for one in found.capacity.counted] == list("012367"), "what is being deleted serves nobody"
    assert (found.surplus, found.absent, found.surge) == (5, 2, 2)


def test_one_that_is_being_created_and_has_failed_is_not_coming() -> None:
    coming = replace(new("7"), provisioning_state="Creating", health=Health.UNKNOWN)
    found = survey(SPEC, observed(coming, read=251.0), run(coming), 251.0)
    assert (found.failed, found.coming) == ({"7": "not healthy after 150 s"}, frozenset())


@pytest.mark.parametrize(
    ("there", "gone", "capacity", "absent"),
    [
        ((made("0"), made("1")), (), 2, 0),
        ((made("0"), made("1")), (), 4, 2),
        ((made("0"), made("1")), (), 1, 0),
        ((made("0"), made("1")), (made("1"),), 2, 1),  # it will leave the capacity too
        ((made("0"), replace(made("1"), provisioning_state="Deleting")), (), 2, 1),
    ],
)
def test_how_many_of_the_capacity_neither_exist_nor_come(
    there: tuple[Instance, ...], gone: tuple[Instance, ...], capacity: int, absent: int
) -> None:
    found = survey(SPEC, observed(*there, read=ASKED, capacity=capacity), run(*there).removing(gone, ASKED), ASKED)
    assert found.absent == absent


def test_the_surge_of_a_situation_is_the_larger_of_step_and_canary() -> None:
    for canary, step, most in ((2, 1, 2), (1, 2, 2), (3, 3, 3)):
        spec = replace(SPEC, canary=Amount(canary), max_surge=Amount(step))
        assert survey(spec, observed(THERE, read=ASKED), run(THERE), ASKED).surge == most


def test_a_rollback_waits_for_instances_that_azure_is_making_and_takes_back_what_failed() -> None:
    coming = replace(made("7"), provisioning_state="Creating", health=Health.UNKNOWN)
    failed = replace(new("1"), provisioning_state="Failed")
    there = (made("0"), failed, coming)
    history = run(*there).begin_rollback(OLD, "bad", ASKED)
    found = survey(SPEC, observed(*there, read=ASKED), history, ASKED)
    assert found.in_flight == {"7"}, "the other one ran before"
    assert [one.id for one in found.old] == ["1"]
