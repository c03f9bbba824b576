"""Report what a rollout sees: the differences between two reads, as events."""

from __future__ import annotations

from dataclasses import replace

from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.steps import InstanceSkipped
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.instances import PARKED
from vmss_jenkins.rollout.instance_states import instance_states
from vmss_jenkins.rollout.plan.actions import Action, Halt, Wait
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.situation import Situation


class ChangeReporter:
    """Reports each change once.

    Args:
        planned: the first event; the instances are added to it.
        drains: whether instances are taken out of the load balancer before their update.
        on_event: receives the events.
    """

    def __init__(self, planned: rollout_events.RolloutPlanned, on_event: OnEvent, *, drains: bool) -> None:
        self._planned, self._on_event, self._drains = planned, on_event, drains
        self._name = planned.scale_set
        self._states: dict[str, rollout_events.InstanceSeen] | None = None
        self._direction: bool | None = None
        self._known: set[str] | None = None
        self._reported: set[tuple[str, str]] = set()
        self._waiting = ""
        self._canary: set[str] = set()

    def report(
        self, observed: Observed, history: History, situation: Situation, action: Action, final: FinalState
    ) -> None:
        """Report what is new."""
        self._instances(observed, history, situation)
        rollback_due = history.cause is not None and not history.rolling_back
        if history.model_set and not rollback_due and self._direction is not history.rolling_back:
            undrained = observed.scale_set.load_balanced and situation.pending and not self._drains
            if undrained and self._direction is None:
                self._on_event(rollout_events.NotDraining(self._name))
            self._begin(history, situation)
        self._capacity(observed, history)
        self._lost_canary(observed, history, situation)
        for key in sorted(situation.updated & history.records.keys()):
            record = history.records[key]
            seconds = history.updated_since[key] - (record.asked or record.at)
            self._once("done", key, rollout_events.InstanceDone(key, seconds))
        for key, reason in {**situation.failed, **situation.still_down}.items():
            self._once("failed", key, rollout_events.InstanceFailed(key, reason))
        if isinstance(action, Halt):
            self._on_event(rollout_events.RolloutHalted(self._name, action.reason, final))
            for key, state in action.states.items():
                self._on_event(rollout_events.InstanceLeft(key, state))
        reason = action.reason if isinstance(action, Wait) else self._waiting
        if reason != self._waiting:
            self._on_event(
                rollout_events.RolloutWaiting(reason, action.instance_ids if isinstance(action, Wait) else ())
            )
        self._waiting = reason

    def _begin(self, history: History, situation: Situation) -> None:
        self._direction = history.rolling_back
        self._reported.clear()
        self._on_event(
            rollout_events.RolloutStarted(
                self._name,
                history.target.image,
                history.rolling_back,
                len(situation.have_it),
                tuple(sorted(situation.pending)),
                situation.capacity.limit,
                situation.surge,
            )
        )
        for key, reason in situation.skipped.items():
            self._once("skipped", key, InstanceSkipped(key, reason))

    def _instances(self, observed: Observed, history: History, situation: Situation) -> None:
        """Report the state of every instance once, then the changes."""
        found = {one.instance_id: one for one in instance_states(observed, history, situation)}
        if self._states is None:
            self._on_event(replace(self._planned, instances=tuple(found.values())))
        else:
            gone = rollout_events.InstanceState.DELETED
            lost = {key: replace(one, state=gone) for key, one in self._states.items() if key not in found}
            for one in (*found.values(), *lost.values()):
                if self._states.get(one.instance_id) != one:
                    self._on_event(rollout_events.InstanceChanged(one.instance_id, one.zone, one.state))
        self._states = found

    def _capacity(self, observed: Observed, history: History) -> None:
        """Report instances that appeared or disappeared, except those that this run made or deleted."""
        present = {instance.id for instance in observed.instances}
        known = present if self._known is None else self._known
        joined, gone = present - known - history.records.keys(), known - present
        for key in sorted(gone.intersection(history.removed)):
            self._on_event(surge_events.InstanceRemoved(key))
        gone = gone.difference(history.removed)
        if joined or gone:
            self._on_event(rollout_events.CapacityChanged(tuple(sorted(joined)), tuple(sorted(gone))))
        self._known = present

    def _lost_canary(self, observed: Observed, history: History, situation: Situation) -> None:
        """Report that instances of the canary are gone or do not run any more, before or after their judgement."""
        runs = {one.id for one in observed.instances if one.power not in PARKED}
        lost = self._canary - runs
        self._canary &= runs
        if situation.in_canary:
            took = {key for key, record in history.records.items() if record.ran and record.asked is not None}
            self._canary |= took & runs
            if lost:
                self._on_event(rollout_events.CanaryLost(tuple(sorted(lost))))

    def _once(self, what: str, key: str, event: Event) -> None:
        if (what, key) not in self._reported:
            self._reported.add((what, key))
            self._on_event(event)
