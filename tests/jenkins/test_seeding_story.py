"""The README's section on Jenkins, typed as it stands there, against the stand-in started by its documented command."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import groovy_harness

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "README.md").read_text().split("### On a Jenkins server\n")[1].split("\n### ")[0]
BLOCKS = re.findall(r"^```console\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^\$ (.*)$", "".join(BLOCKS), re.MULTILINE)
"""All of them; tests of the README count them as run."""


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
    return sorted(re.sub(r"127\.0\.0\.1:\d+|\(\d+ of|in \d+\.\d s", "N", line) for line in lines)


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


def run(command: str, directory: Path) -> str:
    """Run a command of the package and return its standard output."""
    words = [sys.executable, "-m", "vmss_jenkins", *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_jobs_are_written_and_the_schema_is_printed(tmp_path: Path) -> None:
    render, schema = re.findall(r"^\$ (.*)$", BLOCKS[2], re.MULTILINE)
    written = run(f"{render.replace(' --out jobs', '')} --out {tmp_path}", ROOT).splitlines()
    assert written[0] == str(tmp_path / "deploy" / "web-canary" / "Jenkinsfile")
    assert json.loads(run(schema, ROOT))["title"] == "vmss.yaml"


@pytest.mark.skipif(groovy_harness.missing() is not None, reason=str(groovy_harness.missing()))
def test_an_old_jenkinsfile_is_migrated() -> None:
    (command,) = re.findall(r"^\$ (.*)$", BLOCKS[3], re.MULTILINE)
    said = run(command, ROOT)
    assert "vmss-jenkins update --resource-group=" in said
    assert "id: azure-canary" in said
