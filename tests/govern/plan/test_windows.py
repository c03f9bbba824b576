"""Days in which nothing is approved."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.govern.plan.windows import Window, denied
from vmss_jenkins.rollout.plan.actions import Repairs
from vmss_jenkins.rollout.plan.selection import Amount

HOLIDAYS = Window.parse("2026-12-20..2027-01-03")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-12-19T23:59:59", False),
        ("2026-12-20T00:00:00", True),
        ("2027-01-03T23:59:59", True),
        ("2027-01-04T00:00:00", False),
    ],
)
def test_the_first_and_the_last_day_belong_to_a_window(moment: str, inside: bool) -> None:
    assert HOLIDAYS.covers(at(moment)) is inside
    assert denied([HOLIDAYS], at(moment)) == (HOLIDAYS if inside else None)


def test_a_window_ends_with_its_last_day_and_of_several_the_longest_counts() -> None:
    assert HOLIDAYS.ends == at("2027-01-04T00:00:00")
    day = Window.parse("2026-12-24..2026-12-24")
    assert denied([day, HOLIDAYS, day], at("2026-12-24T12:00:00")) == HOLIDAYS
    assert str(day) == "2026-12-24..2026-12-24"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-12-20",
        "2026-12-20..",
        "..2026-12-20",
        "2026-13-01..2026-13-02",
        "2027-01-03..2026-12-20",
        "soon..late",
    ],
)
def test_another_text_is_refused_with_what_is_wanted(text: str) -> None:
    with pytest.raises(ConfigError, match=r"wanted two days, first and last, such as 2026-12-20\.\.2027-01-03"):
        Window.parse(text)


def test_plain_values_are_taken_for_a_specification() -> None:
    spec = GovernSpec(
        canary="25%",  # type: ignore[arg-type]
        max_unavailable=2,  # type: ignore[arg-type]
        deny="2026-12-20..2027-01-03",  # type: ignore[arg-type]
        repairs="keep",  # type: ignore[arg-type]
    )
    assert (spec.canary, spec.max_unavailable) == (Amount(25, is_percent=True), Amount(2))
    assert (spec.deny, spec.repairs) == ((HOLIDAYS,), Repairs.KEEP)
    assert (spec.canary_of(10), GovernSpec().canary_of(10)) == (3, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("canary", 0), ("max_unavailable", "0%"), ("deny", 5), ("deny", [1]), ("timeout", 0), ("repairs", "off")],
)
def test_a_value_that_cannot_be_used_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError):
        GovernSpec(**{name: value})  # type: ignore[arg-type]
