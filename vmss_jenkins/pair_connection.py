"""A blue-green pair, connected to Azure for the time of a command."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vmss_jenkins import events
from vmss_jenkins.clock import SystemClock
from vmss_jenkins.gate_specs import AnyGate
from vmss_jenkins.heartbeat import Heartbeat
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.joint_claims import JointClaims
from vmss_jenkins.measuring import connected_means
from vmss_jenkins.protocols import Switchboard
from vmss_jenkins.reach import Reach
from vmss_jenkins.switching import SwitchHooks
from vmss_jenkins.verification import Means, Verification
from vmss_jenkins.waiting import Patience

if TYPE_CHECKING:
    from vmss_jenkins.azure_operations import AzureOperation
    from vmss_jenkins.scale_sets import AzureScaleSets


@dataclass(frozen=True)
class PairConnection:
    """What works on a pair."""

    sets: AzureScaleSets
    board: Switchboard
    means: Means[AzureOperation]
    patience: Patience
    environ: Mapping[str, str]

    @property
    def build(self) -> str:
        """The URL of the build in Jenkins; empty for none."""
        return self.environ.get("BUILD_URL", "")

    def hooks(
        self, what: str, names: Sequence[ScaleSetName], check: Sequence[AnyGate] = (), watch: Sequence[AnyGate] = ()
    ) -> SwitchHooks:
        """Gates and claims.

        Args:
            what: is done, for others to see: the same for the same command run again.
            names: what is claimed; none to run without claims.
            check: the gates before a switch.
            watch: those after it.
        """
        return SwitchHooks(
            check=partial(self._gates, check) if check else None,
            watch=partial(self._gates, watch) if watch else None,
            claims=JointClaims({name: self.sets.claims(name) for name in names}, names[0]) if names else None,
            run=secrets.token_hex(4),
            owner=f"{self.environ.get('JOB_NAME') or socket.gethostname()}: {what}",
        )

    def _gates(self, gates: Sequence[AnyGate], name: ScaleSetName) -> Verification[AzureOperation]:
        return Verification(name, gates, self.means, self.patience)


@contextmanager
def connected_pair(reach: Reach | None, timeout: float, on_event: events.OnEvent) -> Iterator[PairConnection]:
    """Connect everything that works on a pair, for the time of the block.

    Args:
        reach: how Azure is reached.
        timeout: seconds after which nothing is tried again.
        on_event: told each thing that happens.
    """
    clock = Heartbeat(SystemClock(), on_event)
    patience = Patience.starting(clock, timeout, clock.on_event)
    azure = (reach or Reach()).connect(on_event)
    from vmss_jenkins.switchboards import AzureSwitchboard  # noqa: PLC0415 - the SDK takes half a second

    with (
        closing(azure.scale_sets()) as sets,
        closing(azure.load_balancers()) as balancers,
        connected_means(sets, azure, clock) as means,
    ):
        yield PairConnection(sets, AzureSwitchboard(balancers, clock), means, patience, os.environ)
