"""The live display of a rollout on a terminal: log lines above, the instances below them."""

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
    InstanceState.CREATING: ("+", "blue"),
    InstanceState.DELETING: ("-", "dim"),
}
"""A sign and a style for each state; the sign is enough on a terminal without colours."""
MOST_ROWS = 8
"""Rows of a zone's grid; instances that do not fit are counted."""


class Display:
    """Draws the state of a rollout whenever rich asks.

    Args:
        progress: the state that is drawn.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the display was made."""
        return time.monotonic() - self.began

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        self.progress.now = self.elapsed
        yield from lines(self.progress, options.max_width)


def lines(progress: Progress, width: int) -> Iterator[Text]:
    """Draw the heading, a grid for each zone, the legend, the update, the gate, the last verdict and the time.

    A line without content is drawn empty. If the height changed, rich's thread and ours, which prints the log, could
    disagree on how many lines are to be erased.
    """
    planned = progress.planned
    if planned is None:
        return
    image = planned.image_to.short_name if planned.image_to else "the model"
    what = f"rolling back from {image}" if progress.rolling_back and not planned.rolling_back else image
    yield Text(f"── {planned.scale_set}: {what} ".ljust(width, "─")[:width], style="dim")
    for zone in sorted(set(progress.zones.values())):
        yield from _zone(progress, zone, width)
    yield _legend(progress, width)
    yield _line("update", "; ".join(filter(None, (progress.batch, progress.waiting))), width)
    measured = f": {progress.measured}" if progress.points else ""
    yield _line("gate", f"{progress.gate} measures the {progress.stage}{measured}" if progress.gate else "", width)
    yield _line("verdict", progress.verdict, width)
    retries = f", {progress.retries} retried" if progress.retries else ""
    deadline = f" of at most {clock(progress.deadline)}" if progress.deadline is not None else ""
    yield _line("time", f"{clock(progress.now)}{deadline}; {progress.calls} requests to Azure{retries}", width)


def _zone(progress: Progress, zone: str, width: int) -> Iterator[Text]:
    here = [key for key, where in progress.zones.items() if where == zone]
    there = [progress.states[key] for key in here if progress.states[key] is not InstanceState.DELETED]
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


def _line(name: str, text: str, width: int) -> Text:
    line = Text().append(name.ljust(8), style="dim").append(" ".join(text.split()))
    line.truncate(width, overflow="ellipsis")
    return line


@contextmanager
def display(wanted: event_lines.Level) -> Iterator[OnEvent]:
    """Show the log and the display below it, as long as the block lasts.

    Args:
        wanted: how much is logged.
    """
    progress = Progress()
    shown = Display(progress)
    console = Console(stderr=True, highlight=False)
    with Live(shown, console=console, refresh_per_second=4, transient=True) as live:

        def on_event(event: Event) -> None:
            progress.take(event, shown.elapsed)
            shows_it = isinstance(event, StillWaiting)
            if event_lines.level(event).value <= wanted.value and not shows_it:
                live.console.print(Text(event_lines.line(event)), soft_wrap=True)

        yield on_event
