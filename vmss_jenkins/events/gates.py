"""Events of gates that measure and judge a release."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.gates.curves import CurvePoint
from vmss_jenkins.gates.verdicts import Consequence, Verdict


@dataclass(frozen=True)
class GateStarted(Event):
    """A gate starts to measure."""

    gate: str
    stage: str
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class GateMeasured(Event):
    """A gate has some of its samples and continues."""

    gate: str
    samples: int
    planned: int


@dataclass(frozen=True)
class GateSampled(Event):
    """What a gate measured since the last such event, grouped by time."""

    gate: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class GateJudged(Event):
    """A gate has its verdict."""

    verdict: Verdict
    consequence: Consequence
