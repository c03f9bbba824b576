"""The bodies of Azure Resource Manager, read into values and written from them.

Shapes: the compute API's `VirtualMachineScaleSet`, `VirtualMachineScaleSetVM` and `VirtualMachine`
(https://learn.microsoft.com/rest/api/compute). A key that a body lacks keeps its default, since the
answers differ by api-version and by orchestration mode.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import entries_with
from vmss_jenkins.model.automation.policies import automation_from, services_of
from vmss_jenkins.model.automation.scale_in import scale_in_policy
from vmss_jenkins.model.extensions import WINDOWS_HANDLER, other_properties
from vmss_jenkins.model.image_ids import ImageKind
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import (
    Health,
    Instance,
    OrchestrationMode,
    ScaleSet,
    ScaleSetName,
    UpgradeMode,
)
from vmss_jenkins.model.machines import STANDARD, Machine
from vmss_jenkins.model.releases import ExtensionSettings

Body = Mapping[str, Any]

_PASSING = frozenset(
    {"imageReference", "adminPassword", "customData", "userData", "secrets", "protectedSettings"}
    | {"protectedSettingsFromKeyVault", "provisioningState", "etag", "timeCreated", "instanceView", "exactVersion"}
)
"""Keys of a machine profile that are secret, or that do not decide what a new instance is."""


def scale_set_from(body: Body, name: ScaleSetName) -> ScaleSet:
    """Read a scale set."""
    properties = _at(body, "properties")
    policy, automation = _at(properties, "upgradePolicy"), automation_from(properties)
    listed = _at(properties, "virtualMachineProfile", "extensionProfile").get("extensions") or ()
    own_id = str(body.get("id") or "")
    return ScaleSet(
        name=name,
        image=_image_of(_at(properties, "virtualMachineProfile", "storageProfile")),
        capacity=_at(body, "sku").get("capacity") or 0,
        orchestration_mode=OrchestrationMode(properties.get("orchestrationMode") or "Uniform"),
        upgrade_mode=UpgradeMode(policy.get("mode") or "Manual"),
        automatic_os_upgrade=bool(_at(policy, "automaticOSUpgradePolicy").get("enableAutomaticOSUpgrade")),
        provisioning_state=properties.get("provisioningState") or "Succeeded",
        etag=body.get("etag"),
        id=own_id,
        location=body.get("location") or "",
        profile=profile_digest(_at(properties, "virtualMachineProfile")),
        scripts=tuple(script for script in map(ExtensionSettings.from_body, listed) if script),
        applications=tuple(ExtensionSettings.of_application(one, own_id) for one in _applications(properties)),
        handlers={str(one.get("name")).lower(): other_properties(one) for one in listed},
        sequence=tuple((str(one.get("name")), str(first)) for one in listed for first in _first(one)),
        windows=_is_windows(_at(properties, "virtualMachineProfile"), listed),
        load_balanced=_is_load_balanced(_at(properties, "virtualMachineProfile", "networkProfile")),
        scale_in=scale_in_policy(_at(properties, "scaleInPolicy")),
        zones=tuple(map(str, body.get("zones") or ())),
        single_placement_group=properties.get("singlePlacementGroup") is not False,
        machine=_machine(body),
        settings=_settings(body, _at(properties, "virtualMachineProfile"), "networkProfile"),
        services=services_of(automation),
        automation=automation,
    )


def _settings(body: Body, profile: Body, network: str) -> dict[str, str]:
    """What a set and its instances show alike; Azure shows neither custom data nor secrets of an instance."""
    size = _at(body, "sku").get("name") or _at(profile, "hardwareProfile").get("vmSize")
    disk = _at(profile, "storageProfile", "osDisk")
    pools = sorted(str(one.get("id")).rpartition("/")[2] for one in _pools(_at(profile, network)))
    shown = {"size": size, "OS disk in GB": disk.get("diskSizeGB"), "caching of the OS disk": disk.get("caching")}
    shown["load balancer pools"] = (", ".join(pools) or "none") if network in profile else None
    return {key: str(value) for key, value in shown.items() if value is not None}


def _applications(properties: Body) -> Iterable[Body]:
    return _at(properties, "virtualMachineProfile", "applicationProfile").get("galleryApplications") or ()


def applications_patch(known: Iterable[ExtensionSettings], release: ExtensionSettings) -> dict[str, Any]:
    """The body that changes one application of a set's model, and keeps the others.

    Args:
        known: the applications of the model.
        release: the new entry; one without a package removes the application.
    """
    listed = entries_with(((one.name, one.values) for one in known), release.name, release.values)
    return {"properties": {"virtualMachineProfile": {"applicationProfile": {"galleryApplications": listed}}}}


def _machine(body: Body) -> Machine | None:
    """What an image must fit; a flexible set may have no profile, so that its machines can differ."""
    profile = _at(body, "properties", "virtualMachineProfile")
    if not profile:
        return None
    security, system = _at(profile, "securityProfile"), _at(profile, "osProfile")
    of_profile = ((name, name.lower() + "Configuration") for name in ("Linux", "Windows"))
    shown = next((name for name, key in of_profile if system.get(key) is not None), "")
    return Machine(
        size=_at(body, "sku").get("name") or "",
        security=security.get("securityType") or STANDARD,
        has_uefi=bool(security.get("uefiSettings")),
        system=_at(profile, "storageProfile", "osDisk").get("osType") or shown,
        has_profile=bool(system),
    )


def _is_windows(profile: Body, extensions: Iterable[Body]) -> bool:
    """Azure shows the system in the OS disk or in the OS profile; only Windows has the handler of this type."""
    types = {str(_at(one, "properties").get("type")).lower() for one in extensions}
    disk = str(_at(profile, "storageProfile", "osDisk").get("osType") or "").lower()
    in_profile = "windowsConfiguration" in _at(profile, "osProfile")
    return disk == "windows" or in_profile or WINDOWS_HANDLER["type"].lower() in types


def _first(extension: Body) -> Iterable[object]:
    return _at(extension, "properties").get("provisionAfterExtensions") or ()


def _is_load_balanced(network_profile: Body) -> bool:
    return any(_pools(network_profile))


def _pools(network_profile: Body) -> Iterable[Body]:
    for interface in network_profile.get("networkInterfaceConfigurations") or ():
        for address in _at(interface, "properties").get("ipConfigurations") or ():
            yield from _at(address, "properties").get("loadBalancerBackendAddressPools") or ()


def profile_digest(profile: Body) -> str:
    """Digest a machine profile: two profiles that make the same instances have the same digest, whatever the image.

    Left out are the image, which is compared separately, secrets, which Azure does not always show, and what Azure
    changes by itself.
    """
    known = _lasting(profile)
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest() if known else ""


def instance_from(body: Body) -> Instance:
    """Read an instance of a uniform set, or a virtual machine of a flexible one."""
    properties = _at(body, "properties")
    protection = _at(properties, "protectionPolicy")
    storage = _at(properties, "storageProfile")
    view = _at(properties, "instanceView")
    return Instance(
        id=str(body.get("instanceId") or body.get("name")),
        name=body.get("name") or "",
        zone=next(iter(body.get("zones") or ()), None),
        fault_domain=view.get("platformFaultDomain"),
        image=_exact_image_of(storage),
        latest_model_applied=properties.get("latestModelApplied"),
        provisioning_state=properties.get("provisioningState") or "Succeeded",
        power=_status(view, "PowerState"),
        health=_health(view),
        protected_from_scale_in=bool(protection.get("protectFromScaleIn")),
        protected_from_scale_set_actions=bool(protection.get("protectFromScaleSetActions")),
        model_definition_applied=properties.get("modelDefinitionApplied") or "VirtualMachineScaleSet",
        error=_error(view),
        created=moment(properties.get("timeCreated")),
        settings=_settings(body, properties, "networkProfileConfiguration"),
        maintenance=_maintenance(_at(view, "maintenanceRedeployStatus")),
    )


def capacity_patch(capacity: int) -> dict[str, Any]:
    """The body that changes the wanted number of instances, and nothing else of a set."""
    return {"sku": {"capacity": capacity}}


def image_patch(image: ImageReference) -> dict[str, Any]:
    """The body that changes the image of a set's model, and nothing else of it.

    A VHD is no image reference: it is the image of the OS disk in a set with unmanaged disks.
    """
    storage: dict[str, Any] = {}
    if image.kind is ImageKind.VHD:
        storage["osDisk"] = {"image": {"uri": image.id}}
    elif image.kind is ImageKind.SHARED_GALLERY:
        storage["imageReference"] = {"sharedGalleryImageId": image.id}
    elif image.kind is ImageKind.COMMUNITY_GALLERY:
        storage["imageReference"] = {"communityGalleryImageId": image.id}
    elif image.id:
        storage["imageReference"] = {"id": image.id}
    else:
        keys = ("publisher", "offer", "sku", "version")
        storage["imageReference"] = {key: getattr(image, key) for key in keys}
    return {"properties": {"virtualMachineProfile": {"storageProfile": storage}}}


def _lasting(value: Any) -> Any:  # noqa: ANN401 - any part of a body
    """A part of a body without what is empty, volatile or secret; ids in lower case, since Azure mixes cases."""
    if isinstance(value, Mapping):
        inner = {str(key): _lasting(part) for key, part in value.items() if str(key) not in _PASSING}
        return {key: part for key, part in inner.items() if part not in (None, {}, [])}
    if isinstance(value, list | tuple):
        return [_lasting(part) for part in value]
    if isinstance(value, str):
        return value.lower() if value.startswith("/subscriptions/") else value
    return value if isinstance(value, bool | int | float | None) else str(value)


def _image_of(storage: Body) -> ImageReference | None:
    reference = _at(storage, "imageReference")
    vhd = _at(storage, "osDisk", "image").get("uri")
    image_id = reference.get("id") or reference.get("sharedGalleryImageId") or reference.get("communityGalleryImageId")
    keys = ("publisher", "offer", "sku", "version")
    try:
        if image_id or vhd:
            return ImageReference(id=image_id or vhd)
        return ImageReference(**{key: reference[key] for key in keys}) if reference else None
    except (ConfigError, KeyError):
        return None  # a kind of image that is newer than this code: we do not judge what we cannot name


def _exact_image_of(storage: Body) -> ImageReference | None:
    """The image that an instance got: `exactVersion` is what `latest`, or the definition, meant then."""
    image = _image_of(storage)
    return image and image.at_version(_at(storage, "imageReference").get("exactVersion"))


def moment(text: str | None) -> float | None:
    """Seconds UTC of a time that Azure wrote; Python 3.10 does not read its seven digits after the seconds."""
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc).timestamp() if text else None
    except ValueError:
        return None


def _maintenance(status: Body) -> str:
    """Until when the owner may start the maintenance of an instance; after that Azure does."""
    allowed = status.get("isCustomerInitiatedMaintenanceAllowed")
    return str(status.get("preMaintenanceWindowEndTime") or "an unknown time") if allowed else ""


def _health(view: Body) -> Health:
    code = _at(view, "vmHealth", "status").get("code") or ""
    try:
        return Health(code.partition("/")[2].lower()) if code else Health.NOT_REPORTED
    except ValueError:
        return Health.UNKNOWN


def _status(view: Body, family: str) -> str | None:
    codes = (str(status.get("code") or "") for status in view.get("statuses") or ())
    return next((code.partition("/")[2] for code in codes if code.startswith(f"{family}/")), None)


def _error(view: Body) -> str | None:
    """Azure's message on what failed; an extension's status often has the reason when the instance's has none."""
    failed = _failed(view)
    extensions = (
        [status for extension in view.get("extensions") or () for status in _failed(extension)] if failed else []
    )
    messages = (status.get("message") for status in (*failed, *extensions))
    text = next(filter(None, messages), None) or next((status.get("displayStatus") for status in failed), None)
    return " ".join(str(text).split()) if text else None


def _failed(view: Body) -> list[Body]:
    return [status for status in view.get("statuses") or () if "/failed" in str(status.get("code")).lower()]


def _at(body: Body, *path: str) -> Body:
    """The object at a path; empty if a key on the path is missing or null."""
    for key in path:
        body = body.get(key) or {}
    return body
