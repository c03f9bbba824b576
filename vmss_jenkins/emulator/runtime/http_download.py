"""Downloads the files of ``fileUris`` as an instance's agent does, but only from this machine, by http and https."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from urllib.parse import urlsplit

from vmss_jenkins.emulator.state.download import DownloadError

_SECONDS = 5.0
_LARGEST = 1024 * 1024


def download(url: str, *, identity: bool = False) -> str:
    """Return the text of a file; raises ``DownloadError``. It follows no redirection, proxy or other machine.

    With ``identity`` the request carries a token of the set's managed identity.
    """
    if not on_loopback(url):
        raise DownloadError(
            "failed to download file: the emulator fetches from this machine only, http://127.0.0.1/..."
        )
    import requests  # noqa: PLC0415 - few emulators fetch anything

    with requests.Session() as session:
        session.trust_env = False
        try:
            headers = {"Authorization": "Bearer managed-identity"} if identity else {}
            answer = session.get(url, headers=headers, timeout=_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise DownloadError(f"failed to download file: http request failed: {type(error).__name__}") from None
    if answer.status_code != HTTPStatus.OK:
        raise DownloadError(
            f"failed to download file: unexpected status code: actual={answer.status_code} expected=200"
        )
    return answer.content[:_LARGEST].decode("utf-8", errors="replace")


def on_loopback(url: str) -> bool:
    """Return whether a URL is of http or https and names this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme in ("http", "https") and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
