"""Scripts put into a blob container, through azure-storage-blob: the extra `blob`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vmss_jenkins.azure_errors import translated
from vmss_jenkins.errors import AzureError, ConfigError, Failure
from vmss_jenkins.releases import Access

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

KEY = "AZURE_STORAGE_KEY"
SAS = "AZURE_STORAGE_SAS_TOKEN"
MISSING = "uploading needs azure-storage-blob, which is not installed: pip install 'vmss-jenkins[blob]'"
NEXT_STEPS: Mapping[str, str] = {
    "ContainerNotFound": "make the container: az storage container create --account-name ACCOUNT --name CONTAINER",
    "AuthorizationPermissionMismatch": "give the identity the role Storage Blob Data Contributor on the container",
    "AuthorizationFailure": "the account's firewall refuses this machine, or the key is of another account",
    "NoAuthenticationInformation": f"log in to Azure, or set {KEY} or {SAS}",
    "NoAnswer": "check the storage account's name, the network and the proxy (HTTPS_PROXY)",
}
"""What to do next, by the storage's error code."""
_CONTAINER = re.compile(r"\$root|[a-z0-9](?:-?[a-z0-9]){2,62}")
_BLOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")


def blob_name(file_name: str, content: bytes) -> str:
    """Name a blob by the script's name and content: another content is another release, the same one is not.

    Raises:
        ConfigError: for a name with characters that a shell or a URL would not take as they are.
    """
    if not _BLOB.fullmatch(file_name):
        raise ConfigError(
            "script", [f"found the file name {file_name!r}; wanted letters, digits, '.', '_' and '-', at most 200"]
        )
    stem, dot, suffix = file_name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{stem}-{digest}.{suffix}" if dot and stem else f"{file_name}-{digest}"


def check_container(url: str) -> None:
    """Refuse what is no container's URL; raises `ConfigError`."""
    parts = urlsplit(url)
    name = parts.path.rstrip("/").rpartition("/")[2]
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    reasons = []
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        reasons.append("wanted https://ACCOUNT.blob.core.windows.net/CONTAINER")
    if not _CONTAINER.fullmatch(name):
        reasons.append(
            f"found the container name {name!r}; wanted 3 to 63 lower-case letters, digits and single dashes"
        )
    if parts.query:
        reasons.append(f"it carries a query, which may be a signature: give that in the environment, as {SAS}")
    if reasons:
        raise ConfigError("container URL", reasons)


def upload(
    container: str,
    name: str,
    content: bytes,
    access: Access,
    credential: Callable[[], TokenCredential],
    environ: Mapping[str, str],
) -> str:
    """Put a script into a container, and return the URL at which instances read it.

    The account's key or a SAS token from the environment is used where there is one, else the credential. A blob of
    that name is left as it is: its name tells its content.

    Args:
        container: the container's URL.
        name: the blob's name.
        content: the script.
        access: how instances read it; with `Access.SAS` the URL carries the SAS token of the environment.
        credential: makes azure-identity's, where it is needed.
        environ: the environment.

    Raises:
        ConfigError: where azure-storage-blob is not installed, or there is no SAS token to give to instances.
        AzureError: where the storage refuses, or cannot be reached.
    """
    try:
        from azure.core.exceptions import HttpResponseError, ResourceExistsError  # noqa: PLC0415 - loaded where it is needed
        from azure.storage.blob import ContainerClient, LinearRetry  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigError("script", [MISSING]) from error
    check_container(container)
    token = environ.get(SAS, "").lstrip("?")
    if access is Access.SAS and not token:
        raise ConfigError(SAS, ["it is not set; instances read the script with it"])
    chosen: Any = environ.get(KEY) or token or credential()
    retries = LinearRetry(backoff=1, retry_total=1, random_jitter_range=1)
    url, action = f"{container.rstrip('/')}/{name}", f"upload {name} to {container}"
    with ContainerClient.from_container_url(container, credential=chosen, retry_policy=retries) as client:
        try:
            with translated(action):
                client.upload_blob(name, content)
        except AzureError as error:
            cause = error.__cause__
            if isinstance(cause, ResourceExistsError):
                return _readable(url, access, token)
            code = getattr(getattr(cause, "error_code", None), "value", None) or getattr(cause, "error_code", None)
            if isinstance(cause, HttpResponseError) and code:
                failure = Failure(str(code), str(cause).splitlines()[0], cause.status_code)
                raise AzureError(action, failure, NEXT_STEPS.get(str(code))) from cause
            raise AzureError(action, error.failure, NEXT_STEPS.get(error.code)) from cause
    return _readable(url, access, token)


def _readable(url: str, access: Access, token: str) -> str:
    return f"{url}?{token}" if access is Access.SAS else url
