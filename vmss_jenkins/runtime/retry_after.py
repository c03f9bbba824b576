"""The header `Retry-After`: seconds, or the date of HTTP (RFC 9110, 10.2.3)."""

from __future__ import annotations

from datetime import timezone
from email.utils import parsedate_to_datetime


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """Seconds to wait, at least 0; None if there is no such header, or if it cannot be read.

    Args:
        value: the header.
        now: the time in seconds UTC, for a date.
    """
    text = (value or "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp() - now)
