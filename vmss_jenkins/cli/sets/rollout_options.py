"""What `rollout` and `rollback` share: how to go, and what to write down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from vmss_jenkins.cli.options import print_json
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.report import json
from vmss_jenkins.rollout.engine import Outcome, RolloutResult
from vmss_jenkins.rollout.plan.actions import Strategy
from vmss_jenkins.rollout.plan.selection import Amount

F = TypeVar("F", bound=Callable[..., Any])

_SECONDS = click.FloatRange(min=0)
_HOW = (
    click.option(
        "--max-unavailable",
        metavar="COUNT|PERCENT%",
        default="10%",
        show_default=True,
        help="How many instances may be down at a time; rounded down, at least 1, and never a whole zone.",
    ),
    click.option(
        "--strategy",
        type=click.Choice([strategy.value for strategy in Strategy]),
        default="waves",
        show_default=True,
        help="waves: batch by batch. window: the next instance as soon as one is healthy. surge: none is updated; new "
        "ones are made first, and as many old ones deleted when those are good.",
    ),
    click.option(
        "--max-surge",
        metavar="COUNT|PERCENT%",
        help="How many more there may be at a time in a surge; rounded up.  [default: as many as the canary, or 1]",
    ),
    click.option(
        "--allow-unknown-autoscale", is_flag=True, help="Surge though nobody can tell whether autoscale is on."
    ),
    click.option("--min-healthy-time", type=_SECONDS, default=0.0, help="Seconds that an instance has to be healthy."),
    click.option(
        "--instance-timeout",
        type=click.FloatRange(min=1),
        default=900.0,
        show_default=True,
        help="Seconds from an instance's update until it is healthy; later it has failed.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=7200.0,
        show_default=True,
        help="Seconds for the whole way, and once more for the way back.",
    ),
    click.option("--ids-per-call", type=click.IntRange(min=1), default=100, show_default=True),
    click.option(
        "--drain",
        type=_SECONDS,
        metavar="SECONDS",
        help="Take each instance out of the load balancer this long before its update.  [default: not]",
    ),
    click.option("--no-claim", is_flag=True, help="Do not tag the resource group against two rollouts at a time."),
    click.option(
        "--allow-automatic-rollout", is_flag=True, help="Go on though Azure updates every instance by itself."
    ),
)


def how_options(function: F) -> F:
    """Add the options of a rollout that both directions have."""
    for option in reversed(_HOW):
        function = option(function)
    return function


def strategy_of(given: str, max_surge: str | None) -> tuple[Strategy, Amount | None]:
    """Read how to go, and how many more there may be where that is a surge.

    Raises:
        ConfigError: for a number that no other way has a use for.
    """
    strategy = Strategy(given)
    if max_surge and strategy is not Strategy.SURGE:
        raise ConfigError("--max-surge", [f"found the strategy {given}; wanted --strategy surge, or no --max-surge"])
    return strategy, amount(max_surge)


def amount(given: str | None) -> Amount | None:
    """Read an amount, where one is given."""
    return None if given is None else Amount.parse(given)


def finish(result: RolloutResult, wanted: frozenset[Outcome], file: Path | None, output: str) -> int:
    """Write the result and return the exit code: 0 where it came out as wanted, else 1."""
    if file:
        file.write_text(json.result(result) + "\n", encoding="utf-8")
    if output == "json":
        print_json(result)
    return int(result.outcome not in wanted)
