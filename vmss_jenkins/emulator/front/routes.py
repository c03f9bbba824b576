"""Every path and method of Azure Resource Manager that the emulator serves. What is not here, it does not."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.errors import ArmError, gateway
from vmss_jenkins.emulator.calls.route import COMPUTE_IN_GROUP as _IN_GROUP
from vmss_jenkins.emulator.calls.route import GROUP as _GROUP
from vmss_jenkins.emulator.calls.route import INSTANCE as _INSTANCE
from vmss_jenkins.emulator.calls.route import SCALE_SET as _SET
from vmss_jenkins.emulator.calls.route import SUBSCRIPTION as _SUBSCRIPTION
from vmss_jenkins.emulator.calls.route import Route
from vmss_jenkins.emulator.compute.api import extension_responses as extensions
from vmss_jenkins.emulator.compute.api import image_responses as resources
from vmss_jenkins.emulator.compute.api import instance_responses as one
from vmss_jenkins.emulator.compute.api import platform_image_responses as platform_images
from vmss_jenkins.emulator.compute.api import rolling_upgrade_responses as upgrades
from vmss_jenkins.emulator.compute.api import scale_set_responses as sets
from vmss_jenkins.emulator.compute.api import virtual_machine_responses as machines
from vmss_jenkins.emulator.network.api.routes import NETWORK_ROUTES
from vmss_jenkins.emulator.resources import deployment_responses as deployments
from vmss_jenkins.emulator.resources import group_responses as groups
from vmss_jenkins.emulator.resources import resource_list_responses as resource_list
from vmss_jenkins.emulator.resources import tag_responses as tags
from vmss_jenkins.emulator.scenario.scenario import COMPUTE, INSIGHTS, NETWORK, STORAGE
from vmss_jenkins.emulator.storage.routes import STORAGE_ROUTES

RESOURCES = "Microsoft.Resources"

_TAGS = f"{_GROUP}/providers/{RESOURCES}/tags/{{tags}}"
_DEPLOYMENTS = f"{_GROUP}/providers/{RESOURCES}/deployments"
_DEPLOYMENT = f"{_DEPLOYMENTS}/{{deployment}}"
_ALL = f"{_SUBSCRIPTION}/providers/{COMPUTE}"
_PUBLISHER = f"{_ALL}/locations/{{location}}/publishers/{{publisher}}"
_VERSIONS = f"{_PUBLISHER}/artifacttypes/vmimage/offers/{{offer}}/skus/{{sku}}/versions"
_MACHINE = f"{_IN_GROUP}/virtualMachines/{{machine}}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/subscriptions", resources.list_subscriptions),
    Route("GET", _SUBSCRIPTION, resources.get_subscription),
    Route("GET", f"{_SUBSCRIPTION}/resourceGroups", groups.list_groups),
    Route("GET", _GROUP, groups.get_group),
    Route("HEAD", _GROUP, groups.head_group),
    Route("PUT", _GROUP, groups.put_group),
    Route("DELETE", _GROUP, groups.delete_group),
    Route("GET", f"{_SUBSCRIPTION}/operationresults/{{operation}}", groups.get_result),
    Route("GET", f"{_SUBSCRIPTION}/resources", resource_list.list_resources),
    Route("GET", f"{_GROUP}/resources", resource_list.list_resources),
    Route("GET", _TAGS, tags.get_tags),
    Route("PUT", _TAGS, tags.put_tags),
    Route("PATCH", _TAGS, tags.patch_tags),
    Route("DELETE", _TAGS, tags.delete_tags),
    Route("GET", _DEPLOYMENTS, deployments.list_deployments),
    Route("GET", _DEPLOYMENT, deployments.get_deployment),
    Route("HEAD", _DEPLOYMENT, deployments.head_deployment),
    Route("PUT", _DEPLOYMENT, deployments.put_deployment),
    Route("POST", f"{_DEPLOYMENT}/validate", deployments.validate_deployment),
    Route("GET", f"{_DEPLOYMENT}/operationStatuses/{{status}}", deployments.get_status),
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
    Route("POST", f"{_INSTANCE}/simulateEviction", one.simulate_eviction, "act on instance"),
    Route("GET", f"{_IN_GROUP}/virtualMachines", machines.list_machines, "get vm"),
    Route("GET", _MACHINE, machines.get_machine, "get vm"),
    Route("GET", f"{_MACHINE}/instanceView", machines.view_machine, "get vm"),
    Route("DELETE", _MACHINE, machines.delete, "delete vm"),
    Route("POST", f"{_MACHINE}/start", machines.start, "update vm"),
    Route("POST", f"{_MACHINE}/restart", machines.restart, "update vm"),
    Route("POST", f"{_MACHINE}/reimage", machines.reimage, "update vm"),
    Route("POST", f"{_MACHINE}/powerOff", machines.power_off, "update vm"),
    Route("POST", f"{_MACHINE}/deallocate", machines.deallocate, "delete vm"),
    Route("POST", f"{_MACHINE}/simulateEviction", machines.simulate_eviction, "delete vm"),
    Route("GET", _VERSIONS, platform_images.list_versions),
    Route("GET", f"{_VERSIONS}/{{version}}", platform_images.get_version),
    *NETWORK_ROUTES,
    *STORAGE_ROUTES,
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
        f"'{api_version}'. The emulator serves scale sets, their instances, images, operations and load balancers."
    )
    return gateway(404, "InvalidResourceType", text)
