"""Runs Jenkinsfiles with real Groovy. A small harness implements the Pipeline's steps; `sh` runs a real shell.

It shows what Groovy and the shell make of a Jenkinsfile. It is not Jenkins: no build resumes, `parallel` runs one
branch after another, and `tests/groovy/Environment.groovy` has the only rules of the sandbox that it knows.
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

from vmss_jenkins.jenkins.migration.groovy_reader import NEWEST_JAVA, java_home

HERE = Path(__file__).parent
LIBRARY = HERE.parents[1] / "jenkinsfiles" / "library"


def missing() -> str | None:
    """Say why Jenkinsfiles cannot run here; None if they can."""
    if shutil.which("groovy") is None:
        return "groovy is not installed (Debian: apt-get install groovy)"
    if java_home() is None:
        return f"no Java up to {NEWEST_JAVA} is installed (Debian: apt-get install openjdk-17-jre-headless)"
    return None


@dataclass(frozen=True)
class Build:
    """The result of a build, and what it did."""

    result: str
    """`SUCCESS`, `UNSTABLE`, `FAILURE` or `ABORTED`."""
    log: str
    """The console."""
    archived: dict[str, str]
    """The text of each archived file, by its path."""
    description: str | None
    """The build's description in the job's history."""
    display_name: str | None
    """The build's name, if the job gave it one; else it is `#` and its number."""
    started_jobs: list[dict[str, Any]]
    """Each `build job:`: `job`, `parameters`, `wait`, and `build` if the job was given and ran."""
    junit: list[dict[str, Any]]
    """Each result file: `path`, `text`, `failed`."""
    inputs: list[dict[str, Any]]
    """Each question to a person: `message`, `ok`, and `in_node` if it held an executor."""
    stages: list[str]
    """The stages that ran, in order."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    """Each `publishHTML`: `name`, `exists`."""
    number: int = 1
    """The build's number in its job."""


class Jenkins:
    """One Groovy process that runs build after build; workspaces and archives are kept in `home`."""

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
        """End the process and delete workspaces and archives."""
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
        missing_steps: Sequence[str] = (),
    ) -> Build:
        """Run a job once.

        Args:
            jenkinsfile: its text, scripted or declarative.
            params: the build's parameters; a declared parameter that is missing here has its default.
            env: the environment of the agent, in addition to PATH and HOME.
            libraries: folders with `vars/`, loaded as implicit shared libraries.
            credentials: by id: `subscription_id`, `client_id`, `client_secret`, `tenant_id`, or `username`, `password`,
                or `secret`, a text or the content of a file.
            jobs: Jenkinsfiles of the jobs that a `build` step really runs, by name; other jobs are only recorded.
            answers: by the message or id of an `input`: `abort`, or the input. By default the build goes on.
            job: the job's name, which has its own workspace, build numbers and archives.
            home: the folder for them; by default all builds of this process share one.
            missing_steps: steps of plugins that the server does not have.
        """
        request = {
            "home": str(home or self._home.name),
            "credentials": credentials or {},
            "answers": answers or {},
            "missing_steps": list(missing_steps),
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
        display_name=answer["display_name"],
        started_jobs=[
            {**start, "build": _build(start["build"]) if start.get("build") else None} for start in answer["started"]
        ],
        junit=answer["junit"],
        inputs=answer["inputs"],
        stages=answer["stages"],
        reports=answer["reports"],
        number=answer["number"],
    )
