"""The versions of gallery applications through azure-mgmt-compute: whether an instance could install one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.core.tools import parse_resource_id

from vmss_jenkins.azure.client_options import client_options
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.errors import translated
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.model.galleries.image_versions import canonical

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

ACTION = "Microsoft.Compute/galleries/applications/versions/read"
_COMPLETED = "Completed"


class AzureApplicationVersions:
    """Reads the versions of applications, also of galleries in other subscriptions.

    Args:
        endpoint: subscription and URL.
        credential: None for an endpoint that takes no token.
        on_event: receives an event per call.
    """

    def __init__(self, endpoint: Endpoint, credential: TokenCredential | None, on_event: OnEvent) -> None:
        self._endpoint, self._credential, self._on_event = endpoint, credential, on_event

    def why_missing(self, package: str, region: str) -> str | None:
        """Why no instance in a region can install a version (one call); None if one can.

        Args:
            package: the ARM id of the version.
            region: where the instances are.

        Raises:
            AzureError: if it cannot be read.
        """
        parts = parse_resource_id(package)
        names = (str(parts[key]) for key in ("resource_group", "name", "child_name_1", "child_name_2"))
        endpoint = replace(self._endpoint, subscription=str(parts["subscription"]))
        options = client_options(endpoint, self._credential, self._on_event)
        with closing(ComputeManagementClient(**options)) as client:
            try:
                with translated(f"read the application version {package}"):
                    found = client.gallery_application_versions.get(*names, expand="ReplicationStatus")
                    status = found.properties.replication_status if found.properties else None
                    return _not_in(status.summary or () if status else (), region)
            except AzureError as error:
                if error.failure.status == HTTPStatus.NOT_FOUND:
                    return "does not exist"
                if error.failure.status == HTTPStatus.FORBIDDEN:
                    step = f"give the identity a role with the action {ACTION} on the gallery"
                    raise AzureError(error.action, error.failure, step) from error
                raise


def _not_in(copies: Iterable[Any], region: str) -> str | None:
    """What is missing of the copy in a region; None if it is complete."""
    here = next((one for one in copies if canonical(one.region or "") == canonical(region)), None)
    if here is None:
        return f"is not replicated to {region}: add the region to its target regions"
    state = str(getattr(here.state, "value", here.state))
    return None if state == _COMPLETED else f"is not replicated to {region} yet: {state}, {here.progress or 0}%"
