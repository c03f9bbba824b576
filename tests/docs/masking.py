"""Output as the pages compare it: line by line, without what differs from run to run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import groupby

ELSEWHERE = "..."
"""A line that stands for any number of lines."""
MASKS = (
    (r"\d{4}-\d\d-\d\d(T| )\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "DATE"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID"),
    (r"\b[0-9a-f]{32,}\b", "TOKEN"),
    (r"(?<=bin/activate) +", " "),  # padded behind a path that is longer where the tests run
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "DURATION"),
    (r"\(\d+ of \d+\)", "(N of M)"),
    (r"(?<=Replicating, )\d+%", "N%"),
    (r"^[\w.@-]+(?=: (release|rollout|rollback|switch)\b)", "SOMEBODY"),
    (r"\b((?:Get|HighCost|VMScaleSet)\w+) \d+", r"\1 COUNT"),
    (r"^( +(?:calls|requests|refused|commands|Welcome)\D*)\d.*", r"\1COUNT"),
)
DEPENDS_ON_SPEED = re.compile(r"waiting\b|gate \w+: \d+ of up to|  Welcome to")
"""Lines that a faster or a slower machine prints more or fewer of."""
TOGETHER = re.compile(r"instance \d+ is ")
"""Lines about instances that were begun together: which one ends first is left to chance."""


def masked(lines: Sequence[str]) -> list[str]:
    """The lines that must be the same in every run."""
    found = []
    for line in lines:
        text = line.rstrip()
        for pattern, sign in MASKS:
            text = re.sub(pattern, sign, text)
        if text and not DEPENDS_ON_SPEED.match(text):
            found.append(text)
    runs = groupby(found, key=lambda text: bool(TOGETHER.match(text)))
    return [text for together, run in runs for text in (sorted(run) if together else run)]


def differences(shown: Sequence[str], printed: Sequence[str], *, ordered: bool = True) -> str:
    """What a page shows and the command did not print, and the other way round; empty if all is as shown."""
    expected, found = masked(shown), masked(printed)
    if not ordered:
        expected, found = sorted(expected), sorted(found)
    if re.fullmatch(_pattern(expected), "".join(f"{line}\n" for line in found)):
        return ""
    return "\n".join(difflib.unified_diff(expected, found, "the page shows", "the command prints", lineterm=""))


def _pattern(expected: Sequence[str]) -> str:
    return "".join(r"(?:.*\n)*?" if line == ELSEWHERE else f"{re.escape(line)}\n" for line in expected)


def renewed(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """What a page is to show instead: of a part, the lines nearest to those that it shows now."""
    if ELSEWHERE not in shown:
        return [line.rstrip() for line in printed]
    result: list[str] = []
    rest = list(printed)
    for line in shown:
        if line == ELSEWHERE:
            result.append(line)
            continue
        near = [found for word in masked([line]) for found in difflib.get_close_matches(word, masked(rest), 1, 0.4)]
        if near:
            index = next(at for at, other in enumerate(rest) if masked([other]) == near)
            result.append(rest[index].rstrip())
            rest = rest[index + 1 :]
    return result
