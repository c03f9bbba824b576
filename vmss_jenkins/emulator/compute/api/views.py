"""State as the JSON that Azure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.disclosure import disclosed
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.statuses import status
from vmss_jenkins.emulator.arm.values import Json, timestamp
from vmss_jenkins.emulator.compute import health
from vmss_jenkins.emulator.compute.api import extension_views
from vmss_jenkins.emulator.compute.automation import services
from vmss_jenkins.emulator.compute.models import CAPACITY_LIMIT, ONE_GROUP_LIMIT
from vmss_jenkins.emulator.compute.policies import REPAIR_ACTIONS, REPAIR_GRACE
from vmss_jenkins.emulator.state.image import Image
from vmss_jenkins.emulator.state.instance import Instance
from vmss_jenkins.emulator.state.operation import Operation
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend

_POWER = {
    "running": "VM running",
    "starting": "VM starting",
    "stopping": "VM stopping",
    "stopped": "VM stopped",
    "deallocating": "VM deallocating",
    "deallocated": "VM deallocated",
}
_SPOT = ("priority", "evictionPolicy", "billingProfile")


class Views:
    """Renders the state of one backend."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._subscription = f"/subscriptions/{backend.scenario.subscription_id}"

    def resource_id(self, group: str, path: str) -> str:
        """Return the id of a compute resource, such as ``images/x``, in a resource group."""
        return f"{self._subscription}/resourceGroups/{group}/providers/{COMPUTE}/{path}"

    def image(self, image: Image) -> Json:
        """Return a managed image."""
        written = image.body.get("properties", {})
        disk: Json = {"osType": "Linux", "osState": "Generalized", "diskSizeGB": 30, "caching": "ReadWrite"}
        if "sourceVirtualMachine" in written:
            disk["managedDisk"] = {"id": self.resource_id(image.group, f"disks/{image.name}_OsDisk_1")}
        storage = {"dataDisks": [], **written.get("storageProfile", {})}
        storage["osDisk"] = {**disk, "storageAccountType": "Standard_LRS", **storage.get("osDisk", {})}
        properties = {"hyperVGeneration": "V1", **written, "storageProfile": storage}
        return {
            "name": image.name,
            "id": self.resource_id(image.group, f"images/{image.name}"),
            "type": f"{COMPUTE}/images",
            "tags": {},
            **image.body,
            "properties": {**properties, "provisioningState": image.provisioning},
        }

    def operation(self, operation: Operation) -> Json:
        """Return the status of a long-running operation."""
        body: Json = {"startTime": timestamp(operation.started)}
        if operation.ended is not None:
            body["endTime"] = timestamp(operation.ended)
        body["status"] = operation.status
        if operation.ended is not None and operation.error:
            body["error"] = operation.error
        return body | {"name": operation.id}

    def scale_set(self, scale_set: ScaleSet, *, etag: bool) -> Json:
        """Return a scale set; the etag is of newer api-versions only."""
        created = timestamp(scale_set.created)
        body: Json = disclosed(scale_set.body)
        if repairs := body["properties"].get("automaticRepairsPolicy"):
            defaults = {"gracePeriod": REPAIR_GRACE, "repairAction": REPAIR_ACTIONS[0]}
            body["properties"]["automaticRepairsPolicy"] = defaults | repairs
        body["properties"]["virtualMachineProfile"]["timeCreated"] = created
        body["properties"] |= {
            "provisioningState": scale_set.provisioning,
            "uniqueId": scale_set.unique_id,
            "timeCreated": created,
        }
        head = {
            "name": scale_set.name,
            "id": self._set_id(scale_set),
            "type": f"{COMPUTE}/virtualMachineScaleSets",
        }
        return head | body | ({"etag": scale_set.etag} if etag else {})

    def scale_set_view(self, scale_set: ScaleSet) -> Json:
        """Return the set's instance view."""
        states = [instance.provisioning.lower() for instance in scale_set.instances.values()]
        summary = [{"code": f"ProvisioningState/{s}", "count": states.count(s)} for s in sorted(set(states))]
        view: Json = {
            "virtualMachine": {"statusesSummary": summary},
            "extensions": extension_views.summaries(scale_set),
            "statuses": [status(scale_set.provisioning, scale_set.changed)],
        }
        if shown := [_service(scale_set, name) for name in services.SERVICES if services.enabled(scale_set, name)]:
            view["orchestrationServices"] = shown
        return view

    def extension(self, scale_set: ScaleSet, extension: Json) -> Json:
        """Return an extension of a set's model as a resource."""
        return extension_views.resource(self._set_id(scale_set), scale_set, extension)

    def size(self, scale_set: ScaleSet, name: str) -> Json:
        """Return a size that the set's instances may have."""
        most = ONE_GROUP_LIMIT if scale_set.body["properties"].get("singlePlacementGroup") else CAPACITY_LIMIT
        return {
            "resourceType": f"{COMPUTE}/virtualMachineScaleSets",
            "sku": {"name": name, "tier": scale_set.body["sku"].get("tier", "Standard")},
            "capacity": {"minimum": 0, "maximum": most, "defaultCapacity": 1, "scaleType": "Automatic"},
        }

    def instance(self, scale_set: ScaleSet, instance: Instance, *, view: bool) -> Json:
        """Return an instance of a Uniform set, with its instance view if ``view``."""
        item = self._instance_head(scale_set, instance)
        path = f"virtualMachineScaleSets/{scale_set.name}/virtualMachines/{instance.id}"
        item["id"] = self.resource_id(scale_set.group, path)
        sku = {"name": instance.model.size, "tier": scale_set.body["sku"].get("tier", "Standard")}
        item |= {"instanceId": instance.id, "sku": sku}
        nics = instance.model.disclosed["networkProfile"].get("networkInterfaceConfigurations", [])
        item["properties"] = {
            "latestModelApplied": instance.model is scale_set.model,
            "modelDefinitionApplied": "VirtualMachineScaleSet",
            "networkProfileConfiguration": {"networkInterfaceConfigurations": nics},
            **self._machine(scale_set, instance),
            "networkProfile": {
                "networkInterfaces": [{"id": f"{item['id']}/networkInterfaces/{nic.get('name', '')}"} for nic in nics]
            },
            "protectionPolicy": {
                "protectFromScaleIn": instance.protected_from_scale_in,
                "protectFromScaleSetActions": instance.protected_from_actions,
            },
        }
        if not (instance.protected_from_scale_in or instance.protected_from_actions):
            del item["properties"]["protectionPolicy"]
        if view:
            item["properties"]["instanceView"] = self.instance_view(scale_set, instance)
        return item

    def flexible_entry(self, scale_set: ScaleSet, instance: Instance) -> Json:
        """Return an instance of a Flexible set as the list of the set's instances shows it: without properties."""
        item = self._instance_head(scale_set, instance)
        item["id"] = self.resource_id(scale_set.group, f"virtualMachines/{instance.name}")
        return item | {"instanceId": instance.id}

    def virtual_machine(self, scale_set: ScaleSet, instance: Instance, *, view: bool) -> Json:
        """Return an instance of a Flexible set as a virtual machine."""
        item = self._instance_head(scale_set, instance)
        item["id"] = self.resource_id(scale_set.group, f"virtualMachines/{instance.name}")
        item["type"] = f"{COMPUTE}/virtualMachines"
        nic = self.resource_id(scale_set.group, "").replace(COMPUTE, "Microsoft.Network")
        item["properties"] = self._machine(scale_set, instance) | {
            "virtualMachineScaleSet": {"id": self._set_id(scale_set)},
            "networkProfile": {"networkInterfaces": [{"id": f"{nic}networkInterfaces/{instance.name}-nic"}]},
        }
        if view:
            item["properties"]["instanceView"] = self.instance_view(scale_set, instance)
        return item

    def instance_view(self, scale_set: ScaleSet, instance: Instance) -> Json:
        """Return an instance's view; the health only if the set has a health source."""
        power = {"code": f"PowerState/{instance.power}", "level": "Info", "displayStatus": _POWER[instance.power]}
        disk = {"name": _disk(instance), "statuses": [status("Succeeded", instance.created)]}
        view: Json = {
            "placementGroupId": scale_set.unique_id,
            "platformUpdateDomain": instance.fault_domain,
            "platformFaultDomain": instance.fault_domain,
            "disks": [disk],
            "hyperVGeneration": "V1",
            "statuses": [status(instance.provisioning, instance.changed), power],
        }
        if ran := extension_views.on_instance(instance):
            view["extensions"] = ran
        if health.source(scale_set):
            state = health.state(scale_set, instance, self._backend.now)
            level = "Error" if state == "unhealthy" else "Info"
            shown = {"code": f"HealthState/{state}", "level": level, "displayStatus": f"The VM is reporting {state}"}
            view["vmHealth"] = {"status": shown}
        return view

    def _set_id(self, scale_set: ScaleSet) -> str:
        return self.resource_id(scale_set.group, f"virtualMachineScaleSets/{scale_set.name}")

    def _instance_head(self, scale_set: ScaleSet, instance: Instance) -> Json:
        item: Json = {
            "name": instance.name,
            "id": "",
            "type": f"{COMPUTE}/virtualMachineScaleSets/virtualMachines",
            "location": scale_set.location,
            "tags": scale_set.body["tags"],
        }
        return item | ({"zones": [instance.zone]} if instance.zone else {})

    def _machine(self, scale_set: ScaleSet, instance: Instance) -> Json:
        profile = instance.model.disclosed
        os_profile = dict(profile.get("osProfile", {}))
        prefix = os_profile.pop("computerNamePrefix", scale_set.name)
        number = f"{int(instance.id):06}" if instance.id.isdecimal() else instance.id[-6:]
        disk = _disk(instance)
        managed = {
            "storageAccountType": "Premium_LRS",
            "id": self.resource_id(scale_set.group, f"disks/{disk}"),
        }
        image = dict(instance.image)
        if instance.version:
            image["exactVersion"] = instance.version
        os_disk = {"osType": "Linux", **profile.get("storageProfile", {}).get("osDisk", {})}
        return {
            "provisioningState": instance.provisioning,
            "hardwareProfile": {"vmSize": instance.model.size},
            "vmId": instance.vm_id,
            "storageProfile": {
                "imageReference": image,
                "osDisk": {**os_disk, "name": disk, "createOption": "FromImage", "managedDisk": managed},
                "dataDisks": [],
            },
            "osProfile": {"computerName": f"{prefix}{number}", **os_profile},
            **{key: profile[key] for key in _SPOT if key in profile},
            "timeCreated": timestamp(instance.created),
        }


def _service(scale_set: ScaleSet, name: str) -> Json:
    service = services.service(scale_set, name)
    return {
        "serviceName": name,
        "serviceState": "Suspended" if service.suspended else "Running",
        "latestOperationStatus": "Completed",
        "lastStatusChangeTime": timestamp(service.changed),
    }


def _disk(instance: Instance) -> str:
    return f"{instance.name}_OsDisk_1_{instance.vm_id.replace('-', '')}"
