"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from vmss_jenkins import events
from vmss_jenkins.report import json, text

F = TypeVar("F", bound=Callable[..., Any])

_TARGET = (
    click.option("-g", "--resource-group", required=True, help="Resource group of the scale set."),
    click.option("-n", "--name", required=True, help="Name of the scale set."),
    click.option("--subscription", help="Subscription GUID.  [default: AZURE_SUBSCRIPTION_ID]"),
    click.option(
        "--endpoint",
        help="URL of Azure Resource Manager: a sovereign cloud's or the emulator's.  "
        "[default: VMSS_JENKINS_ENDPOINT, or the public cloud]",
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
    for option in reversed(_TARGET):
        function = option(function)
    return function


def step_options(function: F) -> F:
    """Add the options of a step that changes something."""
    for option in reversed(_STEP):
        function = option(function)
    return function


def tell(event: events.Event) -> None:
    """Write an event to standard error, one line."""
    click.echo(text.line(event), err=True)


def print_json(value: object) -> None:
    """Write a value to standard output as JSON."""
    click.echo(json.document(value))
