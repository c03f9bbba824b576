from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import IMAGES, NEW, OLD, SUBSCRIPTION
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.image_ids import ImageKind
from vmss_jenkins.model.images import ImageReference

GALLERY = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/galleries/apps/images/web"
UBUNTU = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}


@pytest.mark.parametrize(
    ("image_id", "kind"),
    [
        (f"{IMAGES}/nginx-base-image", ImageKind.MANAGED),
        (f"{IMAGES}/nginx".replace("resourceGroups", "resourcegroups"), ImageKind.MANAGED),
        (GALLERY, ImageKind.GALLERY),
        (f"{GALLERY}/versions/1.2.3", ImageKind.GALLERY),
        (f"{GALLERY}/versions/latest", ImageKind.GALLERY),
        ("/SharedGalleries/guid-apps/Images/web/Versions/1.2.3", ImageKind.SHARED_GALLERY),
        ("/CommunityGalleries/contoso-1f2e/Images/web/Versions/latest", ImageKind.COMMUNITY_GALLERY),
        ("https://account.blob.core.windows.net/vhds/web.vhd", ImageKind.VHD),
    ],
)
def test_every_kind_of_image_id_is_recognised(image_id: str, kind: ImageKind) -> None:
    assert ImageReference(id=image_id).kind is kind


