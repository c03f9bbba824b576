"""The budgets of calls: never more in a minute than allowed, and looks where they pay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cloud import Bucket
from vmss_jenkins.rollout.plan import throttling
from vmss_jenkins.rollout.update_times import ENOUGH, UpdateTimes

steps = st.lists(st.floats(0.01, 20.0), max_size=200)


@given(steps, st.sampled_from([throttling.updates, throttling.operations, throttling.instances]))
def test_no_minute_has_more_requests_than_a_tenth_of_the_bucket(waits: list[float], kind: object) -> None:
    rate_limit = kind()  # type: ignore[operator]
    now, made = 0.0, []
    for wait in waits:
        now += wait
        for _ in range(rate_limit.available(now)):
            rate_limit.take()
            made.append(now)
    for start in made:
        assert sum(start <= at < start + throttling.MINUTE for at in made) <= rate_limit.per_minute + 1


@given(steps, st.sampled_from([throttling.operation_tokens, throttling.instance_tokens]))
def test_the_bucket_of_a_resource_is_never_emptied(waits: list[float], kind: object) -> None:
    tokens = kind()  # type: ignore[operator]
    azure = Bucket(tokens.size, tokens.refill)
    now = 100.0
    for wait in waits:
        now += wait / 10
        assert tokens.spacing(now) > 0
        if wait > 1 and tokens.take(now):
            assert azure.take(now, 1), "Azure would have said 429"


def test_what_is_left_is_spread_until_it_is_refilled() -> None:
    tokens = throttling.operation_tokens()
    assert tokens.spacing(0.0) == pytest.approx(60 / 43)
    for _ in range(43):
        assert tokens.take(0.0)
    assert not tokens.take(59.9)
    assert tokens.take(60.0)


@pytest.mark.parametrize(
    ("rate_limit", "at_once", "a_minute"),
    [(throttling.updates, 30, 150), (throttling.operations, 60, 1500), (throttling.instances, 100, 600)],
)
def test_some_requests_may_go_at_once_and_the_others_evenly(rate_limit: object, at_once: int, a_minute: int) -> None:
    made = rate_limit()  # type: ignore[operator]
    assert made.per_minute == a_minute
    assert (made.available(100.0), made.available(100.0)) == (at_once, at_once)
    for _ in range(at_once):
        made.take()
    assert (made.available(100.0), made.available(102.0)) == (0, (a_minute - at_once) // 30)
    assert made.available(104.0) == min(at_once, (a_minute - at_once) // 15), "since the last look, not since the first"
    assert made.available(1000.0) == at_once


@pytest.mark.parametrize(
    ("bucket", "size", "refill"), [(throttling.operation_tokens, 45, 15), (throttling.instance_tokens, 36, 12)]
)
def test_the_bucket_of_a_resource_is_refilled_each_minute_from_the_first_request(
    bucket: object, size: int, refill: int
) -> None:
    tokens = bucket()  # type: ignore[operator]
    for _ in range(size - 2):
        assert tokens.take(30.0)
    assert not tokens.take(89.0)
    assert tokens.spacing(89.0) == pytest.approx(1 / 0.5), "as if half a token were left"
    assert tokens.spacing(90.0) == pytest.approx(60 / refill)
    for _ in range(refill - 1):
        assert tokens.take(91.0)
    assert tokens.spacing(100.0) == pytest.approx(50 / 1)
    assert tokens.take(100.0)
    assert not tokens.take(149.0), "the minutes count from the first request, whenever the others were"
    assert tokens.take(150.0)
    assert tokens.spacing(150.0 + 600.0) == pytest.approx(60 / (size - 2)), "never more than the whole bucket"


@pytest.mark.parametrize(
    ("count", "longest", "shares"),
    [
        (1, 100, [("a", "b", "c", "d", "e")]),
        (2, 100, [("a", "c", "e"), ("b", "d")]),
        (9, 100, [("a",), ("b",), ("c",), ("d",), ("e",)]),
        (1, 2, [("a", "d"), ("b", "e"), ("c",)]),
    ],
)
def test_ids_are_shared_out_evenly(count: int, longest: int, shares: list[tuple[str, ...]]) -> None:
    assert list(throttling.calls("abcde", count, longest)) == shares


def test_a_large_set_is_listed_as_often_as_its_pages_allow() -> None:
    assert [throttling.list_interval(count) for count in (1, 100, 101, 1000)] == [10.0, 10.0, 15.0, 75.0]


def times(*seconds: float) -> UpdateTimes:
    found = UpdateTimes()
    for each in seconds:
        found.add(each)
    return found


def test_as_long_as_nothing_is_known_a_look_is_worth_its_wait() -> None:
    assert UpdateTimes().lateness(0.0, 4.0) == 2.0


def test_a_look_before_any_update_ever_ended_is_worth_nothing() -> None:
    known = times(*[20.0 + n for n in range(ENOUGH)])
    assert known.lateness(0.0, 19.0) == 0.0
    assert known.lateness(19.0, 24.0) > 0.5


def test_a_look_at_many_instances_pays_later_than_at_one() -> None:
    known = times(*[20.0 + n for n in range(20)])
    assert known.lateness(0.0, 24.0, together=50) < known.lateness(0.0, 24.0) / 10


def test_a_straggler_is_not_forgotten() -> None:
    known = times(*[20.0] * 20)
    assert known.lateness(100.0, 110.0) > 0.2
