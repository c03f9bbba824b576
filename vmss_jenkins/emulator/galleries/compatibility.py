"""Which models may use a definition: operating system, state, generation, security type and architecture. Pure."""

from __future__ import annotations

import re

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.arm.values import Json

_ARM_SIZE = re.compile(r"(?:Standard|Basic)_[A-Z]+\d+(?:-\d+)?[a-z]*p[a-z]*(?:_v\d+)?", re.ASCII | re.IGNORECASE)
_FIRST_GENERATION_ONLY = re.compile(r"(?:Standard|Basic)_(?:A\d+.*|[DG]\d+|D\d+_v2)", re.ASCII | re.IGNORECASE)
_SECOND_GENERATION_ONLY = re.compile(
    r"Standard_(?:[DE]C\d.*|[DEFL]\d+(?:-\d+)?[a-z]*_v(?:[6-9]|\d\d)|N[CD]\d+[a-z]*_A100_v\d+)",
    re.ASCII | re.IGNORECASE,
)
_TRUSTED = ("TrustedLaunch", "TrustedLaunchSupported", "TrustedLaunchAndConfidentialVmSupported")
_CONFIDENTIAL = ("ConfidentialVM", "ConfidentialVmSupported", "TrustedLaunchAndConfidentialVmSupported")
ELSEWHERE: Json = {"osType": "Linux", "osState": "Generalized", "hyperVGeneration": "V1", "architecture": "x64"}
"""The properties of every definition of somebody else's gallery."""


def check(properties: Json, profile: Json, size: str) -> None:
    """Refuse a model that Azure does not let use the images of a definition; raises ``ArmError`` 400."""
    _check_system(properties, profile)
    _check_security(properties, profile)
    _check_size(properties, size)


def feature(properties: Json, name: str) -> str:
    """Return the value of a feature of a definition, or an empty text."""
    features = properties.get("features", [])
    return next((str(one.get("value")) for one in features if one.get("name", "").lower() == name.lower()), "")


def _check_system(properties: Json, profile: Json) -> None:
    system = profile.get("osProfile", {})
    if properties["osState"] == "Specialized" and system:
        raise invalid_parameter("Parameter 'osProfile' is not allowed.", "osProfile")
    if properties["osState"] == "Generalized" and not system:
        raise invalid_parameter("Required parameter 'osProfile' is missing (null).", "osProfile")
    other = "windowsConfiguration" if properties["osType"] == "Linux" else "linuxConfiguration"
    if other in system:
        raise invalid_parameter(f"Parameter '{other}' is not allowed.", other)


def _check_security(properties: Json, profile: Json) -> None:
    if properties["hyperVGeneration"] == "V1" and profile.get("securityProfile", {}).get("uefiSettings"):
        text = "UEFI settings are not supported for VMs and VM Scale Sets using Generation 1 Image."
        raise ArmError(400, "BadRequest", text)
    wanted = str(profile.get("securityProfile", {}).get("securityType", "Standard"))
    offered = feature(properties, "SecurityType") or "Standard"
    if wanted == "TrustedLaunch" and offered not in _TRUSTED:
        raise ArmError(
            400,
            "BadRequest",
            "Use of TrustedLaunch setting is not supported for the provided image. Please select Trusted Launch "
            "Supported Gen2 OS Image. For more information, see https://aka.ms/TrustedLaunch-FAQ.",
        )
    if offered == "TrustedLaunch" != wanted:
        with_type = "with 'TrustedLaunch' security type."
        text = f"The provided gallery image only supports creation of VMs and VM Scale Sets {with_type}"
        raise ArmError(400, "BadRequest", text)
    mismatch = wanted == "ConfidentialVM" and offered not in _CONFIDENTIAL
    if mismatch or offered == "ConfidentialVM" != wanted:
        text = "Security type of VM is not compatible with the security type of attached OS Disk."
        raise ArmError(400, "BadRequest", text)


def _check_size(properties: Json, size: str) -> None:
    generation, architecture = properties["hyperVGeneration"], properties.get("architecture", "x64")
    of_size = "Arm64" if _ARM_SIZE.fullmatch(size) else "x64"
    if architecture != of_size:
        raise ArmError(
            400,
            "BadRequest",
            f"Cannot create a VM of size '{size}' because this VM size only supports a CPU Architecture of "
            f"'{of_size}', but an image or disk with CPU Architecture '{architecture}' was given. Please check that "
            "the CPU Architecture of the image or disk is compatible with that of the VM size.",
        )
    if (_SECOND_GENERATION_ONLY if generation == "V1" else _FIRST_GENERATION_ONLY).fullmatch(size):
        raise ArmError(
            400,
            "BadRequest",
            f"The selected VM size '{size}' cannot boot Hypervisor Generation '{generation[1:]}'. If this was a Create "
            "operation please check that the Hypervisor Generation of the Image matches the Hypervisor Generation of "
            "the selected VM Size. If this was an Update operation please select a Hypervisor Generation "
            f"'{generation[1:]}' VM Size. For more information, see https://aka.ms/azuregen2vm",
        )
