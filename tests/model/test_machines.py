"""What a model says of its machines, and what the name of their size says."""

from typing import Any

import pytest

from tests.support.fakes import WEB
from vmss_jenkins.model import arm_bodies
from vmss_jenkins.model.machines import Machine, differing

BOTH = ("V1", "V2")


@pytest.mark.parametrize(
    ("size", "architecture", "generations"),
    [
        ("Standard_D2s_v5", "x64", BOTH),
        ("standard_d2S_V5", "x64", BOTH),
        ("Standard_DS2_v2", "x64", BOTH),
        ("Standard_DS2_v2_Promo", "x64", BOTH),
        ("Standard_D2_v3", "x64", BOTH),
        ("Standard_E4-2ds_v5", "x64", BOTH),
        ("Standard_B1s", "x64", BOTH),
        ("Standard_NV6ads_A10_v5", "x64", BOTH),
        ("Standard_NP10s", "x64", BOTH),
        ("Standard_GS5", "x64", BOTH),
        ("Basic_A0", "x64", ("V1",)),
        ("Standard_A2m_v2", "x64", ("V1",)),
        ("Standard_D1", "x64", ("V1",)),
        ("Standard_D1_v2", "x64", ("V1",)),
        ("Standard_G3", "x64", ("V1",)),
        ("Standard_D8s_v6", "x64", ("V2",)),
        ("Standard_D2ads_v6", "x64", ("V2",)),
        ("Standard_DC4s_v2", "x64", ("V2",)),
        ("Standard_EC2as_v5", "x64", ("V2",)),
        ("Standard_NC24ads_A100_v4", "x64", ("V2",)),
        ("Standard_D16ps_v5", "Arm64", ("V2",)),
        ("Standard_B2pts_v2", "Arm64", ("V2",)),
        ("Mix", "", BOTH),
        ("", "", BOTH),
    ],
)
def test_the_name_of_a_size_says_what_it_can_run(size: str, architecture: str, generations: tuple[str, ...]) -> None:
    machine = Machine(size)
    assert (machine.architecture, machine.generations) == (architecture, generations)


PROFILE: dict[str, Any] = {"osProfile": {"linuxConfiguration": {}}}


@pytest.mark.parametrize(
    ("profile", "machine"),
    [
        (PROFILE, Machine("Standard_B1s", system="Linux")),
        ({"osProfile": {"windowsConfiguration": {}}}, Machine("Standard_B1s", system="Windows")),
        ({"osProfile": {"computerNamePrefix": "a"}}, Machine("Standard_B1s")),
        (
            {"storageProfile": {"osDisk": {"osType": "Windows"}}},
            Machine("Standard_B1s", system="Windows", has_profile=False),
        ),
        (
            PROFILE | {"securityProfile": {"securityType": "TrustedLaunch", "uefiSettings": {"vTpmEnabled": True}}},
            Machine("Standard_B1s", "TrustedLaunch", has_uefi=True, system="Linux"),
        ),
        (PROFILE | {"securityProfile": {"encryptionAtHost": True}}, Machine("Standard_B1s", system="Linux")),
        (None, None),
        ({}, None),
    ],
)
def test_the_machines_of_a_set_are_read_from_its_model(profile: Any, machine: Machine | None) -> None:
    body = {"sku": {"name": "Standard_B1s"}, "properties": {"virtualMachineProfile": profile}}
    assert arm_bodies.scale_set_from(body, WEB).machine == machine


@pytest.mark.parametrize(
    ("own", "model", "differs"),
    [
        ({"size": "Standard_B1s"}, {"size": "standard_b1s"}, ()),
        ({"size": "Standard_B1s"}, {"size": "Standard_B2s"}, ("size Standard_B1s, in the model Standard_B2s",)),
        (
            {"size": "a", "OS disk in GB": "30"},
            {"size": "b", "OS disk in GB": "64"},
            ("size a, in the model b", "OS disk in GB 30, in the model 64"),
        ),
        ({}, {"size": "Standard_B2s"}, ()),  # Azure does not show it of the instance
        ({"size": "Standard_B2s"}, {}, ()),
    ],
)
def test_an_instance_differs_where_both_show_a_setting(
    own: dict[str, str], model: dict[str, str], differs: tuple[str, ...]
) -> None:
    assert differing(own, model) == differs
