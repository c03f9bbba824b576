"""Programs of the user, run as gates."""

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
"""Bytes kept of what a program prints: the last ones, where its verdict usually is."""
GRACE = 5.0
"""Seconds that a program gets to end by itself after it was asked to."""
SECRET = re.compile(
    r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|PRIVATE_KEY|API_?KEY|ACCESS_KEY|CERTIFICATE", re.IGNORECASE
)
"""Names of environment variables that a program does not get unless the gate names them."""
SHORTEST_SECRET = 8
"""Characters from which a secret's value is held back under other names too, which Jenkins lets a user choose."""


def environment(gate: CommandGate, ours: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """The environment of a gate's program: ours without the secrets that it did not ask for, and the facts.

    Args:
        gate: names the secrets that it gets.
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
"""Seconds of a wait between two looks at the clock."""


class ProgramRunner:
    """Runs programs; satisfies `measure.ports.CommandRunner`.

    Args:
        clock: times them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(self, gate: CommandGate, facts: Mapping[str, str]) -> CommandResult:
        """Run a gate's program to its end; what it started and left behind is killed with it.

        How it ended is a value, and so is that it could not be started.
        """
        began = self._clock.now()
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own words, read by no shell
                list(gate.run),
                env=environment(gate, os.environ, facts),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return CommandResult(None, "", f"{gate.run[0]} cannot be started: {error.strerror or error}")
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
        """Wait for its end in parts, so that the clock can say in between that the wait goes on.

        Raises:
            subprocess.TimeoutExpired: where it does not end in time.
        """
        while seconds > PART:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PART)
                return
            seconds -= PART
            self._clock.sleep(0)
        process.wait(seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the program's process group to end, then make it."""
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
    """Reads a pipe to its end in a thread of its own, keeping the last bytes."""

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
        """What was read, when the pipe is closed; a process that left the group may hold it open for longer."""
        self._thread.join(GRACE)
        return bytes(self._kept).decode("utf-8", "replace")
