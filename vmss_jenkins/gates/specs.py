"""The gates as frozen values: what a new release must fulfil before a rollout continues."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.comparison import Margins

PROBES_AT_ONCE = 8
"""How many HTTP requests one gate makes at the same time."""


class Via(Enum):
    """How a probe connects to the service."""

    FRONTEND = "frontend"
    """Through the load balancer, whichever instance answers."""
    PRIVATE = "private"
    """To each instance's private IP address."""
    PUBLIC = "public"
    """To each instance's own public IP address."""
    NAT = "nat"
    """To each instance through an inbound NAT rule of the load balancer, which must forward to the service's port."""
    SSH = "ssh"
    """To each instance through an SSH tunnel, which the gate opens."""


@dataclass(frozen=True)
class Limits:
    """How many bad verdicts of each kind are allowed. Up to that number the gate measures again."""

    failed: int = 0
    """One more, and the release is bad: the rollout stops or rolls back (`--on-failure`)."""
    inconclusive: int = 2
    """One more, and the rollout halts: the release is neither good nor bad, so it is not rolled back either."""
    error: int = 3
    """One more in a row, and the rollout halts; a measurement that works resets the count."""


@dataclass(frozen=True)
class Expectation:
    """What makes an HTTP answer good."""

    status: tuple[int, ...] = (200,)
    """Status codes that are good."""
    text: str | None = None
    """A text that the body must contain."""
    pattern: str | None = None
    """A regular expression that the body must match somewhere."""
    release_text: str | None = None
    """A text that only the body of the new release contains."""

    def fault(self, status: int, body: str) -> str | None:
        """What is wrong with an answer; None if it is good."""
        if status not in self.status:
            return f"status {status}, wanted {' or '.join(map(str, self.status))}"
        if self.text is not None and self.text not in body:
            return f"the body does not contain {self.text!r}"
        if self.pattern is not None and not re.search(self.pattern, body):
            return f"the body does not match {self.pattern!r}"
        return None

    def is_new_release(self, body: str) -> bool:
        """Whether an answer is from the new release, by `release_text`."""
        return self.release_text is not None and self.release_text in body


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """What every gate has.

    Raises:
        ConfigError: with every fault of the values.
    """

    kind: ClassVar[str] = ""
    name: str = ""
    """Its name in the log; its kind if this is empty."""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if reasons := tuple(self.faults()):
            raise ConfigError(f"gate {self}", reasons)

    @abstractmethod
    def longest(self, instances: int) -> float:
        """Seconds that one measurement of this number of instances takes at most."""

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        if min(self.limits.failed, self.limits.inconclusive, self.limits.error) < 0:
            yield f"found a negative number in {self.limits}; wanted 0 or more"

    def __str__(self) -> str:
        return self.name or self.kind


@dataclass(frozen=True, kw_only=True)
class TimedGate(Gate):
    """What gates have that measure for a time, not a number of samples."""

    timeout: float = 300.0
    """Seconds until instances must be healthy, or after which a program and all its children are killed."""

    def longest(self, instances: int) -> float:  # noqa: ARG002 - it reads all of them at once
        """Seconds that one measurement takes at the most."""
        return self.timeout


@dataclass(frozen=True, kw_only=True)
class HealthGate(TimedGate):
    """Every chosen instance stays healthy for a time, by its instance view."""

    kind: ClassVar[str] = "instance-health"
    steady: float = 30.0
    """Seconds for which all must stay healthy."""
    interval: float = 10.0
    """Seconds between two reads; Azure allows a list of instances every 6 s on average."""

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "interval", "timeout")
        if not 0 <= self.steady <= self.timeout:
            yield f"found steady {self.steady:g} s; wanted 0 to the timeout of {self.timeout:g} s"


@dataclass(frozen=True, kw_only=True)
class ProbingGate(Gate):
    """What gates have that send HTTP requests."""

    via: Via = Via.FRONTEND
    url: str | None = None
    """The URL to probe instead of the set's load balancer; for `frontend` only."""
    path: str = "/"
    scheme: str = "http"
    port: int | None = None
    """The service's port: the load balancer's for `frontend`, else the instance's. By default 80 or 443; for `frontend`
    the port of the only rule, if there is one rule."""
    host: str | None = None
    """The Host header, and the name that the certificate must have; by default the address."""
    expect: Expectation = Expectation()
    timeout: float = 5.0
    """Seconds for a complete answer; a later answer is bad."""
    rate: float = 10.0
    """Requests a second, in all."""
    ssh_user: str | None = None
    ssh_port: int = 22
    """The port of the SSH server on the instance."""
    ssh_key: str | None = None
    """The file of a private key; by default ssh chooses."""
    ssh_known_hosts: str | None = None
    """The file of known host keys; by default ssh's own. A new OS image usually has new host keys."""

    def seconds_for(self, requests: int) -> float:
        """Seconds that this number of requests takes at most: by the rate, or if each takes its whole timeout."""
        return requests * max(1 / self.rate, self.timeout / PROBES_AT_ONCE) + self.timeout

    @property
    def service_port(self) -> int:
        """The port to probe."""
        return self.port or {"http": 80, "https": 443}[self.scheme]

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "timeout", "rate")
        ports = (self.ssh_port,) if self.port is None else (self.ssh_port, self.port)
        if self.scheme not in {"http", "https"}:
            yield f"found scheme {self.scheme!r}; wanted http or https"
        if not self.path.startswith("/") or any(char.isspace() for char in self.path):
            yield f"found path {self.path!r}; wanted one that begins with '/' and has no blanks"
        yield from (f"found port {port}; wanted 1 to 65535" for port in ports if not 0 < port < 65536)  # noqa: PLR2004
        if self.url is not None and self.via is not Via.FRONTEND:
            yield f"found a url with via {self.via.value}; wanted via frontend, or no url"
        if self.url is not None and not _is_http_url(self.url):
            yield f"found url {self.url!r}; wanted one such as http://web.example.com"
        if self.via is Via.SSH and not self.ssh_user:
            yield "found via ssh without ssh_user; give ssh_user"
        yield from _expectation_faults(self.expect)


