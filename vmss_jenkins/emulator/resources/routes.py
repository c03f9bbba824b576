"""The paths and methods of Microsoft.Resources that the emulator serves."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.providers import RESOURCES
from vmss_jenkins.emulator.calls.route import GROUP as _GROUP
from vmss_jenkins.emulator.calls.route import SUBSCRIPTION as _SUBSCRIPTION
from vmss_jenkins.emulator.calls.route import Route
from vmss_jenkins.emulator.resources import deployment_responses as deployments
from vmss_jenkins.emulator.resources import group_responses as groups
from vmss_jenkins.emulator.resources import resource_list_responses as resource_list
from vmss_jenkins.emulator.resources import subscription_responses as subscriptions
from vmss_jenkins.emulator.resources import tag_responses as tags

_TAGS = f"{_GROUP}/providers/{RESOURCES}/tags/{{tags}}"
_DEPLOYMENTS = f"{_GROUP}/providers/{RESOURCES}/deployments"
_DEPLOYMENT = f"{_DEPLOYMENTS}/{{deployment}}"

RESOURCE_ROUTES: tuple[Route, ...] = (
    Route("GET", "/subscriptions", subscriptions.list_subscriptions),
    Route("GET", _SUBSCRIPTION, subscriptions.get_subscription),
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
)
