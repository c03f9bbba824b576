"""Blue-green as a library: `switch` points the traffic at the other one of two sets, `release_to_pair` does it all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.blue_green.joint_claims import JointClaims
from vmss_jenkins.blue_green.plan.gates import GateTexts, check_gates, load_balancer_ports, watch_gates
from vmss_jenkins.blue_green.plan.release import ReleaseOrder
from vmss_jenkins.blue_green.plan.switch import SwitchOrder
from vmss_jenkins.blue_green.release import PairRelease
from vmss_jenkins.blue_green.switch import SwitchResult, dry_switch, run_switch
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.specs import AnyGate
from vmss_jenkins.library.pair_connection import connected_pair
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSetName

IDLE = "idle"
"""Whichever of the two does not serve."""

if TYPE_CHECKING:
    from vmss_jenkins.azure.operations import AzureOperation


@dataclass(frozen=True)
class Pair:
    """Two scale sets behind one load balancer, of which one serves.

    Raises:
        ConfigError: where both are one.
    """

    resource_group: str
    """Of the sets and of the load balancer."""
    load_balancer: str
    blue: str
    green: str
    rule: str = ""
    """The production rule; the only one that leads to the pair by default."""
    test_port: int | None = None
    """A frontend port that leads to the idle set while it is checked."""

    def __post_init__(self) -> None:
        if self.blue.lower() == self.green.lower():
            raise ConfigError("pair", [f"found {self.blue!r} twice; wanted two scale sets"])

    @property
    def names(self) -> tuple[ScaleSetName, ScaleSetName, ScaleSetName]:
        """The load balancer and both sets: what is claimed while one works on them."""
        group = self.resource_group
        return ScaleSetName(group, self.load_balancer), ScaleSetName(group, self.blue), ScaleSetName(group, self.green)

    def order(self, to: str, check: Iterable[AnyGate] = ()) -> SwitchOrder:
        """A switch of the pair.

        Args:
            to: `blue`, `green` or `idle`.
            check: the gates before it.

        Raises:
            ConfigError: for another set.
        """
        if to not in {"blue", "green", IDLE}:
            raise ConfigError("to", [f"found {to!r}; wanted blue, green or {IDLE}"])
        _, blue, green = self.names
        target, away = (green, blue) if to == "green" else (blue, green)
        ports = load_balancer_ports(check)
        return SwitchOrder(
            self.load_balancer, target, away, self.rule, self.test_port, to_idle=to == IDLE, check_ports=ports
        )


@contextmanager
def release_to_pair(  # noqa: PLR0913 - the pair, the checks and how to reach Azure, each by its name
    pair: Pair,
    image: ImageReference | Mapping[str, str],
    *,
    idle: int | None = None,
    check: GateTexts = (),
    watch: GateTexts = (),
    allow_fewer: bool = False,
    claim: bool = True,
    connection: Connection | None = None,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> Iterator[PairRelease[AzureOperation]]:
    """Release an image to a blue-green pair, step by step: `plan`, `deploy`, `check`, `switch`, `scale_in`.

    Each step looks at Azure first. Done again after success it changes nothing; after an interruption it goes on.

    Args:
        pair: the sets and their load balancer.
        image: the release.
        idle: how many instances are left of the other set by `scale_in`; None leaves all.
        check: gates that `check` and `switch` ask of the idle set; as `vmss_jenkins.verify` takes them.
        watch: gates that `switch` asks afterwards; where one fails it is switched back.
        allow_fewer: switch although fewer instances are healthy there than serve now.
        claim: as `switch`.
        connection: how to connect to Azure; from the environment by default.
        timeout: seconds after which nothing is tried again.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        ConfigError: for gates and names that cannot be used.
    """
    release = image if isinstance(image, ImageReference) else ImageReference.from_mapping(image)
    before, after = check_gates(check, pair.test_port), watch_gates(watch)
    order = ReleaseOrder(replace(pair.order(IDLE, before), allow_fewer=allow_fewer), release, idle)
    with connected_pair(connection, timeout, on_event) as found:
        context = found.context(f"release of {release.short_name}", pair.names if claim else (), before, after)
        claims = context.claims if isinstance(context.claims, JointClaims) else None
        yield PairRelease(found.sets, found.store, order, context, found.waiter, claims, found.build)


def switch(  # noqa: PLR0913 - the checks and how to reach Azure, each by its name
    pair: Pair,
    to: str,
    *,
    check: GateTexts = (),
    watch: GateTexts = (),
    allow_fewer: bool = False,
    dry_run: bool = False,
    claim: bool = True,
    connection: Connection | None = None,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> SwitchResult:
    """Point a load balancer's production rule at the other one of two scale sets, by one conditional write.

    New connections go there; open ones stay. After a run that was killed in its watch, the next one ends that watch.

    Args:
        pair: the sets and their load balancer.
        to: `blue`, `green`, or `idle` for whichever does not serve: run again, that switches back.
        check: gates as `vmss_jenkins.verify` takes them, asked before; where one fails nothing is switched.
        watch: gates asked after; where one fails it is switched back.
        allow_fewer: switch although fewer instances are healthy there than serve now.
        dry_run: tell what would happen and what stands in the way; change nothing.
        claim: keep other switches, and rollouts of both sets, away; takes `Microsoft.Resources/tags/write`.
        connection: how to connect to Azure; from the environment by default.
        timeout: seconds after which nothing is measured again.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        AnotherRollout, ConfigError, UnsafeRollout: for what stands in the way; nothing was changed.
        AzureError: where Azure refuses, or cannot be reached.
    """
    before, after = check_gates(check, pair.test_port), watch_gates(watch)
    order = replace(pair.order(to, before), allow_fewer=allow_fewer)
    with connected_pair(connection, timeout, on_event) as found:
        context = found.context(f"switch to {to}", pair.names if claim else (), before, after)
        if dry_run:
            return dry_switch(found.sets, found.store, order, context, found.waiter, (before, after))
        return run_switch(found.sets, found.store, order, context, found.waiter)
