"""Type a page from its first command line to its last, and compare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.docs.masking import differences, renewed
from tests.docs.pages import Step, steps
from tests.docs.session import reading

UNORDERED = "vmss-jenkins seed"
"""A command that writes several jobs at a time, in no order."""


def typed(page: Path, directory: Path) -> Iterator[tuple[Step, list[str]]]:
    """Each command line of a page with what it printed; the page shows `echo $?` after one that is to fail."""
    todo = list(steps(page))
    with reading(directory) as reader:
        for step, following in zip(todo, [*todo[1:], None], strict=True):
            printed, code = reader.type(step.command)
            if code and not (following and following.command == "echo $?"):
                said = "\n".join(printed)
                raise AssertionError(f"{page.name}: exit code {code} of\n{step.command}\n{said}")
            yield step, printed


def wrong(step: Step, printed: list[str]) -> str:
    """How a command's output differs from what its page shows; empty if it does not, or if the page shows none."""
    return differences(step.shown, printed, ordered=UNORDERED not in step.command) if step.shown else ""


def updated(page: Path, directory: Path) -> str:
    """The page with today's output in the place of what is shown and no longer printed."""
    lines = page.read_text().splitlines()
    results = list(typed(page, directory))
    for step, printed in reversed(results):
        if wrong(step, printed):
            lines[step.at : step.at + len(step.shown)] = renewed(step.shown, printed)
    return "\n".join(lines) + "\n"
