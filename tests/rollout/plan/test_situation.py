"""How a rollout in place sorts the instances of a read: who failed and why, what is awaited, and what serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rollout.plan.test_decision import NOW, OLDER, Run, back, four, instance
from tests.support.fakes import NEW, OLD
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import Health, Instance, InstanceIds
from vmss_jenkins.rollout.plan.decision import next_moment
from vmss_jenkins.rollout.plan.history import OperationState, Stage
from vmss_jenkins.rollout.plan.selection import Amount, Include, Scope
from vmss_jenkins.rollout.plan.situation import Situation, survey


def surveyed(run: Run, **read: float) -> Situation:
    """The situation of a run; `read` says when instances were read, by `i` and their id, if not now."""
    run.history = run.history.observe(run.observed, run.now)
    times = {**run.observed.read, **{key.removeprefix("i"): at for key, at in read.items()}}
    return survey(run.spec, replace(run.observed, read=times), run.history, run.now)


CREATING = instance("9", OLD, provisioning_state="Creating", power=None, health=Health.UNKNOWN)


@pytest.mark.parametrize(
    ("ids", "rolls_back", "awaited"),
    [((), False, "9"), (("0",), False, ""), (("0", "9"), False, "9"), (("0",), True, "9")],
    ids=["of all", "not named", "named", "a rollback waits for each"],
)
def test_an_instance_that_is_being_created_is_awaited_if_it_is_meant(
    ids: tuple[str, ...], rolls_back: bool, awaited: str
) -> None:
    run = Run(instance("0", NEW), CREATING, scope=Scope(InstanceIds(ids)))
    assert surveyed(back(run) if rolls_back else run).awaited == frozenset(awaited)


@pytest.mark.parametrize("ids", [("A9",), ("a9",)])
def test_ids_are_compared_without_case(ids: tuple[str, ...]) -> None:
    run = Run(instance("0", NEW), replace(CREATING, id="a9"), scope=Scope(InstanceIds(ids)))
    assert surveyed(run).awaited == {"a9"}
    upper = Run(instance("0", NEW), replace(CREATING, id="A9"), scope=Scope(InstanceIds(ids)))
    assert surveyed(upper).awaited == {"A9"}


def test_an_instance_is_awaited_no_longer_than_one_may_take() -> None:
    run = Run(instance("0", NEW), CREATING, instance_timeout=60.0).sees()
    for at, awaited in ((NOW + 60, {"9"}), (NOW + 60.5, set[str]())):
        run.now = at
        assert surveyed(run).awaited == awaited
    run.history = replace(run.history, not_updated_since={})
    assert survey(run.spec, run.observed, run.history, run.now).awaited == {"9"}, "since when is not known"


def test_what_azure_works_on_is_awaited_and_not_updated() -> None:
    run = Run(instance("0", provisioning_state="Updating"), instance("1"))
    found = surveyed(run)
    assert found.awaited == {"0"}
    assert (found.pending, [one.id for one in found.candidates]) == (frozenset("01"), ["1"])


FAILED = instance("0", provisioning_state="Failed", error="no quota")
BUSY = instance("0", provisioning_state="Updating")
UPDATED_ILL = instance("0", NEW, health=Health.UNHEALTHY)
NOT_LATEST = "Azure ended its update, but it does not have the latest model"


@pytest.mark.parametrize(
    ("shown", "ended", "error", "read", "reason"),
    [
        (FAILED, None, None, NOW, "its update failed: no quota"),
        (FAILED, None, None, NOW - 0.5, None),  # read before the request
        (replace(FAILED, error=None), None, None, NOW, "its update failed"),
        (replace(FAILED, error=None), 5.0, "no room", NOW + 5, "its update failed: no room"),
        (FAILED, 5.0, "no room", NOW + 5, "its update failed: no quota"),  # the instance knows better
        (instance("0"), 5.0, None, NOW + 10, NOT_LATEST),
        (instance("0"), 5.0, None, NOW + 9.5, None),  # its state may come later than the end
        (instance("0"), 5.0, "no room", NOW + 10, f"{NOT_LATEST}: no room"),
        (instance("0"), 0.0, None, NOW + 5, NOT_LATEST),
        (instance("0"), -0.5, None, NOW + 10, None),  # an earlier operation
        (instance("0"), None, None, NOW + 59, None),
        (BUSY, 5.0, "no room", NOW + 10, None),
        (UPDATED_ILL, 5.0, None, NOW + 60, None),
        (UPDATED_ILL, 5.0, None, NOW + 60.5, "not healthy after 60 s"),
        (BUSY, None, None, NOW + 60.5, "not healthy after 60 s"),
    ],
)
def test_an_update_fails_by_azures_word_or_by_time(
    shown: Instance, ended: float | None, error: str | None, read: float, reason: str | None
) -> None:
    run = Run(*four(), instance_timeout=60.0).asked("0")
    run.operations = (OperationState(("0",), None if ended is None else NOW + ended, error),)
    run.now = max(read, NOW)
    found = surveyed(run.sees(shown), i0=read)
    assert found.failed == ({"0": reason} if reason else {})
    assert ("0" in found.in_flight) is (reason is None)


@pytest.mark.parametrize(
    ("ended", "seen_busy", "fails"),
    [(None, False, False), (5.0, False, True), (6.0, False, True), (6.5, False, False), (None, True, True)],
)
def test_one_that_had_failed_before_fails_when_azure_ended_its_update(
    ended: float | None, seen_busy: bool, fails: bool
) -> None:
    run = Run(FAILED, *four()[1:], scope=Scope(include=frozenset(Include))).asked("0")
    if seen_busy:
        run.sees(BUSY)
    run.operations = (OperationState(("0",), None if ended is None else NOW + ended),)
    found = surveyed(run.sees(FAILED, at=NOW + 6))
    assert ({**found.failed, **found.still_down} != {}) is fails


def test_one_that_has_the_release_and_failed_before_is_told_so() -> None:
    for error, detail in (("no disk", ": no disk"), (None, "")):
        run = Run(instance("0", NEW, provisioning_state="Failed", error=error), *four()[1:])
        assert surveyed(run).failed == {"0": f"has the release, but its provisioning failed before{detail}"}


def test_failures_are_told_in_the_order_of_the_ids() -> None:
    run = Run(*four()).asked("2", "0", "1")
    run.sees(*(replace(FAILED, id=key) for key in "201"))
    assert list(surveyed(run).failed) == ["0", "1", "2"]


def test_an_instance_that_drains_has_not_failed() -> None:
    run = Run(*four(), instance_timeout=60.0)
    run.history = run.history.draining(run.instances[:1], NOW)
    run.now = NOW + 61
    assert surveyed(run.sees(FAILED)).failed == {}


def test_a_first_read_at_the_time_of_the_request_counts() -> None:
    run = Run(*four()).asked("0", at=0.0)
    run.now = 0.0
    assert surveyed(run.sees(FAILED)).failed == {"0": "its update failed: no quota"}


@pytest.mark.parametrize(
    ("running", "answered", "now", "read", "settled"),
    [
        (True, True, 5.0, 5.0, False),
        (True, True, 60.0, 60.0, True),  # as long as an instance may take, and no longer
        (True, True, 59.5, 59.5, False),
        (False, True, 5.0, 0.0, True),
        (False, True, 5.0, -0.5, False),  # no read since the request
        (False, False, 15.0, 14.5, False),  # whether Azure took it shows only later
        (False, False, 15.0, 15.0, True),
    ],
)
def test_an_instance_is_unsettled_while_azure_may_still_bring_the_bad_release(
    running: bool, answered: bool, now: float, read: float, settled: bool
) -> None:
    run = Run(*four(new=1), instance_timeout=60.0).asked("0", answered=answered)
    run.operations = (OperationState(("0",), None if running else NOW),)
    back(run).now = NOW + now
    found = surveyed(run, i0=NOW + read)
    assert ("0" not in found.capacity.ours) is settled, "an unsettled one is down by this run"


def test_what_is_gone_is_not_unsettled_and_what_was_taken_back_neither() -> None:
    run = back(Run(*four()).asked("0", "1"))
    run.operations = (OperationState(("0", "1")),)
    run.instances = run.instances[1:]
    assert surveyed(run).capacity.ours == {"1"}
    run.operations = ()
    run.asked("1").sees(instance("1", OLD, latest_model_applied=True), at=NOW + 5)
    assert surveyed(run).capacity.ours == frozenset()


def test_what_serves_is_counted_without_what_is_created_or_stopped() -> None:
    stopped = instance("1", power="deallocated")
    run = Run(
        instance("0"), stopped, instance("2", health=Health.UNHEALTHY), CREATING, max_unavailable=Amount.parse("50%")
    )
    found = surveyed(run).capacity
    assert [one.id for one in found.counted] == ["0", "2"]
    assert (found.down, found.ours, found.limit, found.excused) == (frozenset("2"), frozenset(), 1, frozenset())
    assert found.keeps_zones
    assert not surveyed(Run(*four(), idle=True)).capacity.keeps_zones


@pytest.mark.parametrize(("share", "limit"), [("10%", 1), ("50%", 2), ("100%", 4)])
def test_the_limit_is_a_share_of_what_serves_and_one_at_least(share: str, limit: int) -> None:
    assert surveyed(Run(*four(), max_unavailable=Amount.parse(share))).capacity.limit == limit


def test_an_instance_with_the_new_release_that_is_down_is_down_by_the_rollout() -> None:
    ill_new, ill_old = UPDATED_ILL, instance("1", health=Health.UNHEALTHY)
    found = surveyed(Run(ill_new, ill_old, *four()[2:])).capacity
    assert (found.down, found.ours) == (frozenset("01"), frozenset("0"))


def test_one_that_was_down_before_is_no_capacity_until_it_is_taken() -> None:
    run = Run(instance("0", health=Health.UNHEALTHY), *four()[1:])
    run.history = replace(run.history, down_before=frozenset("0"))
    found = surveyed(run).capacity
    assert ([one.id for one in found.counted], found.excused) == (list("123"), frozenset("0"))
    taken = surveyed(run.asked("0")).capacity
    assert [one.id for one in taken.counted] == list("0123")
    assert (taken.excused, taken.ours) == (frozenset(), frozenset("0"))


def test_a_rollback_takes_the_bad_release_and_what_this_run_touched_and_no_third_one() -> None:
    there = (instance("0", NEW), instance("1", OLDER), instance("2", OLDER), instance("3"))
    run = back(Run(*there).asked("1"))
    run.sees(at=NOW + 20)
    found = surveyed(run)
    assert found.pending == {"0", "1"}
    assert found.skipped == {}
    assert found.have_it == {"3"}


@pytest.mark.parametrize(
    ("ours", "include", "pending"),
    [("asked", "", "0"), ("", "", ""), ("", "failed", "0"), ("drained", "", "")],
)
def test_an_update_that_failed_and_left_the_old_image_is_made_again_in_a_rollback(
    ours: str, include: str, pending: str
) -> None:
    run = Run(*four(), scope=Scope(include=frozenset({Include(include)} if include else ())))
    if ours == "asked":
        run.asked("0")
    if ours == "drained":
        run.history = run.history.draining(run.instances[:1], NOW)
    run.sees(FAILED)
    back(run).now = NOW + 20
    assert surveyed(run).pending == frozenset(pending)
    run.asked("0", at=run.now)
    assert surveyed(run).pending == set(), "once"


def test_the_canary_counts_what_is_under_way() -> None:
    run = Run(*four(), canary=Amount(2)).asked("0")
    assert [one.id for one in surveyed(run.sees(BUSY)).canary] == ["1"]
    run.asked("1").sees(replace(BUSY, id="1"))
    assert surveyed(run).canary == ()


@pytest.mark.parametrize(
    ("stage", "follows", "in_canary"),
    [
        (Stage.CANARY, Consequence.GO_ON, False),
        (Stage.CANARY, Consequence.FAIL, True),
        (Stage.BATCH, Consequence.GO_ON, True),
    ],
)
def test_the_canary_ends_with_gates_that_passed_it(stage: Stage, follows: Consequence, in_canary: bool) -> None:
    run = Run(*four(new=1), canary=Amount(1)).judged("0", stage=stage, follows=follows)
    assert surveyed(run).in_canary is in_canary
    assert surveyed(back(run)).in_canary is False


def test_unjudged_are_the_updated_ones_in_the_order_of_the_list_that_no_gates_passed() -> None:
    run = Run(*(instance(key, NEW) for key in ("2", "10", "1"))).judged("1").judged("2", follows=Consequence.FAIL)
    assert surveyed(run).unjudged == ("2", "10")


def test_one_that_drains_does_not_hide_the_failure_of_the_next() -> None:
    run = Run(*four()).asked("1")
    run.history = run.history.draining(run.instances[:1], NOW)
    assert surveyed(run.sees(replace(FAILED, id="1"))).failed == {"1": "its update failed: no quota"}


def test_what_was_never_read_has_neither_failed_nor_settled() -> None:
    run = Run(*four(), instance_timeout=0.5).asked("0", at=0.0)
    run.now = 0.0
    run.history = run.history.observe(run.observed, 0.0)
    unread = replace(run.observed, read={})
    assert survey(run.spec, unread, run.history, 0.0).failed == {}
    asked = back(Run(*four(new=1)).asked("0", at=0.5))
    assert survey(asked.spec, replace(asked.observed, read={}), asked.history, 5.0).capacity.ours == {"0"}


@pytest.mark.parametrize(("state", "awaited"), [("Succeeded", False), ("Updating", True)])
def test_one_that_somebody_deallocates_after_it_was_taken_is_not_awaited(state: str, awaited: bool) -> None:
    run = Run(*four()).asked("0", "1")
    run.sees(instance("0", power="deallocated", provisioning_state=state, health=Health.NOT_REPORTED))
    found = surveyed(run)
    assert ("0" in found.in_flight) is awaited
    assert "1" in found.in_flight
    assert ("0" in {one.id for one in found.capacity.counted}) is awaited


def test_one_that_was_taken_is_capacity_though_its_update_stops_it() -> None:
    stopped = [instance(key, power="stopped", health=Health.NOT_REPORTED) for key in ("0", "1")]
    run = Run(*four()).asked("0").sees(*stopped)
    found = surveyed(run).capacity
    assert [one.id for one in found.counted] == ["0", "2", "3"], "the other one somebody stopped"
    assert found.down == {"0"}


def test_in_a_rollback_those_that_this_run_broke_are_down_by_it_and_others_are_not() -> None:
    run = Run(*four(new=1)).asked("0").sees(replace(UPDATED_ILL), instance("3", health=Health.UNHEALTHY))
    found = surveyed(back(run).sees(at=NOW + 20))
    assert (found.capacity.down, found.capacity.ours) == (frozenset("03"), frozenset("0"))
    assert found.in_flight == frozenset(), "the other one was never touched, and nobody waits for it"


def test_a_rollback_awaits_what_it_touched_before_though_it_has_the_old_release() -> None:
    run = Run(*four()).asked("0").sees(instance("0", health=Health.UNHEALTHY))
    found = surveyed(back(run).sees(at=NOW + 20))
    assert found.in_flight == {"0"}


def test_a_rollback_tells_only_of_those_that_it_would_have_updated() -> None:
    kept = {"protected_from_scale_set_actions": True}
    run = back(Run(instance("0", NEW, **kept), instance("1", OLDER, **kept), instance("3")))
    assert surveyed(run).skipped == {"0": "protected from scale set actions: Azure does not update it"}


@pytest.mark.parametrize(("canary", "unjudged"), [(None, ("0", "1")), (Amount(1), ("1",))])
def test_one_that_was_down_before_is_judged_after_the_canary(canary: Amount | None, unjudged: tuple[str, ...]) -> None:
    ill = instance("0", health=Health.UNHEALTHY)
    run = Run(ill, *four()[1:], canary=canary).asked("0", "1").sees(instance("0", NEW), instance("1", NEW))
    assert surveyed(run).unjudged == unjudged


def test_when_nothing_is_due_any_more_the_moment_is_now() -> None:
    run = Run(*four(), timeout=10.0)
    assert next_moment(run.spec, run.history, NOW) == NOW
    assert next_moment(run.spec, run.history, 9.0) == 10.0


def test_the_next_moment_is_the_first_of_all_that_are_due() -> None:
    run = Run(*four(), drain=30.0, min_healthy_time=15.0, timeout=NOW)
    run.history = replace(run.history.draining(run.instances[:1], NOW), updated_since={"1": NOW})
    run.history = replace(run.history, held_until=NOW + 20)
    moments = [next_moment(run.spec, run.history, NOW + passed) for passed in (-5, 0, 15, 20, 30)]
    assert moments == [NOW, NOW + 15, NOW + 20, NOW + 30, NOW + 30]
