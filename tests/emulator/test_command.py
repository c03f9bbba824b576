"""The command `vmss-jenkins emulator` with faults and a size."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

README = (Path(__file__).parent.parent.parent / "README.md").read_text()
COMMAND = [sys.executable, "-m", "vmss_jenkins", "emulator"]


@contextmanager
def running(*options: str) -> Iterator[str]:
    """The endpoint of an emulator in a process of its own."""
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip().removeprefix("export VMSS_JENKINS_ENDPOINT=")
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_faults_and_the_size_are_given_at_the_start() -> None:
    with running("--instances", "7", "--fault", "503 GET */x", "--fault", "fail instance=3") as endpoint:
        armed = requests.get(f"{endpoint}/_emulator/faults", timeout=10).json()
        changes = requests.get(f"{endpoint}/_emulator/availability", timeout=10).json()["changes"]
        struck = requests.get(f"{endpoint}/x", timeout=10)
    assert [fault["text"] for fault in armed] == ["503 GET '*/x'", "fail instance=3"]
    assert len(changes) == 7
    assert struck.status_code == 503


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--fault", "explode"], "no kind of fault 'explode'"),
        (["--fault", "set-image image=nothing"], "there is no image 'nothing'"),
        (["--scenario", "other"], "no scenario 'other'; there are: nginx-canary"),
    ],
)
def test_what_cannot_be_started_says_why(options: list[str], reason: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"the emulator did not start: {reason}" in done.stderr
    assert done.stdout == ""


def test_every_fault_that_the_readme_shows_is_one() -> None:
    from vmss_jenkins.emulator.faults import KINDS, Fault  # noqa: PLC0415 - beside its one use

    for text in re.findall(r"--fault '([^']+)'|inject\(\"([^\"]+)\"\)", README):
        assert Fault.parse("".join(text))
    table = README.partition("| kind | what happens |")[2].partition("\n\n")[0]
    shown = {
        kind for row in table.splitlines() for kind in re.findall("`([a-z-]+)`", row.partition("|")[2].split("|")[0])
    }
    assert shown | {"error"} == set(KINDS)
