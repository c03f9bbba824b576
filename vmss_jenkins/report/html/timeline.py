"""The picture of the instances over time: the values for its template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.report.html.scales import Mark, Scale, clock, times
from vmss_jenkins.report.story import GateRun, InstanceHistory, Story

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960.0, 96.0, 16.0, 44.0, 34.0
LABELLED = 48
"""Up to this number of instances each row has a label."""
LONGEST_NAME = 13
TAIL = 1.03
"""The picture shows this much of the rollout's time."""
SHARE = {
    InstanceState.OLD: 0.4,
    InstanceState.SKIPPED: 0.15,
    InstanceState.UPDATING: 0.7,
    InstanceState.NEW: 1.0,
    InstanceState.UNHEALTHY: 1.0,
    InstanceState.CREATING: 0.6,
    InstanceState.DELETING: 0.25,
}
"""How much of its row a state fills, so that colour is not the only sign."""


@dataclass(frozen=True)
class Band:
    """The time in which a gate measured."""

    x: float
    width: float
    outcome: str
    title: str


@dataclass(frozen=True)
class Timeline:
    """The picture, in its own units."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    shapes: tuple[tuple[str, str], ...]
    """A state, and the path of all its bars."""
    names: tuple[Mark, ...]
    times: tuple[Mark, ...]
    batches: tuple[float, ...]
    request: str
    """What Azure did in each batch: `update` or `create`."""
    bands: tuple[Band, ...]
    rollback_began: float | None
    description: str


def timeline(story: Story) -> Timeline:
    """Lay the picture out."""
    row = _row(len(story.instances))
    bottom = TOP + row * len(story.instances)
    scale = Scale(max(_end(story), 1.0), LEFT, WIDTH - RIGHT)
    few = len(story.instances) <= LABELLED
    return Timeline(
        width=WIDTH,
        height=bottom + BOTTOM,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=bottom,
        shapes=tuple((state.value, _bars(story, state, scale, row)) for state in SHARE),
        names=tuple(Mark(TOP + row * (n + 0.5), _name(one)) for n, one in enumerate(story.instances)) if few else (),
        times=times(scale),
        batches=tuple(sorted({scale(batch.at) for batch in story.batches})),
        request="create" if story.planned.max_surge else "update",
        bands=tuple(_band(run, scale) for run in story.gates),
        rollback_began=None if story.rollback_began is None else scale(story.rollback_began),
        description=describe(story),
    )


def describe(story: Story) -> str:
    """Describe the picture in words."""
    counts = ", ".join(f"{number} {state.value}" for state, number in story.counts.items())
    what = "Scale-outs" if story.planned.max_surge else "Updates"
    updates = f"{what} began {len(story.batches)} times"
    rollback = f"; the rollback began at {clock(story.rollback_began)}" if story.rollback_began is not None else ""
    gates = f" Gates measured {len(story.gates)} times." if story.gates else ""
    instances = f"{len(story.instances)} instances over {clock(story.seconds)}"
    return f"{instances}. {updates}{rollback}.{gates} Final states: {counts}."


def _row(instances: int) -> float:
    """The height of a row, small enough for a picture of a thousand instances."""
    return next(height for most, height in ((48, 16.0), (150, 8.0), (400, 4.0), (10**9, 2.0)) if instances <= most)


def _end(story: Story) -> float:
    """The end of the picture, after the last event, so that each row ends with a bar of its final state."""
    return story.seconds * TAIL


def _bars(story: Story, state: InstanceState, scale: Scale, row: float) -> str:
    return "".join(_bar_of(story, state, scale, row))


def _bar_of(story: Story, state: InstanceState, scale: Scale, row: float) -> Iterator[str]:
    height = round((row - min(2.0, row / 4)) * SHARE[state], 1)
    for number, one in enumerate(story.instances):
        y = round(TOP + row * number + (row - height) / 2, 1)
        for span in one.spans:
            if span.state is state:
                x = scale(span.start)
                end = _end(story) if span is one.spans[-1] else span.end
                width = max(0.6, round(scale(end) - x, 1))
                yield f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}z"


def _name(one: InstanceHistory) -> str:
    zone = f" z{one.zone}" if one.zone else ""
    name = one.instance_id if len(one.instance_id) <= LONGEST_NAME else f"…{one.instance_id[1 - LONGEST_NAME :]}"
    return name + zone


def _band(run: GateRun, scale: Scale) -> Band:
    x = scale(run.start)
    outcome = run.verdict.outcome.value if run.verdict else "unknown"
    return Band(x, max(2.0, round(scale(run.end) - x, 1)), outcome, f"{run.gate} ({run.stage}): {outcome}")
