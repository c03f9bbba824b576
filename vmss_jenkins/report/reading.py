"""Events read back from their JSON lines, so that a report can be made after the fact."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events import calls, gates, rollout, seeding, steps, surge, switch
from vmss_jenkins.events.base import Event
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.report.json import kind

KINDS: dict[str, type] = {
    kind(one): one
    for story in (calls, steps, gates, rollout, surge, switch, seeding)
    for one in vars(story).values()
    if isinstance(one, type) and issubclass(one, Event) and one is not Event
}
"""The events by the names that their lines have."""


@dataclass(frozen=True)
class RecordedEvent:
    """An event, and when it was told."""

    at: datetime
    event: Event


def told(lines: Iterable[str], source: str) -> tuple[RecordedEvent, ...]:
    """Read events.

    Kinds that are not known are left out: a later version may have written them. A last line that ends in its
    middle is too, since a run that was killed leaves one.

    Args:
        lines: one JSON object each, as `json.line` writes them.
        source: where they come from, for the message.

    Raises:
        ConfigError: for lines that are no events, each named.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found: list[RecordedEvent] = []
    faults = []
    for number, line in numbered:
        read = _told(line)
        if isinstance(read, RecordedEvent):
            found.append(read)
        elif read and (line.endswith("\n") or number != numbered[-1][0]):
            faults.append(f"line {number} is no event: {read}")
    if faults:
        raise ConfigError(source, faults)
    return tuple(found)


def _told(line: str) -> RecordedEvent | str:
    """An event, or why it is none; empty for a kind that is not known."""
    try:
        values = json.loads(line)
        if not isinstance(values, dict):
            return f"found {type(values).__name__}, wanted an object"
        at, name = datetime.fromisoformat(str(values.pop("time"))), values.pop("kind")
        return RecordedEvent(at, adapter(KINDS[name]).validate_python(_with_scripts(values))) if name in KINDS else ""
    except (ValueError, KeyError, RecursionError, ConfigError) as error:
        return _first(error)


def _with_scripts(values: dict[str, Any]) -> dict[str, Any]:
    """Make the releases that are scripts first: an image made of their fields, to see whether it fits, is an error."""
    keys = {field.name for field in fields(ExtensionSettings)}
    scripts = {key: value for key, value in values.items() if isinstance(value, dict) and value.keys() == keys}
    return {**values, **{key: adapter(ExtensionSettings).validate_python(value) for key, value in scripts.items()}}


@cache
def adapter(type_: type) -> TypeAdapter[Any]:
    """Read a type from plain values, and describe it."""
    return TypeAdapter(type_)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}"
    return str(error).splitlines()[0]
