"""Reads Jenkinsfiles by Groovy's own parser, which parses and runs nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration.commands import Call

SECONDS = 120.0
"""How long Groovy may take."""
NEWEST_JAVA = 17
"""The newest Java that Groovy 2.4, which Jenkins runs, works with."""
JAVAS = Path("/usr/lib/jvm")
"""Where Debian puts them."""
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
    with as_file(files("vmss_jenkins.jenkins.migration") / "plugin_calls.groovy") as script:
        answer = _ask([groovy, str(script)], json.dumps(list(texts)), environment)
    return [_calls(one) for one in answer]


def java_home(environment: Mapping[str, str] = os.environ) -> str | None:
    """Find the home of a Java that Groovy 2.4 works with: `JAVA_HOME`, or one where Debian puts them."""
    places = [environment.get("JAVA_HOME", ""), *sorted(map(str, JAVAS.glob("*")))]
    return next((place for place in places if place and 0 < _java_version(Path(place)) <= NEWEST_JAVA), None)


def _java_version(home: Path) -> int:
    release = home / "release"
    if not (home / "bin" / "java").exists() or not release.exists():
        return 0
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(encoding="utf-8"), re.MULTILINE)
    return int(found[1]) if found else 0


def _ask(command: Sequence[str], question: str, environment: Mapping[str, str]) -> list[dict[str, object]]:
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
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = said[0] if said else f"exit code {done.returncode}"
        raise ConfigError("groovy", [f"did not start: {reason}; {NEXT_STEP}"])
    answer: list[dict[str, object]] = json.loads(done.stdout)
    return answer


def _calls(answer: Mapping[str, object]) -> tuple[Call, ...] | str:
    if "error" in answer:
        return str(answer["error"])
    found = answer["calls"]
    assert isinstance(found, list)  # noqa: S101 - our own script wrote it
    return tuple(Call(**one) for one in found)
