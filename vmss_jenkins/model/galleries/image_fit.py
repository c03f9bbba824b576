"""Whether a scale set can use the images of a definition: what Azure would refuse, found before anything is changed.

Source: https://learn.microsoft.com/azure/virtual-machines/shared-image-galleries (the features of a definition).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.machines import CONFIDENTIAL, STANDARD, TRUSTED, Machine

_OFFERS = {
    "trustedlaunch": (TRUSTED,),
    "trustedlaunchsupported": (STANDARD, TRUSTED),
    "confidentialvm": (CONFIDENTIAL,),
    "confidentialvmsupported": (STANDARD, CONFIDENTIAL),
    "trustedlaunchandconfidentialvmsupported": (STANDARD, TRUSTED, CONFIDENTIAL),
}
"""The security types that a definition offers, by its feature `SecurityType`; only Standard without the feature."""


@dataclass(frozen=True)
class ImageDefinition:
    """What all versions of an image have in common."""

    system: str = ""
    """`Linux` or `Windows`; empty if Azure does not tell."""
    specialized: bool = False
    """Whether its disks keep their users and names: Azure then takes no `osProfile`."""
    generation: str = ""
    """`V1` or `V2`; empty if Azure does not tell."""
    architecture: str = ""
    """`x64` or `Arm64`; empty if Azure does not tell."""
    security: str = ""
    """The feature `SecurityType`, such as `TrustedLaunchSupported`; empty without it."""

    @property
    def offers(self) -> tuple[str, ...]:
        """The security types that a set may have to use it."""
        return _OFFERS.get(self.security.lower(), (STANDARD,))


def misfits(name: str, definition: ImageDefinition, machine: Machine) -> tuple[Finding, ...]:
    """What Azure would refuse, each with the next step; none if a set can use the image.

    Args:
        name: the image, for people.
        definition: its definition.
        machine: the model of the set.
    """
    texts = (*_system(definition, machine), *_security(definition, machine), *_size(definition, machine))
    return tuple(Finding(Severity.IMPOSSIBLE, f"{name} does not fit the set: {text}") for text in texts)


def _system(definition: ImageDefinition, machine: Machine) -> Iterator[str]:
    if definition.system and machine.system and definition.system.lower() != machine.system.lower():
        yield (
            f"the image is for {definition.system}, and the model of the set is for {machine.system}: give an image "
            f"for {machine.system}, or create a new set"
        )
    if definition.specialized and machine.has_profile:
        yield (
            "the image is specialized, and the model of the set has an osProfile, which Azure takes only with "
            "generalized images: give a generalized image, or create a new set"
        )
    if not definition.specialized and not machine.has_profile:
        yield (
            "the image is generalized, and the model of the set has no osProfile, which Azure wants with generalized "
            "images: give a specialized image, or create a new set"
        )


def _security(definition: ImageDefinition, machine: Machine) -> Iterator[str]:
    if machine.has_uefi and definition.generation == "V1":
        yield (
            "the image is of generation 1, and the model of the set has UEFI settings (secure boot, vTPM), which need "
            "generation 2: give an image of a definition with --hyper-v-generation V2"
        )
    if machine.security not in definition.offers:
        found = f"SecurityType={definition.security}" if definition.security else "no feature SecurityType"
        yield (
            f"its definition has {found}, so the set needs the security type {' or '.join(definition.offers)}, and has "
            f"{machine.security}: give an image of a definition that offers {machine.security}, or change the set "
            "with `az vmss update --security-type`"
        )


def _size(definition: ImageDefinition, machine: Machine) -> Iterator[str]:
    if definition.generation and definition.generation not in machine.generations:
        yield (
            f"the image is of generation {definition.generation[1:]}, and the size {machine.size} boots only "
            f"generation {machine.generations[0][1:]}: give an image of a definition with --hyper-v-generation "
            f"{machine.generations[0]}, or change the size with `az vmss update --set sku.name=SIZE`"
        )
    if definition.architecture and machine.architecture not in ("", definition.architecture):
        yield (
            f"the image is for {definition.architecture}, and the size {machine.size} has {machine.architecture}: give "
            f"an image of a definition with --architecture {machine.architecture}, or change the size with "
            "`az vmss update --set sku.name=SIZE`"
        )
