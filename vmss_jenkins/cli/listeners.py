"""Who is told while a rollout runs: the person before it, the events' file, and the report that follows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import click

from vmss_jenkins.cli.options import level, tell
from vmss_jenkins.cli.report_files import write
from vmss_jenkins.errors import ConfigError, VmssJenkinsError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.calls import CommandFailed
from vmss_jenkins.report import json
from vmss_jenkins.report.text.lines import Level

F = TypeVar("F", bound=Callable[..., Any])

_LEAVES = (
    click.option("--result", type=click.Path(dir_okay=False, path_type=Path), help="Write the result there as JSON."),
    click.option(
        "--events",
        "events_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write each event there as it happens, one JSON object a line.",
    ),
    click.option(
        "--report",
        type=click.Path(file_okay=False, path_type=Path),
        help="Write a report there when it ends: a page with its pictures.",
    ),
    click.option(
        "--output", type=click.Choice(["text", "json"]), default="text", help="Result on standard output as JSON."
    ),
)


def leaving_options(function: F) -> F:
    """Add the options for what a rollout leaves."""
    for option in reversed(_LEAVES):
        function = option(function)
    return function


@contextmanager
def listener(events_file: Path | None, report: Path | None) -> Iterator[OnEvent]:
    """Tell each event to all who want it; the report is written at the end, however it ends.

    Raises:
        ConfigError: for files that cannot be written; nothing was begun.
    """
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

        say = stack.enter_context(_saying())

        def on_event(event: Event) -> None:
            say(event)
            keep(event)

        try:
            yield on_event
        except VmssJenkinsError as error:
            keep(CommandFailed(str(error)))
            raise


@contextmanager
def _saying() -> Iterator[OnEvent]:
    """To the person: a live display on a terminal that can show it, plain lines elsewhere."""
    if not sys.stderr.isatty() or level() is Level.QUIET or os.environ.get("TERM") == "dumb":
        yield tell
        return
    from vmss_jenkins.cli.live_display import display  # noqa: PLC0415 - rich takes time, and a Jenkins console has no use for it

    with display(level()) as say:
        yield say


def _write(report: Path, lines: list[str]) -> None:
    from vmss_jenkins.report import reading, story_builder  # noqa: PLC0415 - as below
    from vmss_jenkins.report.html import page  # noqa: PLC0415 - not loaded where none is wanted

    told = reading.read_events(lines, "events")
    if any(isinstance(one.event, rollout_events.RolloutPlanned) for one in told):
        try:
            write(page.pages(story_builder.story_of(told)), report)
        except OSError as error:
            click.echo(f"the report could not be written, which changes nothing else: {error}", err=True)