def test_four_marketplace_fields_are_a_marketplace_image() -> None:
    image = ImageReference.from_mapping(UBUNTU)
    assert image.kind is ImageKind.MARKETPLACE
    assert not image.is_custom
    assert str(image) == "Canonical:ubuntu-24_04-lts:server:latest"


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({}, "found nothing"),
        ({"id": ""}, "found nothing"),
        ({"id": NEW.id, **UBUNTU}, "found both an id and publisher, offer, sku, version"),
        ({"publisher": "Canonical", "sku": "server"}, "missing: offer, version"),
        (
            {"publisher": "Canonical", "offer": "$(id)", "sku": "s", "version": "1"},
            "offer '$(id)' is not allowed",
        ),
        ({"urn": "x"}, "unknown key 'urn'; known: id, offer, publisher, sku, version"),
        ({"id": "nginx-base-image"}, "is not an image id"),
        ({"id": f"{IMAGES}/"}, "ends before 'NAME'"),
        ({"id": f"{IMAGES}/nginx/"}, "ends with '/'; remove it"),
        ({"id": IMAGES.replace("/images", "/disks") + "/x"}, "has 'disks'; wanted 'images'"),
        (
            {"id": NEW.id and NEW.id.replace("Compute", "Network")},
            "has 'Microsoft.Network'; wanted 'Microsoft.Compute'",
        ),
        ({"id": NEW.id and NEW.id.replace(SUBSCRIPTION, "my-sub")}, "the subscription 'my-sub', which is not a GUID"),
        ({"id": f"{GALLERY}/versions/1.2"}, "a part that Azure does not allow in a name or version"),
        ({"id": f"{GALLERY}/version/1.2.3"}, "has 'version'; wanted 'versions'"),
        ({"id": "https://account.blob.core.windows.net/vhds/web.img"}, "wanted https://ACCOUNT.blob"),
    ],
)
def test_a_bad_image_reference_is_refused_with_its_fault(given_: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        ImageReference.from_mapping(given_)
    assert reason in str(refused.value)


def test_an_id_with_a_blank_at_its_end_is_refused_unless_it_is_read_from_a_mapping() -> None:
    with pytest.raises(ConfigError, match="begins or ends with a blank; remove it"):
        ImageReference(id=f"{NEW.id} ")


def test_all_faults_of_a_reference_are_reported_together() -> None:
    with pytest.raises(ConfigError) as refused:
        ImageReference(id="nonsense", publisher="Canonical", offer="a b")
    assert len(refused.value.reasons) == 3


@pytest.mark.parametrize("urn", ["Canonical:ubuntu", "Canonical:ubuntu:server:latest:more", "", "a:b:c:"])
def test_a_urn_needs_four_parts(urn: str) -> None:
    with pytest.raises(ConfigError):
        ImageReference.parse_urn(urn)


def test_a_urn_is_read_as_az_writes_it() -> None:
    assert ImageReference.parse_urn("Canonical:ubuntu-24_04-lts:server:latest") == ImageReference.from_mapping(UBUNTU)


def test_ids_are_compared_without_regard_to_case_but_vhd_uris_are_not() -> None:
    assert NEW.same_as(ImageReference(id=str(NEW).upper()))
    assert not NEW.same_as(OLD)
    assert not NEW.same_as(None)
    vhd = ImageReference(id="https://a.blob.core.windows.net/vhds/Web.vhd")
    assert not vhd.same_as(ImageReference(id="https://a.blob.core.windows.net/vhds/web.vhd"))


@pytest.mark.parametrize(
    ("image", "short"),
    [
        (NEW, "nginx-updated-image"),
        (ImageReference(id=f"{GALLERY}/versions/1.2.3"), "web/1.2.3"),
        (ImageReference.from_mapping(UBUNTU), "Canonical:ubuntu-24_04-lts:server:latest"),
    ],
)
def test_the_short_name_is_the_part_that_names_the_image(image: ImageReference, short: str) -> None:
    assert image.short_name == short


@given(st.dictionaries(st.sampled_from(["id", *UBUNTU, "other"]), st.text(max_size=60)))
def test_any_values_are_one_image_or_are_refused(values: dict[str, str]) -> None:
    with suppress(ConfigError):
        image = ImageReference.from_mapping(values)
        assert bool(image.id) != bool(image.publisher and image.offer and image.sku and image.version)


GALLERY = "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.Compute/galleries/G"


@pytest.mark.parametrize(
    ("named", "version", "exact"),
    [
        (f"{GALLERY}/images/web", "1.0.1", f"{GALLERY}/images/web/versions/1.0.1"),
        (f"{GALLERY}/images/web", None, f"{GALLERY}/images/web"),
        (f"{GALLERY}/images/web/versions/latest", "1.0.1", f"{GALLERY}/images/web/versions/1.0.1"),
        (f"{GALLERY}/images/web/versions/1.0.0", "1.0.0", f"{GALLERY}/images/web/versions/1.0.0"),
        ("/SharedGalleries/G/images/web", "1.0.1", "/SharedGalleries/G/images/web/versions/1.0.1"),
        ("acme:web:1:latest", "7.1.0", "acme:web:1:7.1.0"),
        ("acme:web:1:7.0.0", "7.0.0", "acme:web:1:7.0.0"),
        (GALLERY.replace("galleries/G", "images/web"), "1.0.1", GALLERY.replace("galleries/G", "images/web")),
    ],
)
def test_an_image_that_moves_is_named_by_its_exact_version(named: str, version: str | None, exact: str) -> None:
    assert str(ImageReference.read(named).at_version(version)) == exact


LATEST = "acme:web:1:latest"


@pytest.mark.parametrize(
    ("image", "moves", "version"),
    [
        (f"{GALLERY}/images/web", True, None),
        (f"{GALLERY}/images/web/versions/latest", True, None),
        (f"{GALLERY}/images/web/Versions/Latest", True, None),
        (f"{GALLERY}/images/web/versions/1.0.1", False, "1.0.1"),
        ("/SharedGalleries/G/images/web", True, None),
        ("/CommunityGalleries/G/images/web/versions/2.0.0", False, "2.0.0"),
        (LATEST, True, None),
        ("acme:web:1:7.1.0", False, "7.1.0"),
        (GALLERY.replace("galleries/G", "images/web"), False, None),
        ("https://account.blob.core.windows.net/vhds/web.vhd", False, None),
    ],
)
def test_an_image_moves_if_it_names_the_newest_version(image: str, moves: bool, version: str | None) -> None:
    found = ImageReference.read(image)
    assert (found.moves, found.exact_version) == (moves, version)


@pytest.mark.parametrize(
    ("version", "named", "is_one"),
    [
        (f"{GALLERY}/images/web/versions/1.0.1", f"{GALLERY}/images/web", True),
        (f"{GALLERY}/images/WEB/versions/1.0.1", f"{GALLERY}/images/web/versions/latest", True),
        (f"{GALLERY}/images/other/versions/1.0.1", f"{GALLERY}/images/web", False),
        (f"{GALLERY}/images/web/versions/1.0.1", f"{GALLERY}/images/web/versions/1.0.1", False),
        (f"{GALLERY}/images/web", f"{GALLERY}/images/web", False),
        ("acme:web:1:7.1.0", LATEST, True),
        ("acme:web:2:7.1.0", LATEST, False),
        ("acme:web:1:7.1.0", f"{GALLERY}/images/web", False),
    ],
)
def test_an_exact_version_belongs_to_the_name_that_moves(version: str, named: str, is_one: bool) -> None:
    assert ImageReference.read(version).is_version_of(ImageReference.read(named)) is is_one


def test_no_image_is_a_version_of_none() -> None:
    assert not ImageReference.read("acme:web:1:7.1.0").is_version_of(None)


@pytest.mark.parametrize(
    ("one", "other", "newer"),
    [
        (f"{GALLERY}/images/web/versions/1.10.0", f"{GALLERY}/images/web/versions/1.9.0", True),
        (f"{GALLERY}/images/web/versions/1.9.0", f"{GALLERY}/images/web/versions/1.10.0", False),
        (f"{GALLERY}/images/web/versions/1.9.0", f"{GALLERY}/images/web/versions/1.9.0", False),
        (f"{GALLERY}/images/web/versions/2.0.0", f"{GALLERY}/images/other/versions/1.9.0", False),
        (f"{GALLERY}/images/web", f"{GALLERY}/images/web/versions/1.9.0", False),
        ("acme:web:1:7.10.0", "acme:web:1:7.9.0", True),
        ("acme:web:2:7.10.0", "acme:web:1:7.9.0", False),
        ("acme:web:1:7.10.0", LATEST, False),
    ],
)
def test_versions_are_compared_as_numbers_and_only_with_those_of_the_same_image(
    one: str, other: str, newer: bool
) -> None:
    assert ImageReference.read(one).is_newer_than(ImageReference.read(other)) is newer
