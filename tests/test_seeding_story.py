"""The story of docs/seeding.md, typed as it stands there, against the stand-in started by its documented command."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytest.importorskip("vmss_jenkins.pipelines", reason="the generators are not there")
BLOCKS = re.findall(r"^```console\n(.*?)^```", (ROOT / "docs" / "seeding.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """What the stand-in prints to be pasted."""
    command = shlex.split(BLOCKS[0].splitlines()[0].removeprefix("$ "))
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, *command[1:]], cwd=ROOT, env=unbuffered, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        exports = [running.stdout.readline().strip().removeprefix("export ") for _ in range(3)]
        yield {**os.environ, **dict(each.split("=", 1) for each in exports)}
        running.terminate()


def steps() -> Iterator[tuple[list[str], list[str]]]:
    """Each command of the story and the lines that follow it."""
    for step in re.split(r"^\$ ", BLOCKS[1], flags=re.MULTILINE)[1:]:
        command, *lines = step.splitlines()
        yield shlex.split(command), lines


def generalised(lines: list[str]) -> list[str]:
    """Lines without ports, times and counts so far, in any order: jobs are written several at a time."""
    return sorted(re.sub(r"127\.0\.0\.1:\d+|\(\d of|in \d+\.\d s", "N", line) for line in lines)


def test_the_story_comes_out_as_it_is_told(environment: dict[str, str]) -> None:
    for command, lines in steps():
        done = subprocess.run(
            [sys.executable, *command[1:]],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert generalised(done.stdout.splitlines()) == generalised(lines), command
