"""What the tests found of the mistakes that mutmut made in the pure rooms; run it by `make mutants`.

It prints a table by room, then each mistake that no test found, with the reason from `surviving_mutants.toml`. The exit
code is 1 if a room is below the goal.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from enum import Enum
from pathlib import Path

GOAL = 0.97
"""The wanted share of mutants that tests find, of those that mypy lets pass."""
MUTANTS = Path("mutants")
REASONS = Path(__file__).with_name("surviving_mutants.toml")
ROOMS = {
    "rollout/plan/surge": "surge",
    "rollout/plan/claims.py": "claims",
    "rollout/plan": "rollout",
    "blue_green/plan": "blue-green",
    "gates": "gates",
    "jenkins/plan/handoff.py": "hand-off",
    "jenkins/plan": "jobs",
}
"""The first that fits a file is its room."""


class Fate(Enum):
    """What became of a mutant."""

    TYPED = "mypy"
    KILLED = "tests"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Mutant:
    """One mistake in one function."""

    file: str
    function: str
    name: str
    fate: Fate
    change: str
    """The lines taken out and put in."""

    @property
    def room(self) -> str:
        return next(room for path, room in ROOMS.items() if self.file.startswith(f"vmss_jenkins/{path}"))


def mutants() -> Iterator[Mutant]:
    # None: not run yet, so nobody found it.
    fates = {37: Fate.TYPED, 0: Fate.SURVIVED, 5: Fate.SURVIVED, 33: Fate.SURVIVED, None: Fate.SURVIVED}
    for meta in sorted(MUTANTS.glob("vmss_jenkins/**/*.meta")):
        source = meta.with_suffix("")
        lines = source.read_text(encoding="utf-8").splitlines()
        functions = {
            node.name: [
                line.strip().replace(node.name, node.name.partition("__mutmut_")[0])
                for line in lines[node.lineno - 1 : node.end_lineno]
            ]
            for node in ast.walk(ast.parse("\n".join(lines)))
            if isinstance(node, ast.FunctionDef)
        }
        for full_name, code in json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            name = full_name.rpartition(".")[2]
            original = name.partition("__mutmut_")[0]
            function = original.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
            changed = unified_diff(functions[f"{original}__mutmut_orig"], functions[name], n=0, lineterm="")
            change = " ".join(line for line in list(changed)[2:] if not line.startswith("@@"))
            yield Mutant(str(source.relative_to(MUTANTS)), function, full_name, fates.get(code, Fate.KILLED), change)


def reasons() -> list[dict[str, str]]:
    from tomllib import loads  # noqa: PLC0415 - Python 3.11 or later; the rest of the project needs 3.10 only

    found: list[dict[str, str]] = loads(REASONS.read_text(encoding="utf-8"))["equivalent"]
    return found


def why(mutant: Mutant, known: list[dict[str, str]]) -> str:
    """The reason why a mutant may survive; empty if none is known."""
    return next(
        (one["why"] for one in known if one["function"] == mutant.function and one["change"] in mutant.change), ""
    )


def main() -> int:
    every, known = list(mutants()), reasons()
    print(
        f"{'':12} {'mutants':>8} {'mypy':>6} {'left':>6} {'tests':>6} {'share':>7} {'equivalent':>11} {'but those':>10}"
    )
    below = False
    for room in (*dict.fromkeys(ROOMS.values()), "all"):
        fates = Counter(one.fate for one in every if room in {one.room, "all"})
        left = [one for one in every if room in {one.room, "all"} and one.fate is Fate.SURVIVED]
        same = sum(bool(why(one, known)) for one in left)
        judged = fates[Fate.KILLED] + fates[Fate.SURVIVED]
        share, rest = fates[Fate.KILLED] / (judged or 1), fates[Fate.KILLED] / ((judged - same) or 1)
        below |= share < GOAL
        print(
            f"{room:12} {fates.total():8} {fates[Fate.TYPED]:6} {judged:6} {fates[Fate.KILLED]:6} {share:7.1%} "
            f"{same:11} {rest:10.1%}"
        )
    print()
    for one in sorted((one for one in every if one.fate is Fate.SURVIVED), key=lambda one: (one.file, one.function)):
        print(f"{one.file} {one.function}: {one.change}\n    {why(one, known) or 'NO REASON KNOWN'}")
    return int(below)


if __name__ == "__main__":
    sys.exit(main())
