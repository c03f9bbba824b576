"""JSON as Python has it, and times as Azure writes them."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

Json = dict[str, Any]


@lru_cache(maxsize=8192)  # a list of instances shows the same times many times
def timestamp(seconds: float) -> str:
    """Return the time as Azure writes it: UTC with seven digits after the seconds."""
    text = datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="microseconds")
    return text.replace("+", "0+")
