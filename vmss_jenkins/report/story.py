"""The story of a rollout, made of its events: the data of every report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from vmss_jenkins.events.rollout import InstanceState, RolloutPlanned
from vmss_jenkins.gates.curves import CurvePoint
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.releases import Release

LONGEST = 300
"""The most characters of a summary."""


class Ending(Enum):
    """How a rollout ended, as its events show."""

    ROLLED_OUT = "rolled out"
    CANARY = "rolled out to the canary"
    ROLLED_BACK = "rolled back"
    HALTED = "halted"
    REJECTED = "rejected"
    """Azure's own upgrade: its version was judged bad, and goes to no further instance."""
    INTERRUPTED = "interrupted"
    FAILED = "ended with an error"
    UNFINISHED = "not finished"
    SWITCHED = "switched to"
    """Blue-green: the set with the new release serves."""
    NOT_SWITCHED = "not switched"
    SWITCHED_BACK = "switched back"

    @property
    def is_good(self) -> bool:
        """Whether the new release is in use as the command asked."""
        return self in {Ending.ROLLED_OUT, Ending.CANARY, Ending.SWITCHED}


@dataclass(frozen=True)
class Span:
    """A time in which an instance was in one state; in seconds since the first event."""

    state: InstanceState
    start: float
    end: float


@dataclass(frozen=True)
class InstanceHistory:
    """The states of an instance from the first event to the last."""

    instance_id: str
    zone: str | None
    spans: tuple[Span, ...]

    @property
    def state(self) -> InstanceState:
        """The final state."""
        return self.spans[-1].state

    @property
    def seconds_down(self) -> float:
        """Seconds in which the instance was down or unhealthy."""
        out = {InstanceState.UPDATING, InstanceState.UNHEALTHY}
        return sum(span.end - span.start for span in self.spans if span.state in out)

    @property
    def first_change(self) -> float:
        """When the state changed first; infinite if it never changed."""
        return self.spans[0].end if len(self.spans) > 1 else float("inf")


@dataclass(frozen=True)
class Batch:
    """One request to Azure to update instances, or to create some, which have no id yet."""

    at: float
    instance_ids: tuple[str, ...]
    rolling_back: bool


@dataclass(frozen=True)
class GateRun:
    """One measurement of a gate."""

    gate: str
    stage: str
    instance_ids: tuple[str, ...]
    start: float
    end: float
    verdict: Verdict | None = None
    """None if the events have no verdict."""
    consequence: Consequence | None = None
    points: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True)
class Story:
    """A rollout; times are seconds since its first event."""

    planned: RolloutPlanned
    """The plan of the first run, if there were several."""
    began: datetime
    seconds: float
    ending: Ending
    cause: str
    """Why the rollout was rolled back, halted or failed; empty after a success."""
    instances: tuple[InstanceHistory, ...]
    batches: tuple[Batch, ...]
    gates: tuple[GateRun, ...]
    rollback_began: float | None
    """None if there was no rollback."""
    halted_states: Mapping[str, str]
    """What each instance ran when the rollout halted."""
    skipped: Mapping[str, str]
    """The reason for each skipped instance."""
    target: Release | None
    """The release that the last run brought to the instances: the previous one if it rolled back. None: the model's."""
    final: FinalState | None
    """Which instances have `target`, by the last read of the last run; None if that run did not get that far."""
    calls: int
    """Requests to Azure."""
    retries: int
    log: tuple[tuple[datetime, str], ...]
    actors: tuple[OtherActor, ...] = ()
    """Who else could act on the set, by the last run."""

    @property
    def is_good(self) -> bool:
        """Whether the command did what was asked: also a rollback that somebody requested."""
        return self.ending.is_good or (self.planned.rolling_back and self.ending is Ending.ROLLED_BACK)

    @property
    def counts(self) -> dict[InstanceState, int]:
        """How many instances are in which final state."""
        found = Counter(one.state for one in self.instances)
        return {state: found[state] for state in InstanceState if found[state]}

    @property
    def most_down(self) -> int:
        """The most instances that were down or unhealthy at the same time."""
        steps = [
            (at, change)
            for one in self.instances
            for span in one.spans
            if span.state in {InstanceState.UPDATING, InstanceState.UNHEALTHY}
            for at, change in ((span.start, 1), (span.end, -1))
        ]
        most = down = 0
        for _, change in sorted(steps):
            down += change
            most = max(most, down)
        return most

    @property
    def summary(self) -> str:
        """The rollout in one line, for the description of a build."""
        planned = self.planned
        image = planned.image_to.short_name if planned.image_to else "the model"
        counts = ", ".join(f"{number} {state.value}" for state, number in self.counts.items())
        cause = f": {self.cause}" if self.cause else ""
        text = f"{planned.scale_set}: {image} {self.ending.value} in {duration(self.seconds)} ({counts}){cause}"
        text = " ".join(text.split())
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def duration(seconds: float) -> str:
    """Write seconds for people: 8.2 s, 4 min 05 s, 2 h 05 min."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004
