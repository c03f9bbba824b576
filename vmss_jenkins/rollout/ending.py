"""The end of a rollout: its result, from what the run did and from a last read, and its record for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum

from vmss_jenkins.errors import AzureError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.release_log import BEGUN, FULLY_OUT, KEPT, REFUSED, ROLLED_BACK, Record, release_before, text_of
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.actor import Actor
from vmss_jenkins.rollout.claims.suspension import Suspension
from vmss_jenkins.rollout.plan.actions import Action, Done, Halt, RestoreModel, RolloutSpec, RunGate, SetModel, Wait
from vmss_jenkins.rollout.plan.history import GateResult, History, Observed
from vmss_jenkins.rollout.plan.protection.decision import stays
from vmss_jenkins.rollout.plan.rollback import other_images
from vmss_jenkins.rollout.ports import Protection, ReleaseLog
from vmss_jenkins.rollout.watcher import Watcher
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter

_REFUSALS = range(400, 500)
"""HTTP statuses by which Azure refuses a request and changes nothing."""


class Outcome(Enum):
    """How a rollout ended."""

    ROLLED_OUT = FULLY_OUT
    CANARY = "rolled out to the canary"
    ROLLED_BACK = ROLLED_BACK
    HALTED = "halted"
    REJECTED = "rejected"
    """Azure's own upgrade: its version was judged bad."""


@dataclass(frozen=True)
class RolloutResult:
    """The result of a rollout."""

    scale_set: ScaleSetName
    outcome: Outcome
    image: Release | None
    """The release that the run ended on: the new one, or the one it rolled back to."""
    updated: tuple[str, ...]
    """Instances that this run updated to the new release."""
    rolled_back: tuple[str, ...]
    """Instances that this run updated or deleted while it rolled back."""
    skipped: Mapping[str, str]
    """Instances that this run did not update, with the reason."""
    reason: str
    """Why the run rolled back or halted; empty for neither."""
    states: Mapping[str, str]
    """The state of every instance after a halt."""
    gates: tuple[GateResult, ...]
    seconds: float
    request_ids: tuple[str, ...]
    removed: tuple[str, ...] = ()
    """Instances that a surge deleted and replaced."""
    final: FinalState = field(default_factory=FinalState)
    """Which instances have the release, by a last read."""
    actors: tuple[OtherActor, ...] = ()
    """Who else could act on the set; empty if this run changed nothing."""


@dataclass
class Recorder:
    """Keeps the record of one run, for later rollbacks and for `history`; a run that changes nothing has none.

    The record is written before the first change, so that a run that is killed has one, and again at the end.

    Args:
        log: where records are kept; None to keep none.
        new: the record of this run, still without releases.
        known: the records of earlier runs, the newest first.
        waiter: clock and listener.
    """

    log: ReleaseLog | None
    new: Record
    known: tuple[Record, ...]
    waiter: Waiter
    _written: Record | None = None

    @contextmanager
    def begun(self, action: Action, history: History, observed: Observed) -> Iterator[None]:
        """Record a change before it is made, and that it was not made if Azure refuses the first one."""
        first = self._written is None
        self._begin(action, history, observed)
        try:
            yield
        except AzureError as error:
            if first and isinstance(action, SetModel | RestoreModel) and error.failure.status in _REFUSALS:
                self.end(REFUSED)
            raise

    def _begin(self, action: Action, history: History, observed: Observed) -> None:
        """Write the record before the first change in this direction."""
        back = history.rolling_back or isinstance(action, RestoreModel)
        if self.log is None or isinstance(action, Wait | RunGate) or (self._written and self._written.back >= back):
            return
        target = action.image if isinstance(action, RestoreModel) else history.target.image
        extension = target.name if isinstance(target, ExtensionSettings) else ""
        before = self._rolled_back(history) if back else text_of(before_of(self.known, target, observed))
        release = text_of(target)
        before = before if before != release else ""
        record = replace(self.new, release=release, before=before, extension=extension, back=back)
        self._write(record)

    def end(self, outcome: str) -> None:
        """Write the record with its outcome."""
        if self._written:
            self._write(replace(self._written, outcome=outcome))

    def _rolled_back(self, history: History) -> str:
        """The release that is rolled back: the one that this run left, or an earlier one."""
        left = history.rolled_back_from if history.rolling_back else history.target.image
        newest = next((one for one in self.known if one.outcome != REFUSED), None)
        if left is not None or newest is None:
            return text_of(left)
        return newest.before if newest.back else newest.release

    def _write(self, record: Record) -> None:
        log, self._written = self.log, record
        if log is None:
            return
        try:
            dropped = self.waiter.retry(lambda: log.write(record))
        except AzureError as error:
            self._warn(f"the release before could not be recorded: {str(error).splitlines()[0]}")
            return
        if dropped and record.outcome == BEGUN:
            there = min(KEPT, len(self.known) + 1)
            self._warn(f"the tags of the resource group have room for {there - dropped} of the last {there} records")

    def _warn(self, text: str) -> None:
        later = "the oldest are dropped, and a rollback may need --to IMAGE_ID"
        self.waiter.on_event(PreflightFound(Finding(Severity.WARNING, f"{text}; {later}")))


