"""The options of `vmss-jenkins blue-green`, the same for each of its steps, and of `vmss-jenkins switch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import FILE, GATE

if TYPE_CHECKING:
    from vmss_jenkins.library.blue_green import Pair

PAIR = (
    click.option(
        "-g",
        "--resource-group",
        required=True,
        envvar="VMSS_JENKINS_RESOURCE_GROUP",
        show_envvar=True,
        help="Resource group of the scale sets and of the load balancer.",
    ),
    click.option(
        "--load-balancer",
        required=True,
        metavar="NAME",
        help="The load balancer of both scale sets: its name, or its ARM id if it is in another resource group.",
    ),
    click.option("--blue", required=True, metavar="NAME", help="One scale set of the pair."),
    click.option("--green", required=True, metavar="NAME", help="The other one."),
)
"""Options that name a pair."""
BALANCING = (
    click.option(
        "--rule",
        default="",
        metavar="NAME",
        help="The production rule.  [default: the only one whose backend pool is of the pair]",
    ),
    click.option(
        "--test-port",
        type=click.IntRange(1, 65535),
        help="Frontend port on which the load balancer sends traffic to the idle scale set during the check.",
    ),
    click.option(
        "--allow-fewer",
        is_flag=True,
        help="Switch although the idle scale set has fewer healthy instances than the serving one.",
    ),
)
"""Options of the load balancer."""
GATES = (
    click.option(
        "--gate",
        "check",
        multiple=True,
        metavar=GATE,
        help="A gate asked of the idle scale set before the switch, as for `verify`; may be given again.",
    ),
    click.option(
        "--watch",
        multiple=True,
        metavar=GATE,
        help="A gate asked after the switch; if it fails, the traffic is switched back; may be given again.",
    ),
)
"""Options of what is asked before and after a switch."""
NO_LOCK = click.option(
    "--no-lock", is_flag=True, help="Do not lock the pair against other releases by tags of its resource group."
)
SUMMARY = click.option("--summary", type=FILE, help="Write to this file in one line how it ended.")


def pair_of(given: Mapping[str, Any]) -> Pair:
    """The pair that options name.

    Raises:
        ConfigError: if both scale sets are the same.
    """
    from vmss_jenkins.library.blue_green import Pair  # noqa: PLC0415 - not loaded for --help

    return Pair(*(given[key] for key in ("resource_group", "load_balancer", "blue", "green", "rule", "test_port")))


def connection_of(given: Mapping[str, Any]) -> Connection:
    """How options say that Azure is to be connected to."""
    return Connection(subscription=given["subscription"], endpoint=given["endpoint"])
