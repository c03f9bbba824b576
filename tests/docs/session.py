"""A reader at a shell: types the command lines of a page, pastes what an emulator prints."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.docs.pages import ROOT

SPEED = "--time-scale 20"
"""Twice as fast as on the pages. With much faster health probes, a busy machine would be too slow for them."""
BACKGROUND = {"vmss-jenkins emulator": "Emulating Azure", "python -m tests.fake_jenkins": "export JENKINS_API_TOKEN="}
"""Programs that run until Ctrl-C in a terminal of their own, and how the last line begins that they print at first."""
MARK = "--- the command is over:"
PATIENCE = 240.0
"""Seconds that one command may take on a busy machine."""
FOREIGN = ("AZURE_", "VMSS_JENKINS_", "JENKINS_", "BUILD_", "JOB_")
"""How the variables begin that would point a command elsewhere."""


class Reader:
    """Types command lines into one shell."""

    def __init__(self, shell: subprocess.Popen[bytes], directory: Path, stack: ExitStack) -> None:
        self.shell, self.directory, self.stack = shell, directory, stack
        self.code = 0

    def type(self, command: str) -> tuple[list[str], int]:
        """Run a command; the lines that it printed and its exit code."""
        fast = re.sub(r"--time-scale \d+", SPEED, command)
        for program, last in BACKGROUND.items():
            if command.startswith(program):
                return self._start(fast, last), 0
        shown = re.search(r"--time-scale \d+", command)
        lines, code = self._typed(fast)
        return [_at_home(line).replace(SPEED, shown[0] if shown else SPEED) for line in lines], code

    def _typed(self, command: str) -> tuple[list[str], int]:
        assert self.shell.stdin
        before = f"(exit {self.code})"  # so that `echo $?` on a page prints what it would
        words = f'{before}\n{{ {command}\n}} </dev/null 2>&1\necho "\n{MARK} $?"\n'
        self.shell.stdin.write(words.encode())
        self.shell.stdin.flush()
        text = self._read_to_mark()
        output, _, code = text.rpartition(f"\n{MARK} ")
        self.code = int(code)
        return output.removesuffix("\n").splitlines(), self.code

    def _read_to_mark(self) -> str:
        assert self.shell.stdout
        found, deadline = b"", time.monotonic() + PATIENCE
        while not re.search(rf"\n{MARK} \d+\n$".encode(), found):
            if not select.select([self.shell.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"no end after {PATIENCE:.0f} s; so far:\n{found.decode()}")
            more = os.read(self.shell.stdout.fileno(), 65536)
            if not more:
                raise EOFError(f"the shell ended; so far:\n{found.decode()}")
            found += more
        return found.decode()

    def _start(self, command: str, last: str) -> list[str]:
        """Start a program in another terminal, and paste the `export` lines that it prints into this one."""
        environment = dict(line.split("=", 1) for line in self._typed("env -0 | tr '\\n\\0' ' \\n'")[0] if "=" in line)
        process = self.stack.enter_context(
            subprocess.Popen(
                shlex.split(command.replace("\\\n", " ")),
                cwd=self.directory,
                env={**environment, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        self.stack.callback(process.terminate)
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(last):
                break
        exports = [line for line in lines if line.startswith("export ")]
        assert exports, lines
        self._typed("\n".join(exports))
        return lines


@contextmanager
def reading(directory: Path) -> Iterator[Reader]:
    """A reader at a shell in a directory that looks like a clone with a virtual environment."""
    _furnish(directory)
    with ExitStack() as stack:
        shell = stack.enter_context(
            subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                cwd=directory,
                env=_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        yield Reader(shell, directory, stack)


def _at_home(line: str) -> str:
    """A line as a reader in a clone sees it: no time, which a terminal does not show, and no name of this machine."""
    line = re.sub(r"^\d\d:\d\d:\d\dZ ", "", line)
    line = re.sub(rf"(?:^|(?<=@)){re.escape(socket.gethostname())}(?=: )", "vm", line)
    return line.replace(f"{sys.prefix}/", ".venv/").replace(f"{ROOT}/", "")


def _furnish(directory: Path) -> None:
    for name in ("examples", "jenkinsfiles"):
        shutil.copytree(ROOT / name, directory / name)
    for name in ("docs", "tests", "vmss_jenkins"):
        (directory / name).symlink_to(ROOT / name)
    activate = directory / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()  # PATH has the programs already


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in inherited.items() if not name.startswith(FOREIGN)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
    return {**kept, "PATH": path, "TERM": "dumb", "COLUMNS": "120", "USER": "somebody", "LOGNAME": "somebody"}
