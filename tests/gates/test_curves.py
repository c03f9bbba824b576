"""Answers drawn together by time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.gates.curves import MOST_POINTS, curve, totals
from vmss_jenkins.gates.verdicts import Sample


def at(seconds: float, fault: str | None = None, unmeasured: str | None = None) -> Sample:
    return Sample("0", seconds, seconds / 100, 200, fault, unmeasured)


def test_a_point_has_the_answers_of_its_second() -> None:
    points = curve([at(10.0), at(10.5, "500"), at(12.0), at(11.0, unmeasured="no route")], lambda _: "canary", 10.0)
    assert [(one.at, one.samples, one.bad, one.median) for one in points] == [(0.5, 2, 1, 0.1), (2.5, 1, 0, 0.12)]


def test_a_long_measurement_has_wider_points() -> None:
    points = curve([at(100), at(101.2), at(101.4), at(140)], lambda _: "canary", 100)
    assert [(one.at, one.samples) for one in points] == [(0.67, 2), (2.0, 1), (40.67, 1)]


def test_a_point_has_the_95th_percentile_of_its_good_answers() -> None:
    (point,) = curve([at(10 + n / 100) for n in reversed(range(20))] + [at(10.9, "500")], lambda _: "canary", 10)
    assert [point.median, point.p95] == pytest.approx([0.10095, 0.1018])


def test_without_a_good_answer_there_is_no_latency() -> None:
    (point,) = curve([at(1, "500")], lambda _: "stable", 0)
    assert (point.median, point.p95, point.bad) == (None, None, 1)
    assert curve([], lambda _: "stable", 0) == ()


@given(st.lists(st.tuples(st.floats(0, 10_000), st.booleans(), st.booleans())))
def test_no_answer_is_lost_and_a_side_has_few_points(drawn: list[tuple[float, bool, bool]]) -> None:
    samples = [at(seconds, "500" if bad else None) for seconds, bad, _ in drawn]
    canary = {id(sample) for sample, (_, _, is_canary) in zip(samples, drawn, strict=True) if is_canary}
    points = curve(samples, lambda one: "canary" if id(one) in canary else "stable", 0)
    bad = [sample for sample in samples if sample.fault]
    assert sum(count for count, _ in totals(points).values()) == len(samples)
    assert sum(count for _, count in totals(points).values()) == len(bad)
    assert len(points) <= 2 * (MOST_POINTS + 1)
