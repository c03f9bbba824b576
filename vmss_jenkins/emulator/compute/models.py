"""Rules for what a client may write into a scale set: shapes, merging, images, the limit of models."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter, not_allowed
from vmss_jenkins.emulator.arm.image_reference import CUSTOM_KEYS, PLATFORM_KEYS
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute import policies
from vmss_jenkins.emulator.compute.guest import extensions
from vmss_jenkins.emulator.galleries import applications, compatibility, references
from vmss_jenkins.emulator.state.instance import Model
from vmss_jenkins.emulator.state.scale_set import ScaleSet

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend

MODEL_LIMIT = 10
CAPACITY_LIMIT = 1000
ONE_GROUP_LIMIT = 100
"""How many instances a single placement group takes. The emulator reports it and does not enforce it."""
_PRIORITY = "virtualMachineProfile.priority"
_EVICTION = "virtualMachineProfile.evictionPolicy"
_OPTIONAL = {_PRIORITY: ("Regular", "Low", "Spot"), _EVICTION: ("Deallocate", "Delete")}
_CHOICES = {"upgradePolicy.mode": ("Manual", "Automatic", "Rolling"), "orchestrationMode": ("Uniform", "Flexible")}
_WRITTEN_OTHERWISE = _CHOICES | {"automaticRepairsPolicy.repairAction": policies.REPAIR_ACTIONS}

SET_SHAPE: Json = {
    "location": str,
    "tags": {},
    "zones": [str],
    "identity": {"type": str},
    "sku": {"name": str, "tier": str, "capacity": int},
    "properties": {
        "orchestrationMode": str,
        "singlePlacementGroup": bool,
        "scaleInPolicy": {"rules": [str], "forceDeletion": bool, "prioritizeUnhealthyVMs": bool},
        "lifecycleHooksProfile": {"lifecycleHooks": [{"type": str, "waitDuration": str, "defaultAction": str}]},
        "resiliencyPolicy": {
            "resilientVMCreationPolicy": {"enabled": bool},
            "resilientVMDeletionPolicy": {"enabled": bool},
            "automaticZoneRebalancingPolicy": {"enabled": bool, "rebalanceStrategy": str, "rebalanceBehavior": str},
        },
        "automaticRepairsPolicy": {"enabled": bool, "gracePeriod": str, "repairAction": str},
        "upgradePolicy": {
            "mode": str,
            "rollingUpgradePolicy": {
                "maxBatchInstancePercent": int,
                "maxUnhealthyInstancePercent": int,
                "maxUnhealthyUpgradedInstancePercent": int,
                "pauseTimeBetweenBatches": str,
                "prioritizeUnhealthyInstances": bool,
                "enableCrossZoneUpgrade": bool,
                "rollbackFailedInstancesOnPolicyBreach": bool,
                "maxSurge": bool,
            },
            "automaticOSUpgradePolicy": {
                "enableAutomaticOSUpgrade": bool,
                "disableAutomaticRollback": bool,
                "useRollingUpgradePolicy": bool,
                "osRollingUpgradeDeferral": bool,
            },
        },
        "virtualMachineProfile": {
            "priority": str,
            "evictionPolicy": str,
            "billingProfile": {},
            "storageProfile": {
                "imageReference": dict.fromkeys((*PLATFORM_KEYS, *CUSTOM_KEYS), str),
                "osDisk": {"image": {"uri": str}},
            },
            "scheduledEventsProfile": {
                "terminateNotificationProfile": {"enable": bool, "notBeforeTimeout": str},
                "osImageNotificationProfile": {"enable": bool, "notBeforeTimeout": str},
            },
            "securityProfile": {"securityType": str, "uefiSettings": {}},
            "osProfile": {"computerNamePrefix": str},
            "networkProfile": {
                "healthProbe": {"id": str},
                "networkInterfaceConfigurations": [{"name": str, "properties": {"primary": bool}}],
            },
            "applicationProfile": {
                "galleryApplications": [
                    {
                        "packageReferenceId": str,
                        "order": int,
                        "configurationReference": str,
                        "treatFailureAsDeploymentFailure": bool,
                        "enableAutomaticUpgrade": bool,
                    }
                ]
            },
            "extensionProfile": {"extensions": [{"name": str, "properties": {"type": str}}]},
        },
    },
}
IMAGE_SHAPE: Json = {"location": str, "tags": {}, "properties": {}}
IDS_SHAPE: Json = {"instanceIds": [str]}
INSTANCE_SHAPE: Json = {
    "location": str,
    "properties": {"protectionPolicy": {"protectFromScaleIn": bool, "protectFromScaleSetActions": bool}},
}


def with_defaults(body: Json) -> Json:
    """Return a new set's body with Azure's defaults; raises ``ArmError`` 400 if a required field is missing."""
    for path in ("location", "sku.name", "sku.capacity", "properties.virtualMachineProfile"):
        if _at(body, path) is None:
            raise invalid_parameter(f"Required parameter '{path.split('.')[-1]}' is missing (null).", path)
    defaults: Json = {
        "tags": {},
        "sku": {"tier": "Standard"},
        "properties": {
            "singlePlacementGroup": True,
            "orchestrationMode": "Uniform",
            "upgradePolicy": {"mode": "Manual", "rollingUpgradePolicy": ROLLING_POLICY},
            "virtualMachineProfile": {"storageProfile": {}, "networkProfile": {}},
            "overprovision": True,
            "doNotRunExtensionsOnOverprovisionedVMs": False,
        },
    }
    return merged(copy.deepcopy(defaults), canonical(body))


def canonical(body: Json) -> Json:
    """Return a set's body with enum values as Azure writes them: ``manual`` becomes ``Manual``."""
    found = copy.deepcopy(body)
    for path, choices in _WRITTEN_OTHERWISE.items():
        *above, key = path.split(".")
        holder = _at(found, ".".join(["properties", *above]))
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            known = (choice for choice in choices if choice.lower() == holder[key].lower())
            holder[key] = next(known, holder[key])
    if _at(found, "properties.resiliencyPolicy.automaticZoneRebalancingPolicy.enabled"):
        # Azure switches repairs on together with zone balance.
        repairs = found["properties"].setdefault("automaticRepairsPolicy", {})
        repairs.setdefault("enabled", True)
    return found


