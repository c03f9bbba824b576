"""A rollout as a whole, out of its events: what every report of it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from vmss_jenkins.events.rollout import InstanceState, RolloutPlanned
from vmss_jenkins.gates.curves import CurvePoint
from vmss_jenkins.gates.verdicts import Consequence, Verdict

LONGEST = 300
"""Characters of the summary."""


class Ending(Enum):
    """How a rollout ended, as far as its events tell."""

    ROLLED_OUT = "rolled out"
    CANARY = "rolled out to the canary"
    ROLLED_BACK = "rolled back"
    HALTED = "halted"
    INTERRUPTED = "interrupted"
    FAILED = "ended with an error"
    UNFINISHED = "not finished"
    SWITCHED = "switched to"
    """Blue-green: the set with the release serves."""
    NOT_SWITCHED = "not switched"
    SWITCHED_BACK = "switched back"

    @property
    def is_good(self) -> bool:
        """Whether the release is where it was to go."""
        return self in {Ending.ROLLED_OUT, Ending.CANARY, Ending.SWITCHED}


@dataclass(frozen=True)
class Span:
    """A time in which an instance stood as it did; seconds since the first event."""

    state: InstanceState
    start: float
    end: float


@dataclass(frozen=True)
class Life:
    """An instance, from the first event to the last."""

    instance_id: str
    zone: str | None
    spans: tuple[Span, ...]

    @property
    def state(self) -> InstanceState:
        """How it stood in the end."""
        return self.spans[-1].state

    @property
    def seconds_down(self) -> float:
        """Seconds for which it was down or unhealthy."""
        out = {InstanceState.UPDATING, InstanceState.UNHEALTHY}
        return sum(span.end - span.start for span in self.spans if span.state in out)

    @property
    def first_change(self) -> float:
        """When it changed first; endless where it never did."""
        return self.spans[0].end if len(self.spans) > 1 else float("inf")


@dataclass(frozen=True)
class Batch:
    """Instances that Azure was asked to update, or to make: then they are not known yet."""

    at: float
    instance_ids: tuple[str, ...]
    rolling_back: bool


@dataclass(frozen=True)
class GateRun:
    """One time that a gate was asked."""

    gate: str
    stage: str
    instance_ids: tuple[str, ...]
    start: float
    end: float
    verdict: Verdict | None = None
    """None where it was not told."""
    consequence: Consequence | None = None
    points: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True)
class Story:
    """A rollout; times are seconds since its first event."""

    planned: RolloutPlanned
    """Of the first run, where several are told."""
    began: datetime
    seconds: float
    ending: Ending
    cause: str
    """Why it went back, halted or ended with an error; empty where all went well."""
    lives: tuple[Life, ...]
    batches: tuple[Batch, ...]
    gates: tuple[GateRun, ...]
    turned_back: float | None
    """When it began to go back."""
    left: Mapping[str, str]
    """How each instance was where it halted."""
    skipped: Mapping[str, str]
    calls: int
    """Requests to Azure."""
    retries: int
    log: tuple[tuple[datetime, str], ...]

    @property
    def counts(self) -> dict[InstanceState, int]:
        """How many instances stand in which state in the end."""
        found = Counter(life.state for life in self.lives)
        return {state: found[state] for state in InstanceState if found[state]}

    @property
    def most_down(self) -> int:
        """The most instances that were down or unhealthy at one time."""
        steps = [
            (at, change)
            for life in self.lives
            for span in life.spans
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
        """All of it in one line, for a build's description."""
        planned = self.planned
        image = planned.image_to.short_name if planned.image_to else "the model"
        counts = ", ".join(f"{number} {state.value}" for state, number in self.counts.items())
        cause = f": {self.cause}" if self.cause else ""
        told = f"{planned.scale_set}: {image} {self.ending.value} in {duration(self.seconds)} ({counts}){cause}"
        told = " ".join(told.split())
        return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"


def duration(seconds: float) -> str:
    """Write seconds for people: 8.2 s, 4 min 05 s, 2 h 05 min."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004
