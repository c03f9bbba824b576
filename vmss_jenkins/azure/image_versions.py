"""The versions of images through azure-mgmt-compute: the adapter that satisfies `rollout.ports.ImageVersions`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.core.tools import parse_resource_id

from vmss_jenkins.azure.client_options import client_options
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.errors import translated
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.model.galleries.image_fit import ImageDefinition
from vmss_jenkins.model.galleries.image_versions import Choice, ImageVersion, Replica, canonical, choose
from vmss_jenkins.model.image_ids import IN_GALLERIES, ImageKind
from vmss_jenkins.model.images import ImageReference

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_ROLE = "give the identity a role with this action on the gallery; `vmss-jenkins azure-role` prints one"
_GONE = (
    "check the id; a version that was deleted, or a community gallery that was withdrawn, may still run on instances, "
    "but no instance can be made of it"
)


class AzureImageVersions:
    """Reads the versions of images, also of galleries in other subscriptions.

    Args:
        endpoint: subscription and URL.
        credential: None for an endpoint that takes no token.
        on_event: receives an event per call.
    """

    def __init__(self, endpoint: Endpoint, credential: TokenCredential | None, on_event: OnEvent) -> None:
        self._endpoint, self._credential, self._on_event = endpoint, credential, on_event

    def newest(self, image: ImageReference, region: str, now: float) -> Choice:
        """Choose what an image that moves means now (one call for the list, one for each version looked at).

        Args:
            image: an image that moves.
            region: where the instances are.
            now: seconds UTC.

        Raises:
            AzureError: if the versions cannot be read.
        """
        with _reading(f"read the versions of {image}"), self._client(image) as client:
            listed, look = _source(client, image, region)
            return choose(listed, region, now, look)

    def version(self, image: ImageReference, region: str) -> ImageVersion | None:
        """Read an exact version with its copies (one call); None for an image of which Azure tells no copies.

        A managed image counts as the only version, with a copy in its own region.

        Raises:
            AzureError: if it cannot be read, with the status 404 if it does not exist.
        """
        if image.kind is ImageKind.MANAGED:
            with _reading(f"read image {image.short_name}"), self._client(image) as client:
                return _managed(client, image)
        number = image.exact_version
        if number is None or image.kind is ImageKind.MARKETPLACE:
            return None
        with _reading(f"read version {number} of {image.short_name.partition('/')[0]}"), self._client(image) as client:
            return _version(client, image, region, number)

    def definition(self, image: ImageReference, region: str) -> ImageDefinition | None:
        """Read what all versions of an image have in common (one call); None for an image that is in no gallery.

        Raises:
            AzureError: if it cannot be read.
        """
        if image.kind not in IN_GALLERIES:
            return None
        with _reading(f"read the definition of {image.short_name.partition('/')[0]}"), self._client(image) as client:
            match image.kind:
                case ImageKind.SHARED_GALLERY:
                    found: Any = client.shared_gallery_images.get(region, *_names(image))
                case ImageKind.COMMUNITY_GALLERY:
                    found = client.community_gallery_images.get(region, *_names(image))
                case _:
                    found = client.gallery_images.get(*_path(image))
            return _definition(found.properties)

    @contextmanager
    def _client(self, image: ImageReference) -> Iterator[ComputeManagementClient]:
        own = self._endpoint.subscription
        subscription = str(parse_resource_id(image.id).get("subscription", own)) if image.id else own
        endpoint = replace(self._endpoint, subscription=subscription)
        with closing(ComputeManagementClient(**client_options(endpoint, self._credential, self._on_event))) as client:
            yield client


@contextmanager
def _reading(action: str) -> Iterator[None]:
    """Name the missing permission, and what a missing version means."""
    try:
        with translated(action):
            yield
    except AzureError as error:
        steps: dict[int | None, str] = {HTTPStatus.FORBIDDEN: _ROLE, HTTPStatus.NOT_FOUND: _GONE}
        raise AzureError(error.action, error.failure, steps.get(error.failure.status, error.next_step)) from error


def _source(
    client: ComputeManagementClient, image: ImageReference, region: str
) -> tuple[list[ImageVersion], Callable[[str], ImageVersion | None]]:
    """All versions of an image, and how to read one of them."""
    match image.kind:
        case ImageKind.MARKETPLACE:
            names = client.virtual_machine_images.list(region, *_offered(image))
            known = {one.name: ImageVersion(one.name) for one in names}
            return list(known.values()), known.get
        case ImageKind.SHARED_GALLERY:
            listed: Any = client.shared_gallery_image_versions.list(region, *_names(image))
        case ImageKind.COMMUNITY_GALLERY:
            listed = client.community_gallery_image_versions.list(region, *_names(image))
        case _:
            found = [_of_gallery(one) for one in client.gallery_image_versions.list_by_gallery_image(*_path(image))]
            return found, lambda number: _still_there(client, image, region, number)
    foreign = {one.name: _foreign(one) for one in listed}
    return list(foreign.values()), foreign.get


def _still_there(
    client: ComputeManagementClient, image: ImageReference, region: str, number: str
) -> ImageVersion | None:
    try:
        return _version(client, image, region, number)
    except ResourceNotFoundError:
        return None


def _version(client: ComputeManagementClient, image: ImageReference, region: str, number: str) -> ImageVersion:
    match image.kind:
        case ImageKind.SHARED_GALLERY:
            return _foreign(client.shared_gallery_image_versions.get(region, *_names(image), number))
        case ImageKind.COMMUNITY_GALLERY:
            return _foreign(client.community_gallery_image_versions.get(region, *_names(image), number))
    return _of_gallery(client.gallery_image_versions.get(*_path(image), number, expand="ReplicationStatus"))


def _managed(client: ComputeManagementClient, image: ImageReference) -> ImageVersion:
    parts = parse_resource_id(image.id or "")
    body = client.images.get(str(parts["resource_group"]), str(parts["name"]))
    return ImageVersion(str(parts["name"]), replicas=(Replica(canonical(body.location), "Completed", 100),))


def _path(image: ImageReference) -> tuple[str, str, str]:
    """Resource group, gallery and definition of an image in a gallery."""
    parts = parse_resource_id(image.id or "")
    return str(parts["resource_group"]), str(parts["name"]), str(parts["child_name_1"])


def _offered(image: ImageReference) -> tuple[str, str, str]:
    """Publisher, offer and SKU of a marketplace image."""
    return str(image.publisher), str(image.offer), str(image.sku)


def _names(image: ImageReference) -> tuple[str, str]:
    """Gallery and definition of an image in somebody else's gallery: `/SharedGalleries/GALLERY/Images/DEFINITION`."""
    parts = (image.id or "").split("/")
    return parts[2], parts[4]


