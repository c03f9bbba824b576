"""Evaluates an ARM template: its resources in the order of their dependencies, and its outputs.

It understands what ``az vmss create`` and plain hand-written templates use. It refuses the rest (loops, conditions,
nested deployments) before anything is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.resources.template_expressions import TemplateError, evaluated
from vmss_jenkins.emulator.state.deployment import Plan, PlannedResource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_jenkins.emulator.arm.values import Json

_OWN = ("name", "type", "apiVersion", "dependsOn", "comments", "metadata")
"""The keys of a resource that belong to the template; the others are the resource's body."""
_REFUSED = ("copy", "condition", "resources", "scope", "existing")
_SECURE = ("securestring", "secureobject")


@dataclass(frozen=True)
class Scope:
    """Where a template is deployed."""

    subscription_id: str
    group: str
    location: str
    tenant_id: str

    @property
    def group_id(self) -> str:
        """The ARM id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.group}"


def order(planned: Plan) -> TopologicalSorter[str]:
    """Return the ids of a plan's resources, in lower case, sorted by their dependencies."""
    sorter = TopologicalSorter({key: [one.lower() for one in r.after] for key, r in planned.resources.items()})
    sorter.prepare()
    return sorter


def outputs(planned: Plan, reference: Callable[[str], Json]) -> Json:
    """Return the outputs of a plan; ``reference`` gives the properties of a resource by its id.

    A template may name its own resources by name alone.
    """
    names = {one.name.lower(): one.id for one in planned.resources.values()}
    functions = {**planned.functions, "reference": lambda of, *_: reference(names.get(str(of).lower(), of))}
    return {
        _camel(name): {"type": str(one.get("type", "")).capitalize(), "value": evaluated(one["value"], functions)}
        for name, one in planned.outputs.items()
    }


def plan(template: Json, parameters: Json, scope: Scope) -> Plan:
    """Evaluate a template.

    Args:
        template: The template, as in the body of a deployment.
        parameters: The values of its parameters, each as ``{"value": ...}``.
        scope: Where it is deployed.

    Raises:
        TemplateError: The template cannot be deployed.
    """
    declared = _declarations(template, "parameters")
    functions = _functions(scope)
    values = _values(declared, parameters, functions)
    functions["parameters"] = lambda name: _known(values, name, "parameter")
    variables = {name.lower(): value for name, value in _mapping(template, "variables").items()}
    functions["variables"] = lambda name: evaluated(_known(variables, name, "variable"), functions)
    wanted = [_planned(one, functions, scope) for one in _list(template)]
    resources = _linked(wanted)
    shown = {
        name: {"type": str(one.get("type", "")).capitalize(), "value": values[name.lower()]}
        for name, one in declared.items()
        if str(one.get("type", "")).lower() not in _SECURE
    }
    found = Plan(resources, shown, _declarations(template, "outputs", "value"), functions)
    try:
        order(found)
    except CycleError as error:
        circle = "', '".join(str(one) for one in error.args[1])
        raise TemplateError(f"Circular dependency detected on resources: '{circle}'.") from None
    return found


def _functions(scope: Scope) -> dict[str, Callable[..., Any]]:
    def concat(*parts: Any) -> Any:  # noqa: ANN401  (any JSON)
        if all(isinstance(part, list) for part in parts):
            return [item for part in parts for item in part]
        return "".join(str(part) for part in parts)

    return {
        "concat": concat,
        "resourceid": lambda *parts: _resource_id(scope, parts),
        "resourcegroup": lambda: {"id": scope.group_id, "name": scope.group, "location": scope.location},
        "subscription": lambda: {"subscriptionId": scope.subscription_id, "tenantId": scope.tenant_id},
        "providers": lambda *_: {"apiVersions": [""]},
        "tolower": lambda text: str(text).lower(),
        "toupper": lambda text: str(text).upper(),
        "string": str,
        "int": int,
    }


def _resource_id(scope: Scope, parts: tuple[Any, ...]) -> str:
    """``resourceId([subscription], [group], type, name, ...)``: the type is the first part with a slash.

    Azure ignores a slash at the end of the type, which public templates have.
    """
    start = next((index for index, part in enumerate(parts) if "/" in str(part)), None)
    kind = str(parts[start]).removesuffix("/") if start is not None else ""
    if start is None or len(parts) - start - 1 != kind.count("/"):
        raise TemplateError(f"resourceId needs a resource type and as many names as it has segments, found {parts}.")
    before = [str(part) for part in parts[:start]]
    group = before.pop() if before else scope.group
    subscription = before.pop() if before else scope.subscription_id
    path = _path(kind, [str(part) for part in parts[start + 1 :]])
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{path}"


