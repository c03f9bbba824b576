import pytest

from tests.emulator.conftest import Azure, Emulate, error_of, profile
from vmss_jenkins.emulator import Release

UPDATED = "nginx-updated-image"


def test_setting_the_old_image_again_restores_the_instances_model(azure: Azure) -> None:
    azure.set_image()
    azure.set_image("nginx-base-image")
    assert {i["properties"]["latestModelApplied"] for i in azure.instances().values()} == {True}


def test_a_change_outside_of_the_model_leaves_instances_at_the_latest(azure: Azure) -> None:
    azure.ask("PATCH", body={"tags": {"a": "b"}, "properties": {"upgradePolicy": {"mode": "Manual"}}})
    azure.settle()
    assert azure.ask("GET").json()["tags"] == {"a": "b"}
    assert {i["properties"]["latestModelApplied"] for i in azure.instances().values()} == {True}


def test_a_patch_merges_objects_and_replaces_lists(azure: Azure) -> None:
    azure.ask("PATCH", body=profile({"extensionProfile": {"extensions": [{"name": "one", "properties": {}}]}}))
    shown = azure.ask("GET").json()["properties"]["virtualMachineProfile"]
    assert [extension["name"] for extension in shown["extensionProfile"]["extensions"]] == ["one"]
    assert shown["storageProfile"]["imageReference"]


def test_protected_settings_are_accepted_and_never_shown(azure: Azure) -> None:
    extension = {"name": "one", "properties": {"protectedSettings": {"key": "hush"}}}
    answer = azure.ask("PATCH", body=profile({"extensionProfile": {"extensions": [extension]}}))
    assert "hush" not in answer.text
    azure.settle()
    assert "hush" not in azure.ask("GET").text
    assert not azure.instances()["0"]["properties"]["latestModelApplied"]


@pytest.mark.parametrize(
    ("reference", "status", "code", "text"),
    [
        ({"publisher": "a", "offer": "b", "sku": "c", "version": "1"}, 409, "OperationNotAllowed", "Image type"),
        ({"id": "{group}/providers/Microsoft.Compute/images/none"}, 404, "NotFound", "cannot be found in"),
        ({"communityGalleryImageId": "/CommunityGalleries/x"}, 404, "GalleryImageNotFound", "is not available"),
        ({"id": "{group}/providers/Microsoft.Compute/galleries/g/images/i"}, 404, "GalleryImageNotFound", "g/images/i"),
        ({"id": "{image}", "version": "1"}, 400, "InvalidParameter", "exactly one"),
    ],
)
def test_an_image_that_the_set_cannot_have_is_refused(
    azure: Azure, reference: dict[str, str], status: int, code: str, text: str
) -> None:
    image = azure.emulator.scenario.image_id(UPDATED)
    filled = {key: value.format(group=azure.group, image=image) for key, value in reference.items()}
    answer = azure.ask("PATCH", body=profile({"storageProfile": {"imageReference": filled}}))
    assert error_of(answer) == (status, code)
    assert text in answer.json()["error"]["message"]
    assert azure.ask("GET").json()["etag"] == '"1"'


def platform(emulate: Emulate) -> Azure:
    releases = {"nginx:web:stable:1": Release("one"), "nginx:web:stable:2": Release("two")}
    return emulate(image="nginx:web:stable:1", releases=releases | {"nginx:web:edge:2": Release("edge")})


def test_a_platform_image_may_change_its_version_alone(emulate: Emulate) -> None:
    azure = platform(emulate)
    change = profile({"storageProfile": {"imageReference": {"version": "2"}}})
    assert azure.ask("PATCH", body=change).status_code == 200
    reference = azure.instances()["0"]["properties"]["storageProfile"]["imageReference"]
    assert (reference["version"], reference["exactVersion"]) == ("1", "1")


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"sku": "edge", "version": "2"}, (409, "PropertyChangeNotAllowed")),
        ({"version": "3"}, (404, "PlatformImageNotFound")),
        ({"id": "/subscriptions/x"}, (409, "OperationNotAllowed")),
    ],
)
def test_a_platform_image_changes_only_as_a_whole(
    emulate: Emulate, reference: dict[str, str], code: tuple[int, str]
) -> None:
    azure = platform(emulate)
    assert error_of(azure.ask("PATCH", body=profile({"storageProfile": {"imageReference": reference}}))) == code
    whole = {"publisher": "nginx", "offer": "web", "sku": "edge", "version": "2"}
    assert azure.ask("PATCH", body=profile({"storageProfile": {"imageReference": whole}})).status_code == 200


def test_images_may_be_vhds(emulate: Emulate) -> None:
    azure = emulate(image="https://a.blob/one.vhd", releases={"https://a.blob/one.vhd": Release("vhd")})
    assert azure.instances()["0"]["properties"]["storageProfile"]["imageReference"] == {"uri": "https://a.blob/one.vhd"}


def test_an_eleventh_model_is_refused_until_outdated_instances_are_upgraded(emulate: Emulate) -> None:
    releases = {f"image{number}": Release(str(number)) for number in range(12)}
    azure = emulate(image="image0", releases=releases, instances=10)
    for number in range(1, 10):
        azure.set_image(f"image{number}")
        azure.ask("POST", "manualupgrade", {"instanceIds": [str(number)]})
        azure.settle()
    answer = azure.ask("PATCH", body=azure.image("image10"))
    assert error_of(answer) == (409, "OperationNotAllowed")
    assert "has reached its limit of 10 models" in answer.json()["error"]["message"]
    azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    azure.settle()
    assert azure.ask("PATCH", body=azure.image("image10")).status_code == 200


def test_location_and_orchestration_are_fixed(azure: Azure) -> None:
    assert error_of(azure.ask("PUT", body={"location": "eastus"})) == (409, "InvalidResourceLocation")
    flexible = {"properties": {"orchestrationMode": "Flexible"}}
    assert error_of(azure.ask("PATCH", body=flexible)) == (409, "PropertyChangeNotAllowed")


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"sku": {"capacity": -1}}, "sku.capacity"),
        ({"sku": {"capacity": 1001}}, "sku.capacity"),
        ({"properties": {"upgradePolicy": {"mode": "Sometimes"}}}, "upgradePolicy.mode"),
    ],
)
def test_values_that_azure_refuses_are_refused(azure: Azure, body: dict[str, object], target: str) -> None:
    answer = azure.ask("PATCH", body=body)
    assert error_of(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"] == target


def test_a_new_set_needs_its_required_fields(azure: Azure) -> None:
    answer = azure.ask("PUT", azure.set + "2", {"location": "westeurope"})
    assert error_of(answer) == (400, "InvalidParameter")
    assert answer.json()["error"]["target"] == "sku.name"
