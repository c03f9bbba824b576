"""What `rollout` and `rollback` share: how fast to go, when to give up, and the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmss_jenkins.cli.options import print_json, timeout
from vmss_jenkins.cli.parameter_types import AmountType
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.rollout.ending import Outcome, RolloutResult
    from vmss_jenkins.rollout.plan.actions import Strategy
    from vmss_jenkins.rollout.plan.preview import Preview
    from vmss_jenkins.rollout.plan.selection import Amount
    from vmss_jenkins.rollout.plan.surge.preview import SurgePreview

STRATEGIES = ("waves", "window", "surge")
"""The values of `Strategy`, which is not loaded for --help."""
SECONDS = click.FloatRange(min=0)
STEPS = (
    click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="waves",
        show_default=True,
        help="waves: batch by batch. window: update the next instance as soon as one is healthy. surge: update none; "
        "create new instances first, and delete as many old ones when the new ones are healthy.",
    ),
    click.option(
        "--max-unavailable",
        type=AmountType(),
        default="10%",
        show_default=True,
        help="How many instances may be down at a time; rounded down, at least 1, and never a whole zone.",
    ),
    click.option(
        "--max-surge",
        type=AmountType(),
        help="How many extra instances there may be at a time in a surge; rounded up.  "
        "[default: as many as the canary, or 1]",
    ),
    click.option(
        "--drain",
        type=SECONDS,
        metavar="SECONDS",
        help="Remove each instance from the load balancer this long before its update.  [default: do not]",
    ),
    click.option(
        "--ids-per-call",
        type=click.IntRange(min=1),
        metavar="COUNT",
        default=100,
        show_default=True,
        help="The most instance ids in one request to Azure.",
    ),
)
"""Options of how the instances follow each other."""
MIN_HEALTHY_TIME = click.option(
    "--min-healthy-time",
    type=SECONDS,
    metavar="SECONDS",
    default=0.0,
    help="How long an instance has to be healthy without a break.",
)
LIMITS = (
    click.option(
        "--instance-timeout",
        type=click.FloatRange(min=1),
        metavar="SECONDS",
        default=900.0,
        show_default=True,
        help="Longest time from the update of an instance until it is healthy; after that its update has failed.",
    ),
    timeout(7200.0, "Longest time for the whole rollout, and once more for a rollback."),
)
"""Options of when to give up."""
ALLOWANCES = (
    click.option(
        "--repairs",
        type=click.Choice(["suspend", "keep"]),
        default="suspend",
        show_default=True,
        help="What becomes of automatic repairs and zone balance until the end: they give the new release to an ill "
        "instance before it is judged.",
    ),
    click.option(
        "--autoscale",
        type=click.Choice(["suspend", "keep"]),
        default="keep",
        show_default=True,
        help="What becomes of the autoscale setting until the end; a surge of a set with autoscale needs suspend.",
    ),
    click.option(
        "--allow-automatic-rollout",
        is_flag=True,
        help="Protect no instance: let Azure update all of them by itself, without a canary, as the upgrade policy of "
        "the scale set says.",
    ),
    click.option(
        "--allow-unknown-autoscale",
        is_flag=True,
        help="Allow a surge although it cannot be read whether autoscale is on.",
    ),
    click.option(
        "--no-lock",
        is_flag=True,
        help="Do not lock the scale set against other rollouts by tags of its resource group.",
    ),
)
"""Options of what is allowed in Azure."""


def strategy_of(given: str, max_surge: Amount | None) -> Strategy:
    """Read the strategy.

    Raises:
        ConfigError: for `--max-surge` with a strategy that makes no extra instances.
    """
    from vmss_jenkins.rollout.plan.actions import Strategy  # noqa: PLC0415 - not loaded for --help

    strategy = Strategy(given)
    if max_surge and strategy is not Strategy.SURGE:
        raise ConfigError("--max-surge", [f"found --strategy {given}; add --strategy surge, or leave --max-surge out"])
    return strategy


def finish(result: RolloutResult, wanted: frozenset[Outcome], file: Path | None, output: str) -> int:
    """Write the result and return the exit code: 0 if it ended as wanted, else 1."""
    from vmss_jenkins.report import json  # noqa: PLC0415 - as above

    if file:
        file.write_text(json.result(result) + "\n", encoding="utf-8")
    if output == "json":
        print_json(result)
    return int(result.outcome not in wanted)


def show_plan(found: Preview | SurgePreview, allow_automatic_rollout: bool, output: str) -> int:
    """Print the plan of a dry run and return the exit code: 1 if something blocks it."""
    if output == "json":
        print_json(found)
    else:
        for line in found.lines():
            click.echo(f"dry run: {line}", err=True)
    return int(found.refused(allow_automatic_rollout=allow_automatic_rollout))
