"""The paths and methods of the compute provider that the emulator serves."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.calls.route import COMPUTE_IN_GROUP as _IN_GROUP
from vmss_jenkins.emulator.calls.route import INSTANCE as _INSTANCE
from vmss_jenkins.emulator.calls.route import SCALE_SET as _SET
from vmss_jenkins.emulator.calls.route import SUBSCRIPTION as _SUBSCRIPTION
from vmss_jenkins.emulator.calls.route import Route
from vmss_jenkins.emulator.compute.api import extension_responses as extensions
from vmss_jenkins.emulator.compute.api import hook_event_responses as hooks
from vmss_jenkins.emulator.compute.api import image_responses as images
from vmss_jenkins.emulator.compute.api import instance_responses as one
from vmss_jenkins.emulator.compute.api import operation_responses as operations
from vmss_jenkins.emulator.compute.api import orchestration_responses as services
from vmss_jenkins.emulator.compute.api import platform_image_responses as platform_images
from vmss_jenkins.emulator.compute.api import rolling_upgrade_responses as upgrades
from vmss_jenkins.emulator.compute.api import scale_set_responses as sets
from vmss_jenkins.emulator.compute.api import virtual_machine_responses as machines

_ALL = f"{_SUBSCRIPTION}/providers/{COMPUTE}"
_PUBLISHER = f"{_ALL}/locations/{{location}}/publishers/{{publisher}}"
_VERSIONS = f"{_PUBLISHER}/artifacttypes/vmimage/offers/{{offer}}/skus/{{sku}}/versions"
_MACHINE = f"{_IN_GROUP}/virtualMachines/{{machine}}"

COMPUTE_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{_ALL}/locations/{{location}}/operations/{{operation}}", operations.get_operation, "get operation"),
    Route("GET", f"{_ALL}/images", images.list_images, "list images"),
    Route("GET", f"{_IN_GROUP}/images", images.list_images, "list images"),
    Route("GET", f"{_IN_GROUP}/images/{{image}}", images.get_image, "get image"),
    Route("PUT", f"{_IN_GROUP}/images/{{image}}", images.put_image, "put image"),
    Route("DELETE", f"{_IN_GROUP}/images/{{image}}", images.delete_image, "delete image"),
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
    Route("POST", f"{_SET}/approveRollingUpgrade", upgrades.approve, "act on set"),
    Route("POST", f"{_INSTANCE}/approveRollingUpgrade", upgrades.approve_instance, "act on instance"),
    Route("GET", f"{_SET}/lifecycleHookEvents", hooks.list_events, "get set"),
    Route("GET", f"{_SET}/lifecycleHookEvents/{{event}}", hooks.get_event, "get set"),
    Route("PATCH", f"{_SET}/lifecycleHookEvents/{{event}}", hooks.answer_event, "act on set"),
    Route("POST", f"{_SET}/extensionRollingUpgrade", upgrades.start_extensions, "act on set"),
    Route("GET", f"{_SET}/osUpgradeHistory", upgrades.history, "get set"),
    Route("POST", f"{_SET}/setOrchestrationServiceState", services.set_state, "act on set"),
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
)
