"""Answers about platform images: images of the scenario with a publisher, offer, sku and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.arm.image_reference import PLATFORM_KEYS
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.galleries.references import number, platform_versions
from vmss_jenkins.emulator.scenario.release import UBUNTU, UBUNTU_16, UBUNTU_22

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_jenkins.emulator.arm.values import Json

ALIASES = {
    "Ubuntu2404": UBUNTU,
    "Ubuntu2204": UBUNTU_22,
    "UbuntuLTS": UBUNTU_16,
}
"""Short names in the cloud's list that ``az`` reads: today's Ubuntu2204, and UbuntuLTS of older tutorials."""


def alias_document(keys: Iterable[str]) -> Json:
    """Return the short names of the images that exist, in the form in which ``az`` reads them."""
    known = {key.lower() for key in keys}
    linux = {
        alias: {**dict(zip(PLATFORM_KEYS, urn.split(":"), strict=True)), "architecture": "x64"}
        for alias, urn in ALIASES.items()
        if urn.lower() in known
    }
    return {"outputs": {"aliases": {"type": "object", "value": {"Linux": linux}}}}


def list_versions(call: Call) -> Reply:
    """The versions of a platform image, at most ``$top`` of them, in the order of ``$orderby``."""
    found = sorted(_versions(call), key=number, reverse=call.query.get("$orderby", "").lower().endswith("desc"))
    top = call.query.get("$top", str(len(found)))
    if not top.isdecimal():
        raise invalid_parameter(f"The value '{top}' of $top is not a number.", "$top")
    return Reply(200, [_head(call, version) for version in found[: int(top)]])


def get_version(call: Call) -> Reply:
    """A version of a platform image."""
    wanted = call.params["version"]
    if wanted not in _versions(call):
        raise _not_found()
    properties: Json = {
        "hyperVGeneration": "V2" if "gen2" in call.params["sku"].lower() else "V1",
        "architecture": "x64",
        "replicaType": "Unmanaged",
        "replicaCount": 10,
        "disallowed": {"vmDiskType": "None"},
        "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True},
        "imageDeprecationStatus": {"imageState": "Active"},
        "osDiskImage": {"operatingSystem": "Linux", "sizeInBytes": 32212255232, "sizeInGb": 30},
        "dataDiskImages": [],
        "features": [{"name": "IsAcceleratedNetworkSupported", "value": "True"}],
    }
    return Reply(200, {"properties": properties, **_head(call, wanted)})


def _versions(call: Call) -> list[str]:
    found = list(platform_versions(call.backend, *(call.params[key] for key in ("publisher", "offer", "sku"))))
    if not found:
        raise _not_found()
    return found


def _head(call: Call, version: str) -> Json:
    location = call.params["location"]
    place = f"/Subscriptions/{call.backend.scenario.subscription_id}/Providers/Microsoft.Compute/Locations/{location}"
    publisher, offer, sku = (call.params[key] for key in ("publisher", "offer", "sku"))
    path = f"Publishers/{publisher}/ArtifactTypes/VMImage/Offers/{offer}/Skus/{sku}/Versions/{version}"
    return {"location": location, "name": version, "id": f"{place}/{path}"}


def _not_found() -> ArmError:
    return ArmError(404, "NotFound", "Artifact: VMImage was not found.")
