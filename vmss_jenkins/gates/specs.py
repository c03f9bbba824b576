"""The five gates as frozen values: what is asked of the new release before a rollout goes on."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.comparison import Margins

PROBES_AT_ONCE = 8
"""HTTP requests of one gate under way at a time."""


class Via(Enum):
    """The way a probe takes to the service."""

    FRONTEND = "frontend"
    """Through the load balancer, whichever instance answers."""
    PRIVATE = "private"
    """To each instance's private IP address."""
    PUBLIC = "public"
    """To each instance's own public IP address."""
    NAT = "nat"
    """To each instance through the load balancer's inbound NAT rule, which must lead to the service's port."""
    SSH = "ssh"
    """To each instance through an SSH tunnel, which is opened for the check."""


@dataclass(frozen=True)
class Limits:
    """How many verdicts of a kind are borne before they have their consequence; until then it is measured again."""

    failed: int = 0
    """Then the release is bad: the rollout stops or goes back, as it was told."""
    inconclusive: int = 2
    """Then the rollout halts: the release is neither good nor bad, so nothing goes on and nothing goes back."""
    error: int = 3
    """Then the rollout halts as well; these count in a row, since a measurement that works ends them."""


@dataclass(frozen=True)
class Expectation:
    """What a good answer is."""

    status: tuple[int, ...] = (200,)
    """The HTTP states that are good."""
    text: str | None = None
    """Must be in the body."""
    pattern: str | None = None
    """A regular expression that must be found in the body."""
    release_text: str | None = None
    """Is in the body of the new release only."""

    def fault(self, status: int, body: str) -> str | None:
        """What is wrong with an answer; None where it is good."""
        if status not in self.status:
            return f"status {status}, wanted {' or '.join(map(str, self.status))}"
        if self.text is not None and self.text not in body:
            return f"the body does not have the text {self.text!r}"
        if self.pattern is not None and not re.search(self.pattern, body):
            return f"the body does not match {self.pattern!r}"
        return None

    def is_new_release(self, body: str) -> bool:
        """Whether an answer came from the new release, as far as its text tells."""
        return self.release_text is not None and self.release_text in body


@dataclass(frozen=True, kw_only=True)
class Gate(ABC):
    """What every gate has.

    Raises:
        ConfigError: with every fault of the values.
    """

    kind: ClassVar[str] = ""
    name: str = ""
    """What it is called in the log; its kind where empty."""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if reasons := tuple(self.faults()):
            raise ConfigError(f"gate {self}", reasons)

    @abstractmethod
    def longest(self, instances: int) -> float:
        """Seconds that one measurement of so many instances takes at the most."""

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        if min(self.limits.failed, self.limits.inconclusive, self.limits.error) < 0:
            yield f"found a negative number in {self.limits}; wanted 0 or more"

    def __str__(self) -> str:
        return self.name or self.kind


@dataclass(frozen=True, kw_only=True)
class TimedGate(Gate):
    """What the gates that measure for a time, not for a number of samples, have."""

    timeout: float = 300.0
    """Seconds in which health must be reached, or after which a program and all that it started are killed."""

    def longest(self, instances: int) -> float:  # noqa: ARG002 - it looks at all of them at once
        """Seconds that one measurement takes at the most."""
        return self.timeout


@dataclass(frozen=True, kw_only=True)
class HealthGate(TimedGate):
    """Every chosen instance is healthy by its instance view, for a time without a break."""

    kind: ClassVar[str] = "instance-health"
    steady: float = 30.0
    """Seconds for which all of them must be healthy."""
    interval: float = 10.0
    """Seconds between two looks; Azure allows a list of instances every 6 s on average."""

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "interval", "timeout")
        if not 0 <= self.steady <= self.timeout:
            yield f"found steady {self.steady:g} s; wanted 0 to the timeout of {self.timeout:g} s"


