"""Options that several commands share, in the groups that help shows them in, and what they say of the output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group
from cloup.typing import Decorator

from vmss_jenkins.cli.parameter_types import IMAGE_ID, IMAGE_URN, OutputFileType

if TYPE_CHECKING:
    from vmss_jenkins.events.base import Event
    from vmss_jenkins.report.text import lines

MOST_USED = "Most used"
FILE = OutputFileType()
"""A file that is written."""
GIVEN_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file that is read."""
DIRECTORY = click.Path(file_okay=False, path_type=Path)
"""A directory that is written."""
GATE = "'KIND KEY=VALUE ...'"
_LEVEL = "vmss_jenkins.level"
"""Where the context keeps how much is printed."""


def resource_group(*, required: bool = True) -> Decorator:
    """Add `--resource-group`."""
    return click.option(
        "-g",
        "--resource-group",
        required=required,
        envvar="VMSS_JENKINS_RESOURCE_GROUP",
        show_envvar=True,
        help="Resource group of the scale set.",
    )


def name(*, required: bool = True) -> Decorator:
    """Add `--name`."""
    return click.option(
        "-n",
        "--name",
        required=required,
        envvar="VMSS_JENKINS_NAME",
        show_envvar=True,
        help="Name of the scale set.",
    )


def image_options(of: str = "the release") -> tuple[Decorator, Decorator]:
    """The two options that name an image: `--image-id` and `--image`."""
    return (
        click.option(
            "--image-id",
            type=IMAGE_ID,
            metavar="ID",
            help=f"Image of {of}: id of a managed or gallery image, or a VHD URI.",
        ),
        click.option(
            "--image", type=IMAGE_URN, metavar="URN", help="A marketplace image, as publisher:offer:sku:version."
        ),
    )


dry_run = click.option("--dry-run", is_flag=True, help="Show the plan and what blocks it; change nothing.")
"""Adds `--dry-run`."""


def timeout(seconds: float, what: str) -> Decorator:
    """Add `--timeout`."""
    return click.option(
        "--timeout", type=click.FloatRange(min=1), metavar="SECONDS", default=seconds, show_default=True, help=what
    )


def azure_options(*more: Decorator) -> Decorator:
    """Add the group of options that say where Azure is; others may belong to it too."""
    return option_group(
        "Azure",
        click.option("-s", "--subscription", help="Subscription GUID.  [default: AZURE_SUBSCRIPTION_ID]"),
        click.option(
            "--endpoint",
            metavar="URL",
            help="Azure Resource Manager of a sovereign cloud or of the emulator.  "
            "[default: VMSS_JENKINS_ENDPOINT, or the public cloud]",
        ),
        *more,
    )


def output_options(
    *more: Decorator, formats: tuple[str, ...] = ("text", "json"), means: str = "", loudness: bool = True
) -> Decorator:
    """Add the group of options that say what is printed and written.

    Args:
        more: options that belong to it too, shown first.
        formats: the values of `--output`; the first is the default.
        means: what another format than text and JSON is.
        loudness: whether it prints log lines, so that there may be more or fewer of them.
    """
    says = f"Format of the result on standard output.{f' {means}' if means else ''}"
    output = click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help=says
    )
    return option_group("Output", *more, output, *(_LOUDNESS if loudness else ()))


def _choose(chosen: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def choose(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            context.meta[_LEVEL] = chosen

    return choose


_LOUDNESS = (
    click.option(
        "--quiet",
        "-q",
        is_flag=True,
        expose_value=False,
        callback=_choose("QUIET"),
        help="Print only the result and errors.",
    ),
    click.option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=_choose("VERBOSE"),
        help="Print each request to Azure too, with its id.",
    ),
)


def level() -> lines.Level:
    """How much is printed."""
    from vmss_jenkins.report.text.lines import Level  # noqa: PLC0415 - not loaded for --help

    context = click.get_current_context(silent=True)
    return Level[context.meta.get(_LEVEL, "NORMAL") if context else "NORMAL"]


def log_line(event: Event) -> None:
    """Write an event to standard error, one line; with the time if no terminal is there to watch it."""
    from vmss_jenkins.report.text import lines  # noqa: PLC0415 - as above

    if lines.level(event).value <= level().value:
        at = "" if sys.stderr.isatty() else f"{datetime.now(timezone.utc):%H:%M:%SZ} "
        click.echo(at + lines.line(event), err=True)


def print_json(value: object) -> None:
    """Write a value to standard output as JSON."""
    from vmss_jenkins.report import json  # noqa: PLC0415 - as above

    click.echo(json.document(value))
