"""Whether a script can be read at its URL: looked at from here before anything is changed."""

from __future__ import annotations

from http import HTTPStatus

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.releases import Script

SECONDS = 10.0
INCONCLUSIVE = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
)
"""What says nothing of the script itself."""


def warnings(script: Script) -> list[str]:
    """Look at the files of a release where they can be looked at, and return what is doubtful.

    Raises:
        ConfigError: where one is denied.
    """
    return [doubt for url in script.urls if (doubt := check(url))] if script.uploaded else []


def check(url: str) -> str | None:
    """Look at a script, and return what is doubtful; None where it is there.

    Only an answer that denies it is a reason to stop: instances may reach what this machine does not.

    Args:
        url: where it is, with its signature where it has one; that is never told.

    Raises:
        ConfigError: where it is denied, with the status.
    """
    import requests  # noqa: PLC0415 - few releases are scripts

    shown = url.partition("?")[0]
    try:
        with requests.get(url, timeout=SECONDS, stream=True) as answer:
            status, reason = answer.status_code, answer.reason
    except requests.RequestException as error:
        return (
            f"{shown} cannot be looked at from here ({type(error).__name__}): whether instances can read it shows there"
        )
    if status < HTTPStatus.BAD_REQUEST:
        return None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in INCONCLUSIVE:
        return f"{shown} answers {status} {reason} at the moment: whether instances can read it shows there"
    text = (
        f"{shown} answers {status} {reason}, and so it will to instances: is it uploaded, its name right, and may "
        "everybody read it? Else give --access sas or managed-identity, or another token"
    )
    raise ConfigError("script URL", [text])
