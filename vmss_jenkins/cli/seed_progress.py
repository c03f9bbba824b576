"""What the seeder shows while it works: a bar on a terminal, one line an event elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.seeding import JobChanged, SeedPlanned
from vmss_jenkins.report.text import lines


@contextmanager
def listener() -> Iterator[OnEvent]:
    """Give the listener that shows events on standard error."""
    if not sys.stderr.isatty():
        yield _line
        return
    from rich.console import Console  # noqa: PLC0415 - on a terminal only
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading the jobs of the server", total=None)

        def show(event: Event) -> None:
            if isinstance(event, JobChanged):
                progress.update(task, completed=event.done, total=event.total, description=event.path)
            else:
                if isinstance(event, SeedPlanned):
                    progress.update(task, description="letting the server check the Jenkinsfiles")
                progress.console.print(lines.line(event), markup=False, highlight=False, soft_wrap=True)

        yield show


def _line(event: Event) -> None:
    click.echo(lines.line(event), err=True)
