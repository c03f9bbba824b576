"""HTTP probes with requests: each on a connection of its own, timed to the last byte; a failure is a value."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.exceptions import NameResolutionError

from vmss_jenkins._version import VERSION
from vmss_jenkins.gates.specs import PROBES_AT_ONCE
from vmss_jenkins.gates.verdicts import Sample
from vmss_jenkins.measure.ports import ProbeRequest
from vmss_jenkins.runtime.ports import Clock

MOST_BYTES = 256 * 1024
"""The most bytes of a body that are read and timed."""
_CHUNK = 16 * 1024


_OUR_SIDE: Mapping[type[BaseException], str] = {
    requests.exceptions.SSLError: "TLS",
    requests.exceptions.ProxyError: "proxy",
    NameResolutionError: "the host name cannot be resolved",
}
"""Failures that say nothing about the service."""
_THEIR_SIDE: Mapping[type[BaseException], str] = {
    requests.Timeout: "no answer in time",
    ConnectionRefusedError: "connection refused",
    ConnectionResetError: "connection reset",
}


class _NamedAdapter(HTTPAdapter):
    """Checks the certificate for a name other than the URL's host."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - requests' signature
        """Check the certificate for the name."""
        super().init_poolmanager(*arguments, server_hostname=self._name, assert_hostname=self._name, **options)


class HttpProber:
    """Sends HTTP requests; satisfies `measure.ports.Prober`.

    Requests carry nothing of the user: no cookies, no credentials of a .netrc file. A proxy of the environment is used
    for public addresses only, since it would be measured too.

    Args:
        clock: paces and times the requests.
        ca_bundle: a file of certificate authorities to trust; REQUESTS_CA_BUNDLE, or certifi's by default.
        workers: requests in flight at a time.
    """

    def __init__(self, clock: Clock, ca_bundle: str | None = None, workers: int = PROBES_AT_ONCE) -> None:
        self._clock = clock
        self._verify = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._workers = workers

    def probe(self, asked: Sequence[ProbeRequest], interval: float) -> tuple[Sample, ...]:
        """Send requests in their order, the starts `interval` seconds apart, and wait for all answers.

        If answers are so slow that all workers are busy, the rest is sent later; that wait is not part of the
        latency, which begins with the connection.
        """
        began = self._clock.now()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="probe") as pool:
            waiting = []
            for number, request in enumerate(asked):
                wait = began + number * interval - self._clock.now()
                if wait > 0:
                    self._clock.sleep(wait)
                waiting.append(pool.submit(self._send, request))
            return tuple(future.result() for future in waiting)

    def _send(self, request: ProbeRequest) -> Sample:
        at = self._clock.now()
        try:
            status, body = self._exchange(request, at)
        except requests.RequestException as error:
            fault, unmeasured = _what_failed(error)
            return Sample(request.instance_id, at, self._clock.now() - at, None, fault, unmeasured)
        seconds = self._clock.now() - at
        fault = request.expect.fault(status, body)
        if seconds > request.timeout:
            fault = f"no whole answer within {request.timeout:g} s"
        is_new = request.expect.is_new_release(body)
        return Sample(request.instance_id, at, seconds, status, fault, new_release=is_new)

    def _exchange(self, request: ProbeRequest, at: float) -> tuple[int, str]:
        headers = {"User-Agent": f"vmss-jenkins/{VERSION}", "Connection": "close", "Accept": "*/*"}
        with requests.Session() as session:
            session.trust_env = False
            if request.host:
                headers["Host"] = request.host
                session.mount("https://", _NamedAdapter(request.host))
            with session.get(
                request.url,
                headers=headers,
                timeout=request.timeout,
                verify=self._verify,
                proxies=_proxies(request.url),
                allow_redirects=False,
                stream=True,
            ) as answer:
                return answer.status_code, self._body(answer, at + request.timeout)

    def _body(self, answer: requests.Response, deadline: float) -> str:
        """Read a body up to the limit of bytes, and no longer than until the deadline if it arrives slowly."""
        body = bytearray()
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            if len(body) >= MOST_BYTES or self._clock.now() > deadline:
                break
        return bytes(body[:MOST_BYTES]).decode(answer.encoding or "utf-8", "replace")


def _proxies(url: str) -> dict[str, str]:
    try:
        if not ipaddress.ip_address(urlsplit(url).hostname or "").is_global:
            return {}
    except ValueError:
        pass  # a name: the proxy may have to resolve it
    return dict(get_environ_proxies(url))


def _what_failed(error: requests.RequestException) -> tuple[str | None, str | None]:
    """Return the fault of the service, or why the failure says nothing about it; one of the two is None."""
    causes = _causes(error)
    for kind, reason in _OUR_SIDE.items():
        if any(isinstance(cause, kind) for cause in causes):
            return None, f"{reason}: {_innermost(error)}"
    for kind, fault in _THEIR_SIDE.items():
        if any(isinstance(cause, kind) for cause in causes):
            return fault, None
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return _innermost(error), None
    return None, _innermost(error)


def _causes(error: BaseException) -> list[BaseException]:
    """An exception and its causes; urllib3 keeps causes as reasons and arguments too."""
    found: list[BaseException] = [error]
    for one in found:
        inner = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        found += [cause for cause in inner if isinstance(cause, BaseException) and cause not in found]
    return found


def _innermost(error: BaseException) -> str:
    last = _causes(error)[-1]
    return (str(last).strip() or type(last).__name__).splitlines()[0][:200]
