import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from tests.fakes import FakeClock
from vmss_jenkins.clock import SystemClock
from vmss_jenkins.gate_specs import HttpGate, Via
from vmss_jenkins.network import Address
from vmss_jenkins.protocols import TunnelError
from vmss_jenkins.ssh_tunnels import SshTunnels, ssh_command

SERVER = Address("203.0.113.7", 50001)
GATE = HttpGate(via=Via.SSH, ssh_user="azureuser", port=80)
STAND_IN = """#!{python}
import socket, sys
{before}
forward = sys.argv[sys.argv.index("-L") + 1]
host, port, *_ = forward.split(":")
with socket.create_server((host, int(port))) as server:
    while True:
        connection, _ = server.accept()
        connection.sendall(forward.encode())
        connection.close()
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of `ssh`, for tests to write."""
    path = tmp_path / "ssh"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return path


def write(path: Path, before: str = "") -> None:
    path.write_text(STAND_IN.format(python=sys.executable, before=before))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def read(address: Address) -> str:
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        return connection.recv(100).decode()


def test_the_command_asks_nobody_and_knows_the_server_or_refuses() -> None:
    words = ssh_command(GATE, SERVER, 40000)
    assert words[:7] == ["ssh", "-N", "-T", "-a", "-x", "-p", "50001"]
    assert words[-4:] == ["-L", "127.0.0.1:40000:127.0.0.1:80", "--", "203.0.113.7"]
    options = {words[n + 1] for n, word in enumerate(words) if word == "-o"}
    assert {"BatchMode=yes", "ExitOnForwardFailure=yes", "StrictHostKeyChecking=yes"} <= options


def test_key_and_known_hosts_are_told() -> None:
    gate = HttpGate(via=Via.SSH, ssh_user="u", ssh_key="/keys/id", ssh_known_hosts="/a b/known")
    words = ssh_command(gate, SERVER, 40000)
    assert words[words.index("-i") + 1] == "/keys/id"
    assert {"IdentitiesOnly=yes", 'UserKnownHostsFile="/a b/known"'} <= set(words)


@pytest.mark.parametrize("user", ["-oProxyCommand=touch x", "a b", "", "a;b", "$(x)"])
def test_a_user_cannot_become_an_option(user: str) -> None:
    gate = HttpGate(via=Via.SSH, ssh_user=user or "x")
    object.__setattr__(gate, "ssh_user", user)
    with pytest.raises(TunnelError, match="found the user"):
        ssh_command(gate, SERVER, 40000)


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "", "a/b"])
def test_a_host_cannot_become_an_option(host: str) -> None:
    with pytest.raises(TunnelError, match="found the host"):
        ssh_command(GATE, Address(host, 22), 40000)


def test_a_tunnel_is_open_in_its_block_only(ssh: Path) -> None:
    write(ssh)
    with SshTunnels(SystemClock()).open(GATE, SERVER) as local:
        assert read(local) == f"127.0.0.1:{local.port}:127.0.0.1:80"
    with pytest.raises(ConnectionRefusedError):
        read(local)


def test_a_tunnel_is_closed_after_an_error_too(ssh: Path) -> None:
    write(ssh)
    with pytest.raises(ZeroDivisionError), SshTunnels(SystemClock()).open(GATE, SERVER) as local:
        raise ZeroDivisionError
    with pytest.raises(ConnectionRefusedError):
        read(local)


def test_a_refusal_is_told_in_the_words_of_ssh(ssh: Path) -> None:
    write(ssh, before="print('warning', file=sys.stderr); sys.exit('Host key verification failed.')")
    with pytest.raises(TunnelError, match=r"ssh to 203.0.113.7:50001: Host key verification failed."):
        SshTunnels(SystemClock()).open(GATE, SERVER).__enter__()


def test_a_port_that_somebody_took_is_not_the_end(ssh: Path, tmp_path: Path) -> None:
    mark = tmp_path / "tried"
    write(
        ssh,
        before=(
            f"import pathlib\nmark = pathlib.Path({str(mark)!r})\n"
            "if not mark.exists():\n    mark.touch()\n    sys.exit('bind [127.0.0.1]:1: Address already in use')"
        ),
    )
    with SshTunnels(SystemClock()).open(GATE, SERVER) as local:
        assert read(local)


def test_a_tunnel_that_never_opens_is_given_up(ssh: Path) -> None:
    write(ssh, before="input()\nimport time\ntime.sleep(60)")
    ssh.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    with pytest.raises(TunnelError, match="no tunnel within 15 s"):
        SshTunnels(FakeClock()).open(GATE, SERVER).__enter__()


def test_a_machine_without_ssh_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TunnelError, match="ssh cannot be started: No such file or directory"):
        SshTunnels(SystemClock()).open(GATE, SERVER).__enter__()
