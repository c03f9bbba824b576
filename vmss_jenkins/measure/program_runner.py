"""Runs the user's programs as gates."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

from vmss_jenkins.gates.specs import CommandGate
from vmss_jenkins.gates.verdicts import CommandResult
from vmss_jenkins.runtime.ports import Clock

MOST_OUTPUT = 16 * 1024
"""How many of the last bytes of a program's output are kept: its verdict is usually there."""
GRACE = 5.0
"""Seconds for a program to end after SIGTERM."""
SECRET = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|PRIVATE_KEY|API_?KEY|ACCESS_KEY|CERTIFICATE", re.IGNORECASE
)
"""Environment variables that a program gets only if the gate names them."""
SHORTEST_SECRET = 8
"""The shortest secret whose value is removed under other names too: Jenkins lets users choose the name."""


def environment(gate: CommandGate, ours: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """The environment of a gate's program: ours without the secrets that the gate does not name, plus the facts.

    Args:
        gate: names the secrets that its program gets.
        ours: the environment of this process.
        facts: `VMSS_RESOURCE_GROUP`, `VMSS_NAME`, `VMSS_IMAGE`, `VMSS_INSTANCE_IDS`, `VMSS_STAGE`.
    """
    secret = {name for name in ours if name not in gate.secrets and SECRET.search(name)}
    values = {ours[name] for name in secret if len(ours[name]) >= SHORTEST_SECRET}
    kept = {
        name: value
        for name, value in ours.items()
        if name in gate.secrets or (name not in secret and value not in values)
    }
    return {**kept, **facts}


PART = 15.0
"""Seconds between two looks at the clock while a program runs."""


class ProgramRunner:
    """Runs programs; satisfies `measure.ports.CommandRunner`.

    Args:
        clock: times them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(self, gate: CommandGate, facts: Mapping[str, str]) -> CommandResult:
        """Run a gate's program to its end, and kill the processes that it left behind.

        The result is a value, also if the program could not be started.
        """
        began = self._clock.now()
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command; no shell is involved
                list(gate.run),
                env=environment(gate, os.environ, facts),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = f"{gate.run[0]} cannot be started: {error.strerror or error}"
            return CommandResult(None, "", reason, started=False)
        tail = _Tail(process.stdout)
        problem = None
        try:
            self._wait(process, gate.timeout)
        except subprocess.TimeoutExpired:
            problem = f"not done after {gate.timeout:g} s: killed"
        finally:
            _end(process)
        code = None if problem else process.returncode
        return CommandResult(code, tail.text(), problem, self._clock.now() - began)

    def _wait(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        """Wait for the end in parts, so that the clock can report in between that the wait goes on.

        Raises:
            subprocess.TimeoutExpired: if the program does not end in time.
        """
        while seconds > PART:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PART)
                return
            seconds -= PART
            self._clock.sleep(0)
        process.wait(seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the program's process group, then SIGKILL."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # the group is empty
        os.killpg(process.pid, number)


class _Tail:
    """Reads a pipe to its end in its own thread, and keeps the last bytes."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._kept = bytearray()
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, name="program-output", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        if self._pipe is None:
            return
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), MOST_OUTPUT):
                self._kept += chunk
                del self._kept[:-MOST_OUTPUT]

    def text(self) -> str:
        """The text read, once the pipe is closed; a process that left the group may hold it open longer."""
        self._thread.join(GRACE)
        return bytes(self._kept).decode("utf-8", "replace")
