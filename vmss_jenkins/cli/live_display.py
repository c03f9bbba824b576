"""The live display of a rollout on a terminal: the log runs above it, the instances stand below."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.calls import StillWaiting
from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.report.html.scales import clock
from vmss_jenkins.report.progress import Progress
from vmss_jenkins.report.text import lines as event_lines

SIGNS = {
    InstanceState.OLD: ("o", "dim"),
    InstanceState.UPDATING: ("~", "yellow"),
    InstanceState.NEW: ("#", "bold blue"),
    InstanceState.UNHEALTHY: ("!", "bold red"),
    InstanceState.SKIPPED: (".", "dim"),
    InstanceState.COMING: ("+", "blue"),
    InstanceState.LEAVING: ("-", "dim"),
}
"""A sign and a style for each state: the sign alone tells, where there are no colours."""
MOST_ROWS = 8
"""Rows of a zone's grid; what does not fit is counted."""


class Display:
    """Draws how a rollout stands whenever it is asked.

    Args:
        progress: what is drawn.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.began = time.monotonic()

    @property
    def gone(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        self.progress.now = self.gone
        yield from lines(self.progress, options.max_width)


def lines(progress: Progress, width: int) -> Iterator[Text]:
    """Draw it: the rule, a grid for each zone, the legend, the update, the gate, what the last one said, the time.

    A line that has nothing to say is empty and stays: where the height changes, rich's thread and ours, which prints
    the log, may disagree on how much there is to wipe.
    """
    planned = progress.planned
    if planned is None:
        return
    image = planned.image_to.short_name if planned.image_to else "the model"
    what = f"going back from {image}" if progress.rolling_back and not planned.rolling_back else image
    yield Text(f"── {planned.scale_set}: {what} ".ljust(width, "─")[:width], style="dim")
    for zone in sorted(set(progress.zones.values())):
        yield from _zone(progress, zone, width)
    yield _legend(progress, width)
    batch = f"{progress.batches}: {', '.join(progress.batch)}" if progress.batches else ""
    yield _line("update", batch + (f"; {progress.waiting}" if progress.waiting else ""), width)
    measured = f": {progress.measured}" if progress.points else ""
    yield _line("gate", f"{progress.gate} measures the {progress.stage}{measured}" if progress.gate else "", width)
    yield _line("said", progress.verdict, width)
    retries = f", {progress.retries} made again" if progress.retries else ""
    left = f", {clock(progress.left)} left" if progress.left is not None else ""
    yield _line("time", f"{clock(progress.now)} gone{left}; {progress.calls} calls to Azure{retries}", width)


def _zone(progress: Progress, zone: str, width: int) -> Iterator[Text]:
    here = [key for key, where in progress.zones.items() if where == zone]
    there = [progress.states[key] for key in here if progress.states[key] is not InstanceState.GONE]
    name = (f"zone {zone}" if zone else "no zone").ljust(8)
    columns = max(10, width - len(name) - 1)
    for start in range(0, min(len(there), columns * MOST_ROWS), columns):
        row = Text().append(name if start == 0 else " " * len(name), style="dim")
        for state in there[start : start + columns]:
            row.append(SIGNS[state][0], style=SIGNS[state][1])
        yield row
    if len(there) > columns * MOST_ROWS:
        yield Text(f"{' ' * len(name)}and {len(there) - columns * MOST_ROWS} more", style="dim")


def _legend(progress: Progress, width: int) -> Text:
    counts = progress.counts
    found = Text(" " * 8)
    for state, (sign, style) in SIGNS.items():
        if counts[state] or state in {InstanceState.OLD, InstanceState.NEW}:
            found.append(sign, style=style).append(f" {counts[state]} {state.value}  ")
    found.truncate(width, overflow="ellipsis")
    return found


def _line(name: str, said: str, width: int) -> Text:
    line = Text().append(name.ljust(8), style="dim").append(" ".join(said.split()))
    line.truncate(width, overflow="ellipsis")
    return line


@contextmanager
def display(wanted: event_lines.Level) -> Iterator[OnEvent]:
    """Show the log and the display below it, as long as the block lasts.

    Args:
        wanted: how much the log tells.
    """
    progress = Progress()
    shown = Display(progress)
    console = Console(stderr=True, highlight=False)
    with Live(shown, console=console, refresh_per_second=4, transient=True) as live:

        def on_event(event: Event) -> None:
            progress.take(event, shown.gone)
            shows_it = isinstance(event, StillWaiting)
            if event_lines.level(event).value <= wanted.value and not shows_it:
                live.console.print(Text(event_lines.line(event)), soft_wrap=True)

        yield on_event
