"""Answers grouped by time: the points of a report's curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from vmss_jenkins.gates.answers import percentile
from vmss_jenkins.gates.verdicts import Sample

MOST_POINTS = 30
"""The most points on each side of one measurement."""
LEAST_WIDTH = 1.0
"""Seconds: the shortest time that one point covers."""


@dataclass(frozen=True)
class CurvePoint:
    """The answers of one side in one interval."""

    at: float
    """Seconds since the gate began to measure."""
    side: str
    """`canary`, `stable`, `new release` or `load balancer`."""
    samples: int
    bad: int
    """Answers that were wrong, late or missing."""
    median: float | None
    """Seconds of the good answers; None if there is none."""
    p95: float | None


def curve(samples: Sequence[Sample], side: Callable[[Sample], str], began: float) -> tuple[CurvePoint, ...]:
    """Group samples by time; those that do not describe the service are left out.

    Args:
        samples: the measured answers.
        side: gives the side of a sample.
        began: the clock's time when the gate began.
    """
    return tuple(_points([one for one in samples if one.unmeasured is None], side, began))


def _points(samples: Sequence[Sample], side: Callable[[Sample], str], began: float) -> Iterator[CurvePoint]:
    if not samples:
        return
    first, last = min(one.at for one in samples), max(one.at for one in samples)
    width = max(LEAST_WIDTH, (last - first) / MOST_POINTS)
    groups: dict[tuple[int, str], list[Sample]] = {}
    for one in samples:
        groups.setdefault((int((one.at - first) / width), side(one)), []).append(one)
    for (number, name), group in sorted(groups.items()):
        good = [one.seconds for one in group if one.fault is None]
        at = max(0.0, first + (number + 0.5) * width - began)
        middle, high = (median(good), percentile(good, 95)) if good else (None, None)
        yield CurvePoint(round(at, 2), name, len(group), len(group) - len(good), middle, high)


def totals(points: Iterable[CurvePoint]) -> dict[str, tuple[int, int]]:
    """Samples and bad answers by side."""
    found: dict[str, tuple[int, int]] = {}
    for point in points:
        samples, bad = found.get(point.side, (0, 0))
        found[point.side] = (samples + point.samples, bad + point.bad)
    return found
