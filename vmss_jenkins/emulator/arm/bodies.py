"""Bodies of all kinds of requests: their shapes, and how a PATCH changes a resource."""

from __future__ import annotations

from typing import Any

from vmss_jenkins.emulator.arm.errors import invalid_content
from vmss_jenkins.emulator.arm.image_reference import CUSTOM_KEYS
from vmss_jenkins.emulator.arm.values import Json

TRACKED_SHAPE: Json = {"location": str, "tags": {}}
"""The fields of every resource that has a location."""
DEPTH_LIMIT = 64
"""How deep a body may be nested: what .NET's JSON readers take by default."""
EXTENSION_SETTINGS = ("settings", "protectedSettings")
"""The fields of an extension that a PATCH replaces as a whole."""
_REPLACED = ("tags", "identity", "zones", *EXTENSION_SETTINGS)
_LONGEST_NUMBER = 10


def checked(body: Json, shape: Json) -> Json:
    """Return the body without nulls; raises ``ArmError`` 400 if a value has another type than the shape.

    Azure also takes a number or a boolean as a string: ``az vmss create`` sends the ports of a range as strings.
    """
    fitted: Json = _fitted(_without_nulls(body), shape, "")
    return fitted


def _without_nulls(value: Any, depth: int = 0) -> Any:  # noqa: ANN401  (any JSON)
    if depth > DEPTH_LIMIT:
        raise invalid_content(f"The reader's MaxDepth of {DEPTH_LIMIT} has been exceeded.")
    if isinstance(value, dict):
        return {key: _without_nulls(item, depth + 1) for key, item in value.items() if item is not None}
    return [_without_nulls(item, depth + 1) for item in value] if isinstance(value, list) else value


def _fitted(value: Any, shape: Any, path: str) -> Any:  # noqa: ANN401  (any JSON)
    wanted: type = shape if isinstance(shape, type) else type(shape)
    if isinstance(value, str) and wanted in (int, bool):
        value = _read(value, wanted)
    fits = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    if not fits:
        raise invalid_content(f"Error converting value {value!r:.80} to type '{wanted.__name__}'. Path '{path}'.")
    if isinstance(shape, list):
        return [_fitted(item, shape[0], f"{path}[{index}]") for index, item in enumerate(value)]
    if isinstance(shape, dict):
        known = {key: _fitted(value[key], shape[key], f"{path}.{key}".lstrip(".")) for key in value if key in shape}
        return {**value, **known}
    return value


def _read(text: str, wanted: type) -> Any:  # noqa: ANN401  (a number, a boolean, or the text itself)
    if wanted is bool:
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER else text


def merged(old: Json, new: Json) -> Json:
    """Return ``old`` changed by ``new`` as Azure does: objects merge, lists, tags and identities are replaced."""
    result = dict(old)
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict) and key not in _REPLACED:
            replaces = key == "imageReference" and any(kind in value for kind in CUSTOM_KEYS)
            result[key] = value if replaces else merged(old[key], value)
        else:
            result[key] = value
    return result
