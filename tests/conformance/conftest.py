"""The real `az`, found on PATH, and an emulator registered as its cloud."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from vmss_jenkins.emulator import Emulator, Scenario, Timings

HERE = Path(__file__).parent
PYTHON = Path(shutil.which("az") or "/nowhere/az").resolve().with_name("python")
"""The one that azure-cli is installed in."""
WITHOUT_AZ = "no az of a virtual environment is on PATH; .ci/run installs azure-cli in one"
INSTANT = Timings(
    accept=0,
    model=0,
    update=0,
    settle=0,
    extension=0,
    reimage=0,
    stop=0,
    start=0,
    create=0,
    delete=0,
    replicate=0,
    health=0,
    spread=0,
)
"""Every operation has ended when it is asked about: `az` waits 30 s from one question to the next."""


@dataclass(frozen=True)
class Az:
    """A shell in which `az` is the real one, logged in to an emulator."""

    emulator: Emulator
    environment: Mapping[str, str]
    folder: Path

    def shell(self, *commands: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run commands in one bash; with `check` they must all succeed."""
        script = "\n".join(["set -o pipefail", *(["set -e"] if check else []), *commands])
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert not check or done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
        return done

    def __call__(self, command: str) -> str:
        """Run one command of `az`; return what it prints."""
        return self.shell(f"az {command}").stdout.strip()

    def refused(self, command: str) -> str:
        """Run a command of `az` that must fail; return its error message."""
        done = self.shell(f"az {command}", check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr


@contextmanager
def logged_in(folder: Path, azurite: str = "", scenario: Scenario | None = None) -> Iterator[Az]:
    """An emulator, and the real `az` logged in to it in a process of its own."""
    emulator = Emulator(scenario or Scenario(), tls=True, timings=INSTANT, time_scale=30, azurite=azurite)
    with tempfile.TemporaryDirectory() as short, emulator:
        (shim := Path(short) / "az").write_text(f'#!/bin/sh\nexec {sys.executable} -S {HERE / "az_client.py"} "$@"\n')
        shim.chmod(0o700)
        path = f"{short}{os.pathsep}{os.environ['PATH']}"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE", "COV_"))}
        variables = emulator.environment | emulator.az_environment
        environment = inherited | variables | {"PATH": path, "HOME": short, "AZ_SERVER": f"{short}/socket"}
        server = subprocess.Popen([PYTHON, HERE / "az_server.py", environment["AZ_SERVER"]], env=environment)
        try:
            az = Az(emulator, environment, folder)
            az.shell('for _ in $(seq 300); do [ -S "$AZ_SERVER" ] && break; sleep 0.1; done', *emulator.az_commands)
            yield az
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.fixture(scope="package")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Az]:
    """The real `az`, logged in to an emulator that all tests of a process share."""
    if not PYTHON.exists():
        pytest.skip(WITHOUT_AZ)
    with logged_in(tmp_path_factory.mktemp("az")) as made:
        yield made


@pytest.fixture
def az_alone(tmp_path: Path) -> Iterator[Az]:
    """The real `az`, logged in to an emulator of this test only, which may leave the set as it likes."""
    if not PYTHON.exists():
        pytest.skip(WITHOUT_AZ)
    with logged_in(tmp_path) as made:
        yield made
