"""The versions of images through the real SDK, against the emulator: every kind of image, and what can go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.image_versions import AzureImageVersions
from vmss_jenkins.emulator import Emulator, ManualClock, Release, Scenario, Timings
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import AzureCalled
from vmss_jenkins.model.galleries.image_fit import ImageDefinition
from vmss_jenkins.model.galleries.image_versions import Choice
from vmss_jenkins.model.images import ImageReference

OTHER = "5ca1e5e7-0000-4000-8000-000000000009"
FOREIGN = f"/subscriptions/{OTHER}/resourceGroups/theirs/providers/Microsoft.Compute/galleries/apps/images/nginx"
COMMUNITY, SHARED = "/CommunityGalleries/apps-1f2e/Images/nginx", "/SharedGalleries/guid-apps/Images/nginx"
READ = "Microsoft.Compute/galleries/images/versions/read"
NOW = datetime(2026, 11, 27, tzinfo=timezone.utc).timestamp()


class Azure:
    """An emulator with some versions, and the adapter to it."""

    def __init__(self, emulator: Emulator, clock: ManualClock) -> None:
        self.emulator, self._clock, self.events = emulator, clock, list[Event]()
        self.versions = AzureImageVersions(
            Endpoint(emulator.subscription_id, emulator.endpoint), None, self.events.append
        )

    def image(self, version: str = "", definition: str = "nginx") -> ImageReference:
        """An image of the gallery `apps`."""
        name = f"apps/{definition}/{version}" if version else f"apps/{definition}"
        return ImageReference(id=self.emulator.scenario.gallery_image_id(name))

    def newest(self, image: ImageReference | None = None, region: str = "westeurope") -> Choice:
        """The newest version that can be used."""
        return self.versions.newest(image or self.image(), region, NOW)

    def missing(self, version: str, region: str = "westeurope") -> str | None:
        """Why no instance can be made of a version."""
        found = self.versions.version(self.image(version), region)
        assert found
        return found.missing_in(region)

    def change(self, version: str, profile: dict[str, Any]) -> None:
        """Change the publishing profile of a version, and let that end."""
        path = f"{self.image(version).id}?api-version=2024-03-03"
        body = {"location": "westeurope", "properties": {"publishingProfile": profile}}
        answer = requests.patch(self.emulator.endpoint + path, json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        self.pass_seconds(5)

    def inject(self, fault: str) -> None:
        """Let a fault strike at once."""
        self.emulator.inject(fault)
        requests.get(f"{self.emulator.endpoint}/subscriptions?api-version=2022-12-01", timeout=10)

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)
        self.emulator.backend.advance()


@pytest.fixture
def start() -> Iterator[Callable[..., Azure]]:
    with ExitStack() as stack:

        def make(*keys: str, **options: Any) -> Azure:
            releases = {key: Release(key) for key in keys}
            clock, scenario = ManualClock(), Scenario(image=keys[0], releases=releases, instances=1, **options)
            emulator = Emulator(scenario, clock=clock, timings=Timings(spread=0), data_plane=False)
            return Azure(stack.enter_context(emulator), clock)

        yield make


def gallery(start: Callable[..., Azure], *versions: str, **options: Any) -> Azure:
    return start(*(f"apps/nginx/{version}" for version in versions), **options)


def test_the_highest_number_is_the_newest_version(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.9.0", "1.10.0", "1.2.30")
    assert azure.newest() == Choice("1.10.0", chosen_by_azure="1.10.0")
    assert azure.newest(azure.image("latest")).version == "1.10.0"
    assert azure.newest(region="West Europe").version == "1.10.0"


def test_a_version_that_is_excluded_from_latest_is_passed_over_unseen(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0", "1.0.1")
    azure.change("1.0.1", {"excludeFromLatest": True, "targetRegions": [{"name": "westeurope"}]})
    azure.events.clear()
    assert azure.newest() == Choice("1.0.0", {"1.0.1": "excluded from latest"}, chosen_by_azure="1.0.0")
    paths = [each.path.rpartition("/")[2] for each in azure.events if isinstance(each, AzureCalled)]
    assert paths == ["versions", "1.0.0"]


def test_a_version_past_its_end_of_life_is_passed_over_although_azure_takes_it(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0", "1.0.1")
    profile = {"endOfLifeDate": "2026-11-26T00:00:00Z", "targetRegions": [{"name": "westeurope"}]}
    azure.change("1.0.1", profile)
    left_out = {"1.0.1": "past its end of life (2026-11-26)"}
    assert azure.newest() == Choice("1.0.0", left_out, chosen_by_azure="1.0.1")
    azure.change("1.0.1", profile | {"endOfLifeDate": "2026-11-28T00:00:00Z"})
    assert azure.newest() == Choice("1.0.1", chosen_by_azure="1.0.1")


def test_a_version_that_is_not_yet_in_the_region_is_passed_over_with_its_percentage(
    start: Callable[..., Azure],
) -> None:
    azure = gallery(start, "1.0.0", "1.0.1", unpublished=frozenset({"apps/nginx/1.0.1"}))
    azure.inject("publish image=apps/nginx/1.0.1")
    azure.pass_seconds(30)
    reason = "not replicated yet (westeurope: Replicating, 50%)"
    assert azure.newest() == Choice("1.0.0", {"1.0.1": reason}, coming="1.0.1", chosen_by_azure="1.0.0")
    assert azure.missing("1.0.1") == reason
    azure.pass_seconds(30)
    assert azure.newest() == Choice("1.0.1", chosen_by_azure="1.0.1")
    assert azure.missing("1.0.1") is None


def test_a_version_that_is_not_in_the_region_names_its_regions(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0")
    reason = "not replicated to northeurope (its regions: westeurope)"
    assert azure.newest(region="North Europe") == Choice(None, {"1.0.0": reason})
    assert azure.missing("1.0.0", "northeurope") == reason


def test_a_version_that_was_reported_for_a_violation_is_passed_over_and_says_so(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0", "1.0.1")
    definition = azure.emulator.backend.galleries["canary-rg", "apps"].definitions["images", "nginx"]
    safety = {"reportedForPolicyViolation": True, "policyViolations": [{"category": "ImageFlaggedUnsafe"}]}
    definition.versions["1.0.1"].body["properties"]["safetyProfile"] = safety
    reported = "reported to Microsoft for a policy violation (ImageFlaggedUnsafe)"
    assert azure.newest() == Choice("1.0.0", {"1.0.1": reported}, chosen_by_azure="1.0.1")
    found = azure.versions.version(azure.image("1.0.1"), "westeurope")
    assert found
    assert (found.reported, found.missing_in("westeurope")) == (reported, None)


def test_a_definition_without_versions_has_no_newest_one(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0")
    azure.inject("withdraw image=apps/nginx/1.0.0")
    assert azure.newest() == Choice(None)


def test_what_does_not_exist_is_named_with_the_next_step(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0")
    with pytest.raises(AzureError, match=r"read the versions of .*/images/other") as raised:
        azure.newest(azure.image(definition="other"))
    assert raised.value.failure.status == 404
    with pytest.raises(AzureError, match=r"read version 2\.0\.0 of nginx") as raised:
        azure.missing("2.0.0")
    assert raised.value.failure.status == 404
    assert "a version that was deleted" in str(raised.value.next_step)


@pytest.mark.parametrize("image", [COMMUNITY, SHARED, FOREIGN, "Canonical:nginx:22_04"])
def test_images_elsewhere_are_resolved_too(start: Callable[..., Azure], image: str) -> None:
    before = f"{image}:" if ":" in image else f"{image}/versions/"
    azure = start(f"{before}1.9.0", f"{before}1.10.0")
    named = ImageReference.read(f"{image}:latest" if ":" in image else image)
    assert azure.newest(named) == Choice("1.10.0", chosen_by_azure="1.10.0")
    exact = azure.versions.version(ImageReference.read(f"{before}1.10.0"), "westeurope")
    assert (exact is None) == (":" in image)
    assert exact is None or exact.missing_in("westeurope") is None


@pytest.mark.parametrize("image", [COMMUNITY, SHARED, FOREIGN, "apps/nginx"])
def test_the_definition_is_read_with_the_version_or_without(start: Callable[..., Azure], image: str) -> None:
    azure = start(f"{image}/1.0.0" if image.startswith("apps") else f"{image}/versions/1.0.0")
    named = azure.image() if image.startswith("apps") else ImageReference(id=image)
    wanted = ImageDefinition("Linux", generation="V1", architecture="x64")
    assert azure.versions.definition(named, "westeurope") == wanted
    assert azure.versions.definition(named.at_version("1.0.0"), "westeurope") == wanted


def test_a_definition_tells_its_features(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0")
    properties = {
        "osType": "Windows",
        "osState": "Specialized",
        "hyperVGeneration": "V2",
        "architecture": "Arm64",
        "identifier": {"publisher": "p", "offer": "o", "sku": "s"},
        "features": [
            {"name": "DiskControllerTypes", "value": "NVMe"},
            {"name": "SecurityType", "value": "TrustedLaunch"},
        ],
    }
    named = azure.image(definition="other")
    path = f"{azure.emulator.endpoint}{named.id}?api-version=2024-03-03"
    answer = requests.put(path, json={"location": "westeurope", "properties": properties}, timeout=10)
    assert answer.status_code == 201, answer.text
    wanted = ImageDefinition(
        "Windows", specialized=True, generation="V2", architecture="Arm64", security="TrustedLaunch"
    )
    assert azure.versions.definition(named, "westeurope") == wanted


@pytest.mark.parametrize("image", [COMMUNITY, SHARED])
def test_a_gallery_that_was_withdrawn_is_named_with_the_next_step(start: Callable[..., Azure], image: str) -> None:
    azure = start(f"{image}/versions/1.0.0")
    azure.inject(f"withdraw image={image}/versions/1.0.0")
    with pytest.raises(AzureError) as raised:
        azure.newest(ImageReference(id=image))
    assert "a community gallery that was withdrawn" in str(raised.value.next_step)
    with pytest.raises(AzureError, match=r"read version 1\.0\.0 of nginx"):
        azure.versions.version(ImageReference(id=f"{image}/versions/1.0.0"), "westeurope")


@pytest.mark.parametrize(
    ("key", "image"), [("apps/nginx/1.0.0", ""), (f"{FOREIGN}/versions/1.0.0", FOREIGN)], ids=["own", "other"]
)
def test_a_missing_role_names_the_action_the_scope_and_the_next_step(
    start: Callable[..., Azure], key: str, image: str
) -> None:
    azure = start(key, denied_actions=frozenset({READ}))
    named = ImageReference(id=image) if image else azure.image()
    with pytest.raises(AzureError) as raised:
        azure.newest(named)
    assert (raised.value.failure.status, raised.value.failure.code) == (403, "AuthorizationFailed")
    assert f"action '{READ}' over scope '{named.id}/versions'" in str(raised.value)
    assert "`vmss-jenkins azure-role` prints one" in str(raised.value.next_step)


def test_a_subscription_that_cannot_be_found_is_named(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0")
    with pytest.raises(AzureError, match=f"The subscription '{OTHER}' could not be found") as raised:
        azure.newest(ImageReference(id=FOREIGN))
    assert raised.value.next_step


def test_images_without_copies_are_not_asked_for(start: Callable[..., Azure]) -> None:
    azure = gallery(start, "1.0.0")
    managed = ImageReference(id=azure.emulator.scenario.image_id("nginx"))
    urn = ImageReference.parse_urn("Canonical:nginx:22_04:1.0.0")
    assert [azure.versions.version(each, "westeurope") for each in (urn, azure.image())] == [None] * 2
    assert [azure.versions.definition(each, "westeurope") for each in (managed, urn)] == [None] * 2
    assert not azure.events


def test_a_managed_image_is_in_its_own_region_alone_or_does_not_exist(start: Callable[..., Azure]) -> None:
    azure = start("nginx-base-image")
    there, gone = (ImageReference(id=azure.emulator.scenario.image_id(name)) for name in ("nginx-base-image", "gone"))
    found = azure.versions.version(there, "westeurope")
    assert found
    assert found.missing_in("West Europe") is None
    assert found.missing_in("eastus") == "not replicated to eastus (its regions: westeurope)"
    with pytest.raises(AzureError, match="read image gone") as raised:
        azure.versions.version(gone, "westeurope")
    assert raised.value.failure.status == 404