def _path(kind: str, names: list[str]) -> str:
    namespace, *kinds = kind.split("/")
    return "/".join([namespace, *(f"{one}/{name}" for one, name in zip(kinds, names, strict=True))])


def _values(declared: Json, given: Json, functions: Mapping[str, Callable[..., Any]]) -> Json:
    unknown = next((name for name in given if name.lower() not in {one.lower() for one in declared}), None)
    if unknown is not None:
        raise TemplateError(f"The template parameter '{unknown}' is not defined in the template.")
    by_name = {name.lower(): one for name, one in given.items()}
    values: Json = {}
    for name, one in declared.items():
        source = by_name.get(name.lower(), {})
        if "value" in source:
            values[name.lower()] = source["value"]
        elif "defaultValue" in one:
            values[name.lower()] = evaluated(one["defaultValue"], functions)
        else:
            raise TemplateError(f"The value for the template parameter '{name}' is not provided.")
    return values


def _planned(one: Json, functions: Mapping[str, Callable[..., Any]], scope: Scope) -> PlannedResource:
    refused = next((key for key in _REFUSED if one.get(key)), None)
    if refused:
        raise TemplateError(f"The emulator does not understand '{refused}' of the resource '{one.get('name')}'.")
    missing = next((key for key in ("type", "name", "apiVersion") if not one.get(key)), None)
    if missing:
        raise TemplateError(f"A resource lacks the required property '{missing}'.")
    body = {key: value for key, value in one.items() if key not in _OWN}
    kind, name, version = (str(evaluated(one[key], functions)) for key in ("type", "name", "apiVersion"))
    if kind.count("/") != name.count("/") + 1:
        raise TemplateError(f"The resource '{name}' of type '{kind}' must have as many names as its type has segments.")
    found_id = f"{scope.group_id}/providers/{_path(kind, name.split('/'))}"
    after = tuple(str(entry) for entry in evaluated(one.get("dependsOn") or [], functions))
    return PlannedResource(kind, name, version, found_id, evaluated(body, functions), after)


def _linked(wanted: list[PlannedResource]) -> dict[str, PlannedResource]:
    """Return the resources by id, with their dependencies as ids; a template may also name them by name or type."""
    by_name: dict[str, str] = {}
    for one in wanted:
        path = one.id.partition("/providers/")[2]
        for name in (one.id, path, f"{one.kind}/{one.name}", one.name):
            by_name.setdefault(name.lower(), one.id)
    found: dict[str, PlannedResource] = {}
    for one in wanted:
        lost = next((entry for entry in one.after if entry.lower() not in by_name), None)
        if lost is not None:
            raise TemplateError(f"The resource '{lost}' is not defined in the template.")
        if one.id.lower() in found:
            raise TemplateError(f"The resource '{one.id}' is defined multiple times in the template.")
        after = tuple(dict.fromkeys(by_name[entry.lower()] for entry in one.after))
        found[one.id.lower()] = PlannedResource(one.kind, one.name, one.api_version, one.id, one.body, after)
    return found


def _mapping(template: Json, key: str) -> Json:
    found = template.get(key) or {}
    if not isinstance(found, dict):
        raise TemplateError(f"'{key}' of the template must be an object.")
    return found


def _declarations(template: Json, key: str, needed: str = "") -> Json:
    """Return a mapping of objects, each of which has the ``needed`` key."""
    found = _mapping(template, key)
    wrong = next((n for n, one in found.items() if not isinstance(one, dict) or (needed and needed not in one)), None)
    if wrong is not None:
        raise TemplateError(f"'{wrong}' of '{key}' must be an object{f' with a {needed}' if needed else ''}.")
    return found


def _list(template: Json) -> list[Json]:
    found = template.get("resources")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TemplateError("'resources' of the template must be an array of objects.")
    return found


def _known(values: Json, name: str, what: str) -> Any:  # noqa: ANN401  (any JSON)
    try:
        return values[str(name).lower()]
    except KeyError:
        raise TemplateError(f"The template {what} '{name}' is not found.") from None


def _camel(name: str) -> str:
    """Return the name of an output as Azure answers it: VMSS becomes vmss, VmssId becomes vmssId."""
    first = len(name) - len(name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    kept = first if first == len(name) else max(1, first - 1) if first else 0
    return name[:kept].lower() + name[kept:]