def _of_gallery(body: Any) -> ImageVersion:  # noqa: ANN401 - a model of the SDK
    profile, status = body.publishing_profile, body.replication_status
    replicas = tuple(
        Replica(canonical(one.region or ""), _text(one.state) or "Unknown", int(one.progress or 0))
        for one in (status.summary if status else None) or ()
    )
    return ImageVersion(
        body.name,
        excluded=bool(profile and profile.exclude_from_latest),
        end_of_life=_seconds(profile and profile.end_of_life_date),
        replicas=replicas,
        violations=_violations(body.safety_profile),
    )


def _text(value: Any) -> str:  # noqa: ANN401 - an enum of the SDK, or a text that is newer than it
    return str(getattr(value, "value", value) or "")


def _violations(safety: Any) -> tuple[str, ...]:  # noqa: ANN401 - a model of the SDK
    if not (safety and safety.reported_for_policy_violation):
        return ()
    return tuple(_text(one.category) or "Other" for one in safety.policy_violations or ()) or ("Other",)


def _definition(properties: Any) -> ImageDefinition:  # noqa: ANN401 - a model of the SDK
    if properties is None:
        return ImageDefinition()
    features = {str(one.name).lower(): str(one.value) for one in properties.features or ()}
    return ImageDefinition(
        system=_text(properties.os_type),
        specialized=_text(properties.os_state).lower() == "specialized",
        generation=_text(properties.hyper_v_generation),
        architecture=_text(properties.architecture),
        security=features.get("securitytype", ""),
    )


def _foreign(body: Any) -> ImageVersion:  # noqa: ANN401 - a model of the SDK
    found = body.properties  # the shortcuts `body.exclude_from_latest` of SDK 39 look in the wrong part
    return ImageVersion(
        body.name, bool(found and found.exclude_from_latest), _seconds(found and found.end_of_life_date)
    )


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
