"""Which instances a scale-in deletes."""

from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of

ZONES = ("1", "2")


def staying(azure: Azure, capacity: int) -> list[str]:
    assert azure.ask("PATCH", body={"sku": {"capacity": capacity}}).status_code == 200
    azure.settle()
    return list(azure.instances())


def with_policy(azure: Azure, **policy: Any) -> None:
    assert azure.ask("PATCH", body={"properties": {"scaleInPolicy": policy}}).status_code == 200
    azure.settle()
    azure.clock.advance(60)


@pytest.mark.parametrize(
    ("policy", "left"),
    [({}, ["0", "1"]), ({"rules": ["NewestVM"]}, ["0", "1"]), ({"rules": ["OldestVM"]}, ["2", "3"])],
)
def test_the_rule_of_the_policy_decides_which_instances_are_deleted(
    emulate: Emulate, policy: dict[str, Any], left: list[str]
) -> None:
    azure = emulate(instances=4, zones=ZONES)
    with_policy(azure, **policy)
    assert staying(azure, 2) == left


def test_the_zones_are_balanced_before_anything_else(emulate: Emulate) -> None:
    azure = emulate(instances=4, zones=ZONES)
    with_policy(azure, rules=["OldestVM"])
    azure.ask("POST", "delete", {"instanceIds": ["1"]})
    azure.settle()
    assert staying(azure, 2) == ["2", "3"]


def test_unhealthy_instances_are_deleted_first_if_the_policy_says_so(emulate: Emulate) -> None:
    azure = emulate(instances=3, zones=())
    with_policy(azure, prioritizeUnhealthyVMs=True)
    azure.ask("POST", "poweroff", {"instanceIds": ["0"]})
    azure.settle()
    assert staying(azure, 2) == ["1", "2"]


def test_a_protected_instance_is_not_deleted(emulate: Emulate) -> None:
    azure = emulate(instances=3, zones=())
    protection = {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}
    assert azure.ask("PUT", "virtualMachines/2", protection).status_code == 200
    azure.settle()
    assert staying(azure, 1) == ["2"]


def test_a_rule_that_azure_does_not_know_is_refused(azure: Azure) -> None:
    answer = azure.ask("PATCH", body={"properties": {"scaleInPolicy": {"rules": ["Random"]}}})
    assert error_of(answer) == (400, "InvalidParameter")
