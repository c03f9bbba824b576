"""The adapters that gates measure with, connected to Azure and to this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import AzureClients
from vmss_jenkins.gates.specs import Via
from vmss_jenkins.measure.ports import ScaleSetReader
from vmss_jenkins.measure.verification import Instruments
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.network import Address, Unreachable
from vmss_jenkins.runtime.ports import Clock

if TYPE_CHECKING:
    from vmss_jenkins.azure.load_balancers import AzureLoadBalancers


class LazyLoadBalancers:
    """`AzureLoadBalancers`, created when an address is needed: the import of the SDK takes half a second."""

    def __init__(self, azure: AzureClients) -> None:
        self._azure = azure

    @cached_property
    def adapter(self) -> AzureLoadBalancers:
        """The adapter."""
        return self._azure.load_balancers()

    def addresses(
        self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int
    ) -> Mapping[str, Address | Unreachable]:
        """Find the address of a port of each instance."""
        return self.adapter.addresses(scale_set, ids, via, port)

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address | Unreachable, ...]:
        """Find the frontend addresses of the load balancers in front of instances."""
        return self.adapter.frontends(scale_set, ids)

    def close(self) -> None:
        """Close the connections, if there are any."""
        if "adapter" in vars(self):
            self.adapter.close()


@contextmanager
def connected_instruments(sets: ScaleSetReader, azure: AzureClients, clock: Clock) -> Iterator[Instruments]:
    """Connect everything that gates measure with, for the time of the block.

    Args:
        sets: the adapter to scale sets, already connected.
        azure: the connection that gives access to load balancers.
        clock: times the measurements.
    """
    from vmss_jenkins.measure.http_prober import HttpProber  # noqa: PLC0415 - requests is not needed to read bad input
    from vmss_jenkins.measure.program_runner import ProgramRunner  # noqa: PLC0415
    from vmss_jenkins.measure.ssh_tunnels import SshTunnels  # noqa: PLC0415

    balancers = LazyLoadBalancers(azure)
    try:
        yield Instruments(sets, balancers, HttpProber(clock), SshTunnels(clock), ProgramRunner(clock))
    finally:
        balancers.close()
