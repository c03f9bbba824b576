"""The adapters that gates measure by, connected to Azure and to this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from vmss_jenkins import events
from vmss_jenkins.credentials import Connection
from vmss_jenkins.gate_specs import Via
from vmss_jenkins.instances import ScaleSet
from vmss_jenkins.network import Address, Unreachable
from vmss_jenkins.protocols import Clock, OperationT, ScaleSets
from vmss_jenkins.verification import Means

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from vmss_jenkins.load_balancers import AzureLoadBalancers


class LateLoadBalancers:
    """`AzureLoadBalancers` that is made when an address is looked for: the SDK takes half a second."""

    def __init__(
        self, where: Connection, credential: TokenCredential | None, on_event: events.OnEvent | None = None
    ) -> None:
        self._where = where
        self._credential = credential
        self._on_event = on_event

    @cached_property
    def adapter(self) -> AzureLoadBalancers:
        """The adapter."""
        from vmss_jenkins.load_balancers import AzureLoadBalancers  # noqa: PLC0415 - not every gate needs it

        return AzureLoadBalancers(self._where, self._credential, self._on_event)

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
def connected_means(
    sets: ScaleSets[OperationT],
    where: Connection,
    credential: TokenCredential | None,
    clock: Clock,
    on_event: events.OnEvent | None = None,
) -> Iterator[Means[OperationT]]:
    """Connect everything that gates measure by, for the time of the block.

    Args:
        sets: the scale sets, connected already.
        where: subscription and endpoint.
        credential: None for an endpoint that takes no token.
        clock: by which it is measured.
        on_event: who is told each call; None for nobody.
    """
    from vmss_jenkins.probes import HttpProber  # noqa: PLC0415 - requests is not needed to read bad input
    from vmss_jenkins.programs import Programs  # noqa: PLC0415
    from vmss_jenkins.ssh_tunnels import SshTunnels  # noqa: PLC0415

    balancers = LateLoadBalancers(where, credential, on_event)
    try:
        yield Means(sets, balancers, HttpProber(clock), SshTunnels(clock), Programs(clock))
    finally:
        balancers.close()
