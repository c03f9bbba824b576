"""Translate the exceptions of the Azure SDK into `AzureError` with a reason and a next step."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from json import JSONDecodeError
from typing import Any

from azure.core.exceptions import (
    AzureError as SdkError,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.polling.base_polling import BadResponse, BadStatus, OperationFailed
from requests.exceptions import SSLError

from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.runtime.retry_after import retry_after_seconds

_MODEL_IS_SET = "the set's model may have the new image nevertheless"
_NO_ROOM = (
    f"Azure has no room for a missing instance of the set; {_MODEL_IS_SET}: see `vmss-jenkins status`; lower the "
    "capacity to the number of instances, or wait, and run again"
)
_ROLLED = (
    f"Azure stopped in the middle: {_MODEL_IS_SET}, and some instances run it: see `vmss-jenkins status`; to roll "
    "back, run `vmss-jenkins update` with the image of the other instances and --allow-automatic-rollout"
)
NEXT_STEPS: Mapping[str, str] = {
    "AllocationFailed": _NO_ROOM,
    "OverconstrainedAllocationRequest": _NO_ROOM,
    "OverconstrainedZonalAllocationRequest": _NO_ROOM,
    "ZonalAllocationFailed": _NO_ROOM,
    "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade": (
        f"{_MODEL_IS_SET} and no instance was updated: repair the unhealthy ones, or raise the policy's limit"
    ),
    "MaxUnhealthyInstancePercentExceededInRollingUpgrade": _ROLLED,
    "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade": _ROLLED,
    "OperationPreempted": "somebody else changed the set: look with `vmss-jenkins status`, then decide again",
    "AuthenticationFailed": (
        "run `az login`; or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (in Jenkins: "
        "withCredentials([azureServicePrincipal('ID')])); or use a machine with a managed or workload identity"
    ),
    "AuthorizationFailed": (
        "give the identity a role with the action named above on the group; `vmss-jenkins azure-role` prints one"
    ),
    "CertificateNotTrusted": (
        "trust the certificate authority of the endpoint or of the proxy: REQUESTS_CA_BUNDLE=FILE"
    ),
    "ExpiredAuthenticationToken": (
        "a new token was refused too: check this machine's clock, and that the identity still exists"
    ),
    "ForeignHost": (
        "Azure never names another host: check the endpoint (--endpoint, VMSS_JENKINS_ENDPOINT) or the container's "
        "URL, and the proxy (HTTPS_PROXY)"
    ),
    "InvalidAnswer": (
        "something between this machine and Azure answered: check the proxy (HTTPS_PROXY, NO_PROXY) and the endpoint "
        "(--endpoint, VMSS_JENKINS_ENDPOINT)"
    ),
    "NoAnswer": "check the network, the proxy (HTTPS_PROXY) and the endpoint (--endpoint, VMSS_JENKINS_ENDPOINT)",
    "NoTokenSent": (
        "use an https endpoint (--endpoint, VMSS_JENKINS_ENDPOINT): a plain http endpoint never gets a token, so a new "
        "token does not help"
    ),
    "NotFound": "check the id in the message; `az image list --output table` lists the managed images",
    "OperationNotFound": "look at the set with `vmss-jenkins status`, then run the same command again",
    "PreconditionFailed": (
        "somebody changed the scale set after it was read; nothing was overwritten: look at it and run again"
    ),
    "ResourceGroupNotFound": "check --resource-group and the subscription",
    "ResourceNotFound": "check the name in the message, --resource-group and the subscription",
    "SubscriptionNotFound": "check --subscription or AZURE_SUBSCRIPTION_ID, and that the identity may see it",
}
"""What to do next, by error code."""

LONGEST_REPORT = 800
"""Characters shown of what one source of credentials said: Entra's own sentences are that long."""
NO_CREDENTIAL = "no Azure credential was found on this machine"
_NOT_SET_UP = re.compile(
    r"unavailable|not installed|not found|not fully configured|No accounts|requires the|az login", re.IGNORECASE
)
"""What azure-identity says of a source of credentials that nobody set up."""
_REFUSED = re.compile(r"AADSTS\d+|Authentication failed")
"""What it says of one that is set up and got no token, whatever else Entra's sentence contains."""


