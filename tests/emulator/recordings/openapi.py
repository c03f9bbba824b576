"""Azure's OpenAPI documents as schemas of the bodies in the emulator's answers.

`VMSS_JENKINS_SPECS` names a folder of Swagger 2.0 documents, `NAME-API_VERSION.json`. Their schemas are read as JSON
Schema 2020-12, in which `unevaluatedProperties` finds what a document does not name, through `allOf` as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FOLDER = Path(os.environ.get("VMSS_JENKINS_SPECS", "../shared/azure-spec"))


def documents() -> dict[str, Any]:
    """Each document by the name that the other documents use for it."""
    texts = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.json"))}
    # A definition that others extend does not name what they add.
    bases = set(re.findall(r'"allOf":\s*\[\s*\{\s*"\$ref":\s*"[^"]*#/definitions/(\w+)"', "".join(texts.values())))
    found = {}
    for name, text in texts.items():
        document = json.loads(text)
        for kind, definition in document.get("definitions", {}).items():
            for part in definition.get("properties", {}).values() if kind in bases else [definition]:
                _close(part)
        found[re.sub(r"-\d{4}-\d\d-\d\d", "", name)] = document
    return found


def _close(schema: Any) -> None:
    """Forbid unnamed properties of objects; an object without named properties may have any."""
    if isinstance(schema, list):
        for item in schema:
            _close(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
            schema["unevaluatedProperties"] = False
        for key, item in schema.items():
            if key != "allOf":
                _close(item)


_DOCUMENTS = documents()


@cache
def _registry() -> Registry[Any]:
    """Resolves references between the documents; a missing one allows anything."""

    def anything(uri: str) -> Resource[Any]:
        del uri
        return Resource.from_contents({"definitions": _Anything()}, DRAFT202012)

    resources = [
        (f"https://spec.invalid/{name}", Resource.from_contents(document, DRAFT202012))
        for name, document in _DOCUMENTS.items()
    ]
    return Registry(retrieve=anything).with_resources(resources)  # type: ignore[call-arg]


class _Anything(dict[str, Any]):
    def __getitem__(self, name: str) -> dict[str, Any]:
        return {}

    def __contains__(self, name: object) -> bool:
        return True


@cache
def _operations() -> dict[tuple[str, str], tuple[str, dict[str, Any]]]:
    """The document and the answers, by method and path in lower case with {} for variable parts."""
    found = {}
    for name, document in _DOCUMENTS.items():
        for path, methods in document.get("paths", {}).items():
            template = re.sub(r"\{[^}]*\}", "{}", path).lower().rstrip("/")
            for method, operation in methods.items():
                found[method.upper(), template] = (name, operation["responses"])
    return found


def schema_of(method: str, template: str, status: int) -> dict[str, Any] | None:
    """The schema of an answer's body, None if no document has it."""
    found = _operations().get((method, re.sub(r"\{[^}]*\}", "{}", template).lower()))
    if found is None:
        return None
    name, answers = found
    schema = answers.get(str(status), {}).get("schema")
    if schema is None:
        return None
    reference = schema.get("$ref", "")
    return {
        "$ref": f"https://spec.invalid/{name}{reference}"
        if reference.startswith("#")
        else f"https://spec.invalid/{reference[2:]}"
    }


def faults(body: Any, schema: dict[str, Any]) -> Iterator[str]:
    """The violations of a schema in a body, as `path: reason`, with [] for positions in lists."""
    validator = jsonschema.Draft202012Validator(schema, registry=_registry())
    for error in validator.iter_errors(body):
        path = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
        if error.validator == "unevaluatedProperties":
            for name in re.findall(r"'([^']+)'", error.message):
                yield f"{path}.{name}: not in the document".lstrip(".")
        else:
            yield f"{path}: {error.message[:200]}"
