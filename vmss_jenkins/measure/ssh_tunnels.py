"""SSH tunnels to instances with the system's `ssh`; a tunnel is open only while it is used."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from vmss_jenkins.gates.specs import ProbingGate
from vmss_jenkins.measure.ports import TunnelError
from vmss_jenkins.model.network import Address
from vmss_jenkins.runtime.ports import Clock

CONNECT_SECONDS = 15
"""Seconds for a tunnel to open."""
CHECK_SECONDS = 0.1
GRACE = 5.0
PORT_ATTEMPTS = 3
"""Attempts to find a local port: another program may take it before ssh does."""
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]*")


def ssh_command(gate: ProbingGate, server: Address, local_port: int) -> list[str]:
    """The `ssh` command that forwards a local port to the gate's port on an instance.

    It never prompts, refuses an unknown host key, and ends if it cannot forward. OpenSSH's `-L` takes no port 0, so
    the local port is chosen first.

    Raises:
        TunnelError: for a user or a host that ssh could read as an option.
    """
    user = gate.ssh_user or ""
    for what, value, shape in (("user", user, _USER), ("host", server.host, _HOST)):
        if not shape.fullmatch(value):
            raise TunnelError(f"found the {what} {value!r}; wanted letters, digits and '.', '_', '-'", lasting=True)
    options = {
        "BatchMode": "yes",
        "ExitOnForwardFailure": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "ClearAllForwardings": "no",
        "ControlPath": "none",
        "PermitLocalCommand": "no",
    }
    if gate.ssh_known_hosts:
        options["UserKnownHostsFile"] = f'"{gate.ssh_known_hosts}"'
    if gate.ssh_key:
        options["IdentitiesOnly"] = "yes"
    words = ["ssh", "-N", "-T", "-a", "-x", "-p", str(server.port), "-l", user]
    words += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    words += ["-i", gate.ssh_key] if gate.ssh_key else []
    return [*words, "-L", f"127.0.0.1:{local_port}:127.0.0.1:{gate.service_port}", "--", server.host]


class SshTunnels:
    """Opens tunnels; satisfies `measure.ports.Tunnels`.

    Args:
        clock: used to wait for a tunnel.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @contextmanager
    def open(self, gate: ProbingGate, server: Address) -> Iterator[Address]:
        """Forward a local port to the gate's port on the instance behind an SSH server, for the time of the block.

        Raises:
            TunnelError: if ssh fails, with its message.
        """
        with tempfile.TemporaryFile() as output:
            process, local = self._start(gate, server, output)
            try:
                yield local
            finally:
                _end(process)

    def _start(self, gate: ProbingGate, server: Address, output: IO[bytes]) -> tuple[subprocess.Popen[bytes], Address]:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            local = Address("127.0.0.1", _free_port())
            words = ssh_command(gate, server, local.port)
            try:
                process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)  # noqa: S603 - checked arguments
            except OSError as error:
                raise TunnelError(f"ssh cannot be started: {error.strerror or error}", lasting=True) from error
            if self._opens(process, local):
                return process, local
            _end(process)
            output.seek(0)
            messages = output.read(4096).decode("utf-8", "replace").strip().splitlines()
            if "in use" not in " ".join(messages) or attempt == PORT_ATTEMPTS:
                break
        reason = messages[-1] if messages else f"no tunnel within {CONNECT_SECONDS} s"
        raise TunnelError(f"ssh to {server}: {reason}")

    def _opens(self, process: subprocess.Popen[bytes], local: Address) -> bool:
        """Wait until the tunnel accepts connections, ssh ends, or the time is up."""
        deadline = self._clock.now() + CONNECT_SECONDS
        while process.poll() is None and self._clock.now() < deadline:
            with suppress(OSError), socket.create_connection((local.host, local.port), timeout=1):
                return process.poll() is None
            self._clock.sleep(CHECK_SECONDS)
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
