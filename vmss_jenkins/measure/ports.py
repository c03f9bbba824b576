"""The ports of measuring; adapters and fakes satisfy them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vmss_jenkins.gates.specs import CommandGate, Expectation, ProbingGate, Via
from vmss_jenkins.gates.verdicts import CommandResult, Sample
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.network import Address, Unreachable


class ScaleSetReader(Protocol):
    """Reads scale sets; each call is made once and raises `AzureError`."""

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read a set's model."""
        ...

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all its instances."""
        ...


@dataclass(frozen=True)
class ProbeRequest:
    """One HTTP request, and what a good answer is."""

    url: str
    expect: Expectation
    timeout: float
    """Seconds for the whole answer."""
    instance_id: str | None = None
    """The instance that answers; None through a load balancer."""
    host: str | None = None
    """The host name to ask for, if it is not the URL's."""


class Prober(Protocol):
    """Sends HTTP requests."""

    def probe(self, asked: Sequence[ProbeRequest], interval: float) -> tuple[Sample, ...]:
        """Send requests in order, the starts `interval` seconds apart; a failure is a value."""
        ...


class LoadBalancers(Protocol):
    """Finds addresses; each call is made once and raises `AzureError`."""

    def addresses(
        self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int
    ) -> Mapping[str, Address | Unreachable]:
        """Find the address of a port of each instance."""
        ...

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address | Unreachable, ...]:
        """Find the frontend addresses of the load balancers in front of instances."""
        ...


class TunnelError(Exception):
    """A tunnel that could not be opened: the gate could not measure.

    Args:
        reason: why.
        lasting: whether another try cannot help.
    """

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Tunnels(Protocol):
    """Opens SSH tunnels."""

    def open(self, gate: ProbingGate, server: Address) -> AbstractContextManager[Address]:
        """Forward a local port to the gate's port on an instance; raises `TunnelError`."""
        ...


class CommandRunner(Protocol):
    """Runs programs of the user."""

    def run(self, gate: CommandGate, facts: Mapping[str, str]) -> CommandResult:
        """Run a gate's program to its end; the end is a value, a failure too."""
        ...
