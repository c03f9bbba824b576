"""The pages of the documentation, their blocks, and the command lines that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = "$ "
WHOLE = "$ python -m vmss_jenkins.demo"
"""A command that prints command lines itself: what follows it, prompts too, is its output."""
TYPED_ELSEWHERE = {"az.md"}
"""Pages that a test of their own types: `tests/conformance/test_az_page.py`, with the real `az`."""


@dataclass(frozen=True)
class Step:
    """A command line of a page, and the output that the page shows below it."""

    command: str
    """What is typed; the lines of a command that goes on after a backslash are kept."""
    shown: tuple[str, ...]
    """The lines below it; none: the page does not show its output."""
    at: int
    """The index of the first of these lines in the page's list of lines."""


def all_pages() -> list[Path]:
    """Every page that people read, the generated ones too."""
    return sorted([*ROOT.glob("*.md"), ROOT / "benchmarks" / "README.md", *DOCS.rglob("*.md")])


def written_pages() -> list[Path]:
    """The pages that people wrote."""
    return [page for page in all_pages() if page not in generated_pages()]


def generated_pages() -> set[Path]:
    """The pages that the code writes."""
    return {*(DOCS / "reference").glob("*.md"), DOCS / "emulator-reference.md"}


def typed_pages() -> list[Path]:
    """The pages with command lines for a shell."""
    return [page for page in written_pages() if page.name not in TYPED_ELSEWHERE and list(steps(page))]


def blocks(page: Path, language: str) -> list[str]:
    """The texts of a page's fenced blocks of one language."""
    return [text for found, text in FENCE.findall(page.read_text()) if found == language]


def steps(page: Path) -> Iterator[Step]:
    """The command lines of a page in their order."""
    lines = page.read_text().splitlines()
    for first, last in _console_blocks(lines):
        index = first
        while index < last:
            words, index = _command(lines, index)
            until = last if words.startswith(WHOLE.removeprefix(PROMPT)) else _next_prompt(lines, index, last)
            yield Step(words, tuple(lines[index:until]), index)
            index = until


def _console_blocks(lines: list[str]) -> Iterator[tuple[int, int]]:
    """The first line of each console block, and the one that closes it."""
    first = None
    for index, line in enumerate(lines):
        if line == "```console":
            first = index + 1
        elif line == "```" and first is not None:
            yield first, index
            first = None


def _command(lines: list[str], index: int) -> tuple[str, int]:
    if not lines[index].startswith(PROMPT):
        raise ValueError(f"a console block begins with a prompt, not with {lines[index]!r}")
    words = [lines[index].removeprefix(PROMPT)]
    while words[-1].endswith("\\"):
        index += 1
        words.append(lines[index])
    return "\n".join(words), index + 1


def _next_prompt(lines: list[str], index: int, last: int) -> int:
    return next((at for at in range(index, last) if lines[at].startswith(PROMPT)), last)
