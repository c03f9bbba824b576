"""The header `Retry-After`: seconds or a date."""

from __future__ import annotations

import pytest

from vmss_jenkins.runtime.retry_after import retry_after_seconds

NOON = 1_795_780_800.0
"""Fri, 27 Nov 2026 12:00:00 GMT."""


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("Fri, 27 Nov 2026 12:00:45 GMT", 45.0),
        ("Fri, 27 Nov 2026 13:00:45 +0100", 45.0),
        ("Fri, 27 Nov 2026 12:00:45 -0000", 45.0),
        ("Fri, 27 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Fri, 99 Nov 2026 12:00:45 GMT", None),
    ],
)
def test_a_wait_is_in_seconds_or_until_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOON) == seconds
