"""What is answered, and what is done next. `decide` answers one question; `choose` chooses the next action."""

from __future__ import annotations

from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.govern.plan.actions import (
    Action,
    Answering,
    Approve,
    Cancel,
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
from vmss_jenkins.govern.plan.situation import Question, Situation
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.govern.plan.windows import Window, denied
from vmss_jenkins.rollout.plan.history import Stage

MARGIN = 120.0
"""Seconds that an event waits longer than a measurement takes: for the answer, its retries and a slow clock."""
SCHEDULED_WAIT = 300.0
"""Seconds for which a run waits for the upgrade to begin that it approved; Azure may take hours."""
NEXT_RUN = 3600.0
"""Seconds after the end of a window in which a run should come to answer."""


def decide(question: Question, judgement: Judgement, situation: Situation, spec: GovernSpec, now: float) -> Answering:
    """Answer a question.

    Args:
        question: what Azure waits for.
        judgement: of the instances that have the version.
        situation: where the upgrade stands.
        spec: how it is governed.
        now: seconds UTC.
    """
    if judgement.consequence is Consequence.FAIL:
        return Reject(question.waiting, judgement.reason)
    if judgement.consequence is Consequence.HALT:
        return Hold(question.until, judgement.reason)
    window = denied(spec.deny, now)
    return _in_window(question, window) if window else _next(question, situation, spec)


def _next(question: Question, situation: Situation, spec: GovernSpec) -> Approve:
    """Approve the canary, or what comes after it."""
    if question.schedules:
        return Approve(question.waiting)
    missing = spec.canary_of(situation.total) - len(situation.approved)
    if question.event is None:
        size = missing if missing > 0 else spec.max_unavailable.rounded_down(situation.total)
        return Approve(question.waiting[:size])
    if missing > 0:
        return Approve(question.waiting[:missing], question.waiting[missing:])
    return Approve(question.waiting)


def _in_window(question: Question, window: Window) -> Answering:
    """Hold until the window ends, if Azure can be made to wait so long."""
    if window.ends < question.latest:
        return Hold(min(window.ends + NEXT_RUN, question.latest), f"nothing is approved in {window}")
    return Reject(question.waiting, f"nothing is approved in {window}, and Azure does not wait until its end")


def postponed(question: Question, now: float, seconds: float) -> float | None:
    """The time to which an event is moved so that it waits so many seconds more; None if it does, or cannot.

    Args:
        question: what Azure waits for.
        now: seconds UTC.
        seconds: how long the measurement takes.
    """
    wanted = min(now + seconds + MARGIN, question.latest)
    return wanted if wanted > question.until else None


def choose(situation: Situation, memory: Memory, spec: GovernSpec, now: float) -> Action:
    """Choose the next action.

    Args:
        situation: where the upgrade stands.
        memory: what the run remembers.
        spec: how it is governed.
        now: seconds UTC.
    """
    return (
        _by_judgement(situation, memory, now)
        or _upgrading(situation, memory, spec, now)
        or _to_judge(situation, memory)
        or _to_answer(situation, memory, spec, now)
        or _without_question(situation, memory, spec, now)
    )


def _by_judgement(situation: Situation, memory: Memory, now: float) -> Action | None:
    """End a bad or undecided upgrade, and a run whose time is over."""
    judgement = _judgement(situation, memory)
    if judgement.consequence is Consequence.FAIL:
        return _end_bad(situation, memory, judgement.reason)
    if judgement.consequence is Consequence.HALT:
        return Stopped(f"the gates did not decide: {judgement.reason}")
    return Stopped("the time of this run is over; the next run goes on") if now >= memory.deadline else None


def _to_answer(situation: Situation, memory: Memory, spec: GovernSpec, now: float) -> Action | None:
    """Answer the question; None if there is none."""
    if situation.question is None:
        return None
    answer = decide(situation.question, memory.judgement, situation, spec, now)
    if isinstance(answer, Reject) and memory.cannot_reject:
        return Stopped(f"{answer.reason}; Azure refused to reject")
    return answer


def _upgrading(situation: Situation, memory: Memory, spec: GovernSpec, now: float) -> Action | None:
    """Wait while Azure upgrades what was approved, or stop if that takes too long."""
    if situation.question is None and not memory.asked:
        return None
    if situation.upgrade and not situation.upgrade.goes_on:
        return None
    missing = memory.asked - set(situation.approved)
    under_way = tuple(sorted({*situation.busy, *missing}))
    if not under_way:
        return None
    if memory.answered is not None and now >= memory.answered + spec.instance_timeout:
        return Stopped(f"not upgraded {spec.instance_timeout:.0f} s after the approval: {', '.join(under_way)}")
    return Wait("Azure upgrades them", under_way)


def _to_judge(situation: Situation, memory: Memory) -> Measure | None:
    """Judge upgraded instances before the next batch is approved, and after the last one."""
    question, upgrade = situation.question, situation.upgrade
    asked = question is not None and not question.schedules
    completed = upgrade is not None and upgrade.code == "Completed" and question is None
    fresh = tuple(name for name in situation.approved if name not in memory.judged)
    if not fresh or not (asked or completed):
        return None
    return Measure(Stage.BATCH if memory.judged else Stage.CANARY, fresh)


def _without_question(situation: Situation, memory: Memory, spec: GovernSpec, now: float) -> Action:
    """Wait for the next question, or end."""
    upgrade = situation.upgrade
    if not situation.approved and not situation.deferred and memory.answered is None:
        return Nothing()
    if upgrade is None:
        soon = now < (memory.answered or 0.0) + SCHEDULED_WAIT
        return Wait("the upgrade is approved, and has not begun") if soon else Held("approved, and not begun yet")
    if upgrade.goes_on:
        return Wait("Azure upgrades the set")
    if upgrade.code != "Completed":
        return Stopped(upgrade.error or f"the upgrade ended as {upgrade.code}")
    return _completed(situation, memory, spec)


def _completed(situation: Situation, memory: Memory, spec: GovernSpec) -> Action:
    """Update those that the canary left out; if somebody rejected others, not every instance has the version."""
    if situation.rejected:
        return Stopped(f"rejected by somebody else, or by Azure since no answer came: {', '.join(situation.rejected)}")
    if late := [name for name in situation.left_out if name not in memory.judged]:
        return Follow(tuple(late[: spec.max_unavailable.rounded_down(situation.total)]))
    return Upgraded()


def _judgement(situation: Situation, memory: Memory) -> Judgement:
    """The judgement of the gates, unless an upgraded instance failed."""
    if situation.failed and memory.judgement.consequence is not Consequence.FAIL:
        reasons = "; ".join(f"instance {name} {reason}" for name, reason in situation.failed)
        return Judgement(Consequence.FAIL, reasons)
    return memory.judgement


def _end_bad(situation: Situation, memory: Memory, reason: str) -> Action:
    """Reject what waits, and end the upgrade, so that Azure asks for no further batch."""
    goes_on = situation.upgrade is not None and situation.upgrade.goes_on
    asked = situation.question is not None and situation.question.event is not None
    if situation.question and asked and not memory.cannot_reject and not (memory.rejected and goes_on):
        return Reject(situation.question.waiting, reason)
    if goes_on:
        return Wait("the upgrade is cancelled, and Azure ends its batch") if memory.cancelled else Cancel(reason)
    return Rejected(reason)