class ForeignHostError(Exception):
    """An answer named another host for the next request, which was not sent.

    Args:
        foreign: the other scheme, host and port.
        own: the endpoint's URL.
    """

    def __init__(self, foreign: str, own: str) -> None:
        super().__init__(f"an answer of {own} names {foreign} for the next request; nothing was sent there")


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn an exception of the SDK inside the block into an `AzureError` of this action."""
    try:
        yield
    except (SdkError, BadStatus, BadResponse, OperationFailed, JSONDecodeError, ForeignHostError) as error:
        raise azure_error(action, failure_of(error)) from error


def azure_error(action: str, failure: Failure) -> AzureError:
    """Make the error for a failure, with the next step for its code."""
    return AzureError(action, failure, NEXT_STEPS.get(failure.code))


def failure_of(error: Exception) -> Failure:
    """Read the reason from an SDK exception."""
    if isinstance(error, ClientAuthenticationError) and error.response is None:
        return Failure("AuthenticationFailed", _attempts(error), sent=False)
    if isinstance(getattr(error, "inner_exception", None), SSLError):
        return Failure("CertificateNotTrusted", _first_line(error), sent=False)
    if isinstance(error, ServiceRequestError | ServiceResponseError | IncompleteReadError):
        return Failure("NoAnswer", _first_line(error), sent=not isinstance(error, ServiceRequestError))
    if isinstance(error, DecodeError):
        return Failure("InvalidAnswer", _html(error.response), error.status_code)
    if isinstance(error, HttpResponseError):
        return (
            response_failure(error.response) if error.response is not None else Failure("NoAnswer", _first_line(error))
        )
    return Failure("ForeignHost" if isinstance(error, ForeignHostError) else "InvalidAnswer", _first_line(error))


def body_failure(body: object, request_id: str | None = None, status: int | None = None) -> Failure:
    """Read ARM's error object: `{"error": {"code", "message", "details"}}`."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return Failure("UnknownError", f"found no error object in the answer: {body!r:.200}", status, request_id)
    details = [detail for detail in error.get("details") or () if isinstance(detail, Mapping)]
    messages = [str(item.get("message") or "").strip() for item in (error, *details)]
    return Failure(str(error.get("code") or "UnknownError"), " ".join(filter(None, messages)), status, request_id)


def retry_after_of(headers: Mapping[str, str], now: Callable[[], float] = time.time) -> float | None:
    """Seconds of a `Retry-After` header; None if there is none. A proxy's may be a date."""
    return retry_after_seconds(headers.get("Retry-After"), now())


def response_failure(response: Any) -> Failure:  # noqa: ANN401 - azure-core types its responses by transport
    """Read the reason from an error response."""
    request_id = response.headers.get("x-ms-request-id")
    try:
        body = response.json()
    except ValueError:
        return Failure("InvalidAnswer", _html(response), response.status_code, request_id)
    failure = body_failure(body, request_id, response.status_code)
    code, message = failure.code, failure.message
    if response.status_code == HTTPStatus.UNAUTHORIZED and "Authorization" not in response.request.headers:
        code, message = "NoTokenSent", f"the endpoint wants a token, and none was sent: {code}: {message}"
    return Failure(code, message, failure.status, failure.request_id, retry_after_of(response.headers))


def _html(response: Any) -> str:  # noqa: ANN401 - as above
    text = " ".join(response.text().split())
    return f"HTTP {response.status_code} with no JSON, but {text[:120]!r}"


def _attempts(error: Exception) -> str:
    """Why azure-identity got no token: the sources that are set up and failed, or that there is none."""
    tried = [_attempt(line) for line in str(error).splitlines() if _is_attempt(line)]
    failed = [line for line in tried if _REFUSED.search(line) or not _NOT_SET_UP.search(line)]
    return "; ".join(failed) or (NO_CREDENTIAL if tried else _first_line(error))


def _is_attempt(line: str) -> bool:
    """Whether a line of azure-identity's message reports on one source of credentials."""
    return ": " in line and "Credential" in line.partition(": ")[0] and "https://aka.ms/" not in line


def _attempt(line: str) -> str:
    """The report on one source, cut between two words."""
    return textwrap.shorten(line, LONGEST_REPORT, placeholder=" ...")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
