"""The adapters that gates measure by, connected to Azure and to this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from vmss_jenkins.gate_specs import Via
from vmss_jenkins.instances import ScaleSet
from vmss_jenkins.network import Address, Unreachable
from vmss_jenkins.protocols import Clock, OperationT, ScaleSets
from vmss_jenkins.reach import Azure
from vmss_jenkins.verification import Means

if TYPE_CHECKING:
    from vmss_jenkins.load_balancers import AzureLoadBalancers


class LateLoadBalancers:
    """`AzureLoadBalancers` that is made when an address is looked for: the SDK takes half a second."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    @cached_property
    def adapter(self) -> AzureLoadBalancers:
        """The adapter."""
        return self._azure.load_balancers()

    def addresses(
        self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int
    ) -> Mapping[str, Address | Unreachable]:
        """Find where a port of each instance is reached."""
        return self.adapter.addresses(scale_set, ids, via, port)

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address, ...]:
        """Find the load-balanced addresses before instances."""
        return self.adapter.frontends(scale_set, ids)

    def close(self) -> None:
        """Close the connections, where there are any."""
        if "adapter" in vars(self):
            self.adapter.close()


@contextmanager
def connected_means(sets: ScaleSets[OperationT], azure: Azure, clock: Clock) -> Iterator[Means[OperationT]]:
    """Connect everything that gates measure by, for the time of the block.

    Args:
        sets: the scale sets, connected already.
        azure: where load balancers are.
        clock: by which it is measured.
    """
    from vmss_jenkins.probes import HttpProber  # noqa: PLC0415 - requests is not needed to read bad input
    from vmss_jenkins.programs import Programs  # noqa: PLC0415
    from vmss_jenkins.ssh_tunnels import SshTunnels  # noqa: PLC0415

    balancers = LateLoadBalancers(azure)
    try:
        yield Means(sets, balancers, HttpProber(clock), SshTunnels(clock), Programs(clock))
    finally:
        balancers.close()
