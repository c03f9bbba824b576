"""The command for tests that call it often: a process that has imported everything forks for each call.

A call's words, environment, directory, standard streams and exit code are its own. What it saves is Python's start and
the imports, which take longer than most of the calls. Run as a program it is the process that forks.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from vmss_jenkins.cli import command_of

CLIENT = """#!{python} -SI
import json, os, socket, sys
words = sys.argv[1:]
words = words[3:] if words[:3] == ["-I", "-m", "vmss_jenkins"] else words
call = {{"words": words, "env": dict(os.environ), "cwd": os.getcwd()}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"3"], [0, 1, 2])
    server.sendall(json.dumps(call).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(16)))
"""
CALLED = ("blue-green", "handoff", "junit", "report", "rollback", "rollout", "switch", "update", "update-instances")
USED = (
    "azure.identity",
    "azure.mgmt.compute",
    "azure.mgmt.network",
    "vmss_jenkins.library.blue_green",
    "vmss_jenkins.azure.load_balancers",
    "vmss_jenkins.measure.http_prober",
    "vmss_jenkins.report.html.page",
    "vmss_jenkins.library.rollouts",
    "vmss_jenkins.azure.load_balancer_store",
    "vmss_jenkins.report.junit",
)


@contextmanager
def running() -> Iterator[Path]:
    """Give the path of a program that takes the words of `vmss-jenkins`, or those of `python -I -m vmss_jenkins`."""
    with tempfile.TemporaryDirectory(prefix="vmss-jenkins-command-") as folder:
        program, address = Path(folder) / "command", str(Path(folder) / "socket")
        program.write_text(CLIENT.format(python=sys.executable, address=address))
        program.chmod(0o755)
        words = [sys.executable, "-m", "tests.support.forked_command", address]
        environment = {**os.environ, "PYTHONUTF8": "1"}
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as server:
            assert server.stdout
            assert server.stdin
            assert server.stdout.readline() == b"ready\n"
            yield program
            server.stdin.close()


def main(address: str) -> None:
    """Fork for each call until standard input is closed, as it is too when the one who started this dies."""
    for module in USED:
        import_module(module)
    for name in CALLED:
        command_of(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the calls: they answer themselves
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)  # noqa: T201 - the one who started it waits for this
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                _, streams, _, _ = socket.recv_fds(connection, 1, 3)
                if os.fork() == 0:
                    listener.close()
                    _answer(connection, streams)
                for stream in streams:
                    os.close(stream)


def _answer(connection: socket.socket, streams: list[int]) -> None:
    """Carry a call out, tell its exit code, and end."""
    code = 70
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        with connection.makefile("rb") as asked:
            call = json.loads(asked.read())
        os.chdir(call["cwd"])
        os.environ.clear()
        os.environ.update(call["env"])
        from vmss_jenkins.__main__ import main as command  # noqa: PLC0415 - what is tested

        code = command(call["words"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