@dataclass
class PutBack:
    """What is put back at the end of a run, also if it is interrupted: suspended services, and protection.

    Args:
        suspension: the services that the run suspends.
        protection: the protection of the instances; None if it is not touched.
        spec: what is wanted.
    """

    suspension: Suspension
    protection: Protection | None
    spec: RolloutSpec
    _ended: bool = False

    def before(
        self,
        action: Action,
        observed: Observed,
        autoscale: Callable[[], tuple[AutoscaleSetting, ...] | None],
        *,
        going_back: bool,
    ) -> None:
        """Prepare an action that changes something, or gates that measure.

        Raises:
            ConfigError: the role does not allow it; nothing was changed.
            AzureError: Azure refuses, or cannot be reached.
        """
        self._ended = False
        self.suspension.begin(observed, autoscale)
        if self.protection and (going_back or isinstance(action, RestoreModel)):
            self.protection.go_back()

    def end(self, action: Action, observed: Observed, history: History) -> bool:
        """Put everything back at the end of a run, once; return whether others may act on the set from now on."""
        if self._ended:
            return False
        self._ended = True
        others = self.suspension.holds or bool(self.protection and self.protection.holds)
        self.suspension.end(observed)
        if self.protection:
            self.protection.end(stays(self.spec, observed, action, rolling_back=history.rolling_back))
        return others

    def end_anyhow(self, watcher: Watcher[OperationT] | None) -> bool:
        """Put everything back after an interruption; return whether the suspended services run again."""
        if self.protection and self.protection.holds and watcher and not self._ended:
            watcher.refresh_for_end(required=False)
            self.protection.end(stays(self.spec, watcher.observed, None, rolling_back=False))
        return self.suspension.end(watcher.observed if watcher else None)


def before_of(known: tuple[Record, ...], new: Release | None, observed: Observed) -> Release | None:
    """The release before a new one: the script that the extension has or had, or the exact image that instances run."""
    if isinstance(new, ImageReference):
        return release_before(known, new, observed.scale_set.image, other_images(observed.instances, new))
    return observed.scale_set.script_before(new)


def finish(
    actor: Actor[OperationT], history: History, action: Done | Halt, final: FinalState, seconds: float
) -> RolloutResult:
    """Report the end of a run, record it in Azure and return the result."""
    result = _result(actor, history, action, final, seconds)
    halted = isinstance(action, Halt)
    if actor.resizer and history.headcount and not halted:
        actor.resizer.finish(history.headcount)
    if not halted:  # reported right after the last read; a halt is reported by the change reporter
        changed, outcome = result.rolled_back or result.updated, result.outcome.value
        actor.waiter.on_event(
            rollout_events.RolloutFinished(actor.name, outcome, result.image, changed, seconds, history.removed, final)
        )
    if result.updated or result.rolled_back or halted or history.removed:
        actor.lease.record_end(result.outcome.value, result.image.short_name if result.image else "the model")
    return result


def _result(
    actor: Actor[OperationT], history: History, action: Done | Halt, final: FinalState, seconds: float
) -> RolloutResult:
    began = actor.now - seconds
    forward = history.forward if history.rolling_back else history.records
    return RolloutResult(
        scale_set=actor.name,
        outcome=_outcome(actor, history, action),
        image=history.target.image,
        updated=tuple(
            key for key, record in forward.items() if record.asked is not None and key not in history.removed
        ),
        rolled_back=tuple(key for key in history.records if history.rolling_back),
        skipped=action.skipped if isinstance(action, Done) else {},
        reason=action.reason if isinstance(action, Halt) else history.cause or "",
        states=action.states if isinstance(action, Halt) else {},
        gates=tuple(replace(gate, at=gate.at - began) for gate in history.gates),
        seconds=seconds,
        request_ids=tuple(actor.request_ids),
        removed=history.removed,
        final=final,
    )


def _outcome(actor: Actor[OperationT], history: History, action: Done | Halt) -> Outcome:
    if isinstance(action, Halt):
        return Outcome.HALTED
    if history.rolling_back:
        return Outcome.ROLLED_BACK
    return Outcome.CANARY if actor.spec.canary_only else Outcome.ROLLED_OUT
