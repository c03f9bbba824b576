"""Reads Jenkinsfiles with Groovy's own parser, which runs nothing of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration.calls import PARAMETERS, Call, Mention, Reading

SECONDS = 120.0
"""The most seconds that Groovy may take."""
NEWEST_JAVA = 17
"""The newest Java that runs Groovy 2.4, the version of Jenkins."""
JAVAS = Path("/usr/lib/jvm")
"""Where Debian installs Java."""
NEXT_STEP = (
    "to read Jenkinsfiles, install Groovy 2.4 (the version of Jenkins) and Java 17 or older: "
    "apt-get install groovy openjdk-17-jre-headless (Debian); if Java is elsewhere, set JAVA_HOME"
)


def read(texts: Sequence[str], environment: Mapping[str, str] = os.environ) -> list[Reading | str]:
    """Find the calls of the plugin's steps in Groovy texts; for a text that is not Groovy, return the parser's message.

    Raises:
        ConfigError: if Groovy is not installed, or does not start.
    """
    groovy = shutil.which("groovy", path=environment.get("PATH"))
    if groovy is None:
        raise ConfigError("groovy", [f"not found; {NEXT_STEP}"])
    with as_file(files("vmss_jenkins.jenkins.migration") / "groovy") as place:
        command = [groovy, "-cp", str(place), str(place / "read_calls.groovy")]
        answer = _ask(command, json.dumps(list(texts)), environment)
    return [_reading(one) for one in answer]


def java_home(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return `JAVA_HOME`, or a Java that Debian installed, if it runs Groovy 2.4; else None."""
    places = [environment.get("JAVA_HOME", ""), *sorted(map(str, JAVAS.glob("*")))]
    return next((place for place in places if place and 0 < _java_version(Path(place)) <= NEWEST_JAVA), None)


def _java_version(home: Path) -> int:
    release = home / "release"
    if not (home / "bin" / "java").exists() or not release.exists():
        return 0
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1]) if found else 0


def _ask(command: Sequence[str], question: str, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    home = java_home(environment)
    done = subprocess.run(  # noqa: S603 - the command is found on PATH, its argument is our own file
        command,
        input=question,
        env={**environment, "LC_ALL": "C.UTF-8", **({"JAVA_HOME": home} if home else {})},
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = output[0] if output else f"exit code {done.returncode}"
        raise ConfigError("groovy", [f"did not start: {reason}; {NEXT_STEP}"])
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def _reading(answer: Mapping[str, Any]) -> Reading | str:
    if "error" in answer:
        return str(answer["error"])
    calls = tuple(map(_call, answer["calls"]))
    unread, clouds = (tuple(Mention(**one) for one in answer[key]) for key in ("unread", "clouds"))
    return Reading(calls, unread, clouds)


def _call(answer: Mapping[str, Any]) -> Call:
    unwritten = [one for one in PARAMETERS[answer["step"]] if one not in answer["given"]]
    loops = {
        key: tuple(one for found in answer[key] for one in (unwritten if found == "*" else [found]))
        for key in ("varies", "listed")
    }
    return Call(**{**answer, **loops})
