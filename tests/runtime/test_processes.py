"""Processes of this machine: their names, and which of them have certainly ended. All of them are real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmss_jenkins.runtime.processes import PROC, LocalProcesses

pytestmark = pytest.mark.skipif(not (PROC / "self/stat").exists(), reason="only Linux shows a process's start in /proc")
HERE = LocalProcesses()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def test_a_process_that_runs_is_not_gone(process: subprocess.Popen[bytes]) -> None:
    for name in (HERE.own, HERE.name_of(process.pid)):
        assert (HERE.is_gone(name), HERE.is_alive(name)) == (False, True)


def test_a_suspended_process_is_not_gone_since_it_can_continue(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGSTOP)
    assert not HERE.is_gone(HERE.name_of(process.pid))


def test_a_killed_process_is_gone_before_and_after_its_parent_has_waited_for_it(
    process: subprocess.Popen[bytes],
) -> None:
    name = HERE.name_of(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and its parent has not waited for it yet
    assert (HERE.is_gone(name), HERE.is_alive(name)) == (True, False)
    process.wait()
    assert (HERE.is_gone(name), HERE.is_alive(name)) == (True, False)


def test_a_pid_that_was_used_again_is_another_process(process: subprocess.Popen[bytes]) -> None:
    machine, pid, start = HERE.name_of(process.pid).split("-")
    other = f"{machine}-{pid}-{int(start) - 1}"
    assert (HERE.is_gone(other), HERE.is_alive(other)) == (True, False)


@pytest.mark.parametrize("name", ["", "x", "0123456789ab-1", "0123456789ab-999999999-7", "0123456789ab--1-7"])
def test_nothing_is_known_of_a_process_of_another_machine_or_without_a_name(name: str) -> None:
    assert (HERE.is_gone(name), HERE.is_alive(name)) == (False, False)


def _machine(folder: Path, boot: str, namespace: str) -> LocalProcesses:
    (folder / "sys/kernel/random").mkdir(parents=True)
    (folder / "sys/kernel/random/boot_id").write_text(boot)
    (folder / "self/ns").mkdir(parents=True)
    (folder / "self/ns/pid").symlink_to(namespace)
    own = folder / str(os.getpid())
    own.mkdir()
    (own / "stat").write_text(f"{os.getpid()} (a b) c) S {' '.join(map(str, range(4, 53)))}")
    return LocalProcesses(folder)


def test_another_boot_and_another_container_are_another_machine(tmp_path: Path) -> None:
    names = [
        _machine(tmp_path / "a", "boot 1", "pid:[1]").own,
        _machine(tmp_path / "b", "boot 2", "pid:[1]").own,
        _machine(tmp_path / "c", "boot 1", "pid:[2]").own,
        _machine(tmp_path / "d", "boot 1", "pid:[1]").own,
    ]
    assert len(set(names)) == 3
    assert names[0] == names[3]
    assert names[0].endswith(f"-{os.getpid()}-22"), "the start time is the 22nd value, whatever the command's name"


def test_a_process_that_proc_hides_is_not_gone(tmp_path: Path) -> None:
    """With the mount option hidepid, /proc does not show the processes of other users."""
    machine = _machine(tmp_path, "boot 1", "pid:[1]")
    name = machine.own
    (tmp_path / str(os.getpid()) / "stat").unlink()
    assert not machine.is_gone(name)


def test_a_process_that_may_not_be_signalled_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not HERE.is_gone(HERE.own)


def test_without_proc_a_process_has_no_name_and_none_is_gone(tmp_path: Path) -> None:
    assert LocalProcesses(tmp_path).own == ""
    assert not LocalProcesses(tmp_path).is_gone(HERE.own)
