"""Events as JSON lines, and results as JSON documents."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, is_dataclass
from datetime import datetime, timezone
from enum import Enum

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSetName

_SECONDS = frozenset({"seconds", "start", "end", "wait", "at"})
"""Fields that hold a time in seconds."""
_LATENCIES = frozenset({"median", "p95"})
"""Fields that hold how long one request took, in seconds."""
_MOMENTS = frozenset({"created"})
"""Fields that hold a moment in seconds since 1970."""
FORMAT = 1
"""Version of the format of a rollout's result; raised when older readers would misread it.

`schema.result_schema` describes the format.
"""


def line(event: Event, at: str) -> str:
    """Write an event as one line: `time`, `kind` and the fields of the event.

    Args:
        event: what happened.
        at: when, as ISO 8601 in UTC.
    """
    return json.dumps({"time": at, "kind": kind(type(event)), **_fields(event)}, default=_plain)


def kind(event: type) -> str:
    """Return the `kind` of an event class: its name in snake case."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", event.__name__).lower()


def result(value: object) -> str:
    """Write the result of a rollout with the version of the format."""
    return json.dumps({"format": FORMAT, **_fields(value)}, default=_plain, indent=2)


def document(value: object) -> str:
    """Write a value, indented for people."""
    return json.dumps(value, default=_plain, indent=2)


def _plain(value: object) -> object:
    if isinstance(value, ImageReference):
        return {key: part for key, part in asdict(value).items() if part}
    if isinstance(value, ScaleSetName):
        return {"resource_group": value.resource_group, "name": value.name}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    return _fields(value)


def _for_people(key: str, value: object) -> object:
    """Write a moment as ISO 8601, and round seconds to milliseconds, latencies to microseconds: the rest is noise."""
    if not isinstance(value, float):
        return value
    if key in _MOMENTS:
        return datetime.fromtimestamp(value, timezone.utc)
    return round(value, 3) if key in _SECONDS else round(value, 6) if key in _LATENCIES else value


def _fields(value: object) -> dict[str, object]:
    if is_dataclass(value) and not isinstance(value, type):
        names = {"value": "seconds"} if getattr(value, "unit", None) == "s" else {}
        return {key: _for_people(names.get(key, key), getattr(value, key)) for key in value.__dataclass_fields__}
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
