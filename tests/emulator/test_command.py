import os
import shlex
import signal
import subprocess
import sys

import pytest
import requests
from click.testing import CliRunner

from tests.emulator.conftest import VERSION, Azure
from vmss_jenkins.cli.emulator import command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_what_to_paste_and_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    program = [sys.executable, "-c", "from vmss_jenkins.cli.emulator import command; command()", "--time-scale", "50"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        exports = {}
        for _ in range(3):
            word, assignment = shlex.split(process.stdout.readline())
            assert word == "export"
            name, _, exports[name] = assignment.partition("=")
        told = process.stderr.readline()
        endpoint = exports["VMSS_JENKINS_ENDPOINT"]
        assert requests.get(f"{endpoint}/subscriptions?api-version={VERSION}", timeout=10).status_code == 200
        assert requests.get(exports["VMSS_JENKINS_EMULATOR_FRONTEND"], timeout=10).status_code == 200
        os.kill(process.pid, number)
        assert process.wait(timeout=10) == 0
        assert told == f"Emulating Azure (nginx-canary) at {endpoint}; Ctrl-C stops it.\n"
        assert process.stderr.read() == ""


def test_an_unknown_scenario_is_a_clear_error() -> None:
    result = CliRunner().invoke(command, ["--scenario", "none"])
    assert (result.exit_code, "there are: nginx-canary" in result.output) == (1, True)


def test_a_port_that_is_taken_is_a_clear_error(azure: Azure) -> None:
    result = CliRunner().invoke(command, ["--port", azure.emulator.endpoint.rpartition(":")[2]])
    assert result.exit_code == 1
    assert "the emulator did not start: " in result.output


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("vmss_jenkins.emulator")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flask", None)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 1
    assert "the emulator needs flask, which is not installed: pip install 'vmss-jenkins[demo]'" in result.output
