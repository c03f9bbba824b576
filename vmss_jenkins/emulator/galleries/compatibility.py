"""Which models may use a definition: operating system, state, generation, security type and architecture. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.gallery import Definition

_ARM_SIZE = re.compile(r"(?:Standard|Basic)_[A-Z]+\d+(?:-\d+)?[a-z]*p[a-z]*(?:_v\d+)?", re.ASCII | re.IGNORECASE)
_FIRST_GENERATION_ONLY = re.compile(r"(?:Standard|Basic)_(?:A\d+.*|[DG]\d+|D\d+_v2)", re.ASCII | re.IGNORECASE)
_TRUSTED = ("TrustedLaunch", "TrustedLaunchSupported", "TrustedLaunchAndConfidentialVmSupported")
_CONFIDENTIAL = ("ConfidentialVM", "ConfidentialVmSupported", "TrustedLaunchAndConfidentialVmSupported")
_REQUIRED = {"TrustedLaunch": "TrustedLaunch", "ConfidentialVM": "ConfidentialVM"}
"""The security type that a model must have for a feature."""


def check(definition: Definition, profile: Json, size: str) -> None:
    """Refuse a model that Azure does not let use the definition's images; raises ``ArmError`` 400."""
    properties = definition.body["properties"]
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
    mismatch = wanted == "ConfidentialVM" and offered not in _CONFIDENTIAL
    if mismatch or _REQUIRED.get(offered, wanted) != wanted:
        text = "Security type of VM is not compatible with the security type of attached OS Disk."
        raise ArmError(400, "BadRequest", text)


def _check_size(properties: Json, size: str) -> None:
    generation, architecture = properties["hyperVGeneration"], properties.get("architecture", "x64")
    if generation == "V2" and _FIRST_GENERATION_ONLY.fullmatch(size):
        raise ArmError(
            400,
            "BadRequest",
            f"The selected VM size '{size}' cannot boot Hypervisor Generation '2'. If this was a Create operation "
            "please check that the Hypervisor Generation of the Image matches the Hypervisor Generation of the "
            "selected VM Size. If this was an Update operation please select a Hypervisor Generation '2' VM Size.",
        )
    of_size = "Arm64" if _ARM_SIZE.fullmatch(size) else "x64"
    if architecture != of_size:
        raise ArmError(
            400,
            "BadRequest",
            f"Cannot create a VM of size '{size}' because this VM size only supports a CPU Architecture of "
            f"'{of_size}', but an image or disk with CPU Architecture '{architecture}' was given. Please check that "
            "the CPU Architecture of the image or disk is compatible with that of the VM size.",
        )