ROLLING_POLICY: Json = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 20,
    "maxUnhealthyUpgradedInstancePercent": 20,
    "pauseTimeBetweenBatches": "PT0S",
    "maxSurge": False,
    "rollbackFailedInstancesOnPolicyBreach": False,
}


def _at(body: Json, path: str) -> Any:  # noqa: ANN401  (any JSON)
    value: Any = body
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def check_set(body: Json) -> None:
    """Refuse values that Azure does not allow; raises ``ArmError`` 400."""
    capacity = body["sku"]["capacity"]
    if not 0 <= capacity <= CAPACITY_LIMIT:
        message = f"The value {capacity} of parameter 'sku.capacity' is out of range. Allowed: 0 to {CAPACITY_LIMIT}."
        raise invalid_parameter(message, "sku.capacity")
    for path, choices in (_CHOICES | _OPTIONAL).items():
        value = _at(body["properties"], path)
        if value not in choices and (path in _CHOICES or value is not None):
            raise invalid_parameter(f"The value '{value}' of '{path}' is not one of {', '.join(choices)}.", path)

    if _at(body["properties"], _EVICTION) and _at(body["properties"], _PRIORITY) not in ("Low", "Spot"):
        raise invalid_parameter("Eviction policy can be set only on Azure Spot Virtual Machines.", _EVICTION)
    policies.check(body["properties"])
    policies.check_resiliency(body)


def check_change(scale_set: ScaleSet, changes: Json) -> None:
    """Refuse changes of properties that are fixed at creation; raises ``ArmError`` 409."""
    if changes.get("location", scale_set.location).lower() != scale_set.location.lower():
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{scale_set.name}' already exists in location '{scale_set.location}' in resource group "
            f"'{scale_set.group}'. A resource with the same name cannot be created in location "
            f"'{changes['location']}'. Please select a new resource name.",
        )
    mode = changes.get("properties", {}).get("orchestrationMode", scale_set.body["properties"]["orchestrationMode"])
    if mode != scale_set.body["properties"]["orchestrationMode"]:
        raise _change_refused("orchestrationMode")
    priority = _at(changes, f"properties.{_PRIORITY}")
    if priority not in (None, scale_set.model.profile.get("priority", "Regular")):
        raise _change_refused("priority")
    wanted = _at(changes, "properties.virtualMachineProfile.storageProfile.imageReference") or {}
    _check_image_change(scale_set.model.image, wanted)


