"""Images of shared and community galleries with the real SDK: what the scenario has of them."""

from __future__ import annotations

from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from tests.emulator.conftest import Azure, Emulate
from vmss_jenkins.emulator import Release

IMAGE = ("westeurope", "apps-1f2e", "web")


@pytest.mark.parametrize("sharing", ["Shared", "Community"])
def test_versions_are_listed_in_their_order_and_shown_until_they_are_withdrawn(emulate: Emulate, sharing: str) -> None:
    image = f"/{sharing}Galleries/apps-1f2e/Images/web"
    releases = {f"{image}/Versions/{version}": Release(version) for version in ("1.2.10", "1.2.9")}
    azure = emulate(image=image, releases=releases)
    client = getattr(azure.compute, f"{sharing.lower()}_gallery_image_versions")
    assert [one.name for one in client.list(*IMAGE)] == ["1.2.9", "1.2.10"]
    assert client.get(*IMAGE, "1.2.10").identifier.unique_id == f"{image}/Versions/1.2.10"
    shown = getattr(azure.compute, f"{sharing.lower()}_gallery_images").get(*IMAGE)
    assert (shown.name, shown.properties.os_type) == ("web", "Linux")
    azure.emulator.inject(f"withdraw image={image}/Versions/1.2.10")
    azure.ask("GET")
    assert [one.name for one in client.list(*IMAGE)] == ["1.2.9"]
    gone(lambda: client.get(*IMAGE, "1.2.10"))


def test_an_image_that_nobody_shares_is_not_found(azure: Azure) -> None:
    gone(lambda: azure.compute.community_gallery_images.get(*IMAGE))
    gone(lambda: list(azure.compute.shared_gallery_image_versions.list(*IMAGE)))


def gone(call: Any) -> None:
    """Require that a call answers 404 GalleryImageNotFound."""
    with pytest.raises(ResourceNotFoundError) as raised:
        call()
    assert raised.value.error
    assert raised.value.error.code == "GalleryImageNotFound"
