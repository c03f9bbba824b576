"""The JSON Schemas of the files that a rollout writes: its result and its events."""

from __future__ import annotations

from typing import Any

from vmss_jenkins.report.json import FORMAT
from vmss_jenkins.report.reading import KINDS, adapter

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WITHOUT = frozenset({"seed_planned"})
"""Events that are never written to an events file."""


def result_schema(result: type) -> dict[str, Any]:
    """Return the JSON Schema of a rollout's result.

    Args:
        result: the class `RolloutResult`, which this room must not import.
    """
    found = adapter(result).json_schema(mode="serialization")
    found["properties"] = {"format": {"const": FORMAT}, **found["properties"]}
    found["required"] = ["format", *found["required"]]
    return {"$schema": DIALECT, **found, "title": "rollout.json"}


def events_schema() -> dict[str, Any]:
    """Return the JSON Schema of a line of an events file."""
    definitions: dict[str, Any] = {}
    lines = []
    for name, type_ in KINDS.items():
        if name not in WITHOUT:
            one = adapter(type_).json_schema(mode="serialization")
            definitions |= one.pop("$defs", {})
            head = {"time": {"type": "string", "format": "date-time"}, "kind": {"const": name}}
            properties = {**head, **one["properties"]}
            lines.append({**one, "properties": properties, "required": ["time", "kind", *one.get("required", [])]})
    return {"$schema": DIALECT, "title": "A line of the events' file", "oneOf": lines, "$defs": definitions}
