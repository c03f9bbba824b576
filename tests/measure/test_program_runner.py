import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes import FakeClock
from vmss_jenkins.gates.specs import CommandGate
from vmss_jenkins.gates.verdicts import CommandResult
from vmss_jenkins.measure import program_runner
from vmss_jenkins.measure.program_runner import MOST_OUTPUT, ProgramRunner, environment
from vmss_jenkins.runtime.clock import SystemClock

FACTS = {"VMSS_NAME": "web", "VMSS_INSTANCE_IDS": "0,2"}


def run(code: str, timeout: float = 20) -> CommandResult:
    return ProgramRunner(SystemClock()).run(CommandGate(run=(sys.executable, "-c", code), timeout=timeout), FACTS)


@pytest.mark.parametrize("code", [0, 1, 75])
def test_the_exit_code_is_kept(code: int) -> None:
    result = run(f"raise SystemExit({code})")
    assert (result.exit_code, result.problem) == (code, None)


def test_the_program_gets_the_facts() -> None:
    result = run("import os; print(os.environ['VMSS_NAME'], os.environ['VMSS_INSTANCE_IDS'])")
    assert result.output == "web 0,2\n"


def test_both_outputs_are_kept() -> None:
    result = run("import sys; print('out', flush=True); print('err', file=sys.stderr)")
    assert result.output == "out\nerr\n"


def test_the_end_of_a_long_output_is_kept() -> None:
    result = run("print('a' * 200_000); print('the verdict')")
    assert len(result.output) == MOST_OUTPUT
    assert result.output.endswith("aaa\nthe verdict\n")


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    gate = CommandGate(run=(sys.executable, "-c", "import sys; print(sys.argv[1])", f"$(touch {tmp_path}/x); *"))
    assert ProgramRunner(SystemClock()).run(gate, {}).output == f"$(touch {tmp_path}/x); *\n"
    assert not (tmp_path / "x").exists()


def test_a_missing_program_is_a_problem() -> None:
    result = ProgramRunner(SystemClock()).run(CommandGate(run=("/nowhere/check",)), {})
    assert (result.exit_code, result.problem) == (None, "/nowhere/check cannot be started: No such file or directory")


@pytest.fixture
def witness() -> Iterator[socket.socket]:
    """A server that keeps a process's connection until the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server


def starts_a_sleeper(witness: socket.socket) -> str:
    """Code that starts a process, which connects to the witness and then sleeps."""
    inner = f"import socket, time; c = socket.create_connection({witness.getsockname()!r}); print('up', flush=True)"
    outer = "import subprocess, sys; c = subprocess.Popen([sys.executable, '-c', "
    return f"{outer}{inner + '; time.sleep(60)'!r}], stdout=subprocess.PIPE); c.stdout.readline()"


def died(witness: socket.socket) -> bool:
    connection, _ = witness.accept()
    with connection:
        connection.settimeout(10)
        return connection.recv(1) == b""


def test_a_timeout_kills_the_program_and_its_children(witness: socket.socket) -> None:
    result = run(f"{starts_a_sleeper(witness)}; c.wait()", timeout=2)
    assert (result.exit_code, result.problem) == (None, "not done after 2 s: killed")
    assert died(witness)


def test_children_that_a_program_leaves_behind_are_killed(witness: socket.socket) -> None:
    assert run(starts_a_sleeper(witness)).exit_code == 0
    assert died(witness)


def test_secrets_are_removed_under_any_name() -> None:
    ours = {
        "PATH": "/bin",
        "AZURE_CLIENT_ID": "id",
        "AZURE_CLIENT_SECRET": "s3cr3t-value",
        "MY_NAME_FOR_IT": "s3cr3t-value",
        "NPM_TOKEN": "tok",
        "SHORT": "tok",
        "AZURE_CLIENT_CERTIFICATE_PATH": "/cert.pem",
    }
    assert environment(CommandGate(run=("x",)), ours, FACTS) == {
        "PATH": "/bin",
        "AZURE_CLIENT_ID": "id",
        "SHORT": "tok",
        **FACTS,
    }


def test_a_secret_that_the_gate_names_is_passed_on() -> None:
    ours = {"AZURE_CLIENT_SECRET": "s3cr3t-value", "NPM_TOKEN": "another-one"}
    gate = CommandGate(run=("x",), secrets=("AZURE_CLIENT_SECRET",))
    assert environment(gate, ours, {}) == {"AZURE_CLIENT_SECRET": "s3cr3t-value"}


def test_the_environment_of_the_process_is_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "s3cr3t-value")
    assert run("import os; print('AZURE_CLIENT_SECRET' in os.environ)").output == "False\n"


def test_during_a_long_program_the_clock_can_report_that_it_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_runner, "PART", 0.05)
    clock = FakeClock()
    result = ProgramRunner(clock).run(CommandGate(run=("sleep", "0.2"), timeout=30), {})
    assert result.exit_code == 0
    assert set(clock.slept) == {0}
