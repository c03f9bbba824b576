"""The end of a rollout: its result, from what the run did and from a last read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.actor import Actor
from vmss_jenkins.rollout.plan.actions import Done, Halt
from vmss_jenkins.rollout.plan.claims import FULLY_OUT
from vmss_jenkins.rollout.plan.history import GateResult, History
from vmss_jenkins.runtime.ports import OperationT


class Outcome(Enum):
    """How a rollout ended."""

    ROLLED_OUT = FULLY_OUT
    CANARY = "rolled out to the canary"
    ROLLED_BACK = "rolled back"
    HALTED = "halted"


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
