"""Which images fit a set: everything that Azure refuses is told, with what is found, wanted, and the next step."""

from dataclasses import replace

import pytest

from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.galleries.image_fit import ImageDefinition, misfits
from vmss_jenkins.model.machines import Machine

IMAGE = ImageDefinition("Linux", generation="V2", architecture="x64")
SET = Machine("Standard_D2s_v5", system="Linux")
ARM, FIRST, SIXTH = (replace(SET, size=f"Standard_{one}") for one in ("D2ps_v5", "A2_v2", "D2s_v6"))
BARE = replace(SET, has_profile=False)


def told(definition: ImageDefinition, machine: Machine) -> list[str]:
    found = misfits("apps/1.0.1", definition, machine)
    assert all(one.severity is Severity.IMPOSSIBLE for one in found)
    assert all(one.text.startswith("apps/1.0.1 does not fit the set: ") for one in found)
    return [one.text.partition("set: ")[2] for one in found]


@pytest.mark.parametrize(
    ("feature", "fitting"),
    [
        ("", {"Standard"}),
        ("None", {"Standard"}),
        ("TrustedLaunch", {"TrustedLaunch"}),
        ("trustedlaunchsupported", {"Standard", "TrustedLaunch"}),
        ("ConfidentialVM", {"ConfidentialVM"}),
        ("ConfidentialVmSupported", {"Standard", "ConfidentialVM"}),
        ("TrustedLaunchAndConfidentialVmSupported", {"Standard", "TrustedLaunch", "ConfidentialVM"}),
    ],
)
def test_a_definition_offers_security_types_by_its_feature(feature: str, fitting: set[str]) -> None:
    types = ("Standard", "TrustedLaunch", "ConfidentialVM")
    image = replace(IMAGE, security=feature)
    assert {each for each in types if not told(image, replace(SET, security=each))} == fitting


@pytest.mark.parametrize(
    ("definition", "machine", "text"),
    [
        (
            IMAGE,
            replace(SET, security="TrustedLaunch"),
            (
                "its definition has no feature SecurityType, so the set needs the security type Standard, and has "
                "TrustedLaunch: give an image of a definition that offers TrustedLaunch, or change the set with "
                "`az vmss update --security-type`"
            ),
        ),
        (
            replace(IMAGE, security="TrustedLaunch"),
            SET,
            (
                "its definition has SecurityType=TrustedLaunch, so the set needs the security type TrustedLaunch, and "
                "has Standard: give an image of a definition that offers Standard, or change the set with "
                "`az vmss update --security-type`"
            ),
        ),
        (
            replace(IMAGE, generation="V1"),
            replace(SET, has_uefi=True),
            (
                "the image is of generation 1, and the model of the set has UEFI settings (secure boot, vTPM), which "
                "need generation 2: give an image of a definition with --hyper-v-generation V2"
            ),
        ),
        (
            replace(IMAGE, system="Windows"),
            SET,
            (
                "the image is for Windows, and the model of the set is for Linux: give an image for Linux, or create a "
                "new set"
            ),
        ),
        (
            replace(IMAGE, specialized=True),
            SET,
            (
                "the image is specialized, and the model of the set has an osProfile, which Azure takes only with "
                "generalized images: give a generalized image, or create a new set"
            ),
        ),
        (
            IMAGE,
            BARE,
            (
                "the image is generalized, and the model of the set has no osProfile, which Azure wants with "
                "generalized images: give a specialized image, or create a new set"
            ),
        ),
        (
            IMAGE,
            FIRST,
            (
                "the image is of generation 2, and the size Standard_A2_v2 boots only generation 1: give an image of a "
                "definition with --hyper-v-generation V1, or change the size with `az vmss update --set sku.name=SIZE`"
            ),
        ),
        (
            replace(IMAGE, generation="V1"),
            SIXTH,
            (
                "the image is of generation 1, and the size Standard_D2s_v6 boots only generation 2: give an image of "
                "a definition with --hyper-v-generation V2, or change the size with "
                "`az vmss update --set sku.name=SIZE`"
            ),
        ),
        (
            replace(IMAGE, architecture="Arm64"),
            SET,
            (
                "the image is for Arm64, and the size Standard_D2s_v5 has x64: give an image of a definition with "
                "--architecture x64, or change the size with `az vmss update --set sku.name=SIZE`"
            ),
        ),
    ],
)
def test_what_azure_refuses_is_told_with_the_next_step(
    definition: ImageDefinition, machine: Machine, text: str
) -> None:
    assert told(definition, machine) == [text]


@pytest.mark.parametrize(
    ("definition", "machine"),
    [
        (IMAGE, SET),
        (replace(IMAGE, specialized=True), BARE),
        (replace(IMAGE, architecture="Arm64"), ARM),
        (replace(IMAGE, generation="V1"), FIRST),
        (replace(IMAGE, generation="V1"), SET),
        (IMAGE, SIXTH),
        (ImageDefinition(), replace(SIXTH, has_uefi=True)),
        (replace(IMAGE, architecture="Arm64"), replace(SET, size="Mix")),
        (replace(IMAGE, system="Windows"), replace(SET, system="")),
        (replace(IMAGE, system="LINUX"), SET),
    ],
)
def test_what_azure_takes_or_does_not_tell_is_no_reason(definition: ImageDefinition, machine: Machine) -> None:
    assert told(definition, machine) == []


def test_all_reasons_are_told_at_once() -> None:
    image = replace(IMAGE, system="Windows", specialized=True, generation="V1", architecture="Arm64")
    assert len(told(image, replace(SIXTH, security="TrustedLaunch", has_uefi=True))) == 6