@dataclass(frozen=True, kw_only=True)
class HttpGate(ProbingGate):
    """HTTP answers through the load balancer, or of each chosen instance, against fixed thresholds."""

    kind: ClassVar[str] = "http"
    samples: int = 100
    """Requests: the total through the load balancer, else to each instance."""
    share: float = 0.99
    """The share of the answers that must be good."""
    percentile: float = 95.0
    """Which percentile of the latencies must not exceed `max_latency`."""
    max_latency: float | None = None
    """Seconds; None for no limit other than the timeout."""

    def longest(self, instances: int) -> float:
        """Seconds that one measurement takes at the most."""
        return self.seconds_for(self.samples * (1 if self.via is Via.FRONTEND else instances))

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "samples", *(["max_latency"] if self.max_latency is not None else []))
        if not 0 < self.share <= 1:
            yield f"found share {self.share:g}; wanted more than 0 and at most 1, such as 0.99 or 99%"
        if not 0 < self.percentile <= 100:  # noqa: PLR2004 - percent
            yield f"found percentile {self.percentile:g}; wanted more than 0 and at most 100"


@dataclass(frozen=True, kw_only=True)
class CompareGate(ProbingGate):
    """The canary's answers against those of stable instances, measured at the same time; see `comparison`."""

    kind: ClassVar[str] = "compare"
    via: Via = Via.PRIVATE
    limits: Limits = Limits(inconclusive=0)
    """This gate takes more samples by itself, so its first inconclusive verdict is final."""
    samples: int = 300
    """Requests to each side; then a clear case is decided."""
    max_samples: int = 600
    """The most requests to each side, if `samples` did not decide."""
    significance: float = 0.01
    """The share of good releases that may fail by chance, over all batches of a rollout."""
    margins: Margins = field(default_factory=Margins)

    def longest(self, instances: int) -> float:  # noqa: ARG002 - the samples are divided among them
        """Seconds that one measurement takes at the most."""
        return self.seconds_for(2 * self.max_samples)

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "samples")
        if self.via is Via.FRONTEND:
            yield "found via frontend, which cannot single out the canary; wanted private, public, nat or ssh"
        if self.max_samples < self.samples:
            yield f"found max_samples {self.max_samples}; wanted at least samples, {self.samples}"
        if not 0 < self.significance < 0.5:  # noqa: PLR2004 - beyond that a coin would do
            yield f"found significance {self.significance:g}; wanted more than 0 and less than 0.5, such as 0.01"
        if not 0 <= self.margins.errors < 1:
            yield f"found error_margin {self.margins.errors:g}; wanted 0 to less than 1, such as 0.01 or 1%"
        if self.margins.slowdown < 1 or self.margins.least_slowdown < 0:
            yield f"found {self.margins}; wanted a slowdown of 1 or more, and a least slowdown of 0 s or more"


@dataclass(frozen=True, kw_only=True)
class CommandGate(TimedGate):
    """A program of the user, which gets the instances as environment variables; its exit code is the verdict."""

    kind: ClassVar[str] = "command"
    run: tuple[str, ...] = ()
    """The program and its arguments; no shell interprets them."""
    secrets: tuple[str, ...] = ()
    """Names of secret environment variables that the program gets, such as AZURE_CLIENT_SECRET; none by default."""

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "timeout")
        if not self.run or not self.run[0].strip():
            yield "found no program in run; wanted a program with its arguments"
        if any("\0" in word for word in self.run):
            yield "found a NUL character in run"


AnyGate: TypeAlias = HealthGate | HttpGate | CompareGate | CommandGate
GATES: tuple[type[AnyGate], ...] = (HealthGate, HttpGate, CompareGate, CommandGate)


def _not_positive(gate: Gate, *names: str) -> Iterator[str]:
    for name in names:
        if not getattr(gate, name) > 0:
            yield f"found {name} {getattr(gate, name):g}; wanted more than 0"


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _expectation_faults(expect: Expectation) -> Iterator[str]:
    if not expect.status:
        yield "found no expected status; wanted one such as 200"
    yield from (f"found status {code}; wanted 100 to 599" for code in expect.status if not 100 <= code <= 599)  # noqa: PLR2004
    try:
        re.compile(expect.pattern or "")
    except re.error as error:
        yield f"found pattern {expect.pattern!r}, which is not a regular expression: {error}"
