"""The connection to Azure and its adapters; each SDK is imported when its adapter is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.azure.credentials import Endpoint, default_credential, endpoint_from
from vmss_jenkins.events.base import OnEvent

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from vmss_jenkins.azure.application_versions import AzureApplicationVersions
    from vmss_jenkins.azure.image_versions import AzureImageVersions
    from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
    from vmss_jenkins.azure.scale_sets import AzureScaleSets


@dataclass(frozen=True)
class Connection:
    """How to connect to Azure; every field has a default from the environment."""

    subscription: str | None = None
    """`AZURE_SUBSCRIPTION_ID` by default."""
    credential: TokenCredential | None = None
    """azure-identity's `DefaultAzureCredential` by default."""
    endpoint: str | None = None
    """`VMSS_JENKINS_ENDPOINT` or the public cloud by default."""

    def connect(self, on_event: OnEvent) -> AzureClients:
        """Read the missing values from the environment; nothing is sent yet.

        Raises:
            ConfigError: if a value is missing or invalid.
        """
        endpoint = endpoint_from(os.environ, self.subscription, self.endpoint)
        credential = (self.credential or default_credential(endpoint, os.environ)) if endpoint.sends_token else None
        return AzureClients(endpoint, credential, on_event)


@dataclass(frozen=True)
class AzureClients:
    """The connection of one command. The caller closes each adapter that it gets."""

    endpoint: Endpoint
    credential: TokenCredential | None
    on_event: OnEvent

    def scale_sets(self) -> AzureScaleSets:
        """The adapter to scale sets."""
        from vmss_jenkins.azure.scale_sets import AzureScaleSets  # noqa: PLC0415 - the SDK takes 0.3 s

        return AzureScaleSets(self.endpoint, self.credential, self.on_event)

    def image_versions(self) -> AzureImageVersions:
        """The adapter to the versions of images, which needs no closing."""
        from vmss_jenkins.azure.image_versions import AzureImageVersions  # noqa: PLC0415 - as above

        return AzureImageVersions(self.endpoint, self.credential, self.on_event)

    def application_versions(self) -> AzureApplicationVersions:
        """The adapter to the versions of applications, which needs no closing."""
        from vmss_jenkins.azure.application_versions import AzureApplicationVersions  # noqa: PLC0415 - as above

        return AzureApplicationVersions(self.endpoint, self.credential, self.on_event)

    def load_balancers(self) -> AzureLoadBalancers:
        """The adapter to load balancers."""
        from vmss_jenkins.azure.load_balancers import AzureLoadBalancers  # noqa: PLC0415 - the SDK takes half a second

        return AzureLoadBalancers(self.endpoint, self.credential, self.on_event)
