"""Reads events from the JSON lines of a file, so that a report can be made later."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events import calls, gates, govern, rollout, seeding, steps, surge, switch
from vmss_jenkins.events.base import Event
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.report.json import kind

KINDS: dict[str, type] = {
    kind(one): one
    for story in (calls, steps, gates, rollout, surge, switch, govern, seeding)
    for one in vars(story).values()
    if isinstance(one, type) and issubclass(one, Event) and one is not Event
}
"""The event classes by the `kind` of their lines."""


@dataclass(frozen=True)
class RecordedEvent:
    """An event with its time."""

    at: datetime
    event: Event


def read_events(lines: Iterable[str], source: str) -> tuple[RecordedEvent, ...]:
    """Read events.

    Unknown kinds are left out, since a later version may have written them. An incomplete last line is left out, too,
    since a killed run leaves one.

    Args:
        lines: each is a JSON object, as `json.line` writes it.
        source: the name of the file, for error messages.

    Raises:
        ConfigError: if lines are not events; names each of them.
    """
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found: list[RecordedEvent] = []
    faults = []
    for number, line in numbered:
        read = _read_event(line)
        if isinstance(read, RecordedEvent):
            found.append(read)
        elif read and (line.endswith("\n") or number != numbered[-1][0]):
            faults.append(f"line {number} is not an event: {read}")
    if faults:
        raise ConfigError(source, faults)
    return tuple(found)


def _read_event(line: str) -> RecordedEvent | str:
    """Return the event, or the reason why the line is not an event; empty for an unknown kind."""
    try:
        values = json.loads(line)
        if not isinstance(values, dict):
            return f"found {type(values).__name__}, wanted an object"
        at, name = datetime.fromisoformat(str(values.pop("time"))), values.pop("kind")
        return RecordedEvent(at, adapter(KINDS[name]).validate_python(_with_scripts(values))) if name in KINDS else ""
    except (ValueError, KeyError, RecursionError, ConfigError) as error:
        return _first(error)


def _with_scripts(values: dict[str, Any]) -> dict[str, Any]:
    """Read scripts before the rest: pydantic would try to read them as images, which fails."""
    keys = {field.name for field in fields(ExtensionSettings)}
    scripts = {key: value for key, value in values.items() if isinstance(value, dict) and value.keys() == keys}
    return {**values, **{key: adapter(ExtensionSettings).validate_python(value) for key, value in scripts.items()}}


@cache
def adapter(type_: type) -> TypeAdapter[Any]:
    """Return the adapter that reads a type from plain values and describes it as JSON Schema."""
    return TypeAdapter(type_)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
    if isinstance(error, KeyError):
        return f"key {error.args[0]} is missing"
    return str(error).splitlines()[0]
