"""The picture of a gate's measurements: latencies and errors of each side over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vmss_jenkins.gates.curves import CurvePoint, totals
from vmss_jenkins.report.html.scales import Mark, Scale, ceiling, times
from vmss_jenkins.report.story import GateRun

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 960.0, 260.0, 56.0, 16.0, 40.0, 64.0
BOTTOM = 34.0
STABLE = "stable"


@dataclass(frozen=True)
class Line:
    """One side's line."""

    side: str
    place: int
    """0 for the side that is judged, 1 for the side that it is compared with."""
    points: str
    faint: bool = False
    """A 95th percentile beside its median."""


@dataclass(frozen=True)
class Panel:
    """One diagram."""

    title: str
    left: float
    right: float
    lines: tuple[Line, ...]
    values: tuple[Mark, ...]
    times: tuple[Mark, ...]


@dataclass(frozen=True)
class Curves:
    """The picture, in its own units."""

    width: float
    height: float
    top: float
    bottom: float
    panels: tuple[Panel, ...]
    sides: tuple[tuple[str, int], ...]
    description: str


def curves(run: GateRun) -> Curves | None:
    """Lay the picture out; None if there is nothing to draw."""
    if len({point.at for point in run.points}) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    seconds = max(point.at for point in run.points)
    middle = (WIDTH - LEFT - RIGHT - GAP) / 2
    bounds = ((LEFT, LEFT + middle), (WIDTH - RIGHT - middle, WIDTH - RIGHT))
    sides = sorted({point.side for point in run.points}, key=lambda side: (side == STABLE, side))
    places = {side: int(side == STABLE) for side in sides}
    return Curves(
        width=WIDTH,
        height=HEIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        panels=(
            _latencies(run.points, places, Scale(seconds, *bounds[0])),
            _errors(run.points, places, Scale(seconds, *bounds[1])),
        ),
        sides=tuple(places.items()),
        description=describe(run),
    )


def describe(run: GateRun) -> str:
    """Describe the picture in words."""
    sides = [f"{side}: {bad} of {samples} answers bad" for side, (samples, bad) in totals(run.points).items()]
    return f"Latency and errors while the gate {run.gate} measured. {'; '.join(sides)}."


def _latencies(points: Sequence[CurvePoint], places: dict[str, int], across: Scale) -> Panel:
    most = ceiling(1000 * max((point.p95 or 0.0 for point in points), default=0.0))
    up = Scale(most, HEIGHT - BOTTOM, TOP)
    lines = [
        Line(side, place, line, faint)
        for side, place in places.items()
        for faint, value in ((True, _p95), (False, _median))
        if (line := " ".join(_line(points, side, value, across, up)))
    ]
    return _panel("Latency in ms: median, and 95th percentile (thin)", across, up, lines, "")


def _errors(points: Sequence[CurvePoint], places: dict[str, int], across: Scale) -> Panel:
    most = min(100.0, ceiling(max((_bad(point) or 0.0 for point in points), default=0.0)))
    up = Scale(most, HEIGHT - BOTTOM, TOP)
    lines = [Line(side, place, " ".join(_line(points, side, _bad, across, up))) for side, place in places.items()]
    return _panel("Bad answers in %", across, up, lines, "%")


def _panel(title: str, across: Scale, up: Scale, lines: Sequence[Line], unit: str) -> Panel:
    values = tuple(Mark(up(share * up.most), f"{share * up.most:.3g}{unit}") for share in (0.0, 0.5, 1.0))
    return Panel(title, across.start, across.end, tuple(lines), values, times(across, 5))


def _line(
    points: Sequence[CurvePoint], side: str, value: Callable[[CurvePoint], float | None], across: Scale, up: Scale
) -> Iterator[str]:
    for point in points:
        found = value(point)
        if point.side == side and found is not None:
            yield f"{across(point.at):g},{up(found):g}"


def _median(point: CurvePoint) -> float | None:
    return None if point.median is None else 1000 * point.median


def _p95(point: CurvePoint) -> float | None:
    return None if point.p95 is None else 1000 * point.p95


def _bad(point: CurvePoint) -> float | None:
    return 100 * point.bad / point.samples if point.samples else None
