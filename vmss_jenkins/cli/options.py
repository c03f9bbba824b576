"""Options that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeVar

import click

from vmss_jenkins.events.base import Event
from vmss_jenkins.report import json
from vmss_jenkins.report.text import lines

F = TypeVar("F", bound=Callable[..., Any])

_SET = (
    ("-g", "--resource-group", "Resource group of the scale set."),
    ("-n", "--name", "Name of the scale set."),
)
_WHERE = (
    click.option("--subscription", help="Subscription GUID.  [default: AZURE_SUBSCRIPTION_ID]"),
    click.option(
        "--endpoint",
        help="URL of Azure Resource Manager: a sovereign cloud's or the emulator's.  "
        "[default: VMSS_JENKINS_ENDPOINT, or the public cloud]",
    ),
)
_LEVEL = "vmss_jenkins.level"
"""Where the context keeps how much is told."""


def _choose(level: lines.Level) -> Callable[[click.Context, click.Parameter, bool], None]:
    def chosen(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            context.meta[_LEVEL] = level

    return chosen


_LOUDNESS = (
    click.option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=_choose(lines.Level.QUIET),
        help="Tell only how it ends and what goes wrong.",
    ),
    click.option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=_choose(lines.Level.VERBOSE),
        help="Tell each request to Azure, with its id.",
    ),
)
_STEP = (
    click.option("--dry-run", is_flag=True, help="Tell what would happen and what stands in the way; change nothing."),
    click.option(
        "--timeout", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="Seconds to wait for Azure."
    ),
    click.option(
        "--output", type=click.Choice(["text", "json"]), default="text", help="Result on standard output as JSON."
    ),
)


def target_options(function: F) -> F:
    """Add the options that name a scale set and where it is."""
    return _targeted(function, required=True)


def optional_target_options(function: F) -> F:
    """Add the same options, where no set has to be named."""
    return _targeted(function, required=False)


def _targeted(function: F, *, required: bool) -> F:
    names = [click.option(short, long, required=required, help=says) for short, long, says in _SET]
    for option in reversed((*names, *_WHERE, *_LOUDNESS)):
        function = option(function)
    return function


def step_options(function: F) -> F:
    """Add the options of a step that changes something."""
    for option in reversed(_STEP):
        function = option(function)
    return function


def level() -> lines.Level:
    """How much is to be told."""
    context = click.get_current_context(silent=True)
    found = context.meta.get(_LEVEL) if context else None
    return found if isinstance(found, lines.Level) else lines.Level.NORMAL


def tell(event: Event) -> None:
    """Write an event to standard error, one line; with the time where no terminal is there to watch it."""
    if lines.level(event).value <= level().value:
        at = "" if sys.stderr.isatty() else f"{datetime.now(timezone.utc):%H:%M:%SZ} "
        click.echo(at + lines.line(event), err=True)


def print_json(value: object) -> None:
    """Write a value to standard output as JSON."""
    click.echo(json.document(value))
