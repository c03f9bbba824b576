"""The command `vmss-jenkins emulator` with faults and a size."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from vmss_jenkins.emulator import Scenario
from vmss_jenkins.emulator.scenario.scenario import SUBSCRIPTION_ID
from vmss_jenkins.emulator.scenario.settings import with_settings

SUBSCRIPTION = f"/subscriptions/{SUBSCRIPTION_ID}"
DOCS = Path(__file__).parents[3] / "docs"
FAULTS, SETTINGS = ((DOCS / f"emulator-{name}.md").read_text() for name in ("faults", "settings"))
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
        (["--fault", "explode"], "there is no kind of fault 'explode'"),
        (["--fault", "set-image image=nothing"], "there is no image 'nothing'"),
        (
            ["--set", "mood=Rolling"],
            "'mood=Rolling' is not a setting NAME=VALUE; the names are: admin_state, applications, auto",
        ),
        (["--set", "mode=Wild"], "the value of 'mode=Wild' does not fit: Input should be 'Manual', 'Automatic' or"),
        (["--set", "zones=[1"], "the value of 'zones=[1' is not YAML"),
        (
            ["--scenario", "other"],
            "there is no scenario 'other'; the scenarios are: nginx-application, nginx-blue-green",
        ),
    ],
)
def test_the_error_of_a_failed_start_names_the_reason(options: list[str], reason: str) -> None:
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"the emulator did not start: {reason}" in done.stderr
    assert done.stdout == ""


def test_every_fault_on_the_page_is_valid() -> None:
    from vmss_jenkins.emulator.faults.fault import KINDS, Fault  # noqa: PLC0415 - beside its one use

    for text in re.findall(r"--fault '([^']+)'|inject\(\"([^\"]+)\"\)", FAULTS):
        assert Fault.parse("".join(text))
    table = FAULTS.partition("| kind | what happens |")[2].partition("\n\n")[0]
    shown = {
        kind for row in table.splitlines() for kind in re.findall("`([a-z-]+)`", row.partition("|")[2].split("|")[0])
    }
    assert shown | {"error"} == set(KINDS)


@pytest.mark.parametrize(
    "row", re.findall(r"`([a-z_]+=[^`]+)`", SETTINGS.partition("| setting |")[2].partition("\n\n")[0])
)
def test_every_setting_on_the_page_is_valid(row: str) -> None:
    assert with_settings(Scenario(), [row]) != Scenario()


def test_settings_are_yaml_values_of_the_fields_types() -> None:
    settings = ["zones=[1, 2]", "core-quota=4", "rolling_policy={maxBatchInstancePercent: 40}", "image=other"]
    assert with_settings(Scenario(), settings) == Scenario(
        zones=("1", "2"), core_quota=4, rolling_policy={"maxBatchInstancePercent": 40}, image="other"
    )


def test_the_settings_change_the_set() -> None:
    with running("--set", "mode=Rolling", "--set", "zones=[]") as endpoint:
        path = f"{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachineScaleSets?api-version=2024-07-01"
        (found,) = requests.get(endpoint + path, timeout=10).json()["value"]
    assert "zones" not in found
    assert found["properties"]["upgradePolicy"]["mode"] == "Rolling"


def test_the_rolling_set_on_the_page_starts_as_shown() -> None:
    (line,) = [line for line in SETTINGS.splitlines() if line.startswith("$ vmss-jenkins emulator") and "--set" in line]
    with running(*shlex.split(line)[3:]) as endpoint:
        path = f"{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachineScaleSets?api-version=2024-07-01"
        (found,) = requests.get(endpoint + path, timeout=10).json()["value"]
    assert found["sku"]["capacity"] == 10
    assert found["properties"]["upgradePolicy"]["rollingUpgradePolicy"]["maxBatchInstancePercent"] == 40


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("releases={}", "is not a setting NAME=VALUE"),
        ("mode", "is not a setting NAME=VALUE"),
        ("core_quota=many", "does not fit"),
        ("zones={", "is not YAML"),
    ],
)
def test_an_invalid_setting_is_refused(setting: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        with_settings(Scenario(), [setting])
