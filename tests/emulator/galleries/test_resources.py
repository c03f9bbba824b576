"""Galleries, definitions and versions with the real SDK: what is made, what is shown, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from tests.emulator.conftest import Azure, Emulate
from vmss_jenkins.emulator import Release

AT = ("canary-rg", "apps", "web")
PROPERTIES: dict[str, Any] = {
    "osType": "Linux",
    "osState": "Generalized",
    "hyperVGeneration": "V1",
    "identifier": {"publisher": "p", "offer": "o", "sku": "s"},
}
DEFINITION = {"location": "westeurope", "properties": PROPERTIES}


def definition(azure: Azure, **changes: Any) -> None:
    """Make the gallery `apps` and its definition `web`."""
    azure.compute.galleries.begin_create_or_update(*AT[:2], {"location": "westeurope"})
    body = {**DEFINITION, "properties": PROPERTIES | changes}
    azure.compute.gallery_images.begin_create_or_update(*AT, body)
    azure.settle(100)


def version(azure: Azure, name: str = "1.0.0", image: str = "nginx-updated-image", **changes: Any) -> Any:
    """Publish a version that is made of a managed image."""
    source = {"source": {"id": azure.emulator.scenario.image_id(image)}}
    safety = changes.pop("safetyProfile", {})
    body = {
        "location": "westeurope",
        "properties": {"storageProfile": source, "publishingProfile": changes, "safetyProfile": safety},
    }
    return azure.compute.gallery_image_versions.begin_create_or_update(*AT, name, body)


def shown(azure: Azure, name: str = "1.0.0") -> Any:
    """A version with its replication."""
    return azure.compute.gallery_image_versions.get(*AT, name, expand="ReplicationStatus")


def refusal(call: Any) -> tuple[int | None, str, str]:
    """The status, code and message of what a call is refused with."""
    with pytest.raises(HttpResponseError) as raised:
        call()
    assert raised.value.error
    return raised.value.status_code, str(raised.value.error.code), str(raised.value.error.message)


def test_a_version_is_published_listed_shown_and_deleted(azure: Azure) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    found = azure.compute.gallery_image_versions.get(*AT, "1.0.0")
    assert (found.name, found.properties.provisioning_state) == ("1.0.0", "Succeeded")
    assert found.properties.replication_status is None
    assert found.properties.storage_profile.source.id.endswith("/images/nginx-updated-image")
    profile = found.properties.publishing_profile
    assert [region.name for region in profile.target_regions] == ["westeurope"]
    assert (profile.exclude_from_latest, profile.published_date is not None) == (False, True)
    assert [one.name for one in azure.compute.gallery_image_versions.list_by_gallery_image(*AT)] == ["1.0.0"]
    assert [one.name for one in azure.compute.gallery_images.list_by_gallery(*AT[:2])] == ["web"]
    assert [one.name for one in azure.compute.galleries.list_by_resource_group("canary-rg")] == ["apps"]
    assert [one.name for one in azure.compute.galleries.list()] == ["apps"]
    azure.compute.gallery_image_versions.begin_delete(*AT, "1.0.0")
    azure.settle()
    assert refusal(lambda: shown(azure))[:2] == (404, "ResourceNotFound")


def test_a_region_is_replicating_until_its_time_has_passed_whatever_the_version_says(azure: Azure) -> None:
    definition(azure)
    version(azure, targetRegions=[{"name": "West Europe"}, {"name": "northeurope"}])
    azure.emulator.inject("stuck region=northeurope seconds=600")
    azure.settle(30)
    status = shown(azure).properties.replication_status
    assert shown(azure).properties.provisioning_state == "Succeeded"
    assert status.aggregated_state == "InProgress"
    assert {(one.region, one.state, one.progress) for one in status.summary} == {
        ("West Europe", "Replicating", 50),
        ("northeurope", "Replicating", 50),
    }
    azure.settle(60)
    status = shown(azure).properties.replication_status
    assert (status.aggregated_state, {one.progress for one in status.summary}) == ("Completed", {100})


@pytest.mark.parametrize(
    ("fault", "states", "aggregated"),
    [
        ("fail region=northeurope", {"westeurope": "Completed", "northeurope": "Failed"}, "Failed"),
        ("stuck region=northeurope", {"westeurope": "Completed", "northeurope": "Replicating"}, "InProgress"),
        ("fail region=eastus", {"westeurope": "Completed", "northeurope": "Completed"}, "Completed"),
    ],
)
def test_a_fault_strikes_the_replication_to_one_region(
    azure: Azure, fault: str, states: dict[str, str], aggregated: str
) -> None:
    azure.emulator.inject(fault)
    definition(azure)
    version(azure, targetRegions=[{"name": "westeurope"}, {"name": "northeurope"}])
    azure.settle()
    status = shown(azure).properties.replication_status
    assert {one.region: one.state for one in status.summary} == states
    assert status.aggregated_state == aggregated


def test_a_failed_replication_is_tried_again_by_the_next_update(azure: Azure) -> None:
    azure.emulator.inject("fail region=westeurope")
    definition(azure)
    version(azure)
    azure.settle()
    version(azure)
    azure.settle()
    assert shown(azure).properties.replication_status.aggregated_state == "Completed"


def test_a_version_is_excluded_from_latest_and_gets_regions_later(azure: Azure) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    regions = [{"name": "westeurope"}, {"name": "eastus"}]
    profile = {"excludeFromLatest": True, "targetRegions": regions, "endOfLifeDate": "2030-01-01T00:00:00Z"}
    azure.compute.gallery_image_versions.begin_update(*AT, "1.0.0", {"properties": {"publishingProfile": profile}})
    azure.settle(30)
    found = shown(azure)
    assert found.properties.publishing_profile.exclude_from_latest
    assert found.properties.publishing_profile.end_of_life_date.year == 2030
    states = {one.region: one.state for one in found.properties.replication_status.summary}
    assert states == {"westeurope": "Completed", "eastus": "Replicating"}


def use(azure: Azure, image: str, **changes: Any) -> Any:
    """Give the set an image by its id, and maybe more."""
    storage = {"imageReference": {"id": f"{azure.group}/providers/Microsoft.Compute/galleries/apps/images/{image}"}}
    model = {"storageProfile": storage, **changes.pop("profile", {})}
    return azure.ask("PATCH", body={"properties": {"virtualMachineProfile": model}, **changes})


def exact(azure: Azure) -> str:
    """The exact version that instance 0 has after an update by hand."""
    azure.settle()
    azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    azure.settle()
    found: str = azure.instances()["0"]["properties"]["storageProfile"]["imageReference"]["exactVersion"]
    return found


def test_latest_is_the_highest_number_that_is_not_excluded_and_the_end_of_life_is_only_information(
    azure: Azure,
) -> None:
    definition(azure)
    version(azure, "1.0.9")
    version(azure, "1.0.10", endOfLifeDate="2001-01-01T00:00:00Z")
    version(azure, "1.0.11", excludeFromLatest=True)
    azure.settle()
    use(azure, "web")
    assert exact(azure) == "1.0.10"


def test_a_version_serves_what_its_source_serves(azure: Azure) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    use(azure, "web/versions/1.0.0")
    assert exact(azure) == "1.0.0"
    instance = azure.backend.scale_sets["canary-rg", "web"].instances["0"]
    assert "Azure VMSS" in instance.release.page


def test_a_version_in_use_can_be_deleted_and_instances_keep_running(azure: Azure) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    use(azure, "web/versions/1.0.0")
    azure.settle()
    azure.compute.gallery_image_versions.begin_delete(*AT, "1.0.0")
    azure.settle()
    assert len(azure.instances()) == 3
    answer = azure.ask("PATCH", body={"sku": {"capacity": 4}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "GalleryImageNotFound")


def test_what_has_parts_is_not_deleted(azure: Azure) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    nested = (409, "CannotDeleteResource", "Can not delete resource before nested resources are deleted.")
    assert refusal(lambda: azure.compute.galleries.begin_delete(*AT[:2])) == nested
    assert refusal(lambda: azure.compute.gallery_images.begin_delete(*AT)) == nested


def test_the_safety_profile_keeps_versions_and_regions(azure: Azure) -> None:
    definition(azure)
    safety = {"blockDeletionBeforeEndOfLife": True, "allowDeletionOfReplicatedLocations": False}
    both = [{"name": "westeurope"}, {"name": "eastus"}]
    version(azure, safetyProfile=safety, endOfLifeDate="2099-01-01", targetRegions=both)
    azure.settle()
    ends = shown(azure).properties.publishing_profile.end_of_life_date  # a text that is no moment stays a text here
    assert ends.isoformat() == "2099-01-01T00:00:00+00:00"
    delete = azure.compute.gallery_image_versions.begin_delete
    assert refusal(lambda: delete(*AT, "1.0.0"))[:2] == (409, "OperationNotAllowed")
    fewer = {"properties": {"publishingProfile": {"targetRegions": both[:1]}}}
    update = azure.compute.gallery_image_versions.begin_update
    assert refusal(lambda: update(*AT, "1.0.0", fewer))[:2] == (409, "OperationNotAllowed")
    past = {"properties": {"publishingProfile": {"endOfLifeDate": "2001-01-01"}}}
    update(*AT, "1.0.0", past)
    azure.settle()
    delete(*AT, "1.0.0")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"targetRegions": [{"name": "eastus"}]}, "must contain the location of image version westeurope"),
        ({"image": "nothing"}, "is not found. Please check source exists, and is in the same region"),
        ({"name": "1.0"}, "'1.0'. It is MAJOR.MINOR.PATCH"),
        ({"name": "1.0.4294967296"}, "32-bit"),
        ({"endOfLifeDate": "soon"}, "Could not convert string to DateTimeOffset: soon"),
    ],
)
def test_a_version_that_azure_refuses_is_refused(azure: Azure, changes: dict[str, Any], text: str) -> None:
    definition(azure)
    status, _, message = refusal(lambda: version(azure, **changes))
    assert status in (400, 404)
    assert text in message
    assert list(azure.compute.gallery_image_versions.list_by_gallery_image(*AT)) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hyperVGeneration": "V2"}, "has a different Hypervisor generation ['V1'] than the parent"),
        ({"osType": "Windows"}, "has a different OS type ['Linux'] than the parent"),
        ({"osState": "Specialized"}, "since the OS State in the parent gallery image (Specialized)"),
    ],
)
def test_the_source_must_fit_the_definition(azure: Azure, changes: dict[str, str], text: str) -> None:
    definition(azure, **changes)
    status, _, message = refusal(lambda: version(azure))
    assert (status, text in message) == (400, True)


def test_the_source_of_a_version_and_the_kind_of_a_definition_are_fixed(azure: Azure) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    assert refusal(lambda: version(azure, image="nginx-base-image"))[1] == "PropertyChangeNotAllowed"
    other = {**DEFINITION, "properties": PROPERTIES | {"hyperVGeneration": "V2"}}
    put = azure.compute.gallery_images.begin_create_or_update
    assert "galleryImage.properties.hyperVGeneration" in refusal(lambda: put(*AT, other))[2]
    assert "already exists. Choose a different publisher" in refusal(lambda: put(*AT[:2], "web2", DEFINITION))[2]


def test_a_parent_that_does_not_exist_is_named(azure: Azure) -> None:
    put = azure.compute.gallery_images.begin_create_or_update
    assert "Parent resource 'apps' not found" in refusal(lambda: put(*AT, DEFINITION))[2]
    assert "Parent resource 'apps/web' not found" in refusal(lambda: version(azure))[2]


TRUSTED = {"features": [{"name": "SecurityType", "value": "TrustedLaunch"}]}
CONFIDENTIAL = {"features": [{"name": "SecurityType", "value": "ConfidentialVM"}]}
NO_TRUST = "Use of TrustedLaunch setting is not supported for the provided image"


@pytest.mark.parametrize(
    ("properties", "model", "text"),
    [
        ({}, {"securityProfile": {"securityType": "TrustedLaunch"}}, NO_TRUST),
        (
            TRUSTED,
            {},
            "The provided gallery image only supports creation of VMs and VM Scale Sets with 'TrustedLaunch'",
        ),
        (CONFIDENTIAL, {}, "Security type of VM is not compatible with the security type of attached OS Disk"),
        (TRUSTED, {"securityProfile": {"securityType": "TrustedLaunch"}}, ""),
        ({"features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}]}, {}, ""),
        (
            {},
            {"securityProfile": {"uefiSettings": {"vTpmEnabled": True}}},
            "UEFI settings are not supported for VMs and",
        ),
        ({"architecture": "Arm64"}, {}, "only supports a CPU Architecture of 'x64', but an image or disk with CPU"),
        ({}, {"osProfile": {"windowsConfiguration": {}}}, "Parameter 'windowsConfiguration' is not allowed."),
    ],
)
def test_a_model_must_fit_the_definition(
    azure: Azure, properties: dict[str, Any], model: dict[str, Any], text: str
) -> None:
    definition(azure, **properties)
    version(azure)
    azure.settle()
    answer = use(azure, "web", profile=model)
    assert answer.status_code == (400 if text else 200)
    assert text in answer.text


def test_a_size_must_boot_the_generation(azure: Azure) -> None:
    image = {"location": "westeurope", "properties": {"hyperVGeneration": "V2"}}
    azure.ask("PUT", f"{azure.group}/providers/Microsoft.Compute/images/second", image)
    definition(azure, hyperVGeneration="V2")
    version(azure, image="second")
    azure.settle()
    assert "cannot boot Hypervisor Generation '2'" in use(azure, "web", sku={"name": "Standard_D2_v2"}).text
    assert use(azure, "web", sku={"name": "Standard_D2s_v3"}).status_code == 200
    azure.settle()
    arm = use(azure, "web", sku={"name": "Standard_D2ps_v5"})
    assert "only supports a CPU Architecture of 'Arm64'" in arm.text
    assert use(azure, "web", sku={"name": "Standard_D2s_v6"}).status_code == 200


@pytest.mark.parametrize(
    "size", ["Standard_D2s_v6", "Standard_D4-2ds_v6", "Standard_DC4s_v2", "Standard_NC24ads_A100_v4"]
)
def test_a_size_may_boot_the_second_generation_only(azure: Azure, size: str) -> None:
    definition(azure)
    version(azure)
    azure.settle()
    assert "cannot boot Hypervisor Generation '1'" in use(azure, "web", sku={"name": size}).text


@pytest.mark.parametrize("kind", ["Shared", "Community"])
def test_a_model_must_fit_an_image_of_somebody_else(emulate: Emulate, kind: str) -> None:
    image = f"/{kind}Galleries/apps-1/Images/web"
    azure = emulate(image=image, releases={f"{image}/Versions/1.0.0": Release("page")})
    trusted = {"securityProfile": {"securityType": "TrustedLaunch"}}
    answer = azure.ask("PATCH", body={"properties": {"virtualMachineProfile": trusted}})
    assert (answer.status_code, NO_TRUST in answer.text) == (400, True)


def test_galleries_go_with_their_group_and_are_among_its_resources(azure: Azure) -> None:
    definition(azure)
    listed = azure.ask("GET", f"{azure.group}/resources").json()["value"]
    assert "Microsoft.Compute/galleries" in {one["type"] for one in listed}
    azure.ask("DELETE", azure.group)
    azure.settle()
    assert azure.backend.galleries == {}


def test_sharing_is_not_emulated(azure: Azure) -> None:
    body = {"location": "westeurope", "properties": {"sharingProfile": {"permissions": "Community"}}}
    assert "not emulated" in refusal(lambda: azure.compute.galleries.begin_create_or_update(*AT[:2], body))[2]
