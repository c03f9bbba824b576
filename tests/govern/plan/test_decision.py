"""What is answered when Azure asks, and what is done next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.govern.plan.worlds import COMPLETED, FORWARD, MEMORY, NOW, question, situation
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.govern.plan.actions import (
    Action,
    Answering,
    Approve,
    Cancel,
    End,
    Follow,
    Held,
    Hold,
    Judgement,
    Measure,
    Memory,
    Nothing,
    Reject,
    Rejected,
    Stopped,
    Upgraded,
    Wait,
)
from vmss_jenkins.govern.plan.decision import MARGIN, NEXT_RUN, SCHEDULED_WAIT, choose, decide, postponed
from vmss_jenkins.govern.plan.situation import Question, Situation
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.model.os_upgrades.hooks import HookKind
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade
from vmss_jenkins.rollout.plan.history import Stage
from vmss_jenkins.rollout.plan.selection import Amount

PLAIN = GovernSpec()
ONE_FIRST = GovernSpec(canary=Amount(1))
BAD, GOOD = Judgement(Consequence.FAIL, "too many errors"), Judgement(Consequence.GO_ON)
UNDECIDED = Judgement(Consequence.HALT, "too few samples")
NONE = Judgement()
SCHEDULING = question("web", kind=HookKind.SCHEDULING)
BATCH = question("0", "1")
DEFERRED = Question(("0", "1", "2", "3", "4"))
TODAY = "2026-12-01..2026-12-01"
END_OF_TODAY = NOW + 12 * 3600


@pytest.mark.parametrize(
    ("asked", "judgement", "spec", "approved", "answer"),
    [
        (SCHEDULING, NONE, PLAIN, (), Approve(("web",))),
        (BATCH, NONE, PLAIN, (), Approve(("0", "1"))),
        (BATCH, NONE, ONE_FIRST, (), Approve(("0",), left_out=("1",))),
        (BATCH, NONE, GovernSpec(canary=Amount(3)), (), Approve(("0", "1"))),
        (BATCH, GOOD, GovernSpec(canary=Amount(3)), ("7", "8"), Approve(("0",), left_out=("1",))),
        (BATCH, GOOD, ONE_FIRST, ("9",), Approve(("0", "1"))),
        (BATCH, GOOD, GovernSpec(canary=Amount(20, is_percent=True)), ("8", "9"), Approve(("0", "1"))),
        (BATCH, BAD, PLAIN, ("9",), Reject(("0", "1"), "too many errors")),
        (SCHEDULING, BAD, PLAIN, (), Reject(("web",), "too many errors")),
        (BATCH, UNDECIDED, PLAIN, ("9",), Hold(BATCH.until, "too few samples")),
        (DEFERRED, NONE, PLAIN, (), Approve(("0",))),
        (DEFERRED, NONE, GovernSpec(canary=Amount(2)), (), Approve(("0", "1"))),
        (DEFERRED, GOOD, GovernSpec(canary=Amount(2), max_unavailable=Amount(3)), ("8", "9"), Approve(("0", "1", "2"))),
    ],
)
def test_what_is_answered(
    asked: Question, judgement: Judgement, spec: GovernSpec, approved: tuple[str, ...], answer: Answering
) -> None:
    assert decide(asked, judgement, situation(approved=approved), spec, NOW) == answer


def test_in_a_window_azure_waits_until_its_end_and_an_hour_for_the_next_run() -> None:
    answer = decide(SCHEDULING, NONE, situation(), GovernSpec(deny=(TODAY,)), NOW)  # type: ignore[arg-type]
    assert isinstance(answer, Reject), "an event waits for four hours in these tests"
    long = replace(SCHEDULING.event, max_wait_until=NOW + 172_800)  # type: ignore[type-var]
    answer = decide(Question(("web",), long), NONE, situation(), GovernSpec(deny=(TODAY,)), NOW)  # type: ignore[arg-type]
    assert answer == Hold(END_OF_TODAY + NEXT_RUN, f"nothing is approved in {TODAY}")
    short = replace(SCHEDULING.event, max_wait_until=END_OF_TODAY + 60)  # type: ignore[type-var]
    answer = decide(Question(("web",), short), NONE, situation(), GovernSpec(deny=(TODAY,)), NOW)  # type: ignore[arg-type]
    assert answer == Hold(END_OF_TODAY + 60, f"nothing is approved in {TODAY}")


def test_in_a_window_that_is_too_long_for_azure_it_is_rejected_with_the_reason() -> None:
    answer = decide(BATCH, GOOD, situation(approved=("9",)), GovernSpec(deny=(TODAY,)), NOW)  # type: ignore[arg-type]
    reason = f"nothing is approved in {TODAY}, and Azure does not wait until its end"
    assert answer == Reject(("0", "1"), reason)


names = st.lists(st.integers(0, 99).map(str), min_size=1, max_size=12, unique=True)


@given(
    asked=names,
    before=st.integers(0, 12),
    canary=st.none() | st.integers(1, 12),
    judgement=st.sampled_from([NONE, GOOD, BAD, UNDECIDED]),
    deferred=st.booleans(),
    denied=st.booleans(),
)
def test_nothing_is_approved_of_a_bad_version_and_never_more_than_the_canary_before_it_is_judged(
    asked: list[str], before: int, canary: int | None, judgement: Judgement, deferred: bool, denied: bool
) -> None:
    found = Question(tuple(asked)) if deferred else question(*asked)
    spec = GovernSpec(canary=canary and Amount(canary), deny=(TODAY,) if denied else ())  # type: ignore[arg-type]
    where = situation(total=100, approved=tuple(f"old-{n}" for n in range(before)))
    answer = decide(found, judgement, where, spec, NOW)
    if judgement in (BAD, UNDECIDED) or denied:
        assert not isinstance(answer, Approve)
        return
    assert isinstance(answer, Approve)
    assert answer.names
    if canary and before < canary:
        assert before + len(answer.names) <= canary
    answered = (*answer.names, *answer.left_out)
    assert set(answered) <= set(asked)
    assert len(set(answered)) == len(answered)
    assert deferred or set(answered) == set(asked), "a batch begins only when every target has its answer"


@pytest.mark.parametrize(
    ("seconds", "until"),
    [(60.0, None), (1620.0, None), (1700.0, NOW + 1700 + MARGIN), (99_999.0, NOW - 60 + 14_400)],
)
def test_an_event_is_postponed_as_long_as_needed_and_never_past_its_latest_time(
    seconds: float, until: float | None
) -> None:
    assert postponed(BATCH, NOW, seconds) == until


def test_what_waits_without_end_is_not_postponed() -> None:
    assert postponed(DEFERRED, NOW, 1e9) is None


def test_an_event_at_its_latest_time_is_not_moved_again() -> None:
    event = replace(BATCH.event, wait_until=BATCH.latest)  # type: ignore[type-var]
    assert postponed(Question(("0",), event), NOW, 99_999.0) is None


APPROVED = replace(MEMORY, answered=NOW - 100)
JUDGED = APPROVED.passed(("9",))
FAILED = replace(JUDGED, judgement=BAD)
FAULTED = RollingUpgrade("Faulted", NOW - 600, error="MaxUnhealthy: too many")


@pytest.mark.parametrize(
    ("values", "memory", "action"),
    [
        ({"question": BATCH}, MEMORY, Approve(("0", "1"))),
        ({"question": BATCH, "approved": ("9",)}, MEMORY, Measure(Stage.CANARY, ("9",))),
        ({"question": BATCH, "approved": ("9", "8")}, JUDGED, Measure(Stage.BATCH, ("8",))),
        ({"question": BATCH, "approved": ("9",)}, JUDGED, Approve(("0", "1"))),
        ({"question": SCHEDULING, "approved": ("9",)}, MEMORY, Approve(("web",))),
        ({"question": BATCH, "approved": ("9",), "busy": ("9",)}, APPROVED, Wait("Azure upgrades them", ("9",))),
        (
            {"question": BATCH, "approved": ("9",), "busy": ("9",)},
            replace(MEMORY, answered=NOW - 900),
            Stopped("not upgraded 900 s after the approval: 9"),
        ),
        (
            {"question": DEFERRED, "approved": ()},
            replace(APPROVED, asked=frozenset("7")),
            Wait("Azure upgrades them", ("7",)),
        ),
        ({"question": BATCH, "approved": ("9",)}, FAILED, Reject(("0", "1"), "too many errors")),
        ({"approved": ("9",)}, FAILED, Cancel("too many errors")),
        (
            {"approved": ("9",)},
            replace(FAILED, cancelled=True),
            Wait("the upgrade is cancelled, and Azure ends its batch"),
        ),
        ({"question": BATCH}, replace(FAILED, cannot_reject=True), Cancel("too many errors")),
        ({"upgrade": replace(FORWARD, code="Cancelled")}, FAILED, Rejected("too many errors")),
        ({"question": DEFERRED, "approved": ("9",)}, FAILED, Cancel("too many errors")),
        (
            {"question": BATCH, "approved": ("9",), "failed": (("9", "runs nginx/1.0.0 again"),)},
            JUDGED,
            Reject(("0", "1"), "instance 9 runs nginx/1.0.0 again"),
        ),
        (
            {"question": BATCH, "approved": ("9",)},
            replace(JUDGED, judgement=UNDECIDED),
            Stopped("the gates did not decide: too few samples"),
        ),
        (
            {"question": BATCH},
            replace(MEMORY, deadline=NOW),
            Stopped("the time of this run is over; the next run goes on"),
        ),
        ({"approved": ("9",)}, MEMORY, Wait("Azure upgrades the set")),
        ({}, MEMORY, Nothing()),
        ({"upgrade": None}, MEMORY, Nothing()),
        ({"upgrade": COMPLETED}, MEMORY, Nothing()),
        ({"upgrade": None}, APPROVED, Wait("the upgrade is approved, and has not begun")),
        ({"upgrade": None}, replace(MEMORY, answered=NOW - SCHEDULED_WAIT), Held("approved, and not begun yet")),
        ({"upgrade": COMPLETED, "approved": ("9", "8")}, JUDGED, Measure(Stage.BATCH, ("8",))),
        ({"upgrade": COMPLETED, "approved": ("9",)}, JUDGED, Upgraded()),
        ({"upgrade": COMPLETED, "approved": ("9",), "left_out": ("1", "2")}, JUDGED, Follow(("1",))),
        ({"upgrade": COMPLETED, "approved": ("9",), "left_out": ("1",)}, JUDGED.passed(("1",)), Upgraded()),
        (
            {"upgrade": COMPLETED, "approved": ("9",), "rejected": ("4", "5")},
            JUDGED,
            Stopped("rejected by somebody else, or by Azure since no answer came: 4, 5"),
        ),
        ({"upgrade": FAULTED, "approved": ("9",)}, APPROVED, Stopped("MaxUnhealthy: too many")),
        (
            {"upgrade": replace(FORWARD, code="Cancelled"), "approved": ("9",)},
            JUDGED,
            Stopped("the upgrade ended as Cancelled"),
        ),
    ],
)
def test_what_is_done_next(values: dict[str, Any], memory: Memory, action: Action) -> None:
    assert choose(situation(**values), memory, PLAIN, NOW) == action


def test_a_window_that_needs_a_rejection_stops_where_azure_cannot_reject() -> None:
    spec = GovernSpec(deny=(TODAY,))  # type: ignore[arg-type]
    action = choose(situation(question=BATCH), replace(MEMORY, cannot_reject=True), spec, NOW)
    assert isinstance(action, Stopped)
    assert action.reason.endswith("Azure refused to reject")


@given(
    asked=st.sampled_from([None, SCHEDULING, BATCH, DEFERRED]),
    upgrade=st.sampled_from([None, FORWARD, COMPLETED, FAULTED]),
    approved=st.sets(st.sampled_from(["7", "8", "9"])).map(lambda ids: tuple(sorted(ids))),
    judged=st.sets(st.sampled_from(["7", "8", "9"])),
    answered=st.sampled_from([None, NOW - 10, NOW - 10_000]),
)
def test_a_batch_is_approved_only_if_every_upgraded_instance_was_judged_good(
    asked: Question | None,
    upgrade: RollingUpgrade | None,
    approved: tuple[str, ...],
    judged: set[str],
    answered: float | None,
) -> None:
    memory = replace(MEMORY, answered=answered).passed(tuple(judged))
    where = Situation(question=asked, upgrade=upgrade, total=10, approved=approved)
    action = choose(where, memory, PLAIN, NOW)
    if isinstance(action, Approve) and asked is not SCHEDULING:
        assert set(approved) <= judged
    if isinstance(action, Upgraded):
        assert isinstance(action, End)
        assert upgrade is COMPLETED
        assert set(approved) <= judged
