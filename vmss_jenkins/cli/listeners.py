"""Where the events of a rollout go: to the terminal, to the events' file, and into the report."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmss_jenkins.cli.options import DIRECTORY, FILE, level, log_line
from vmss_jenkins.errors import ConfigError, VmssJenkinsError

if TYPE_CHECKING:
    from vmss_jenkins.events.base import Event, OnEvent

FILES = (
    click.option("--result", type=FILE, help="Write the result as JSON to this file."),
    click.option(
        "--events",
        "events_file",
        type=FILE,
        help="Write each event to this file as it happens, one JSON object a line.",
    ),
    click.option("--report", type=DIRECTORY, help="Write a report to this directory at the end: a page with pictures."),
)
"""Options of the files that a rollout writes."""


@contextmanager
def listener(events_file: Path | None, report: Path | None) -> Iterator[OnEvent]:
    """Give the listener that passes each event on; the report is written at the end, however the rollout ends.

    Raises:
        ConfigError: for files that cannot be written; nothing was changed.
    """
    from vmss_jenkins.events.calls import CommandFailed  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.report import json  # noqa: PLC0415

    lines: list[str] = []
    with ExitStack() as stack:
        try:
            if report:
                report.mkdir(parents=True, exist_ok=True)
                stack.callback(_write, report, lines)
            file = stack.enter_context(events_file.open("a", encoding="utf-8")) if events_file else None
        except OSError as error:
            raise ConfigError("--report, --events", [f"cannot be written: {error}"]) from error

        def keep(event: Event) -> None:
            if file or report:
                at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
                lines.append(json.line(event, at) + "\n")
            if file:
                file.write(lines[-1])
                file.flush()

        show = stack.enter_context(_showing())

        def on_event(event: Event) -> None:
            show(event)
            keep(event)

        try:
            yield on_event
        except VmssJenkinsError as error:
            keep(CommandFailed(str(error)))
            raise


@contextmanager
def _showing() -> Iterator[OnEvent]:
    """Show events: in a live display on a terminal that can show it, as plain lines elsewhere."""
    from vmss_jenkins.report.text.lines import Level  # noqa: PLC0415 - as above

    if not sys.stderr.isatty() or level() is Level.QUIET or os.environ.get("TERM") == "dumb":
        yield log_line
        return
    from vmss_jenkins.cli.live_display import display  # noqa: PLC0415 - loads rich, which a Jenkins console does not need

    with display(level()) as show:
        yield show


def _write(report: Path, lines: list[str]) -> None:
    from vmss_jenkins.cli.report_files import write  # noqa: PLC0415 - loaded only if a report is wanted
    from vmss_jenkins.events.rollout import RolloutPlanned  # noqa: PLC0415
    from vmss_jenkins.report import reading, story_builder  # noqa: PLC0415
    from vmss_jenkins.report.html import page  # noqa: PLC0415

    read = reading.read_events(lines, "events")
    if any(isinstance(one.event, RolloutPlanned) for one in read):
        try:
            write(page.pages(story_builder.story_of(read)), report)
        except OSError as error:
            click.echo(f"the report could not be written: {error}; the rollout is not affected", err=True)
