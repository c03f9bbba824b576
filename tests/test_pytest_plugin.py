"""The fixture that the package gives to the tests of others, found by its entry point."""

import os
import subprocess
import sys

import pytest

import vmss_jenkins
from vmss_jenkins.emulator import Emulator, Scenario


@pytest.mark.azure_emulator(Scenario(instances=4), data_plane=False, time_scale=100)
def test_a_test_has_an_azure_of_its_own_as_its_marker_says(azure_emulator: Emulator) -> None:
    assert os.environ["VMSS_JENKINS_ENDPOINT"] == azure_emulator.endpoint
    _, instances = vmss_jenkins.observe("canary-rg", "web")
    assert len(instances) == 4


def test_without_a_marker_it_is_the_usual_one(azure_emulator: Emulator) -> None:
    assert azure_emulator.scenario == Scenario()


def test_pytest_itself_imports_nothing_of_the_emulator_for_it() -> None:
    code = "import sys, vmss_jenkins.pytest_plugin; print([m for m in sys.modules if 'flask' in m or 'emulator' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
