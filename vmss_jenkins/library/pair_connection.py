"""The connection to a blue-green pair for the time of a command."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.blue_green.joint_claims import JointClaims
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.blue_green.switch import SwitchContext
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.specs import AnyGate
from vmss_jenkins.measure.instruments import connected_instruments
from vmss_jenkins.measure.verification import Instruments, Verification
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.heartbeat import Heartbeat
from vmss_jenkins.runtime.processes import LocalProcesses
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets


@dataclass(frozen=True)
class PairConnection:
    """The adapters for a pair."""

    sets: AzureScaleSets
    store: LoadBalancerStore
    instruments: Instruments
    waiter: Waiter
    environ: Mapping[str, str]

    @property
    def build(self) -> str:
        """The URL of the Jenkins build; empty if there is none."""
        return self.environ.get("BUILD_URL", "")

    def context(
        self, what: str, names: Sequence[ScaleSetName], check: Sequence[AnyGate] = (), watch: Sequence[AnyGate] = ()
    ) -> SwitchContext:
        """The gates and locks of a switch.

        Args:
            what: the action, shown to others; the same if the command is repeated.
            names: what is locked; empty to run without locks.
            check: the gates before the switch.
            watch: the gates after the switch.
        """
        return SwitchContext(
            check=partial(self._gates, check) if check else None,
            watch=partial(self._gates, watch) if watch else None,
            claims=JointClaims({name: self.sets.claims(name) for name in names}, names[0]) if names else None,
            run=secrets.token_hex(4),
            owner=f"{self.environ.get('JOB_NAME') or socket.gethostname()}: {what}",
            processes=LocalProcesses(),
        )

    def _gates(self, gates: Sequence[AnyGate], name: ScaleSetName) -> Verification:
        return Verification(name, gates, self.instruments, self.waiter)


@contextmanager
def connected_pair(connection: Connection | None, timeout: float, on_event: OnEvent) -> Iterator[PairConnection]:
    """Connect all adapters for a pair, for the time of the block.

    Args:
        connection: how to connect to Azure; from the environment by default.
        timeout: seconds after which nothing is tried again.
        on_event: receives each event.
    """
    clock = Heartbeat(SystemClock(), on_event)
    waiter = Waiter.starting(clock, timeout, clock.on_event)
    azure = (connection or Connection()).connect(on_event)
    from vmss_jenkins.azure.load_balancer_store import AzureLoadBalancerStore  # noqa: PLC0415 - the SDK takes half a second

    with (
        closing(azure.scale_sets()) as sets,
        closing(azure.load_balancers()) as balancers,
        connected_instruments(sets, azure, clock) as instruments,
    ):
        yield PairConnection(sets, AzureLoadBalancerStore(balancers, clock), instruments, waiter, os.environ)
