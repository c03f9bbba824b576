"""Carries out what was chosen: answers, measurements, the end of an upgrade."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic

from vmss_jenkins.errors import AzureError
from vmss_jenkins.events import govern as events
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.gates.verdicts import Outcome as GateOutcome
from vmss_jenkins.govern.plan.actions import Action, Approve, Cancel, Follow, Hold, Judgement, Measure, Memory, Reject
from vmss_jenkins.govern.plan.decision import postponed
from vmss_jenkins.govern.plan.situation import Question
from vmss_jenkins.govern.ports import OsUpgrades
from vmss_jenkins.govern.watch import Watch
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import InstanceIds, ScaleSetName
from vmss_jenkins.model.os_upgrades.hook_events import Answer
from vmss_jenkins.rollout import instance_update
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.plan.claims import LEASE
from vmss_jenkins.rollout.plan.history import GateResult, Stage
from vmss_jenkins.rollout.ports import Gates, ScaleSets
from vmss_jenkins.rollout.refusals import until_next_try
from vmss_jenkins.rollout.steps import Options
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import ATTEMPTS, Waiter, complete, is_transient

CONFLICT, BAD_REQUEST, NOT_FOUND = 409, 400, 404


@dataclass
class Actor(Generic[OperationT]):
    """Carries out one action after the other.

    Args:
        upgrades: the OS upgrades of the set.
        sets: Azure.
        name: the set.
        gates: judge the new version; None if its health is enough.
        watch: the reads.
        lease: the claim of the run.
        waiter: clock and listener.
    """

    upgrades: OsUpgrades[OperationT]
    sets: ScaleSets[OperationT]
    name: ScaleSetName
    gates: Gates | None
    watch: Watch[OperationT]
    lease: Lease
    waiter: Waiter
    request_ids: list[str] = field(default_factory=list, init=False)
    measured: list[GateResult] = field(default_factory=list, init=False)
    _refusals: int = field(default=0, init=False)

    def act(self, action: Action, question: Question | None, now: float, memory: Memory) -> Memory:
        """Carry out an action and return what is remembered of it.

        Args:
            action: what was chosen.
            question: what Azure asks now.
            now: seconds UTC, by the last look.
            memory: what was remembered before.
        """
        match action:
            case Approve():
                return self._approve(action, question, now, memory)
            case Reject():
                return self._reject(action, question, memory)
            case Measure():
                return self._measure(action.stage, action.instance_ids, question, now, memory)
            case Cancel():
                return self._cancel(action, memory)
            case Follow():
                return self._follow(action, now, memory)
        self.watch.pause(self.lease.renew_if_due)
        return memory

    def hold(self, action: Hold, question: Question) -> None:
        """Move the time until which Azure waits."""
        if action.until > question.until:
            self._postpone(question, action.until, action.reason)

    def _approve(self, action: Approve, question: Question | None, now: float, memory: Memory) -> Memory:
        if question is None or question.event is None:
            return self._approve_deferred(action, now, memory)
        left_out = () if memory.cannot_reject else action.left_out
        approved = action.names if left_out else (*action.names, *action.left_out)
        answers = dict.fromkeys(approved, Answer.APPROVED) | dict.fromkeys(left_out, Answer.REJECTED)
        memory, done = self._answer(question, answers, memory)
        if not done:
            return memory
        self.waiter.on_event(events.UpgradeApproved(question.event.name, approved, question.schedules, left_out))
        return replace(memory, answered=now)

    def _approve_deferred(self, action: Approve, now: float, memory: Memory) -> Memory:
        begun: list[OperationT] = []
        if not self._attempt(lambda: begun.append(self.upgrades.begin_approve(action.names))):
            return memory
        self.waiter.on_event(events.UpgradeApproved("", action.names, is_set=False))
        self.request_ids.extend(filter(None, [begun[0].request_id]))
        complete(self.upgrades, begun[0], self.waiter, self.lease.renew_if_due)
        return replace(memory, answered=now, asked=frozenset(action.names))

    def _reject(self, action: Reject, question: Question | None, memory: Memory) -> Memory:
        if question is None or question.event is None:
            return self._cancel(Cancel(action.reason), memory)
        memory, done = self._answer(question, dict.fromkeys(action.names, Answer.REJECTED), memory)
        if not done:
            return memory
        self.waiter.on_event(events.UpgradeRejected(question.event.name, action.names, action.reason))
        return replace(memory, rejected=True, judgement=Judgement(Consequence.FAIL, action.reason))

    def _answer(self, question: Question, answers: dict[str, Answer], memory: Memory) -> tuple[Memory, bool]:
        """Answer an event; false if another look is needed: it has an answer, or Azure cannot reject."""
        event = question.event
        if event is None:
            return memory, False
        try:
            return memory, self._attempt(lambda: self.upgrades.answer(event, answers))
        except AzureError as error:
            if error.failure.status != BAD_REQUEST or memory.cannot_reject or Answer.REJECTED not in answers.values():
                raise
            self._warn(f"Azure refused to reject: {error.failure.message}")
            return replace(memory, cannot_reject=True), False

    def _attempt(self, call: Callable[[], None]) -> bool:
        """Make a call once; false after a refusal that may pass: the next look shows what Azure did."""
        try:
            call()
        except AzureError as error:
            vanished = error.failure.status == NOT_FOUND
            if not (vanished or is_transient(error)) or self._refusals >= ATTEMPTS:
                raise
            self.waiter.refuse_long_wait(error)
            wait = until_next_try(error.failure, self._refusals)
            self._refusals += 1
            self.waiter.on_event(CallRetried(str(error).splitlines()[0], self._refusals, wait))
            self.waiter.clock.sleep(wait)
            return False
        self._refusals = 0
        return True

    def _measure(
        self, stage: Stage, ids: tuple[str, ...], question: Question | None, now: float, memory: Memory
    ) -> Memory:
        """Ask the gates, and let Azure wait as long as they measure."""
        if self.gates is None:
            self.measured.append(GateResult(stage, ids, Consequence.GO_ON, self._now))
            return memory.passed(ids)

        waits_until = question.until if question else 0.0

        def before(seconds: float) -> None:
            nonlocal waits_until
            self.lease.renew(lease=LEASE + seconds)
            until = postponed(question, now + self.watch.since_look(), seconds) if question else None
            if question and until and until > waits_until:
                self._postpone(question, until, "the gates measure")
                waits_until = until

        judgement = self.gates.assess(stage.value, ids, before)
        self.lease.renew()
        bad = [verdict for verdict in judgement.verdicts if verdict.outcome is not GateOutcome.PASSED]
        text = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in bad or judgement.verdicts)
        reason = " ".join(text.split())
        follows, verdicts = judgement.consequence, tuple(judgement.verdicts)
        self.measured.append(GateResult(stage, ids, follows, self._now, reason, verdicts))
        if follows is Consequence.GO_ON:
            return memory.passed(ids)
        failed = f"the gates after the {stage.value} failed: " if follows is Consequence.FAIL else ""
        return replace(memory, judgement=Judgement(follows, f"{failed}{reason}"))

    def _postpone(self, question: Question, until: float, reason: str) -> None:
        """Move the time until which an event waits; an event that is answered meanwhile needs no time."""
        event = question.event
        if event is None:
            return
        try:
            self.waiter.retry(lambda: self.upgrades.postpone(event, until))
        except AzureError as error:
            if error.failure.status not in {BAD_REQUEST, NOT_FOUND, CONFLICT}:
                raise
            self._warn(f"Azure waits no longer for {', '.join(question.waiting)}: {error.failure.message}")
            return
        latest = until >= question.latest
        self.waiter.on_event(
            events.UpgradePostponed(event.name, float(int(until)), latest, event.default_action.value, reason)
        )

    def _cancel(self, action: Cancel, memory: Memory) -> Memory:
        """Cancel the upgrade; one that has ended needs no cancelling."""
        try:
            operation = self.upgrades.begin_cancel()
            complete(self.upgrades, operation, self.waiter, self.lease.renew_if_due)
            self.waiter.on_event(events.UpgradeCancelled(self.name, action.reason))
        except AzureError as error:
            if error.failure.status == CONFLICT:
                return replace(memory, cancelled=True)
            if not is_transient(error):
                raise
            self._warn(str(error).splitlines()[0])
            self.watch.pause(self.lease.renew_if_due)
            return memory
        return replace(memory, cancelled=True)

    def _follow(self, action: Follow, now: float, memory: Memory) -> Memory:
        """Update the instances that the canary left out, and judge them too."""
        options = Options(allow_automatic_rollout=True, await_healthy=True)
        chosen = InstanceIds(action.instance_ids)
        result = instance_update.update_instances(self.sets, self.name, chosen, options, self.waiter)
        self.request_ids.extend(result.request_ids)
        return self._measure(Stage.BATCH, action.instance_ids, None, now, memory)

    def _warn(self, text: str) -> None:
        self.waiter.on_event(PreflightFound(Finding(Severity.WARNING, text)))

    @property
    def _now(self) -> float:
        return self.waiter.clock.now()
