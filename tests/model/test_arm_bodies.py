from typing import Any

import pytest

from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model import arm_bodies
from vmss_jenkins.model.automation.scale_in import ScaleInPolicy, ScaleInRule
from vmss_jenkins.model.image_ids import ImageKind
from vmss_jenkins.model.instances import Health, OrchestrationMode, UpgradeMode


def test_an_empty_body_is_read_with_defaults() -> None:
    found = arm_bodies.scale_set_from({}, WEB)
    assert found.image is None
    assert (found.capacity, found.etag) == (0, None)
    assert found.orchestration_mode is OrchestrationMode.UNIFORM
    assert found.upgrade_mode is UpgradeMode.MANUAL


def test_a_set_is_read_with_its_policy() -> None:
    policy = {"mode": "Rolling", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}
    found = arm_bodies.scale_set_from({"sku": None, "properties": {"upgradePolicy": policy}}, WEB)
    assert found.upgrade_mode is UpgradeMode.ROLLING
    assert found.automatic_os_upgrade


@pytest.mark.parametrize(
    ("storage", "shown"),
    [
        ({"imageReference": {"id": OLD.id}}, str(OLD)),
        ({"imageReference": {"sharedGalleryImageId": "/SharedGalleries/a/Images/b"}}, "/SharedGalleries/a/Images/b"),
        (
            {"imageReference": {"communityGalleryImageId": "/CommunityGalleries/a/Images/b"}},
            "/CommunityGalleries/a/Images/b",
        ),
        ({"osDisk": {"image": {"uri": "https://a.blob.core/x.vhd"}}}, "https://a.blob.core/x.vhd"),
        ({"imageReference": {"publisher": "P", "offer": "O", "sku": "S", "version": "1"}}, "P:O:S:1"),
        ({"imageReference": {"publisher": "P"}}, "None"),
        ({"imageReference": {"id": "/something/new"}}, "None"),
        ({}, "None"),
    ],
)
def test_every_form_of_image_is_read_and_an_unknown_form_is_no_image(storage: dict[str, Any], shown: str) -> None:
    body = {"properties": {"virtualMachineProfile": {"storageProfile": storage}}}
    assert str(arm_bodies.scale_set_from(body, WEB).image) == shown


@pytest.mark.parametrize(("pools", "found"), [([{"id": "/pool"}], True), ([], False), (None, False)])
def test_a_set_is_load_balanced_if_its_model_names_a_backend_pool(pools: Any, found: bool) -> None:
    address = {"name": "ip", "properties": {"loadBalancerBackendAddressPools": pools}}
    interfaces = [{"properties": {"ipConfigurations": [address]}}, {"properties": {}}]
    profile = {"networkProfile": {"networkInterfaceConfigurations": interfaces}}
    body = {"properties": {"virtualMachineProfile": profile}}
    assert arm_bodies.scale_set_from(body, WEB).load_balanced is found


def test_an_instance_is_read_with_its_view() -> None:
    body = {
        "instanceId": "3",
        "name": "web_3",
        "zones": ["2"],
        "properties": {
            "latestModelApplied": False,
            "provisioningState": "Failed",
            "protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True},
            "storageProfile": {"imageReference": {"id": NEW.id, "exactVersion": "1.0.0"}},
            "instanceView": {
                "vmHealth": {"status": {"code": "HealthState/unhealthy"}},
                "statuses": [
                    {"code": "ProvisioningState/failed/OSProvisioningTimedOut", "message": "did not finish in time"},
                    {"code": "PowerState/running"},
                ],
            },
        },
    }
    found = arm_bodies.instance_from(body)
    assert (found.id, found.zone, found.power, found.health) == ("3", "2", "running", Health.UNHEALTHY)
    assert (found.image, found.latest_model_applied) == (NEW, False)
    assert found.protected_from_scale_in
    assert found.protected_from_scale_set_actions
    assert found.error == "did not finish in time"


