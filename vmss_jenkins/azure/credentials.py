"""The endpoint of Azure and the credential for it.

The credential is azure-identity's `DefaultAzureCredential`: the environment that Jenkins'
`azureServicePrincipal` binding sets, a workload identity and a managed identity all work with no
option of our own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vmss_jenkins.errors import AzureError, ConfigError, Failure

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential
    from azure.identity import DefaultAzureCredential

PUBLIC_CLOUD = "https://management.azure.com"
SCOPES = {
    PUBLIC_CLOUD: "https://management.azure.com/.default",
    "https://management.chinacloudapi.cn": "https://management.chinacloudapi.cn/.default",
    "https://management.usgovcloudapi.net": "https://management.core.usgovcloudapi.net/.default",
}
AUTHORITIES = {
    "https://management.chinacloudapi.cn": "https://login.chinacloudapi.cn",
    "https://management.usgovcloudapi.net": "https://login.microsoftonline.us",
}
"""The login endpoint of each known cloud other than the public one (azure-identity's `AzureAuthorityHosts`)."""


@dataclass(frozen=True)
class Endpoint:
    """The subscription, the endpoint, and whether tokens are sent there."""

    subscription: str
    url: str = PUBLIC_CLOUD
    """The URL of Azure Resource Manager, without a slash at its end."""

    @property
    def sends_token(self) -> bool:
        """False for a plain http endpoint: a token never leaves unencrypted."""
        return self.url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Whether it is an emulator on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def scope(self) -> str:
        """The OAuth scope of the endpoint."""
        return SCOPES.get(self.url, f"{self.url}/.default")


def endpoint_from(
    environment: Mapping[str, str], subscription: str | None = None, endpoint: str | None = None
) -> Endpoint:
    """Choose the subscription and the endpoint: arguments first, then the environment.

    Args:
        environment: its `AZURE_SUBSCRIPTION_ID` and `VMSS_JENKINS_ENDPOINT` are used if no argument is given.
        subscription: the subscription's GUID.
        endpoint: the URL of Azure Resource Manager: a sovereign cloud's, or the emulator's.

    Raises:
        ConfigError: if no subscription is given, or the endpoint's URL is not allowed.
    """
    given = {"AZURE_SUBSCRIPTION_ID": subscription, "VMSS_JENKINS_ENDPOINT": endpoint}
    reasons = list(_empty(environment, given))
    subscription = (subscription or environment.get("AZURE_SUBSCRIPTION_ID") or "").strip()
    url = (endpoint or environment.get("VMSS_JENKINS_ENDPOINT") or PUBLIC_CLOUD).strip().rstrip("/")
    if not subscription and not reasons:
        reasons.append("no subscription: give --subscription, or set AZURE_SUBSCRIPTION_ID")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        reasons.append(f"endpoint {url!r} is not a URL; wanted one such as {PUBLIC_CLOUD}")
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        reasons.append(
            f"endpoint {url!r} is not encrypted; use https (http is allowed for an emulator on 127.0.0.1 only)"
        )
    if reasons:
        raise ConfigError("connection to Azure", reasons)
    return Endpoint(subscription, url)


def _empty(environment: Mapping[str, str], given: Mapping[str, str | None]) -> Iterator[str]:
    """The values that are empty, of the arguments and of the variables that are their defaults.

    An empty `VMSS_JENKINS_ENDPOINT` is the mistake of somebody who means the emulator, and not the public cloud.
    """
    names = {"AZURE_SUBSCRIPTION_ID": "subscription", "VMSS_JENKINS_ENDPOINT": "endpoint"}
    for variable, argument in given.items():
        if argument is not None and not argument.strip():
            yield f"{names[variable]} is empty; give a value, or leave it out"
        elif argument is None and variable in environment and not environment[variable].strip():
            yield f"the environment variable {variable} is empty; set it to a value, or unset it"


class RenewableCredential:
    """A `DefaultAzureCredential` that is made again if its token is refused.

    azure-identity keeps a token until it expires, even if Azure refuses it earlier because it was revoked or the clocks
    differ. A new credential asks for a new token, and reads the file of a federated token again.

    Args:
        make: makes the credential.
    """

    def __init__(self, make: Callable[[], DefaultAzureCredential]) -> None:
        self._make = make
        self._current = make()

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # noqa: ANN401 - azure-core's signature
        """A token, as azure-core's `TokenCredential` gives it."""
        return self._current.get_token(*scopes, **options)

    def get_token_info(self, *scopes: str, **options: Any) -> AccessTokenInfo:  # noqa: ANN401 - as above
        """A token, as azure-core's `SupportsTokenInfo` gives it."""
        return self._current.get_token_info(*scopes, **options)

    def renew(self) -> None:
        """Forget every token."""
        self._current.close()
        self._current = self._make()


def default_credential(endpoint: Endpoint, environment: Mapping[str, str]) -> TokenCredential:
    """Make the `DefaultAzureCredential` of an endpoint; it can be renewed.

    An endpoint outside the known clouds (Azure Stack, the emulator) is asked for its authority,
    as `az cloud register` does, unless `AZURE_AUTHORITY_HOST` names it.

    Raises:
        AzureError: if the endpoint does not name its authority.
    """
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - 0.3 s, needed with a token only

    if environment.get("AZURE_AUTHORITY_HOST") or endpoint.url == PUBLIC_CLOUD:
        authority = environment.get("AZURE_AUTHORITY_HOST")
    else:
        authority = AUTHORITIES.get(endpoint.url) or _authority_of(endpoint.url)
    if authority and authority.startswith("http://"):
        reason = (
            f"{authority} is not encrypted, so no token is requested there; for --container set AZURE_STORAGE_KEY (the "
            "emulator takes any key, such as a2V5) or AZURE_STORAGE_SAS_TOKEN"
        )
        raise ConfigError("credentials", [reason])
    options: dict[str, Any] = {"process_timeout": 10}
    if authority is not None:
        # An authority that Microsoft does not list cannot be discovered at Microsoft's, and need not be.
        options |= {"authority": authority, "disable_instance_discovery": endpoint.url not in SCOPES}
    return RenewableCredential(lambda: DefaultAzureCredential(**options))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _authority_of(endpoint: str) -> str:
    import requests  # noqa: PLC0415 - needed for a private cloud only

    action = f"ask {endpoint} for its login endpoint"
    try:
        answer = requests.get(f"{endpoint}/metadata/endpoints", params={"api-version": "2022-09-01"}, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["authentication"]["loginEndpoint"]).rstrip("/")
    except (requests.RequestException, KeyError, TypeError, ValueError) as error:
        hint = (
            "check the URL (--endpoint, VMSS_JENKINS_ENDPOINT) and the network; trust a private certificate authority "
            "by REQUESTS_CA_BUNDLE=FILE; or name the authority in AZURE_AUTHORITY_HOST"
        )
        raise AzureError(action, Failure("EndpointUnreachable", str(error)), hint) from error
