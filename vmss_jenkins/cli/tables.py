"""Tables on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

WIDTH_WITHOUT_TERMINAL = 160
"""Columns if no terminal is there: in a Jenkins console."""


def show(headings: Sequence[str], rows: Iterable[Sequence[str]], *above: str) -> None:
    """Print a table below some lines; cells are wrapped if the terminal is too narrow for them."""
    from rich.console import Console  # noqa: PLC0415 - not loaded for other outputs
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    for line in above:
        console.print(Text(line), soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
