"""The state of a running rollout, made of its events so far, for the live display."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import singledispatchmethod

from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import AzureCalled, CallRetried
from vmss_jenkins.events.gates import GateJudged, GateSampled, GateStarted
from vmss_jenkins.events.rollout import InstanceState, RolloutPlanned
from vmss_jenkins.gates.curves import CurvePoint, totals


@dataclass
class Progress:
    """Takes events one by one, each with the seconds since the rollout began."""

    planned: RolloutPlanned | None = None
    states: dict[str, InstanceState] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    rolling_back: bool = False
    batch: str = ""
    """The last step: which batch, and which instances."""
    batches: int = 0
    gate: str = ""
    """The gate that measures now; empty if none does."""
    stage: str = ""
    points: tuple[CurvePoint, ...] = ()
    verdict: str = ""
    """The last verdict of a gate."""
    waiting: str = ""
    calls: int = 0
    retries: int = 0
    phase_began: float = 0.0
    """When the rollout, or its rollback, began: a rollback has the whole timeout again."""
    now: float = 0.0

    def take(self, event: Event, now: float) -> None:
        """Take an event."""
        self.now = now
        self._take(event)

    @property
    def counts(self) -> Counter[InstanceState]:
        """How many instances are in which state."""
        return Counter(state for state in self.states.values() if state is not InstanceState.DELETED)

    @property
    def deadline(self) -> float | None:
        """When the rollout times out, in seconds since it began; None before it began."""
        return None if self.planned is None else self.phase_began + self.planned.timeout

    @property
    def measured(self) -> str:
        """The bad answers that the gate measured so far, by side."""
        return ", ".join(f"{side} {bad} of {samples} bad" for side, (samples, bad) in totals(self.points).items())

    @singledispatchmethod
    def _take(self, event: object) -> None:
        """Ignore all other events."""

    @_take.register
    def _(self, event: RolloutPlanned) -> None:
        self.planned, self.rolling_back = event, event.rolling_back
        for one in event.instances:
            self._set_state(one.instance_id, one.zone, one.state)

    @_take.register
    def _(self, event: rollout_events.InstanceChanged) -> None:
        self._set_state(event.instance_id, event.zone, event.state)

    def _begin_batch(self, what: str) -> None:
        self.batches += 1
        self.batch, self.waiting = f"batch {self.batches}: {what}", ""

    def _set_state(self, instance_id: str, zone: str | None, state: InstanceState) -> None:
        self.states[instance_id] = state
        self.zones[instance_id] = zone or ""

    @_take.register
    def _(self, event: rollout_events.InstancesUpdating) -> None:
        self._begin_batch(
            f"{'instance' if len(event.instance_ids) == 1 else 'instances'} {', '.join(event.instance_ids)}"
        )

    @_take.register
    def _(self, event: surge_events.ScalingOut) -> None:
        self._begin_batch(f"scaling out to {event.capacity} instances")

    @_take.register
    def _(self, event: surge_events.InstancesRemoving) -> None:
        self.batch, self.waiting = f"deleting {', '.join(event.instance_ids)}", ""

    @_take.register
    def _(self, event: rollout_events.RolloutWaiting) -> None:
        self.waiting = event.reason

    @_take.register
    def _(self, event: GateStarted) -> None:
        self.gate, self.stage, self.points, self.waiting = event.gate, event.stage, (), ""

    @_take.register
    def _(self, event: GateSampled) -> None:
        self.points += event.points

    @_take.register
    def _(self, event: GateJudged) -> None:
        self.gate, self.verdict = "", f"{event.verdict.gate} {event.verdict.outcome.value}: {event.verdict.reason}"

    @_take.register
    def _(self, event: rollout_events.RollbackStarted) -> None:  # noqa: ARG002 - only its arrival counts
        self.rolling_back, self.phase_began = True, self.now

    @_take.register
    def _(self, event: AzureCalled) -> None:  # noqa: ARG002 - events are counted
        self.calls += 1

    @_take.register
    def _(self, event: CallRetried) -> None:  # noqa: ARG002 - events are counted
        self.retries += 1
