"""The options of `vmss-jenkins blue-green`, the same for each of its steps, and of `vmss-jenkins switch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vmss_jenkins.azure.connection import Connection

if TYPE_CHECKING:
    from vmss_jenkins.library.blue_green import Pair

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False, path_type=Path)
_GATE = "'KIND KEY=VALUE ...'"
_PAIR = (
    click.option("-g", "--resource-group", required=True, help="Resource group of the sets and the load balancer."),
    click.option("--load-balancer", required=True, help="The load balancer that both sets stand behind."),
    click.option("--blue", required=True, help="One scale set of the pair."),
    click.option("--green", required=True, help="The other one."),
    click.option("--rule", default="", help="The production rule.  [default: the only one that leads to the pair]"),
    click.option(
        "--test-port", type=click.IntRange(1, 65535), help="A frontend port that leads to the idle set for the check."
    ),
    click.option("--gate", "check", multiple=True, metavar=_GATE, help="Asked of the idle set; as for `verify`."),
    click.option("--watch", multiple=True, metavar=_GATE, help="Asked after the switch; fails: switched back."),
    click.option("--allow-fewer", is_flag=True, help="Switch although fewer instances are healthy there."),
)
_WHERE = (
    click.option("--no-claim", is_flag=True, help="Do not tag the resource group against two at a time."),
    click.option("--subscription", help="Subscription GUID.  [default: AZURE_SUBSCRIPTION_ID]"),
    click.option(
        "--endpoint", help="URL of Azure Resource Manager.  [default: VMSS_JENKINS_ENDPOINT, or the public cloud]"
    ),
    click.option("--summary", type=_FILE, help="Write there in one line how it ended."),
)
_RELEASE = (
    click.option("--image-id", help="Id of the release's image."),
    click.option("--image", help="The same for a marketplace image, as publisher:offer:sku:version."),
    click.option(
        "--idle", type=click.IntRange(min=0), help="Instances left of the other set by scale-in.  [default: all]"
    ),
)
_HOW = (
    click.option("--min-healthy-time", type=click.FloatRange(min=0), default=0.0, help="As for `rollout`."),
    click.option(
        "--instance-timeout", type=click.FloatRange(min=1), default=900.0, show_default=True, help="As for `rollout`."
    ),
    click.option(
        "--timeout", type=click.FloatRange(min=1), default=7200.0, show_default=True, help="Seconds for a step."
    ),
)
_LEAVES = (
    click.option("--events", "events_file", type=_FILE, help="Write each event there, one JSON object a line."),
    click.option("--result", type=_FILE, help="Write the result there as JSON."),
    click.option("--pending", type=_FILE, help="`plan` makes this file where there is something to deploy or switch."),
    click.option(
        "--back-job",
        default="",
        help="Jenkins job of the way back, beside the one that runs; with --idle the one of releases.",
    ),
)


def pair_options(function: F) -> F:
    """Add the options of whatever works on a pair."""
    return _added(function, (*_PAIR, *_WHERE))


def release_options(function: F) -> F:
    """Add the options of a step of a release to a pair."""
    return _added(function, (*_PAIR, *_RELEASE, *_HOW, *_WHERE, *_LEAVES))


def pair_of(given: Mapping[str, Any]) -> Pair:
    """The pair that options name.

    Raises:
        ConfigError: where both sets are one.
    """
    from vmss_jenkins.library.blue_green import Pair  # noqa: PLC0415 - not loaded for --help

    return Pair(*(given[key] for key in ("resource_group", "load_balancer", "blue", "green", "rule", "test_port")))


def connection_of(given: Mapping[str, Any]) -> Connection:
    """How options say that Azure is reached."""
    return Connection(subscription=given["subscription"], endpoint=given["endpoint"])


def _added(function: F, options: Sequence[Callable[[F], F]]) -> F:
    for option in reversed(options):
        function = option(function)
    return function
