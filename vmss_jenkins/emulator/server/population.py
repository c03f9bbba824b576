"""Fills a backend with its scenario, as if the instances had run for a day."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute import change_record, placement, scale_sets
from vmss_jenkins.emulator.compute.guest import provisioning
from vmss_jenkins.emulator.compute.models import ROLLING_POLICY
from vmss_jenkins.emulator.compute.policies import REPAIR_GRACE
from vmss_jenkins.emulator.galleries import publishing, references
from vmss_jenkins.emulator.server.network_population import add_load_balancer, ip_configuration, probe_id
from vmss_jenkins.emulator.state.automation.autoscale import AutoscaleSetting
from vmss_jenkins.emulator.state.resource_group import ResourceGroup

if TYPE_CHECKING:
    from vmss_jenkins.emulator.scenario.scenario import Scenario
    from vmss_jenkins.emulator.scenario.set_spec import SetSpec
    from vmss_jenkins.emulator.state.backend import Backend

_DAY = 86_400.0


def populate(backend: Backend, *, listens: bool = False) -> None:
    """Create the scenario's group, images, sets, instances and load balancers.

    With ``listens`` the frontends of the load balancers get free ports of this machine.
    """
    scenario = backend.scenario
    group = scenario.resource_group.lower()
    backend.groups[group] = ResourceGroup(scenario.resource_group, scenario.location)
    publishing.populate(backend)
    for spec in scenario.sets:
        _add_set(backend, spec)
        _add_autoscale(backend, spec)
        add_load_balancer(backend, spec, listens=listens)


def _add_set(backend: Backend, spec: SetSpec) -> None:
    scenario = backend.scenario
    body = set_body(scenario, spec)
    scale_set = scale_sets.new_set(backend, scenario.resource_group, spec.scale_set, body)
    scale_set.created = scale_set.changed = backend.now - _DAY
    scale_set.provisioning = "Succeeded"
    backend.scale_sets[scenario.resource_group.lower(), spec.scale_set.lower()] = scale_set
    image = references.check(backend, scale_set.model.image, scale_set.location)
    for place in placement.new_places(scale_set, spec.instances, backend.chance):
        instance = placement.new_instance(backend, scale_set, place, image)
        instance.created = instance.changed = instance.healthy_at = backend.now - _DAY
        error = provisioning.provision(backend, scale_set, instance)
        instance.provisioning, instance.power = "Failed" if error else "Succeeded", "running"
        instance.up, instance.up_since = instance.release.serves, instance.created
        backend.servers.serve(scale_set.server(instance), instance.release)
        change_record.record(backend, scale_set, instance, "present", "end")


def _add_autoscale(backend: Backend, spec: SetSpec) -> None:
    """Add the settings that the scenario names; they have no profile, and so change nothing."""
    scenario = backend.scenario
    target = f"{scenario.image_id('').partition('/images/')[0]}/virtualMachineScaleSets/{spec.scale_set}"
    for name in spec.autoscale:
        properties = {"enabled": True, "targetResourceUri": target, "profiles": [], "notifications": []}
        body: Json = {"location": scenario.location, "tags": {}, "properties": properties}
        setting = AutoscaleSetting(name, scenario.resource_group, body)
        backend.autoscale[scenario.resource_group.lower(), name.lower()] = setting


def set_body(scenario: Scenario, spec: SetSpec) -> Json:
    """Return the body with which a client would create the set."""
    mode: Json = {"mode": spec.mode, "rollingUpgradePolicy": {**ROLLING_POLICY, **spec.rolling_policy}}
    if spec.automatic_os_upgrade:
        mode["automaticOSUpgradePolicy"] = {
            "enableAutomaticOSUpgrade": True,
            "disableAutomaticRollback": not spec.automatic_rollback,
            "osRollingUpgradeDeferral": spec.os_upgrade_deferral,
        }
    body: Json = {
        "location": scenario.location,
        "tags": {},
        "sku": {"name": "Standard_B1s", "tier": "Standard", "capacity": spec.instances},
        "properties": {
            "orchestrationMode": spec.orchestration,
            "upgradePolicy": mode,
            "virtualMachineProfile": _profile(scenario, spec),
            "overprovision": spec.overprovision,
        },
    }
    if spec.hooks:
        body["properties"]["lifecycleHooksProfile"] = {"lifecycleHooks": [dict(hook) for hook in spec.hooks]}
    resiliency: Json = {}
    if spec.zone_balance:
        resiliency["automaticZoneRebalancingPolicy"] = {"enabled": True}
    if spec.resilient_creation:
        resiliency["resilientVMCreationPolicy"] = {"enabled": True}
    if resiliency:
        body["properties"]["resiliencyPolicy"] = resiliency
    if spec.repairs:
        policy = {"enabled": True, "gracePeriod": REPAIR_GRACE, "repairAction": spec.repairs}
        body["properties"]["automaticRepairsPolicy"] = policy
    return body | ({"zones": list(spec.zones)} if spec.zones else {})


def _profile(scenario: Scenario, spec: SetSpec) -> Json:
    name = spec.scale_set
    reference = scenario.reference(spec.image)
    disk: Json = {"osType": "Linux", "createOption": "FromImage", "caching": "ReadWrite", "diskSizeGB": 30}
    storage = {"imageReference": reference, "osDisk": disk}
    if "uri" in reference:
        storage = {"osDisk": disk | {"image": reference}}
    nic = {"primary": True, "ipConfigurations": [ip_configuration(scenario, spec)]}
    spot = {"priority": "Spot", "evictionPolicy": spec.spot, "billingProfile": {"maxPrice": -1.0}} if spec.spot else {}
    profile: Json = {
        **spot,
        "osProfile": {
            "computerNamePrefix": name,
            "adminUsername": "azureuser",
            "linuxConfiguration": {"disablePasswordAuthentication": True, "provisionVMAgent": True},
            "secrets": [],
            "allowExtensionOperations": True,
        },
        "storageProfile": storage,
        "networkProfile": {"networkInterfaceConfigurations": [{"name": f"{name}Nic", "properties": nic}]},
    }
    if spec.health_source == "probe":
        profile["networkProfile"]["healthProbe"] = {"id": probe_id(scenario, spec)}
    if spec.terminate_notification:
        notice = {"enable": True, "notBeforeTimeout": spec.terminate_notification}
        profile["scheduledEventsProfile"] = {"terminateNotificationProfile": notice}
    if spec.applications:
        listed = [
            {"packageReferenceId": scenario.application_id(key), "treatFailureAsDeploymentFailure": True}
            for key in spec.applications
        ]
        profile["applicationProfile"] = {"galleryApplications": listed}
    health = [_health_extension(spec)] if spec.health_source == "extension" else []
    if found := [*health, *(copy.deepcopy(dict(extension)) for extension in spec.extensions)]:
        profile["extensionProfile"] = {"extensions": found}
    return profile


def _health_extension(spec: SetSpec) -> Json:
    settings: Json = {"protocol": "http", "port": 80, "requestPath": spec.probe_path}
    if spec.rich_health:
        settings |= {"requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 1, "gracePeriod": 600}
    properties = {
        "publisher": "Microsoft.ManagedServices",
        "type": "ApplicationHealthLinux",
        "typeHandlerVersion": "2.0" if spec.rich_health else "1.0",
        "autoUpgradeMinorVersion": True,
        "settings": settings,
    }
    return {"name": "healthExtension", "properties": properties}
