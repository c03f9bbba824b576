"""Check that a script can be read at its URL, before anything is changed."""

from __future__ import annotations

from http import HTTPStatus

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.releases import Script

SECONDS = 10.0
INCONCLUSIVE = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
)
"""Answers that say nothing about the script."""


def warnings(script: Script) -> list[str]:
    """Request the uploaded files of a release, and return a warning for each one that may be unreadable.

    Raises:
        ConfigError: if a file is missing or refused.
    """
    return [warning for url in script.urls if (warning := check(url))] if script.uploaded else []


def check(url: str) -> str | None:
    """Request a script, and return a warning; None if it can be read.

    Only a refusal stops the rollout: instances may reach hosts that this machine does not reach.

    Args:
        url: its URL, with its SAS token if there is one; the token is never shown.

    Raises:
        ConfigError: if it is missing or refused, with the status.
    """
    import requests  # noqa: PLC0415 - few releases are scripts

    shown = url.partition("?")[0]
    try:
        with requests.get(url, timeout=SECONDS, stream=True) as answer:
            status, reason = answer.status_code, answer.reason
    except requests.RequestException as error:
        return f"{shown} cannot be reached from this machine ({type(error).__name__}); check that instances can read it"
    if status < HTTPStatus.BAD_REQUEST:
        return None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in INCONCLUSIVE:
        return f"{shown} answers {status} {reason} at the moment; check that instances can read it"
    text = (
        f"{shown} answers {status} {reason}, and instances will get the same: check that the file is uploaded under "
        "this name and that everybody may read it, or give --access sas or --access managed-identity"
    )
    raise ConfigError("script URL", [text])