def test_the_message_of_a_failed_extension_is_the_error_of_the_instance() -> None:
    failed = {"code": "ProvisioningState/failed", "displayStatus": "Provisioning failed"}
    extensions = [
        {"name": "health", "statuses": [{"code": "ProvisioningState/succeeded", "message": "fine"}]},
        {"name": "script", "statuses": [{"code": "ProvisioningState/failed", "message": "exit status=7\n[stdout]\n"}]},
    ]
    view = {"statuses": [failed], "extensions": extensions}
    assert arm_bodies.instance_from({"properties": {"instanceView": view}}).error == "exit status=7 [stdout]"
    assert (
        arm_bodies.instance_from({"properties": {"instanceView": {"statuses": [failed]}}}).error
        == "Provisioning failed"
    )
    well = {"statuses": [{"code": "ProvisioningState/succeeded"}], "extensions": extensions}
    assert arm_bodies.instance_from({"properties": {"instanceView": well}}).error is None


@pytest.mark.parametrize(
    ("view", "health"),
    [
        (None, Health.NOT_REPORTED),
        ({"vmHealth": {"status": {"code": "HealthState/healthy"}}}, Health.HEALTHY),
        ({"vmHealth": {"status": {"code": "HealthState/Initializing"}}}, Health.INITIALIZING),
        ({"vmHealth": {"status": {"code": "HealthState/of-a-new-kind"}}}, Health.UNKNOWN),
    ],
)
def test_health_is_read_from_the_instance_view(view: dict[str, Any] | None, health: Health) -> None:
    assert arm_bodies.instance_from({"instanceId": "0", "properties": {"instanceView": view}}).health is health


def test_what_is_written_is_read_back() -> None:
    patch = arm_bodies.image_patch(NEW)
    assert arm_bodies.scale_set_from(patch, WEB).image == NEW
    assert NEW.kind is ImageKind.MANAGED


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (None, ScaleInPolicy()),
        ({"rules": ["Default"]}, ScaleInPolicy()),
        ({"rules": ["OldestVM"], "forceDeletion": True}, ScaleInPolicy(ScaleInRule.OLDEST, force_deletion=True)),
        (
            {"rules": ["of a new kind", "NewestVM"], "prioritizeUnhealthyVMs": True},
            ScaleInPolicy(ScaleInRule.NEWEST, prioritize_unhealthy=True),
        ),
    ],
)
def test_the_scale_in_policy_of_a_set_is_read(policy: Any, found: ScaleInPolicy) -> None:
    assert arm_bodies.scale_set_from({"properties": {"scaleInPolicy": policy}}, WEB).scale_in == found


@pytest.mark.parametrize(("told", "found"), [(None, True), (True, True), (False, False)])
def test_a_set_has_one_placement_group_unless_it_says_otherwise(told: bool | None, found: bool) -> None:
    assert (
        arm_bodies.scale_set_from({"properties": {"singlePlacementGroup": told}}, WEB).single_placement_group is found
    )


@pytest.mark.parametrize(
    ("told", "found"),
    [("2023-04-10T10:00:01.1234567+00:00", 1681120801), ("2023-04-10T10:00:01Z", 1681120801), ("soon", None)],
)
def test_the_creation_time_of_an_instance_is_read_as_azure_writes_it(told: str, found: float | None) -> None:
    assert arm_bodies.instance_from({"instanceId": "0", "properties": {"timeCreated": told}}).created == found


def test_what_a_set_and_its_instances_show_alike_can_be_compared() -> None:
    pools = [
        {
            "properties": {
                "ipConfigurations": [
                    {"properties": {"loadBalancerBackendAddressPools": [{"id": "/p/b"}, {"id": "/p/a"}]}}
                ]
            }
        }
    ]
    nics = {"networkInterfaceConfigurations": pools}
    disk = {"osDisk": {"diskSizeGB": 30, "caching": "ReadWrite"}}
    profile = {"storageProfile": disk, "networkProfile": nics}
    of_set = arm_bodies.scale_set_from({"sku": {"name": "S1"}, "properties": {"virtualMachineProfile": profile}}, WEB)
    shown = {"size": "S1", "OS disk in GB": "30", "caching of the OS disk": "ReadWrite", "load balancer pools": "a, b"}
    assert of_set.settings == shown
    own = {"hardwareProfile": {"vmSize": "S1"}, "storageProfile": disk, "networkProfileConfiguration": nics}
    assert arm_bodies.instance_from({"instanceId": "0", "properties": own}).settings == shown
    assert arm_bodies.instance_from(
        {"instanceId": "0", "properties": {"networkProfileConfiguration": {}}}
    ).settings == {"load balancer pools": "none"}
    assert arm_bodies.instance_from({"name": "vm", "properties": {"networkProfile": nics}}).settings == {}
