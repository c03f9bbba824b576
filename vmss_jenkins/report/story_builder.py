"""Folding a rollout's events into its story."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import singledispatchmethod

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events import switch as switch_events
from vmss_jenkins.events.calls import AzureCalled, CallRetried, CommandFailed
from vmss_jenkins.events.gates import GateJudged, GateSampled, GateStarted
from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.events.steps import InstanceSkipped
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.report.story import Batch, Ending, GateRun, Life, Span, Story
from vmss_jenkins.report.text import lines


def story_of(told: Iterable[RecordedEvent], source: str = "events") -> Story:
    """Fold the events of a rollout; those of several runs of it, one after another, are one story.

    Raises:
        ConfigError: where no rollout is told.
    """
    ordered = sorted(told, key=lambda one: one.at)
    fold = None
    for one in ordered:
        if fold is None:
            fold = _Fold(one.at)
        fold.take(one)
    if fold is None or fold.planned is None:
        raise ConfigError(source, ["found no rollout in them; wanted what `rollout --events` wrote"])
    return fold.story()


@dataclass
class _Fold:
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
    turned_back: float | None = None
    left: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    calls: int = 0
    retries: int = 0
    log: list[tuple[datetime, str]] = field(default_factory=list)

    def take(self, told: RecordedEvent) -> None:
        self.now = (told.at - self.began).total_seconds()
        if lines.level(told.event) is not lines.Level.VERBOSE:
            self.log.append((told.at, lines.line(told.event)))
        self._take(told.event)

    @singledispatchmethod
    def _take(self, event: object) -> None:
        """Events that only the log tells."""

    @_take.register
    def _(self, event: rollout_events.RolloutPlanned) -> None:
        if self.planned is None:
            self.planned = event
        self.ending, self.rolling_back = Ending.UNFINISHED, event.rolling_back
        for one in event.instances:
            self._stand(one.instance_id, one.zone, one.state)

    @_take.register
    def _(self, event: rollout_events.InstanceChanged) -> None:
        self._stand(event.instance_id, event.zone, event.state)

    @_take.register
    def _(self, event: rollout_events.InstancesUpdating) -> None:
        self.batches.append(Batch(self.now, event.instance_ids, self.rolling_back))

    @_take.register
    def _(self, event: surge_events.ScalingOut) -> None:  # noqa: ARG002 - the instances are not known yet
        self.batches.append(Batch(self.now, (), self.rolling_back))

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
        self.rolling_back, self.turned_back, self.cause = True, self.now, event.cause

    @_take.register
    def _(self, event: InstanceSkipped) -> None:
        self.skipped[event.instance_id] = event.reason

    @_take.register
    def _(self, event: AzureCalled) -> None:  # noqa: ARG002 - it is counted
        self.calls += 1

    @_take.register
    def _(self, event: CallRetried) -> None:  # noqa: ARG002 - it is counted
        self.retries += 1

    @_take.register
    def _(self, event: rollout_events.RolloutHalted) -> None:
        self.ending, self.cause = Ending.HALTED, event.reason

    @_take.register
    def _(self, event: rollout_events.InstanceLeft) -> None:
        self.left[event.instance_id] = event.state

    @_take.register
    def _(self, event: rollout_events.RolloutInterrupted) -> None:  # noqa: ARG002 - that it came is all
        self.ending = Ending.INTERRUPTED

    @_take.register
    def _(self, event: CommandFailed) -> None:
        self.ending, self.cause = Ending.FAILED, event.error

    @_take.register
    def _(self, event: rollout_events.RolloutFinished) -> None:
        self.ending = Ending(event.outcome)
        if self.ending.is_good:
            self.cause = ""

    @_take.register
    def _(self, event: switch_events.Switched) -> None:  # noqa: ARG002 - that it came is all
        self.ending = Ending.SWITCHED

    @_take.register
    def _(self, event: switch_events.NotSwitched) -> None:
        self.ending, self.cause = Ending.NOT_SWITCHED, event.reason

    @_take.register
    def _(self, event: switch_events.SwitchedBack) -> None:
        self.ending, self.cause = Ending.SWITCHED_BACK, event.reason

    def _stand(self, instance_id: str, zone: str | None, state: InstanceState) -> None:
        self.zones[instance_id] = zone
        spans = self.spans.setdefault(instance_id, [])
        if spans and spans[-1].state is state:
            return
        if spans:
            spans[-1] = replace(spans[-1], end=self.now)
        spans.append(Span(state, self.now, self.now))

    def story(self) -> Story:
        if self.planned is None:
            raise ValueError("no rollout was told")
        lives = []
        for key, spans in self.spans.items():
            ended = [*spans[:-1], replace(spans[-1], end=max(self.now, spans[-1].end))]
            lives.append(Life(key, self.zones[key], tuple(ended)))
        return Story(
            planned=self.planned,
            began=self.began,
            seconds=self.now,
            ending=self.ending,
            cause=self.cause,
            lives=tuple(sorted(lives, key=lambda life: (life.first_change, _natural(life.instance_id)))),
            batches=tuple(self.batches),
            gates=tuple(self.gates),
            turned_back=self.turned_back,
            left=self.left,
            skipped=self.skipped,
            calls=self.calls,
            retries=self.retries,
            log=tuple(self.log),
        )


def _natural(instance_id: str) -> tuple[int, str]:
    """Sort 2 before 10."""
    return (int(instance_id) if instance_id.isdigit() else 0, instance_id)
