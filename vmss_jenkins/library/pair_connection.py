"""The connection to a blue-green pair for the time of a command."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.blue_green.joint_claims import JointClaims
from vmss_jenkins.blue_green.observation import observe_pair
from vmss_jenkins.blue_green.plan.switch import SwitchOrder
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.blue_green.switch import SwitchContext
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.specs import AnyGate, HttpGate, Via
from vmss_jenkins.library.releases import look_up
from vmss_jenkins.measure.gate_checks import GateChecks, refuse
from vmss_jenkins.measure.instruments import connected_instruments
from vmss_jenkins.measure.verification import Instruments, Verification
from vmss_jenkins.model.images import ImageReference, ResolvedImage
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.ports import ImageVersions
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
    versions: Callable[[], ImageVersions]
    """Connects to the versions of images."""

    def exact(self, image: ImageReference, name: ScaleSetName, resolved: ResolvedImage | None) -> ImageReference:
        """The exact version of an image that moves; the image itself otherwise.

        Args:
            image: the image.
            name: one of the sets, which are in one region.
            resolved: what the image meant when it was looked up; None to look it up now.

        Raises:
            ConfigError: if no version can be used in the region of the set.
            AzureError: if the set or the versions cannot be read.
        """
        if resolved and resolved.named.same_as(image):
            return resolved.exact
        read = lambda: self.waiter.retry(lambda: self.sets.get(name))  # noqa: E731 - passed on once
        return look_up(image, RolloutSpec(), read, self.versions, self.waiter).image or image

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

    def check_gates(self, order: SwitchOrder, check: Sequence[AnyGate], watch: Sequence[AnyGate]) -> None:
        """Refuse gates that cannot measure, before anything is changed.

        The watch gates use the production rule, which still sends traffic to the other set.

        Args:
            order: the switch.
            check: the gates before it.
            watch: the gates after it.

        Raises:
            ConfigError: if a gate cannot measure, with the reason.
            AzureError: if the pair cannot be read.
        """
        if not (check or watch):
            return
        state = observe_pair(self.sets, self.store, order, self.waiter)
        plan, members = state.plan(order), {one.scale_set.name: one for one in (state.to, state.other)}
        target, active = members[plan.to.name], members[plan.other.name]
        through_rule = [gate for gate in watch if isinstance(gate, HttpGate) and gate.via is Via.FRONTEND]
        checks = GateChecks(self.instruments.balancers, self.waiter)
        refuse(
            (
                *checks.check((*check, *watch), target.scale_set, target.instances, frontend=False),
                *(checks.check(through_rule, active.scale_set, active.instances) if plan.changes else ()),
            )
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
        yield PairConnection(
            sets, AzureLoadBalancerStore(balancers, clock), instruments, waiter, os.environ, azure.image_versions
        )
