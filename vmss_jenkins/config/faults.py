"""Turns pydantic's errors into faults for people: with line, path, value found and value wanted."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from vmss_jenkins.config.located_yaml import Document, Fault, Path
from vmss_jenkins.config.values import shortened

_WANTED = {
    "literal_error": "wanted {expected}",
    "model_type": "wanted a mapping",
    "model_attributes_type": "wanted a mapping",
    "tuple_type": "wanted a list",
    "bool_type": "wanted true or false",
    "int_type": "wanted a whole number",
    "too_short": "wanted at least one",
    "greater_than_equal": "wanted at least {ge:g}",
    "less_than_equal": "wanted at most {le:g}",
}
"""pydantic's kinds of errors, in words for people."""


def faults_of(error: ValidationError, document: Document, file: type[BaseModel]) -> list[Fault]:
    """Return each fault once, with its place in the file.

    Args:
        error: pydantic's error.
        document: the file, for the lines.
        file: the model of the whole file, for the known keys.
    """
    found = (_fault(dict(detail), document, file) for detail in error.errors(include_url=False))
    return list(dict.fromkeys(found))


def _fault(detail: Mapping[str, Any], document: Document, file: type[BaseModel]) -> Fault:
    path = _written(tuple(detail["loc"]), document)
    return Fault(path, document.line(path), _reason(detail, path, file))


def _written(path: Path, document: Document) -> Path:
    """Return where the value of a set or pair was written: at the set, or under the defaults."""
    if path in document.lines or len(path) < 3 or path[0] not in {"sets", "pairs"}:  # noqa: PLR2004 - sets, index, key
        return path
    default: Path = ("defaults", *path[2:])
    return default if default in document.lines else path


def _reason(detail: Mapping[str, Any], path: Path, file: type[BaseModel]) -> str:
    kind, value, context = detail["type"], detail.get("input"), detail.get("ctx") or {}
    if kind == "extra_forbidden":
        return f"unknown key; {_nearest(str(path[-1]), sorted(_keys_at(file, path[:-1])))}"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    wanted = _WANTED.get(kind, str(detail["msg"])).format_map(context)
    return f"found {shortened(value)}; {wanted}"


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key.replace("-", "_").lower(), known, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _keys_at(model: type[BaseModel], path: Path) -> set[str]:
    """Return the keys that a mapping at this place of the file can have."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            inner = next(_models(model.model_fields[step].annotation), None)
            if inner is None:
                return set()
            model = inner
    return set(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type, or a form of typing
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models(part)
