"""Scripts put into a blob container, through azure-storage-blob: the extra `blob`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError

from vmss_jenkins.azure.client_options import CONNECT_SECONDS, READ_SECONDS, OwnHostTransport
from vmss_jenkins.azure.errors import translated
from vmss_jenkins.errors import AzureError, ConfigError, Failure
from vmss_jenkins.model.releases import SIGNATURE, Access
from vmss_jenkins.model.scripts import check_container

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.storage.blob import ContainerClient

KEY = "AZURE_STORAGE_KEY"
MISSING = "uploading needs azure-storage-blob, which is not installed; install it: pip install '.[blob]' in a clone"
NEXT_STEPS: Mapping[str, str] = {
    "ContainerNotFound": "create the container: az storage container create --account-name ACCOUNT --name CONTAINER",
    "AuthorizationPermissionMismatch": "give the identity the role Storage Blob Data Contributor on the container",
    "AuthorizationFailure": "allow this machine in the account's firewall, or check that the key is this account's",
    "NoAuthenticationInformation": f"log in to Azure, or set {KEY} or {SIGNATURE}",
    "NoAnswer": "check the storage account's name, the network and the proxy (HTTPS_PROXY)",
}
"""What to do next, by the storage's error code."""


def upload(
    container: str,
    name: str,
    content: bytes,
    access: Access,
    credential: Callable[[], TokenCredential],
    environ: Mapping[str, str],
) -> str:
    """Put a script into a container, and return the URL at which instances read it.

    The account's key or a SAS token from the environment comes before the credential. A blob that exists is left as it
    is: its name contains a hash of the script.

    Args:
        container: the container's URL.
        name: the blob's name.
        content: the script.
        access: how instances read it; with `Access.SAS` the URL carries the SAS token of the environment.
        credential: makes azure-identity's credential if no key and no token is set.
        environ: the environment.

    Raises:
        ConfigError: if azure-storage-blob is not installed, or no SAS token for the instances is set.
        AzureError: if the storage refuses, or cannot be reached.
    """
    check_container(container)
    token = environ.get(SIGNATURE, "").lstrip("?")
    if access is Access.SAS and not token:
        raise ConfigError(
            SIGNATURE, ["it is not set; set it to a SAS token that may read the container, for the instances"]
        )
    chosen: Any = environ.get(KEY) or token or credential()
    with _client(container, chosen) as client:
        try:
            with translated(f"upload {name} to {container}"):
                client.upload_blob(name, content)
        except AzureError as error:
            if not isinstance(error.__cause__, ResourceExistsError):
                raise _refusal(error) from error.__cause__
    url = f"{container.rstrip('/')}/{name}"
    return f"{url}?{token}" if access is Access.SAS else url


def _client(container: str, credential: object) -> ContainerClient:
    try:
        from azure.storage.blob import ContainerClient, LinearRetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError("script", [MISSING]) from error
    retries: Any = LinearRetry(backoff=1, retry_total=1, random_jitter_range=1)
    transport = OwnHostTransport(container, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    return ContainerClient.from_container_url(
        container,
        credential=credential,  # type: ignore[arg-type]
        retry_policy=retries,
        transport=transport,
    )


def _refusal(error: AzureError) -> AzureError:
    """The same error with the storage's own code and next step."""
    cause: Any = error.__cause__
    code = getattr(cause, "error_code", None)
    code = getattr(code, "value", None) or code
    if not code:
        return AzureError(error.action, error.failure, NEXT_STEPS.get(error.code, error.next_step))
    failure = Failure(str(code), str(cause).splitlines()[0], getattr(cause, "status_code", None))
    return AzureError(error.action, failure, NEXT_STEPS.get(str(code)))
