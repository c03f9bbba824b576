"""Every path and method of Azure Resource Manager that the emulator serves. What is not here, it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

from vmss_jenkins.emulator import extension_responses as extensions
from vmss_jenkins.emulator import instance_responses as one
from vmss_jenkins.emulator import network_responses as network
from vmss_jenkins.emulator import resource_responses as resources
from vmss_jenkins.emulator import set_responses as sets
from vmss_jenkins.emulator import tag_responses as tags
from vmss_jenkins.emulator import upgrade_responses as upgrades
from vmss_jenkins.emulator.balancers import KINDS as PARTS
from vmss_jenkins.emulator.calls import Call, Reply
from vmss_jenkins.emulator.errors import ArmError, gateway
from vmss_jenkins.emulator.scenario import COMPUTE, INSIGHTS, NETWORK

RESOURCES = "Microsoft.Resources"
Handler = Callable[[Call], Reply]

_SUBSCRIPTION = "/subscriptions/{subscription}"
_GROUP = f"{_SUBSCRIPTION}/resourceGroups/{{group}}"
_TAGS = f"{_GROUP}/providers/{RESOURCES}/tags/{{tags}}"
_ALL = f"{_SUBSCRIPTION}/providers/{COMPUTE}"
_IN_GROUP = f"{_GROUP}/providers/{COMPUTE}"
_SET = f"{_IN_GROUP}/virtualMachineScaleSets/{{set}}"
_NETWORKS = f"{_SUBSCRIPTION}/providers/{NETWORK}"
_NETWORK = f"{_GROUP}/providers/{NETWORK}"
_BALANCER = f"{_NETWORK}/loadBalancers/{{balancer}}"
_INSTANCE = f"{_SET}/virtualMachines/{{instance}}"


@dataclass(frozen=True)
class Route:
    """One method of one path."""

    method: str
    template: str
    handler: Handler
    limits: str = "none"
    """Which of ``throttling.LIMITS`` it pays from."""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The parts of the template."""
        return tuple(self.template.strip("/").split("/"))

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the variable parts of a path of as many segments, or None where it is another path."""
        params = {}
        for wanted, found in zip(self.segments, segments, strict=True):
            if wanted.startswith("{"):
                params[wanted[1:-1]] = found
            elif wanted.lower() != found.lower():
                return None
        return params

    @property
    def action(self) -> str:
        """What a role must allow, such as Microsoft.Compute/virtualMachineScaleSets/read."""
        template = self.template.partition("/providers/")[2]
        kinds = [part for part in template.split("/") if part and not part.startswith("{")]
        if not kinds:
            kinds = ["Microsoft.Resources", *(p for p in self.segments if not p.startswith("{"))]
        verbs = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
        return "/".join([*kinds, verbs.get(self.method, "action")])


ROUTES: tuple[Route, ...] = (
    Route("GET", "/subscriptions", resources.list_subscriptions),
    Route("GET", _SUBSCRIPTION, resources.get_subscription),
    Route("GET", f"{_SUBSCRIPTION}/resourceGroups", resources.list_groups),
    Route("GET", _GROUP, resources.get_group),
    Route("HEAD", _GROUP, resources.head_group),
    Route("PUT", _GROUP, resources.put_group),
    Route("GET", _TAGS, tags.get_tags),
    Route("PUT", _TAGS, tags.put_tags),
    Route("PATCH", _TAGS, tags.patch_tags),
    Route("DELETE", _TAGS, tags.delete_tags),
    Route("GET", f"{_ALL}/locations/{{location}}/operations/{{operation}}", resources.get_operation, "get operation"),
    Route("GET", f"{_ALL}/images", resources.list_images, "list images"),
    Route("GET", f"{_IN_GROUP}/images", resources.list_images, "list images"),
    Route("GET", f"{_IN_GROUP}/images/{{image}}", resources.get_image, "get image"),
    Route("PUT", f"{_IN_GROUP}/images/{{image}}", resources.put_image, "put image"),
    Route("DELETE", f"{_IN_GROUP}/images/{{image}}", resources.delete_image, "delete image"),
    Route("GET", f"{_SUBSCRIPTION}/providers/{INSIGHTS}/autoscalesettings", resources.list_autoscale),
    Route("GET", f"{_GROUP}/providers/{INSIGHTS}/autoscalesettings", resources.list_autoscale),
    Route("GET", f"{_ALL}/virtualMachineScaleSets", sets.list_sets, "list sets"),
    Route("GET", f"{_IN_GROUP}/virtualMachineScaleSets", sets.list_sets, "list sets"),
    Route("GET", _SET, sets.get_set, "get set"),
    Route("PUT", _SET, sets.put_set, "put set"),
    Route("PATCH", _SET, sets.patch_set, "patch set"),
    Route("DELETE", _SET, sets.delete_set, "delete set"),
    Route("GET", f"{_SET}/instanceView", sets.view_set, "view set"),
    Route("POST", f"{_SET}/manualupgrade", sets.manual_upgrade, "act on instances"),
    Route("POST", f"{_SET}/reimage", sets.reimage, "act on instances"),
    Route("POST", f"{_SET}/reimageall", sets.reimage, "act on instances"),
    Route("POST", f"{_SET}/delete", sets.delete_instances, "act on instances"),
    Route("POST", f"{_SET}/start", sets.start, "act on instances"),
    Route("POST", f"{_SET}/restart", sets.restart, "act on instances"),
    Route("POST", f"{_SET}/poweroff", sets.power_off, "stop instances"),
    Route("POST", f"{_SET}/deallocate", sets.deallocate, "stop instances"),
    Route("GET", f"{_SET}/rollingUpgrades/latest", upgrades.latest, "get set"),
    Route("POST", f"{_SET}/rollingUpgrades/cancel", upgrades.cancel, "act on set"),
    Route("POST", f"{_SET}/osRollingUpgrade", upgrades.start_os, "act on set"),
    Route("POST", f"{_SET}/extensionRollingUpgrade", upgrades.start_extensions, "act on set"),
    Route("GET", f"{_SET}/osUpgradeHistory", upgrades.history, "get set"),
    Route("GET", f"{_SET}/skus", sets.list_skus, "get set"),
    Route("GET", f"{_SET}/extensions", extensions.list_extensions, "get set"),
    Route("GET", f"{_SET}/extensions/{{extension}}", extensions.get_extension, "get set"),
    Route("PUT", f"{_SET}/extensions/{{extension}}", extensions.put_extension, "patch set"),
    Route("PATCH", f"{_SET}/extensions/{{extension}}", extensions.patch_extension, "patch set"),
    Route("DELETE", f"{_SET}/extensions/{{extension}}", extensions.delete_extension, "patch set"),
    Route("GET", f"{_SET}/virtualMachines", one.list_instances, "list instances"),
    Route("GET", _INSTANCE, one.get_instance, "get instance"),
    Route("PUT", _INSTANCE, one.put_instance, "act on instance"),
    Route("DELETE", _INSTANCE, one.delete_instance, "act on instance"),
    Route("GET", f"{_INSTANCE}/instanceView", one.view_instance, "view instance"),
    Route("POST", f"{_INSTANCE}/start", one.start, "act on instance"),
    Route("POST", f"{_INSTANCE}/restart", one.restart, "act on instance"),
    Route("POST", f"{_INSTANCE}/reimage", one.reimage, "act on instance"),
    Route("POST", f"{_INSTANCE}/poweroff", one.power_off, "act on instance"),
    Route("POST", f"{_INSTANCE}/deallocate", one.deallocate, "act on instance"),
    Route("GET", f"{_SET}/networkInterfaces", network.list_set_interfaces),
    Route("GET", f"{_SET}/publicipaddresses", network.list_set_public_ips),
    Route("GET", f"{_INSTANCE}/networkInterfaces", network.list_instance_interfaces),
    Route("GET", f"{_INSTANCE}/networkInterfaces/{{interface}}", network.get_instance_interface),
    Route("GET", f"{_IN_GROUP}/virtualMachines", one.list_machines, "get vm"),
    Route("GET", f"{_IN_GROUP}/virtualMachines/{{machine}}", one.get_machine, "get vm"),
    Route("GET", f"{_IN_GROUP}/virtualMachines/{{machine}}/instanceView", one.view_machine, "get vm"),
    Route("GET", f"{_NETWORKS}/locations/{{location}}/operations/{{operation}}", network.get_operation),
    Route("GET", f"{_NETWORKS}/loadBalancers", network.list_load_balancers),
    Route("GET", f"{_NETWORK}/loadBalancers", network.list_load_balancers),
    Route("GET", _BALANCER, network.get_load_balancer),
    Route("PUT", _BALANCER, network.put_load_balancer),
    Route("PATCH", _BALANCER, network.patch_load_balancer),
    *(Route("GET", f"{_BALANCER}/{kind}", partial(network.list_parts, kind)) for kind in PARTS),
    *(Route("GET", f"{_BALANCER}/{kind}/{{part}}", partial(network.get_part, kind)) for kind in PARTS),
    Route("PUT", f"{_BALANCER}/backendAddressPools/{{part}}", network.put_pool),
    Route(
        "POST",
        f"{_BALANCER}/backendAddressPools/{{part}}/queryInboundNatRulePortMapping",
        network.query_port_mapping,
    ),
    Route("GET", f"{_NETWORKS}/publicIPAddresses", network.list_public_ips),
    Route("GET", f"{_NETWORK}/publicIPAddresses", network.list_public_ips),
    Route("GET", f"{_NETWORK}/publicIPAddresses/{{address}}", network.get_public_ip),
    Route("GET", f"{_NETWORKS}/networkInterfaces", network.list_interfaces),
    Route("GET", f"{_NETWORK}/networkInterfaces", network.list_interfaces),
    Route("GET", f"{_NETWORK}/networkInterfaces/{{interface}}", network.get_interface),
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
    served = {name.lower(): name for name in (COMPUTE, INSIGHTS, NETWORK, RESOURCES)}
    if namespace.lower() not in served:
        return gateway(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
    kind = "/".join(rest[::2])
    text = (
        f"The resource type '{kind}' could not be found in the namespace '{served[namespace.lower()]}' for api version "
        f"'{api_version}'. The emulator serves scale sets, their instances, images, operations and load balancers."
    )
    return gateway(404, "InvalidResourceType", text)
