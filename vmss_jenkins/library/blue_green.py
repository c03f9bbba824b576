"""Blue-green as a library: `switch` sends the traffic to the other set of a pair; `release_to_pair` does all steps."""

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
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.identity import started_by
from vmss_jenkins.library.pair_connection import connected_pair
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.images import ImageReference, ResolvedImage
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.model.network import load_balancer_names

IDLE = "idle"
"""The set that gets no traffic."""

if TYPE_CHECKING:
    from vmss_jenkins.azure.operations import AzureOperation


@dataclass(frozen=True)
class Pair:
    """Two scale sets behind one load balancer; one of them gets the traffic.

    Raises:
        ConfigError: if both names are the same, or the load balancer is neither a name nor an ARM id.
    """

    resource_group: str
    """The resource group of the sets, and of the load balancer if that is given by its name."""
    load_balancer: str
    """Its name, or its ARM id if it is in another resource group."""
    blue: str
    green: str
    rule: str = ""
    """The production rule; by default the only rule that sends traffic to the pair."""
    test_port: int | None = None
    """A frontend port that sends traffic to the idle set during the check."""

    def __post_init__(self) -> None:
        for what in ("resource_group", "load_balancer", "blue", "green"):
            if not getattr(self, what).strip():
                raise ConfigError(what, ["it is empty; give its name"])
        if self.rule and not self.rule.strip():
            raise ConfigError("rule", ["it is empty; give its name, or leave it out"])
        if self.blue.lower() == self.green.lower():
            raise ConfigError("pair", [f"found {self.blue!r} twice; wanted two scale sets"])
        load_balancer_names(self.load_balancer, self.resource_group)

    @property
    def names(self) -> tuple[ScaleSetName, ScaleSetName, ScaleSetName]:
        """The load balancer and both sets: all are locked during a switch or a release."""
        group = self.resource_group
        balancer = ScaleSetName(*load_balancer_names(self.load_balancer, group))
        return balancer, ScaleSetName(group, self.blue), ScaleSetName(group, self.green)

    def order(self, to: str, check: Iterable[AnyGate] = ()) -> SwitchOrder:
        """The order for a switch of the pair.

        Args:
            to: `blue`, `green` or `idle`.
            check: the gates before it.

        Raises:
            ConfigError: for another value of `to`.
        """
        if to not in {"blue", "green", IDLE}:
            raise ConfigError("to", [f"found {to!r}; wanted blue, green or {IDLE}"])
        _, blue, green = self.names
        target, away = (green, blue) if to == "green" else (blue, green)
        ports = load_balancer_ports(check)
        return SwitchOrder(
            self.load_balancer, target, away, self.rule, self.test_port, to_idle=to == IDLE, check_ports=ports
        )


@checked
@contextmanager
def release_to_pair(  # noqa: PLR0913 - the pair, the checks and how to reach Azure, each by its name
    pair: Pair,
    image: ImageReference | Mapping[str, str] | str,
    *,
    idle: int | None = None,
    check: GateTexts = (),
    watch: GateTexts = (),
    allow_fewer: bool = False,
    resolved: ResolvedImage | None = None,
    claim: bool = True,
    connection: Connection | None = None,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> Iterator[PairRelease[AzureOperation]]:
    """Release an image to a blue-green pair, step by step: `plan`, `deploy`, `check`, `switch`, `scale_in`.

    Each step reads Azure first. Repeated after success it changes nothing; after an interruption it continues.

    Args:
        pair: the sets and their load balancer.
        image: the release. If its name moves, both sets get the exact version that it means now.
        idle: the number of instances that `scale_in` leaves in the other set; None leaves all.
        check: gates for the idle set, before the switch; as `vmss_jenkins.verify` takes them.
        watch: gates after the switch; if one fails, the traffic is switched back.
        allow_fewer: switch even if the idle set has fewer healthy instances than the active one.
        resolved: what the image meant when an earlier step looked it up; None to look it up now.
        claim: as `switch`.
        connection: how to connect to Azure; from the environment by default.
        timeout: seconds after which nothing is tried again.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for gates and names that cannot be used.
    """
    named = ImageReference.read(image)
    before, after = check_gates(check, pair.test_port), watch_gates(watch)
    with connected_pair(connection, timeout, on_event) as found:
        release = found.exact(named, pair.names[1], resolved)
        order = ReleaseOrder(replace(pair.order(IDLE, before), allow_fewer=allow_fewer), release, idle)
        found.check_gates(order.pair, before, after)
        context = found.context(f"release of {release.short_name}", pair.names if claim else (), before, after)
        claims = context.claims if isinstance(context.claims, JointClaims) else None
        log = found.sets.log if claim else None
        by = started_by(found.environ)
        yield PairRelease(found.sets, found.store, order, context, found.waiter, claims, found.build, by, log)


@checked
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
    """Point a load balancer's production rule at the other set of a pair, with one conditional write.

    New connections go to that set; open ones stay. After a kill during the watch the next run finishes it.

    Args:
        pair: the sets and their load balancer.
        to: `blue`, `green`, or `idle` for the set without traffic; a second run with `idle` switches back.
        check: gates before the switch, as `vmss_jenkins.verify` takes them; if one fails, nothing is switched.
        watch: gates after the switch; if one fails, the traffic is switched back.
        allow_fewer: switch even if the idle set has fewer healthy instances than the active one.
        dry_run: report what would happen and what prevents it; change nothing.
        claim: lock the pair against other switches and rollouts; needs `Microsoft.Resources/tags/write`.
        connection: how to connect to Azure; from the environment by default.
        timeout: seconds after which nothing is measured again.
        on_event: receives each event; by default events are logged.

    Raises:
        AnotherRollout, ConfigError, UnsafeRollout: if the switch is refused; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    before, after = check_gates(check, pair.test_port), watch_gates(watch)
    order = replace(pair.order(to, before), allow_fewer=allow_fewer)
    with connected_pair(connection, timeout, on_event) as found:
        found.check_gates(order, before, after)
        context = found.context(f"switch to {to}", pair.names if claim else (), before, after)
        if dry_run:
            return dry_switch(found.sets, found.store, order, context, found.waiter, (before, after))
        return run_switch(found.sets, found.store, order, context, found.waiter)
