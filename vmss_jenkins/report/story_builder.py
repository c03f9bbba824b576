"""Builds the story of a rollout from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatchmethod

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events import govern as govern_events
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events import switch as switch_events
from vmss_jenkins.events.calls import AzureCalled, CallRetried, CommandFailed
from vmss_jenkins.events.gates import GateJudged, GateSampled, GateStarted
from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.events.steps import InstanceSkipped
from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.releases import Release
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.report.story import Batch, Ending, GateRun, InstanceHistory, Span, Story
from vmss_jenkins.report.text import lines


def story_of(events: Iterable[RecordedEvent], source: str = "events") -> Story:
    """Build the story of a rollout; several runs, one after another, make one story.

    Raises:
        ConfigError: if no rollout is in the events.
    """
    ordered = sorted(events, key=lambda one: one.at)
    builder = None
    for one in ordered:
        if builder is None:
            builder = _StoryBuilder(one.at)
        builder.take(one)
    if builder is None or builder.planned is None:
        raise ConfigError(
            source, ["no rollout is in these events; wanted a file that `vmss-jenkins rollout --events FILE` wrote"]
        )
    return builder.story()


@dataclass
class _StoryBuilder:
    began: datetime
    planned: rollout_events.RolloutPlanned | None = None
    now: float = 0.0
    ending: Ending = Ending.UNFINISHED
    cause: str = ""
    zones: dict[str, str | None] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    gates: list[GateRun] = field(default_factory=list)
    rolling_back: bool = False
    rollback_began: float | None = None
    halted_states: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    target: Release | None = None
    final: FinalState | None = None
    calls: int = 0
    retries: int = 0
    log: list[tuple[datetime, str]] = field(default_factory=list)
    actors: tuple[OtherActor, ...] = ()

    def take(self, recorded: RecordedEvent) -> None:
        self.now = (recorded.at - self.began).total_seconds()
        if lines.level(recorded.event) is not lines.Level.VERBOSE:
            self.log.append((recorded.at, lines.line(recorded.event)))
        self._take(recorded.event)

    @singledispatchmethod
    def _take(self, event: object) -> None:
        """Ignore events that only the log shows."""

    @_take.register
    def _(self, event: rollout_events.RolloutPlanned) -> None:
        if self.planned is None:
            self.planned = event
        self.ending, self.rolling_back, self.final = Ending.UNFINISHED, event.rolling_back, None
        self.target = event.image_to
        for one in event.instances:
            self._set_state(one.instance_id, one.zone, one.state)

    @_take.register
    def _(self, event: rollout_events.InstanceChanged) -> None:
        self._set_state(event.instance_id, event.zone, event.state)

    @_take.register
    def _(self, event: rollout_events.InstancesUpdating) -> None:
        self.batches.append(Batch(self.now, event.instance_ids, self.rolling_back))

    @_take.register
    def _(self, event: govern_events.UpgradeApproved) -> None:
        if not event.is_set:
            self.batches.append(Batch(self.now, event.targets, rolling_back=False))

    @_take.register
    def _(self, event: govern_events.UpgradeRejected) -> None:
        self.cause = event.reason

    @_take.register
    def _(self, event: govern_events.UpgradeCancelled) -> None:
        self.cause = event.reason

    @_take.register
    def _(self, event: surge_events.ScalingOut) -> None:  # noqa: ARG002 - the new instances have no id yet
        self.batches.append(Batch(self.now, (), self.rolling_back))

    @_take.register
    def _(self, event: rollout_events.OtherActorsFound) -> None:
        self.actors = event.actors

    @_take.register
    def _(self, event: GateStarted) -> None:
        self.gates.append(GateRun(event.gate, event.stage, event.instance_ids, self.now, self.now))

    @_take.register
    def _(self, event: GateSampled) -> None:
        if self.gates:
            self.gates[-1] = replace(self.gates[-1], points=self.gates[-1].points + event.points, end=self.now)

    @_take.register
    def _(self, event: GateJudged) -> None:
        if self.gates:
            last = self.gates[-1]
            self.gates[-1] = replace(last, end=self.now, verdict=event.verdict, consequence=event.consequence)

    @_take.register
    def _(self, event: rollout_events.RollbackStarted) -> None:
        self.rolling_back, self.rollback_began, self.cause = True, self.now, event.cause
        self.target = event.image_to

    @_take.register
    def _(self, event: InstanceSkipped) -> None:
        self.skipped[event.instance_id] = event.reason

    @_take.register
    def _(self, event: AzureCalled) -> None:  # noqa: ARG002 - events are counted
        self.calls += 1

    @_take.register
    def _(self, event: CallRetried) -> None:  # noqa: ARG002 - events are counted
        self.retries += 1

    @_take.register
    def _(self, event: rollout_events.RolloutHalted) -> None:
        self.ending, self.cause, self.final = Ending.HALTED, event.reason, event.final

    @_take.register
    def _(self, event: rollout_events.InstanceLeft) -> None:
        self.halted_states[event.instance_id] = event.state

    @_take.register
    def _(self, event: rollout_events.RolloutInterrupted) -> None:  # noqa: ARG002 - only its arrival counts
        self.ending = Ending.INTERRUPTED

    @_take.register
    def _(self, event: CommandFailed) -> None:
        self.ending, self.cause = Ending.FAILED, event.error

    @_take.register
    def _(self, event: rollout_events.RolloutFinished) -> None:
        self.ending, self.final = Ending(event.outcome), event.final
        if self.ending.is_good:
            self.cause = ""

    @_take.register
    def _(self, event: switch_events.Switched) -> None:  # noqa: ARG002 - only its arrival counts
        self.ending = Ending.SWITCHED

    @_take.register
    def _(self, event: switch_events.NotSwitched) -> None:
        self.ending, self.cause = Ending.NOT_SWITCHED, event.reason

    @_take.register
    def _(self, event: switch_events.SwitchedBack) -> None:
        self.ending, self.cause = Ending.SWITCHED_BACK, event.reason

    def _set_state(self, instance_id: str, zone: str | None, state: InstanceState) -> None:
        self.zones[instance_id] = zone
        spans = self.spans.setdefault(instance_id, [])
        if spans and spans[-1].state is state:
            return
        if spans:
            spans[-1] = replace(spans[-1], end=self.now)
        spans.append(Span(state, self.now, self.now))

    def story(self) -> Story:
        if self.planned is None:
            raise ValueError("the events have no rollout_planned")
        instances = []
        for key, spans in self.spans.items():
            ended = [*spans[:-1], replace(spans[-1], end=max(self.now, spans[-1].end))]
            instances.append(InstanceHistory(key, self.zones[key], tuple(ended)))
        return Story(
            planned=self.planned,
            began=self.began,
            seconds=self.now,
            ending=self.ending,
            cause=self.cause,
            instances=tuple(sorted(instances, key=lambda one: (one.first_change, _natural(one.instance_id)))),
            batches=tuple(self.batches),
            gates=tuple(self.gates),
            rollback_began=self.rollback_began,
            halted_states=self.halted_states,
            skipped=self.skipped,
            target=self.target,
            final=self.final,
            calls=self.calls,
            retries=self.retries,
            log=tuple(self.log),
            actors=self.actors,
        )


def _natural(instance_id: str) -> tuple[int, str]:
    """Sort 2 before 10."""
    return (int(instance_id) if instance_id.isdigit() else 0, instance_id)