@dataclass(frozen=True, kw_only=True)
class ProbingGate(Gate):
    """What the gates that send HTTP requests have."""

    via: Via = Via.FRONTEND
    url: str | None = None
    """Where to ask instead of the load balancer that Azure tells of; for `frontend` only."""
    path: str = "/"
    scheme: str = "http"
    port: int | None = None
    """The service's port: the load balancer's for `frontend`, else the instance's; 80 or 443 by default."""
    host: str | None = None
    """The name to ask for and that the certificate must have; the address by default."""
    expect: Expectation = Expectation()
    timeout: float = 5.0
    """Seconds for a whole answer; a later one is a bad one."""
    rate: float = 10.0
    """Requests a second, in all."""
    ssh_user: str | None = None
    ssh_port: int = 22
    """The port of the SSH server on the instance."""
    ssh_key: str | None = None
    """A private key's file; ssh's own choice by default."""
    ssh_known_hosts: str | None = None
    """A file of known host keys; ssh's own by default. A new OS image usually has new host keys."""

    def seconds_for(self, requests: int) -> float:
        """Seconds that so many requests take at the most: at the rate, or each with its whole time."""
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
            yield f"found a url with via {self.via.value}; it is for frontend only"
        if self.url is not None and not _is_http_url(self.url):
            yield f"found url {self.url!r}; wanted one such as http://web.example.com"
        if self.via is Via.SSH and not self.ssh_user:
            yield "via ssh needs ssh_user"
        yield from _expectation_faults(self.expect)


@dataclass(frozen=True, kw_only=True)
class HttpGate(ProbingGate):
    """HTTP answers through the load balancer, or of each chosen instance, against fixed thresholds."""

    kind: ClassVar[str] = "http"
    samples: int = 100
    """Requests: in all through the load balancer, else to each instance."""
    share: float = 0.99
    """The share of the answers that must be good."""
    percentile: float = 95.0
    """Which percentile of the latencies is held against `max_latency`."""
    max_latency: float | None = None
    """Seconds; None for no threshold but the timeout."""

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
    """The canary's answers against those of stable instances, asked side by side; see `comparison`."""

    kind: ClassVar[str] = "compare"
    via: Via = Via.PRIVATE
    limits: Limits = Limits(inconclusive=0)
    """It takes more samples by itself, so an inconclusive end is one."""
    samples: int = 300
    """Requests to each side, after which a clear case is decided."""
    max_samples: int = 600
    """Requests to each side at most, where the first ones leave it open."""
    significance: float = 0.01
    """The share of rollouts of good releases that may be failed by chance, all batches counted."""
    margins: Margins = field(default_factory=Margins)

    def longest(self, instances: int) -> float:  # noqa: ARG002 - the samples are shared out over them
        """Seconds that one measurement takes at the most."""
        return self.seconds_for(2 * self.max_samples)

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "samples")
        if self.via is Via.FRONTEND:
            yield "via frontend cannot tell the canary from the others; wanted private, public, nat or ssh"
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
    """A program of the user, told by environment variables what to look at; its exit code decides."""

    kind: ClassVar[str] = "command"
    run: tuple[str, ...] = ()
    """The program and its arguments. No shell reads them, unless the program is one."""
    secrets: tuple[str, ...] = ()
    """Names of secret environment variables that it gets, such as AZURE_CLIENT_SECRET; without, it gets none."""

    def faults(self) -> Iterator[str]:
        """Every fault of the values."""
        yield from super().faults()
        yield from _not_positive(self, "timeout")
        if not self.run or not self.run[0].strip():
            yield "found no program in run; wanted it with its arguments"
        if any("\0" in word for word in self.run):
            yield "found a NUL character in run"


AnyGate: TypeAlias = HealthGate | HttpGate | CompareGate | CommandGate
GATES: tuple[type[AnyGate], ...] = (HealthGate, HttpGate, CompareGate, CommandGate)


def _not_positive(gate: Gate, *names: str) -> Iterator[str]:
    present = {spec.name for spec in fields(gate)}
    for name in names:
        if name in present and not getattr(gate, name) > 0:
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
        yield f"found pattern {expect.pattern!r}, which is no regular expression: {error}"
