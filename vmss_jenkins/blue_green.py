"""Blue-green as a library: `vmss_jenkins.switch` points the traffic at the other one of two scale sets."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Mapping
from contextlib import closing

from vmss_jenkins import events
from vmss_jenkins.api import TIMEOUT, log
from vmss_jenkins.clock import SystemClock
from vmss_jenkins.credentials import connection, default_credential
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gate_parsing import gates_from
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.measuring import connected_means
from vmss_jenkins.rollouts import Reach
from vmss_jenkins.switch_plan import SwitchOrder
from vmss_jenkins.switching import SwitchHooks, SwitchResult, run_switch
from vmss_jenkins.verification import Verification
from vmss_jenkins.waiting import Patience

Texts = Iterable[str | Mapping[str, object]]


def switch(  # noqa: PLR0913 - the pair, the checks and how to reach Azure, each by its name
    resource_group: str,
    load_balancer: str,
    *,
    to: str,
    away: str,
    rule: str = "",
    test_port: int | None = None,
    check: Texts = (),
    watch: Texts = (),
    allow_fewer: bool = False,
    claim: bool = True,
    reach: Reach | None = None,
    timeout: float = TIMEOUT,
    on_event: events.OnEvent = log,
) -> SwitchResult:
    """Point a load balancer's production rule at the other one of two scale sets, by one conditional write.

    New connections go there from then on; open ones go on to the set before. Run again it changes nothing.

    Args:
        resource_group: of the sets and of the load balancer.
        load_balancer: its name.
        to: the set that is to serve.
        away: the other one.
        rule: the production rule; the only one that leads to the pair by default.
        test_port: a frontend port that leads to the idle set while it is checked.
        check: gates as `vmss_jenkins.verify` takes them, asked before; where one fails nothing is switched.
        watch: gates asked after; where one fails it is switched back.
        allow_fewer: switch although fewer instances are healthy there than serve now.
        claim: refuse where another switch is under way; takes `Microsoft.Resources/tags/write`.
        reach: how Azure is reached.
        timeout: seconds after which nothing is measured again.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        AnotherRollout: where one is under way; nothing was changed.
        ConfigError: for a pair that cannot be switched; nothing was changed.
        UnsafeRollout: where fewer instances are healthy there than serve now; nothing was changed.
        AzureError: where Azure refuses, or cannot be reached.
    """
    target, other = ScaleSetName(resource_group, to), ScaleSetName(resource_group, away)
    if to.lower() == away.lower():
        raise ConfigError("pair", [f"found {to!r} twice; wanted two scale sets"])
    asked = [gates_from(tuple(gates)) if tuple(gates) else () for gates in (tuple(check), tuple(watch))]
    clock = SystemClock()
    patience = Patience.starting(clock, timeout, on_event)
    reach = reach or Reach()
    where = connection(os.environ, reach.subscription, reach.endpoint)
    credential = (reach.credential or default_credential(where, os.environ)) if where.sends_token else None
    from vmss_jenkins.load_balancers import AzureLoadBalancers  # noqa: PLC0415 - the SDK takes half a second
    from vmss_jenkins.scale_sets import AzureScaleSets  # noqa: PLC0415
    from vmss_jenkins.switchboards import AzureSwitchboard  # noqa: PLC0415

    sets, balancers = AzureScaleSets(where, credential), AzureLoadBalancers(where, credential)
    with closing(sets), closing(balancers), connected_means(sets, where, credential, clock) as means:
        gates = [Verification(target, found, means, patience) if found else None for found in asked]
        hooks = SwitchHooks(
            check=gates[0],
            watch=gates[1],
            claims=sets.claims(ScaleSetName(resource_group, load_balancer)) if claim else None,
            run=secrets.token_hex(4),
            owner=f"{os.environ.get('JOB_NAME') or socket.gethostname()}: switch to {to}",
        )
        order = SwitchOrder(load_balancer, target, other, rule, test_port, allow_fewer)
        return run_switch(sets, AzureSwitchboard(balancers, clock), order, hooks, patience)
