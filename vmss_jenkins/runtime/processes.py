"""The processes of this machine: a name for this one, and whether a named one has certainly ended.

A name is `MACHINE-PID-START`. MACHINE is a hash of the kernel's boot id and of the PID namespace: machines that were
cloned differ in it, and so do containers, which do not see each other's processes. START is the time at which the
process started, in clock ticks since the boot, so that a PID that was used again is not taken for the former process.

Linux has all of it in /proc. Elsewhere a process has no name, and no process is known to have ended.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

PROC = Path("/proc")
_START, _STATE = 19, 0
"""Places of the start time and the state in /proc/PID/stat, after the command's name."""
_ENDED = frozenset({"Z", "X"})
"""States of a process that runs no more code: a zombie waits for its parent, `X` is dead."""


class LocalProcesses:
    """The processes of this machine, or of this container.

    Args:
        proc: the directory with the kernel's view of them.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc

    @property
    def own(self) -> str:
        """The name of this process; empty if the system does not show enough to make one."""
        return self.name_of(os.getpid())

    def name_of(self, pid: int) -> str:
        """The name of a process; empty if it cannot be read."""
        machine, stat = self._machine(), self._stat(pid)
        return f"{machine}-{pid}-{stat[_START]}" if machine and stat else ""

    def is_gone(self, name: str) -> bool:
        """Whether a process of this machine has certainly ended; false for one of another machine, or in doubt."""
        found = re.fullmatch(r"([0-9a-f]+)-(\d{1,9})-(\d+)", name, re.ASCII)
        if not found or found[1] != self._machine():
            return False
        pid = int(found[2])
        try:
            os.kill(pid, 0)  # sends nothing
        except ProcessLookupError:
            return True
        except OSError:
            pass  # the process belongs to another user
        stat = self._stat(pid)  # empty too if /proc hides the processes of other users: then in doubt
        return bool(stat) and (stat[_START] != found[3] or stat[_STATE] in _ENDED)

    def is_alive(self, name: str) -> bool:
        """Whether a process of this machine certainly runs; false for one of another machine, or in doubt."""
        found = re.fullmatch(r"([0-9a-f]+)-(\d{1,9})-(\d+)", name, re.ASCII)
        if not found or found[1] != self._machine():
            return False
        stat = self._stat(int(found[2]))
        return bool(stat) and stat[_START] == found[3] and stat[_STATE] not in _ENDED

    def _machine(self) -> str:
        try:
            boot = (self._proc / "sys/kernel/random/boot_id").read_text().strip()
            namespace = (self._proc / "self/ns/pid").readlink()
        except OSError:
            return ""
        return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:12]

    def _stat(self, pid: int) -> list[str]:
        """The values of /proc/PID/stat after the command's name, which may contain blanks and parentheses."""
        try:
            return (self._proc / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return []
