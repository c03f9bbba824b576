"""Runs Jenkinsfiles by real Groovy, with the Pipeline's steps bound to a small harness in which `sh` really runs.

It shows what a Jenkinsfile says to Groovy and to the shell. It is no Jenkins: nothing is resumed, `parallel` runs one
branch after another, and of the sandbox it knows only what `tests/groovy/Environment.groovy` says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmss_jenkins.jenkins.migration.plugin_calls import NEWEST_JAVA, java_home

HERE = Path(__file__).parent
LIBRARY = HERE.parents[1] / "jenkinsfiles" / "library"


def missing() -> str | None:
    """Return why Jenkinsfiles cannot be run here, or None where they can."""
    if shutil.which("groovy") is None:
        return "groovy is not installed (Debian: apt-get install groovy)"
    if java_home() is None:
        return f"no Java up to {NEWEST_JAVA} is installed (Debian: apt-get install openjdk-17-jre-headless)"
    return None


@dataclass(frozen=True)
class Build:
    """What a build did."""

    result: str
    """`SUCCESS`, `UNSTABLE`, `FAILURE` or `ABORTED`."""
    log: str
    """The console."""
    archived: dict[str, str]
    """The text of each archived file, by its path."""
    description: str | None
    """What the build was given to show in the job's history."""
    started_jobs: list[dict[str, Any]]
    """Each `build job:`: `job`, `parameters`, `wait`, and `build` where the job was known and ran."""
    junit: list[dict[str, Any]]
    """Each result file: `path`, `text`, `failed`."""
    inputs: list[dict[str, Any]]
    """Each question to a person: `message`, `ok`, and whether it was asked `in_node`."""
    stages: list[str]
    """The stages that ran, in order."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    """Each `publishHTML`: `name`, `exists`."""
    number: int = 1
    """The build's number in its job."""


class Jenkins:
    """One Groovy process that runs build after build; what jobs leave behind is kept in `home`."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="vmss-jenkins-builds-")
        self._errors = (Path(self._home.name) / "groovy.log").open("w+")
        locale = {"LC_ALL": "C.UTF-8", "JAVA_OPTS": "-Dfile.encoding=UTF-8 -XX:TieredStopAtLevel=1 -Xshare:auto"}
        self._process = subprocess.Popen(
            ["groovy", "-cp", str(HERE / "groovy"), str(HERE / "groovy" / "Server.groovy")],
            env={**os.environ, **locale, "JAVA_HOME": java_home() or ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )

    def close(self) -> None:
        """End the process and forget what the jobs left behind."""
        self._process.communicate()
        self._errors.close()
        self._home.cleanup()

    def run(
        self,
        jenkinsfile: str,
        params: Mapping[str, str | bool] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        libraries: Sequence[Path] = (),
        credentials: Mapping[str, Mapping[str, str]] | None = None,
        jobs: Mapping[str, str] | None = None,
        answers: Mapping[str, str] | None = None,
        job: str = "job",
        home: Path | None = None,
    ) -> Build:
        """Run a job once.

        Args:
            jenkinsfile: its text, scripted or declarative.
            params: the build's parameters; declared ones that are not here have their default.
            env: the environment of the agent, beside PATH and HOME.
            libraries: folders with `vars/`, loaded as implicit shared libraries.
            credentials: by id: `subscription_id`, `client_id`, `client_secret`, `tenant_id`, or `username`, `password`,
                or `secret`, a text or what a file holds.
            jobs: Jenkinsfiles of the jobs that a `build` step really runs, by name; others are only noted.
            answers: by the message or id of an `input`: `abort`, or what was filled in. It goes on by default.
            job: the job's name: workspace, build numbers and archives belong to it.
            home: where they are; by default all of this process's builds share a folder.
        """
        request = {
            "home": str(home or self._home.name),
            "credentials": credentials or {},
            "answers": answers or {},
            "jobs": {name: {"jenkinsfile": text} for name, text in (jobs or {}).items()},
            "build": {
                "job": job,
                "jenkinsfile": jenkinsfile,
                "params": dict(params or {}),
                "env": {**agent(), **(env or {})},
                "libraries": [str(library) for library in libraries],
            },
        }
        return _build(self._ask(request))

    def _ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"Groovy ended: {self._errors.read()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def agent() -> dict[str, str]:
    """Return the environment of an agent on which the command is installed."""
    here = Path(sys.executable).parent
    return {
        "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(Path.home()),
        "LC_ALL": "C.UTF-8",
    }


def _build(answer: Mapping[str, Any]) -> Build:
    archive = Path(answer["archive"])
    return Build(
        result=answer["result"],
        log=answer["log"],
        archived={path: (archive / path).read_text(encoding="utf-8") for path in answer["archived"]},
        description=answer["description"],
        started_jobs=[
            {**start, "build": _build(start["build"]) if start.get("build") else None} for start in answer["started"]
        ],
        junit=answer["junit"],
        inputs=answer["inputs"],
        stages=answer["stages"],
        reports=answer["reports"],
        number=answer["number"],
    )
