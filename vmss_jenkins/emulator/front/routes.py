"""Every path and method of Azure Resource Manager that the emulator serves."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.errors import ArmError, gateway
from vmss_jenkins.emulator.arm.providers import COMPUTE, INSIGHTS, NETWORK, RESOURCES, STORAGE
from vmss_jenkins.emulator.calls.route import Route
from vmss_jenkins.emulator.compute.api.routes import COMPUTE_ROUTES
from vmss_jenkins.emulator.galleries.api.routes import GALLERY_ROUTES
from vmss_jenkins.emulator.insights.routes import INSIGHTS_ROUTES
from vmss_jenkins.emulator.network.api.routes import NETWORK_ROUTES
from vmss_jenkins.emulator.resources.routes import RESOURCE_ROUTES
from vmss_jenkins.emulator.storage.routes import STORAGE_ROUTES

ROUTES: tuple[Route, ...] = (
    *RESOURCE_ROUTES,
    *COMPUTE_ROUTES,
    *GALLERY_ROUTES,
    *NETWORK_ROUTES,
    *STORAGE_ROUTES,
    *INSIGHTS_ROUTES,
)


def resolve(method: str, path: str, api_version: str) -> tuple[Route, dict[str, str]]:
    """Return the route of a request and the variable parts of its path; raises ``ArmError`` 404 or 405."""
    segments = [part for part in path.split("/") if part]
    known = False
    for route in ROUTES:
        if len(route.segments) != len(segments):
            continue
        params = route.match(segments)
        if params is not None and route.method == method:
            return route, params
        known = known or params is not None
    if known:
        text = f"The requested resource does not support http method '{method}'."
        raise gateway(405, "MethodNotAllowed", text)
    raise _unknown(segments, api_version)


def _unknown(segments: list[str], api_version: str) -> ArmError:
    lowered = [part.lower() for part in segments]
    if lowered[:1] != ["subscriptions"] or "providers" not in lowered[:-1]:
        return gateway(
            404,
            "MissingSubscription",
            "The request did not have a subscription or a valid tenant level resource provider.",
        )
    namespace, *rest = segments[lowered.index("providers") + 1 :]
    served = {name.lower(): name for name in (COMPUTE, INSIGHTS, NETWORK, RESOURCES, STORAGE)}
    if namespace.lower() not in served:
        return gateway(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
    kind = "/".join(rest[::2])
    text = (
        f"The resource type '{kind}' could not be found in the namespace '{served[namespace.lower()]}' for api version "
        f"'{api_version}'. The emulator serves scale sets, instances, images, galleries, operations and load balancers."
    )
    return gateway(404, "InvalidResourceType", text)
