"""Which version a moving name means, from values alone."""

from __future__ import annotations

import pytest

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.galleries.image_versions import Choice, ImageVersion, Replica, choose, resolved
from vmss_jenkins.model.images import ImageReference, MovingImage, ResolvedImage

NAMED = ImageReference(
    id="/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/Microsoft.Compute"
    "/galleries/apps/images/nginx"
)
HERE = (Replica("westeurope", "Completed", 100),)
NOW = 1_700_000_000.0


def chosen(*versions: ImageVersion) -> Choice:
    known = {one.number: one for one in versions}
    return choose(versions, "West Europe", NOW, known.get)


@pytest.mark.parametrize(("end", "usable"), [(NOW - 1, False), (NOW, False), (NOW + 1, True), (None, True)])
def test_a_version_is_wanted_until_its_end_of_life(end: float | None, usable: bool) -> None:
    old, new = ImageVersion("1.0.0", replicas=HERE), ImageVersion("1.0.1", replicas=HERE, end_of_life=end)
    found = chosen(old, new)
    assert (found.version, found.chosen_by_azure) == ("1.0.1" if usable else "1.0.0", "1.0.1")
    assert found.left_out == ({} if usable else {"1.0.1": "past its end of life (2023-11-14)"})


def test_a_pinned_rollout_takes_another_version_than_azure_would_and_a_floating_one_is_refused() -> None:
    expired = ImageVersion("1.0.1", replicas=HERE, end_of_life=NOW)
    choice = chosen(ImageVersion("1.0.0", replicas=HERE), expired)
    told = "1.0.1 is past its end of life (2023-11-14)"
    assert resolved(NAMED, choice, "westeurope", MovingImage.PIN) == ResolvedImage(
        NAMED, NAMED.at_version("1.0.0"), floats=False, passed_over=told
    )
    with pytest.raises(ConfigError, match=r"instances of nginx would get 1\.0\.1: .*or give --moving-image pin"):
        resolved(NAMED, choice, "westeurope", MovingImage.FLOAT)
    same = chosen(ImageVersion("1.0.0", replicas=HERE))
    assert resolved(NAMED, same, "westeurope", MovingImage.FLOAT).floats
