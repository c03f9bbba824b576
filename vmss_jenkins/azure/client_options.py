"""The options of every client of the SDK: one try per call, our name, and a new token after a refused one."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import DecodeError
from azure.core.pipeline.policies import RetryPolicy, SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from vmss_jenkins._version import VERSION
from vmss_jenkins.azure.credentials import Endpoint, RenewableCredential
from vmss_jenkins.azure.errors import ForeignHostError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.events.calls import AzureCalled

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import PipelineRequest, PipelineResponse

CONNECT_SECONDS = 10
READ_SECONDS = 60
_UNUSED_CREDENTIAL = object()
"""The SDK insists on a credential; the policy that would use it is replaced."""
_PORTS = {"http": 80, "https": 443}


def foreign_origin(endpoint: str, url: str) -> str | None:
    """Return the scheme, host and port of a URL, if they are not the endpoint's; None if they are.

    Args:
        endpoint: the URL that tokens are for.
        url: the URL of a request: an answer of Azure may have named it.
    """
    try:
        same = _origin(url) == _origin(endpoint)
    except ValueError:  # the port is not a number
        same = False
    return None if same else _shown(url)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _shown(url: str) -> str:
    """The scheme, host and port of a URL, for people: without a user, a path and a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class OwnHostTransport(RequestsTransport):  # type: ignore[misc]  # azure-core loads it lazily, so mypy sees no type
    """Sends requests to one scheme, host and port alone: each first request, poll, page and redirect.

    An answer of Azure names the URL of the next page and of an operation, and the SDK would send its token there. A
    transport comes after every policy, so no policy can change the URL after this check.

    Args:
        endpoint: the URL that tokens are for.
        options: those of `RequestsTransport`.
    """

    def __init__(self, endpoint: str, **options: Any) -> None:  # noqa: ANN401 - azure-core's signature
        super().__init__(**options)
        self._endpoint = endpoint

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - azure-core's signature
        """Send a request.

        Raises:
            ForeignHostError: for another scheme, host or port; nothing was sent.
        """
        if foreign := foreign_origin(self._endpoint, request.url):
            raise ForeignHostError(foreign, _shown(self._endpoint))
        return super().send(request, **options)


class _TokenRenewal(ARMChallengeAuthenticationPolicy):
    """Asks for a new token if Azure refuses one that has not expired, and sends the request once more.

    ARM checks the token first, so nothing is done twice.
    """

    def __init__(self, credential: RenewableCredential, scope: str) -> None:
        super().__init__(credential, scope)
        self._renewable = credential

    def on_challenge(self, request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> bool:
        """Answer a challenge of continuous access evaluation as the SDK does, and any other one with a new token."""
        if not super().on_challenge(request, response):
            self._renewable.renew()
            self.authorize_request(request, *self._scopes)
        return True


class _CallReporter(SansIOHTTPPolicy[Any, Any]):
    """Reports each request and its answer: the path, never a header or a body, so that no token is reported.

    Args:
        on_event: receives the events.
    """

    def __init__(self, on_event: OnEvent) -> None:
        super().__init__()
        self._on_event = on_event

    def on_response(self, request: Any, response: Any) -> None:  # noqa: ANN401 - azure-core's signature
        """Report an answer."""
        answer = response.http_response
        self._report(request, answer.status_code, answer.headers.get("x-ms-request-id"))

    def on_exception(self, request: Any) -> None:  # noqa: ANN401 - azure-core's signature
        """Report that no answer came."""
        self._report(request, None, None)

    def _report(self, request: Any, status: int | None, request_id: str | None) -> None:  # noqa: ANN401
        sent = request.http_request
        self._on_event(AzureCalled(sent.method, urlsplit(sent.url).path, status, request_id))


def client_options(
    endpoint: Endpoint, credential: TokenCredential | None, on_event: OnEvent | None = None
) -> dict[str, Any]:
    """The arguments of a management client.

    Args:
        endpoint: subscription and URL.
        credential: None for an endpoint that takes no token.
        on_event: receives an event per call; None for nobody.
    """
    policy: dict[str, Any] = {}
    if credential is None:
        policy["authentication_policy"] = SansIOHTTPPolicy()
    elif isinstance(credential, RenewableCredential):
        policy["authentication_policy"] = _TokenRenewal(credential, endpoint.scope)
    return {
        "credential": credential or _UNUSED_CREDENTIAL,
        "subscription_id": endpoint.subscription,
        "base_url": endpoint.url,
        "credential_scopes": [endpoint.scope],
        "retry_policy": RetryPolicy.no_retries(),
        "per_retry_policies": [_CallReporter(on_event)] if on_event else [],
        "transport": OwnHostTransport(endpoint.url, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS),
        "user_agent": f"vmss-jenkins/{VERSION}",
        **policy,
    }


def server_time(answer: Any) -> float:  # noqa: ANN401 - azure-core types its response by transport
    """The server's time by an answer, in seconds UTC; the machine's own if it does not tell."""
    date = answer.headers.get("Date")
    return parsedate_to_datetime(date).timestamp() if date else time.time()


class AnswerPolicy(SansIOHTTPPolicy[Any, Any]):
    """Keeps the rate limits of the last answers, and refuses answers that do not come from Azure."""

    def __init__(self) -> None:
        super().__init__()
        self.remaining: dict[str, int] = {}
        """Requests left in each token bucket, without the prefix `Microsoft.Compute/`."""
        self.server_time = 0.0
        """The server's time by its last answer, in seconds UTC."""

    def on_response(self, request: Any, response: Any) -> None:  # noqa: ANN401, ARG002 - azure-core's signature
        """Look at one answer.

        Raises:
            DecodeError: for an HTML page, which a proxy sent instead of Azure.
        """
        if "html" in response.http_response.headers.get("Content-Type", "").lower():
            response.http_response.read()
            raise DecodeError(response=response.http_response)
        self.server_time = server_time(response.http_response)
        for entry in response.http_response.headers.get("x-ms-ratelimit-remaining-resource", "").split(","):
            bucket, _, count = entry.strip().partition(";")
            if count.isdigit():
                self.remaining[bucket.removeprefix("Microsoft.Compute/")] = int(count)
