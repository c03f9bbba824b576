"""A model that names a definition or ``latest``: which version instances get, and when the flag tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of, latest, profile
from vmss_jenkins.emulator import Release

VERSIONS = {f"apps/nginx/1.0.{patch}": Release(f"page {patch}") for patch in range(4)}
NEW = "apps/nginx/1.0.1"


def gallery(emulate: Emulate, **options: Any) -> Azure:
    """A set that names the definition; only its version 1.0.0 is published."""
    unpublished = frozenset(VERSIONS) - {"apps/nginx/1.0.0"}
    return emulate(**{"image": "apps/nginx", "releases": VERSIONS, "unpublished": unpublished} | options)


def publish(azure: Azure, image: str = NEW, seconds: float = 1000) -> None:
    """Publish an image of the scenario beside a request, and let its replication end."""
    azure.emulator.inject(f"publish image={image}")
    azure.ask("GET")
    azure.settle(seconds)


def versions(azure: Azure) -> dict[str, str]:
    """The exact version of every instance."""
    found = azure.instances()
    return {key: item["properties"]["storageProfile"]["imageReference"]["exactVersion"] for key, item in found.items()}


def reference(azure: Azure, image: str = "apps/nginx") -> dict[str, Any]:
    """The PATCH that names an image, be it the same as before."""
    return profile({"storageProfile": {"imageReference": azure.emulator.scenario.reference(image)}})


def upgrade(azure: Azure, *ids: str) -> None:
    """Update instances by hand."""
    assert azure.ask("POST", "manualupgrade", {"instanceIds": list(ids)}).status_code == 202
    azure.settle()


def test_a_published_version_changes_nothing_until_the_reference_is_sent_again(emulate: Emulate) -> None:
    azure = gallery(emulate)
    publish(azure)
    azure.ask("PATCH", body={"tags": {"a": "b"}})
    azure.settle()
    assert (versions(azure), latest(azure)) == ({"0": "1.0.0", "1": "1.0.0", "2": "1.0.0"}, ["0", "1", "2"])
    upgrade(azure, "*")
    assert set(versions(azure).values()) == {"1.0.0"}
    before = azure.ask("GET").json()["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    azure.ask("PATCH", body=reference(azure))
    azure.settle()
    assert latest(azure) == []
    assert azure.ask("GET").json()["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"] == before
    upgrade(azure, "1")
    assert (versions(azure), latest(azure)) == ({"0": "1.0.0", "1": "1.0.1", "2": "1.0.0"}, ["1"])


def test_a_reference_sent_again_without_a_newer_version_changes_nothing(emulate: Emulate) -> None:
    azure = gallery(emulate)
    azure.ask("PATCH", body=reference(azure))
    azure.settle()
    assert latest(azure) == ["0", "1", "2"]


@pytest.mark.parametrize("act", ["scale-out", "reimage"])
def test_a_new_disk_is_made_of_the_newest_version_whatever_the_flag_says(emulate: Emulate, act: str) -> None:
    azure = gallery(emulate)
    publish(azure)
    if act == "reimage":
        azure.ask("POST", "reimage", {"instanceIds": ["0"]})
    else:
        azure.ask("PATCH", body={"sku": {"capacity": 4}})
    azure.settle()
    assert versions(azure)["0" if act == "reimage" else "3"] == "1.0.1"
    assert versions(azure)["1"] == "1.0.0"
    assert len(latest(azure)) == len(versions(azure))


def test_an_instance_that_is_updated_after_the_next_publication_gets_that_version(emulate: Emulate) -> None:
    azure = gallery(emulate)
    publish(azure)
    azure.ask("PATCH", body=reference(azure))
    azure.settle()
    upgrade(azure, "0")
    publish(azure, "apps/nginx/1.0.2")
    upgrade(azure, "1")
    assert versions(azure) == {"0": "1.0.1", "1": "1.0.2", "2": "1.0.0"}
    assert latest(azure) == ["0", "1"]


def test_a_pinned_version_stays_whatever_is_published(emulate: Emulate) -> None:
    azure = gallery(emulate)
    publish(azure)
    azure.ask("PATCH", body=reference(azure, NEW))
    azure.settle()
    publish(azure, "apps/nginx/1.0.2")
    upgrade(azure, "*")
    assert set(versions(azure).values()) == {"1.0.1"}
    shown = azure.instances()["0"]["properties"]["storageProfile"]["imageReference"]
    assert shown == {"id": azure.emulator.scenario.gallery_image_id(NEW), "exactVersion": "1.0.1"}


@pytest.mark.parametrize("text", ["versions/latest", "versions/Latest", ""])
def test_latest_is_a_moving_reference_too(emulate: Emulate, text: str) -> None:
    azure = gallery(emulate)
    publish(azure)
    name = f"{azure.emulator.scenario.gallery_image_id('apps/nginx')}/{text}".rstrip("/")
    assert azure.ask("PATCH", body=profile({"storageProfile": {"imageReference": {"id": name}}})).status_code == 200
    azure.settle()
    upgrade(azure, "*")
    assert set(versions(azure).values()) == {"1.0.1"}


def test_instances_serve_the_page_of_their_version(emulate: Emulate) -> None:
    azure = gallery(emulate, data_plane=True)
    publish(azure)
    azure.ask("PATCH", body=reference(azure))
    azure.settle()
    upgrade(azure, "*")
    instance = azure.backend.scale_sets["canary-rg", "web"].instances["0"]
    assert instance.release.page == "page 1"


def test_a_version_that_is_not_in_the_region_yet_is_passed_over_by_latest_and_refused_by_name(emulate: Emulate) -> None:
    azure = gallery(emulate)
    publish(azure, seconds=1)
    azure.ask("PATCH", body=reference(azure))
    azure.settle(10)
    assert latest(azure) == ["0", "1", "2"]
    answer = azure.ask("PATCH", body=reference(azure, NEW))
    assert error_of(answer) == (404, "GalleryImageNotFound")
    assert "is not available in westeurope region. Please contact image owner" in answer.json()["error"]["message"]
    azure.settle(60)
    assert azure.ask("PATCH", body=reference(azure, NEW)).status_code == 200


def test_a_definition_without_a_usable_version_is_refused_and_a_scale_out_too(emulate: Emulate) -> None:
    azure = gallery(emulate)
    azure.emulator.inject("withdraw image=apps/nginx/1.0.0")
    assert azure.ask("GET").status_code == 200
    for body in (reference(azure), {"sku": {"capacity": 4}}):
        answer = azure.ask("PATCH", body=body)
        assert error_of(answer) == (400, "InvalidParameter")
        assert "the 'exclude from latest' flag is set to false" in answer.json()["error"]["message"]
    assert azure.ask("PATCH", body={"tags": {"a": "b"}}).status_code == 200
    assert len(azure.instances()) == 3


def test_a_version_deleted_during_an_update_fails_the_instance(emulate: Emulate) -> None:
    azure = gallery(emulate)
    publish(azure)
    azure.ask("PATCH", body=reference(azure, NEW))
    azure.settle(60)
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    azure.emulator.inject(f"withdraw image={NEW}")
    azure.ask("GET")
    azure.settle()
    assert azure.status(answer) == "Failed"
    failed = azure.ask("GET", answer.headers["Azure-AsyncOperation"]).json()["error"]
    assert failed["code"] == "GalleryImageNotFound"


def test_instances_that_a_set_lacks_are_not_made_of_an_image_that_is_gone(emulate: Emulate) -> None:
    azure = emulate(zones=())
    azure.emulator.inject("no-capacity count=1")
    azure.ask("PATCH", body={"sku": {"capacity": 4}})
    azure.settle()
    azure.ask("DELETE", f"{azure.group}/providers/Microsoft.Compute/images/nginx-base-image")
    azure.settle()
    answer = azure.ask("PATCH", body={"tags": {"a": "b"}})
    azure.settle()
    assert azure.status(answer) == "Failed"
    assert len(azure.instances()) == 3


def test_an_image_of_a_foreign_subscription_is_refused_with_the_action_that_is_missing(azure: Azure) -> None:
    image = {"id": "/subscriptions/other/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b"}
    answer = azure.ask("PATCH", body=profile({"storageProfile": {"imageReference": image}}))
    assert error_of(answer) == (403, "LinkedAuthorizationFailed")
    assert "Microsoft.Compute/galleries/images/versions/read" in answer.json()["error"]["message"]


ELSEWHERE = (
    "/subscriptions/5ca1e5e7-0000-4000-8000-000000000009/resourceGroups/g/providers/Microsoft.Compute/galleries/a"
)
FOREIGN = {f"{ELSEWHERE}/images/b/versions/{version}": Release(version) for version in ("1.9.0", "1.10.0")}


def test_images_of_another_subscription_are_read_and_used_and_nothing_is_changed_there(emulate: Emulate) -> None:
    azure = emulate(image=f"{ELSEWHERE}/images/b", releases=FOREIGN)
    assert set(versions(azure).values()) == {"1.10.0"}
    listed = azure.ask("GET", f"{ELSEWHERE}/images/b/versions").json()["value"]
    assert [one["name"] for one in listed] == ["1.9.0", "1.10.0"]
    path = f"{ELSEWHERE}/images/b/versions/1.9.0"
    found = azure.ask("GET", path, params={"$expand": "ReplicationStatus"}).json()
    assert found["properties"]["replicationStatus"]["summary"][0]["state"] == "Completed"
    assert "replicationStatus" not in azure.ask("GET", path).json()["properties"]
    assert azure.ask("GET", f"{ELSEWHERE}/images/b").json()["properties"]["hyperVGeneration"] == "V1"
    assert error_of(azure.ask("GET", f"{ELSEWHERE}/images/b/versions/2.0.0")) == (404, "ResourceNotFound")
    assert error_of(azure.ask("GET", f"{ELSEWHERE}/images/c/versions")) == (404, "ResourceNotFound")
    for method, forbidden in (("DELETE", path), ("GET", ELSEWHERE), ("GET", f"{ELSEWHERE}/images")):
        assert error_of(azure.ask(method, forbidden)) == (403, "AuthorizationFailed")
    unknown = ELSEWHERE.replace("0009", "0008")
    assert error_of(azure.ask("GET", f"{unknown}/images/b/versions")) == (404, "SubscriptionNotFound")


@pytest.mark.parametrize("image", ["apps/nginx", f"{ELSEWHERE}/images/b"])
def test_a_model_names_only_images_that_the_caller_may_read(emulate: Emulate, image: str) -> None:
    read = "Microsoft.Compute/galleries/images/versions/read"
    azure = emulate(image=image, releases=VERSIONS | FOREIGN, denied_actions=frozenset({read}))
    answer = azure.ask("PATCH", body=reference(azure, image))
    assert error_of(answer) == (403, "LinkedAuthorizationFailed")
    assert f"action(s) '{read}'" in answer.json()["error"]["message"]
    assert azure.ask("PATCH", body={"sku": {"capacity": 4}}).status_code == 200


@pytest.mark.parametrize("gallery_name", ["/CommunityGalleries/apps-1f2e", "/SharedGalleries/guid-APPS"])
def test_images_of_shared_and_community_galleries_move_too(emulate: Emulate, gallery_name: str) -> None:
    image = f"{gallery_name}/Images/web"
    releases = {f"{image}/Versions/{version}": Release(version) for version in ("1.2.9", "1.2.10")}
    newest = f"{image}/Versions/1.2.10"
    azure = emulate(image=image, releases=releases, unpublished=frozenset({newest}))
    assert set(versions(azure).values()) == {"1.2.9"}
    publish(azure, newest)
    azure.ask("PATCH", body=reference(azure, image))
    azure.settle()
    upgrade(azure, "*")
    assert set(versions(azure).values()) == {"1.2.10"}
    azure.emulator.inject(f"withdraw image={newest}")
    azure.ask("GET")
    assert error_of(azure.ask("PATCH", body=reference(azure, newest))) == (404, "GalleryImageNotFound")


def test_latest_of_a_platform_image_moves_too(emulate: Emulate) -> None:
    releases = {"nginx:web:stable:1.0.9": Release("nine"), "nginx:web:stable:1.0.10": Release("ten")}
    unpublished = frozenset({"nginx:web:stable:1.0.10"})
    azure = emulate(image="nginx:web:stable:latest", releases=releases, unpublished=unpublished)
    assert set(versions(azure).values()) == {"1.0.9"}
    publish(azure, "nginx:web:stable:1.0.10")
    assert len(latest(azure)) == 3
    azure.ask("PATCH", body=reference(azure, "nginx:web:stable:latest"))
    azure.settle()
    assert latest(azure) == []
    upgrade(azure, "2")
    assert versions(azure) == {"0": "1.0.9", "1": "1.0.9", "2": "1.0.10"}


def test_an_os_upgrade_that_a_client_orders_takes_the_newest_version(emulate: Emulate) -> None:
    azure = gallery(emulate)
    publish(azure)
    assert azure.ask("POST", "osRollingUpgrade").status_code == 202
    azure.settle()
    assert set(versions(azure).values()) == {"1.0.1"}
    assert latest(azure) == ["0", "1", "2"]


def test_a_set_whose_image_is_gone_refuses_an_os_upgrade_and_stays_as_it_is(emulate: Emulate) -> None:
    azure = gallery(emulate)
    azure.emulator.inject("withdraw image=apps/nginx/1.0.0")
    assert error_of(azure.ask("POST", "osRollingUpgrade")) == (400, "InvalidParameter")
    azure.settle()
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Succeeded"
    assert azure.ask("PATCH", body={"tags": {"a": "b"}}).status_code == 200
