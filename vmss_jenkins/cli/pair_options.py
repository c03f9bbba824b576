"""The options of `vmss-jenkins blue-green`, the same for each of its steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
    click.option("--image-id", help="Id of the release's image."),
    click.option("--image", help="The same for a marketplace image, as publisher:offer:sku:version."),
    click.option("--gate", "check", multiple=True, metavar=_GATE, help="Asked of the idle set; as for `verify`."),
    click.option("--watch", multiple=True, metavar=_GATE, help="Asked after the switch; fails: switched back."),
    click.option(
        "--idle", type=click.IntRange(min=0), help="Instances left of the other set by scale-in.  [default: all]"
    ),
    click.option("--allow-fewer", is_flag=True, help="Switch although fewer instances are healthy there."),
)
_HOW = (
    click.option("--min-healthy-time", type=click.FloatRange(min=0), default=0.0, help="As for `rollout`."),
    click.option(
        "--instance-timeout", type=click.FloatRange(min=1), default=900.0, show_default=True, help="As for `rollout`."
    ),
    click.option(
        "--timeout", type=click.FloatRange(min=1), default=7200.0, show_default=True, help="Seconds for a step."
    ),
    click.option("--no-claim", is_flag=True, help="Do not tag the resource group against two at a time."),
    click.option("--subscription", help="Subscription GUID.  [default: AZURE_SUBSCRIPTION_ID]"),
    click.option(
        "--endpoint", help="URL of Azure Resource Manager.  [default: VMSS_JENKINS_ENDPOINT, or the public cloud]"
    ),
)
_LEAVES = (
    click.option("--events", "events_file", type=_FILE, help="Write each event there, one JSON object a line."),
    click.option("--result", type=_FILE, help="Write the result there as JSON."),
    click.option("--summary", type=_FILE, help="Write there in one line how it ended."),
    click.option("--pending", type=_FILE, help="`plan` makes this file where there is something to deploy or switch."),
    click.option("--switch-job", default="", help="Jenkins job of the way back, beside the one that runs."),
)


def pair_options(function: F) -> F:
    """Add the options of a step."""
    for option in reversed((*_PAIR, *_HOW, *_LEAVES)):
        function = option(function)
    return function