def _check_image_change(old: Json, wanted: Json) -> None:
    if not old or not wanted:
        return
    custom, platform = (any(key in wanted for key in keys) for keys in (CUSTOM_KEYS, PLATFORM_KEYS))
    if custom == ("publisher" in old) and not (custom and platform):
        raise not_allowed("The Image type for a Virtual Machine Scale Set may not be changed.")
    changed = [key for key in PLATFORM_KEYS[:3] if wanted.get(key, old.get(key)) != old.get(key)]
    if changed and not all(key in wanted for key in PLATFORM_KEYS):
        raise _change_refused(f"imageReference.{changed[-1]}")


def _change_refused(path: str) -> ArmError:
    message = f"Changing property '{path}' is not allowed."
    return ArmError(409, "PropertyChangeNotAllowed", message, target=path)


def model_of(
    backend: Backend, name: str, body: Json, scale_set: ScaleSet | None = None, *, names_image: bool = True
) -> Model:
    """Return the model that the body describes; raises ``ArmError`` for a bad image or an eleventh model.

    Azure finds out which version a moving image is now only if the request names the image: ``names_image``.
    """
    model = Model(copy.deepcopy(body["properties"]["virtualMachineProfile"]), body["sku"]["name"])
    extensions.checked(model.extensions)
    grows = scale_set is not None and body["sku"]["capacity"] > scale_set.capacity
    version = scale_set.model.version if scale_set else ""
    if grows or names_image or scale_set is None or model.image != scale_set.model.image:
        found = references.check(backend, model.image, body["location"])
        version = found.version if names_image or scale_set is None else version
    _check_compatible(backend, model)
    if scale_set is None or grows or _applications(model) != _applications(scale_set.model):
        applications.check(backend, model.profile, body["location"])
    model = replace(model, version=version)
    if scale_set is None:
        return model
    used = list({id(known): known for known in (i.model for i in scale_set.instances.values())}.values())
    for known in (scale_set.model, *used):
        if known == model:
            return known
    if len(used) >= MODEL_LIMIT:
        raise not_allowed(
            f"Virtual Machine Scale Set '{name}' has reached its limit of {MODEL_LIMIT} models that may be referenced "
            "by one or more VMs belonging to the Virtual Machine Scale Set. Upgrade the VMs to the latest model of "
            "the Virtual Machine Scale Set before trying again."
        )
    return model


def newest(backend: Backend, scale_set: ScaleSet) -> Model:
    """Return the set's model with the version that its image is now, the same model if that has not changed.

    Raises ``ArmError`` if there is no such image any more.
    """
    found = references.check(backend, scale_set.model.image, scale_set.location)
    return (
        scale_set.model if found.version == scale_set.model.version else replace(scale_set.model, version=found.version)
    )


def _applications(model: Model) -> Json:
    found: Json = model.profile.get("applicationProfile", {})
    return found


def _check_compatible(backend: Backend, model: Model) -> None:
    """Refuse a model that cannot use the images of its definition; raises ``ArmError`` 400."""
    properties = references.definition_properties(backend, model.image)
    if properties:
        compatibility.check(properties, model.profile, model.size)


def check_linked(backend: Backend, changes: Json) -> None:
    """Refuse the body of a set with an image that the caller may not read; raises ``ArmError`` 403."""
    references.check_linked(backend, _named_image(changes))


def names_image(changes: Json) -> bool:
    """Whether a body of a set names the image of its model, be it the same as before."""
    return bool(_named_image(changes))


def _named_image(changes: Json) -> Json:
    found: Json = _at(changes, "properties.virtualMachineProfile.storageProfile.imageReference") or {}
    return found
