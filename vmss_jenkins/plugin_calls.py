"""Reads Jenkinsfiles by Groovy's own parser, which parses and runs nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.migration import Call

SECONDS = 120.0
"""How long Groovy may take."""
NEXT_STEP = (
    "reading Jenkinsfiles needs the command groovy 2.4, which Jenkins runs, and JAVA_HOME of a Java up to 17 "
    "(Debian: apt-get install groovy openjdk-17-jre-headless)"
)


def read(texts: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[tuple[Call, ...] | str]:
    """Find the calls of the plugin's steps in Groovy texts; for one that is no Groovy, return the parser's message.

    Raises:
        ConfigError: where there is no Groovy, or it does not start.
    """
    groovy = shutil.which("groovy", path=environment.get("PATH"))
    if groovy is None:
        raise ConfigError("groovy", [f"not found; {NEXT_STEP}"])
    with as_file(files("vmss_jenkins") / "plugin_calls.groovy") as script:
        answer = _ask([groovy, str(script)], json.dumps(list(texts)), environment)
    return [_calls(one) for one in answer]


def _ask(command: Sequence[str], question: str, environment: Mapping[str, str]) -> list[dict[str, object]]:
    done = subprocess.run(  # noqa: S603 - the command is found on PATH, its argument is our own file
        command,
        input=question,
        env={**environment, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        reason = next(iter(done.stderr.strip().splitlines()), f"exit code {done.returncode}")
        raise ConfigError("groovy", [f"did not start: {reason}; {NEXT_STEP}"])
    answer: list[dict[str, object]] = json.loads(done.stdout)
    return answer


def _calls(answer: Mapping[str, object]) -> tuple[Call, ...] | str:
    if "error" in answer:
        return str(answer["error"])
    found = answer["calls"]
    assert isinstance(found, list)  # noqa: S101 - our own script wrote it
    return tuple(Call(**one) for one in found)
