"""The JSON Schemas of what a rollout leaves: its result, and its events."""

from __future__ import annotations

from typing import Any

from vmss_jenkins.report.json import FORMAT
from vmss_jenkins.report.reading import KINDS, adapter

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WITHOUT = frozenset({"seed_planned"})
"""Events that no rollout has, and that hold more than is written."""


def result_schema(result: type) -> dict[str, Any]:
    """Describe a rollout's result.

    Args:
        result: `engine.RolloutResult`, which is above this module.
    """
    found = adapter(result).json_schema(mode="serialization")
    found["properties"] = {"format": {"const": FORMAT}, **found["properties"]}
    found["required"] = ["format", *found["required"]]
    return {"$schema": DIALECT, **found, "title": "rollout.json"}


def events_schema() -> dict[str, Any]:
    """Describe a line of the events' file."""
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
