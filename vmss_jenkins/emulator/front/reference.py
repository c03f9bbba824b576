"""The page that lists what the emulator serves, made from its routes.

python -m vmss_jenkins.emulator.front.reference > docs/emulator-reference.md
"""

from __future__ import annotations

import inspect
import re
import sys
from functools import partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.throttling import LIMITS
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.route import Route
from vmss_jenkins.emulator.front.routes import ROUTES, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = "python -m vmss_jenkins.emulator.front.reference > docs/emulator-reference.md"
_INTRODUCTION = f"""\
Made from its routes by `{COMMAND}`; a test keeps it true. Any api-version is
taken. Query options other than those named are passed over. What a request costs is the name of its token buckets in
`throttling.py`, where it has any. `/_emulator/` has [endpoints of the emulator's own](emulator.md)."""
_GROUP = "/subscriptions/s/resourceGroups/g"
_SET = f"{_GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/v"
_NETWORK = f"{_GROUP}/providers/Microsoft.Network"
_LEFT_OUT = {
    f"DELETE {_GROUP}": "resource groups are not deleted",
    f"GET {_SET}/skus": "sizes that a set may have",
    f"GET {_SET}/osUpgradeHistory": "past upgrades of the operating system",
    f"POST {_SET}/osRollingUpgrade": "upgrades of the operating system by Azure",
    f"POST {_SET}/redeploy": "moving instances to other hosts",
    f"POST {_SET}/performMaintenance": "maintenance by Azure",
    f"POST {_SET}/setOrchestrationServiceState": "automatic repairs",
    f"POST {_SET}/scaleOut": "a scale-out that chooses the zone of the new instances",
    f"GET {_SET}/extensions": "extensions as resources of their own",
    f"PUT {_SET}/extensions/e": "changing one extension of the model",
    f"POST {_SET}/virtualMachines/0/simulateEviction": "eviction of spot instances",
    f"POST {_SET}/virtualMachines/0/runCommand": "commands run on instances",
    f"GET {_SET}/virtualMachines/0/runCommands": "commands run on instances",
    f"PUT {_GROUP}/providers/Microsoft.Compute/virtualMachines/m": "virtual machines outside of scale sets",
    f"PATCH {_GROUP}/providers/Microsoft.Compute/galleries/g/share": "sharing of galleries",
    f"PUT {_GROUP}/providers/Microsoft.Resources/deployments/d": "template deployments",
    f"PUT {_NETWORK}/virtualNetworks/n": "virtual networks",
    f"PUT {_NETWORK}/publicIPAddresses/p": "making public addresses; the scenario has its own",
    f"DELETE {_NETWORK}/loadBalancers/l": "deleting load balancers",
    f"PUT {_NETWORK}/networkSecurityGroups/n": "security groups",
    f"PUT {_GROUP}/providers/Microsoft.Storage/storageAccounts/s": "storage accounts",
}
"""Requests of Azure that the emulator does not serve, and their purpose. The page omits those that are served now."""


def page() -> str:
    """Return the page, in Markdown."""
    kinds: dict[str, list[Route]] = {}
    for route in ROUTES:
        kinds.setdefault(_kind(route), []).append(route)
    parts = [
        "# What the emulator serves",
        _INTRODUCTION,
        *(_section(kind, routes) for kind, routes in kinds.items()),
        "## Left out",
        "These answer as a resource type or method that Azure does not know (404 or 405).",
        "| request | which is |\n|---|---|\n" + "\n".join(_left_out()),
    ]
    return "\n\n".join(parts) + "\n"


def _kind(route: Route) -> str:
    """Return the type of resource of a route; parts and actions belong to the type of their owner."""
    segments = [part for part in route.segments if part != "providers"]
    fixed = [part for part in segments if not part.startswith("{")]
    namespace = next((part for part in fixed if part.startswith("Microsoft.")), "")
    if not namespace:
        return "Microsoft.Resources"
    return f"{namespace}/{fixed[fixed.index(namespace) + 1]}"


def _section(kind: str, routes: list[Route]) -> str:
    rows = [f"| {route.method} | `{_short(route)}` | {_what(route)} | {_options(route)} |" for route in routes]
    head = "| method | path | what | query options |\n|---|---|---|---|\n"
    return f"## {kind}\n\n{head}" + "\n".join(rows)


def _short(route: Route) -> str:
    """Return the path from the provider on, with its scope if a path of another scope is equal."""
    scope, _, rest = route.template.partition("/providers/")
    if not rest:
        return route.template
    return rest if "{group}" in scope else f"(subscription) {rest}"


def _what(route: Route) -> str:
    handler = route.handler.func if isinstance(route.handler, partial) else route.handler
    text = (inspect.getdoc(handler) or "").partition("\n")[0].replace("|", "\\|")
    cost = f" Costs: {route.limits}." if LIMITS[route.limits] else ""
    return f"{text}{cost}"


def _options(route: Route) -> str:
    handler = route.handler.func if isinstance(route.handler, partial) else route.handler
    found = sorted(set(_named(handler, set()))) if isinstance(handler, FunctionType) else []
    return ", ".join(f"`{name}`" for name in found)


def _named(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """Yield the query options in a handler, and in the functions of its module and of ``Call`` that it calls."""
    if function in seen:
        return
    seen.add(function)
    for code in _with_inner(function.__code__):
        words = (word for word in code.co_consts if isinstance(word, str))
        yield from (word for word in words if re.fullmatch(r"\$[A-Za-z]+", word))
        for name in code.co_names:
            called = function.__globals__.get(name) or vars(Call).get(name)
            if isinstance(called, FunctionType) and called.__module__ in (function.__module__, Call.__module__):
                yield from _named(called, seen)


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _with_inner(inner)


def _left_out() -> Iterator[str]:
    for request, reason in _LEFT_OUT.items():
        method, _, path = request.partition(" ")
        try:
            resolve(method, path, "2024-07-01")
        except ArmError:
            yield f"| {method} `{path.partition('/providers/')[2] or path}` | {reason} |"


if __name__ == "__main__":
    sys.stdout.write(page())
