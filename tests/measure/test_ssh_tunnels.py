import getpass
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.support.fakes import FakeClock
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.gates.specs import Expectation, HttpGate, Via
from vmss_jenkins.measure.http_prober import HttpProber
from vmss_jenkins.measure.ports import ProbeRequest, TunnelError
from vmss_jenkins.measure.ssh_tunnels import SshTunnels, ssh_command
from vmss_jenkins.model.network import Address
from vmss_jenkins.runtime.clock import SystemClock

SERVER = Address("203.0.113.7", 50001)
GATE = HttpGate(via=Via.SSH, ssh_user="azureuser", port=80)
FAKE_SSH = """#!{python}
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
    """The path of a fake `ssh`, which tests write."""
    path = tmp_path / "ssh"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return path


def write(path: Path, before: str = "") -> None:
    path.write_text(FAKE_SSH.format(python=sys.executable, before=before))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def read(address: Address) -> str:
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        return connection.recv(100).decode()


def test_the_command_never_prompts_and_refuses_an_unknown_server() -> None:
    words = ssh_command(GATE, SERVER, 40000)
    assert words[:7] == ["ssh", "-N", "-T", "-a", "-x", "-p", "50001"]
    assert words[-4:] == ["-L", "127.0.0.1:40000:127.0.0.1:80", "--", "203.0.113.7"]
    options = {words[n + 1] for n, word in enumerate(words) if word == "-o"}
    assert {"BatchMode=yes", "ExitOnForwardFailure=yes", "StrictHostKeyChecking=yes"} <= options


def test_key_and_known_hosts_are_passed_on() -> None:
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


def test_a_refusal_has_the_message_of_ssh(ssh: Path) -> None:
    write(ssh, before="print('warning', file=sys.stderr); sys.exit('Host key verification failed.')")
    with pytest.raises(TunnelError, match=r"ssh to 203.0.113.7:50001: Host key verification failed."):
        SshTunnels(SystemClock()).open(GATE, SERVER).__enter__()


def test_a_taken_port_is_replaced_by_another(ssh: Path, tmp_path: Path) -> None:
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


def test_a_tunnel_that_never_opens_is_an_error(ssh: Path) -> None:
    write(ssh, before="input()\nimport time\ntime.sleep(60)")
    ssh.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    with pytest.raises(TunnelError, match="no tunnel within 15 s"):
        SshTunnels(FakeClock()).open(GATE, SERVER).__enter__()


def test_a_machine_without_ssh_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TunnelError, match="ssh cannot be started: No such file or directory"):
        SshTunnels(SystemClock()).open(GATE, SERVER).__enter__()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[HttpGate]:
    """OpenSSH's server on a loopback port, and a gate with its host key and an accepted user key."""
    program = shutil.which("sshd", path=f"/usr/sbin{os.pathsep}{os.environ.get('PATH', '')}")
    if not program or not shutil.which("ssh-keygen"):
        pytest.skip("no sshd here: install openssh-server to try a real tunnel")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {(tmp_path / 'host.pub').read_text()}")
    options = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": tmp_path / "user.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
    }
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # a server started by root needs this directory
    words = [program, "-D", "-e", "-f", "/dev/null"]
    words += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as server:
        try:
            answers = Retrying(
                retry=retry_if_exception_type(ConnectionRefusedError),
                wait=wait_fixed(0.05),
                stop=stop_after_delay(20),
            )
            answers(socket.create_connection, ("127.0.0.1", port), timeout=5).close()
            yield HttpGate(
                via=Via.SSH,
                ssh_user=getpass.getuser(),
                ssh_port=port,
                ssh_key=str(tmp_path / "user"),
                ssh_known_hosts=str(tmp_path / "known"),
            )
        finally:
            server.terminate()


def test_a_real_tunnel_forwards_to_a_loopback_port_of_the_instance(sshd: HttpGate) -> None:
    with Emulator(time_scale=1000) as emulator:
        gate = replace(sshd, port=urlsplit(emulator.frontend_url).port)
        with SshTunnels(SystemClock()).open(gate, Address("127.0.0.1", sshd.ssh_port)) as local:
            request = ProbeRequest(f"http://{local}/", Expectation(text="Welcome to nginx!"), 5.0)
            (sample,) = HttpProber(SystemClock()).probe([request], 0.1)
    assert (sample.status, sample.fault) == (200, None)


def test_a_server_whose_key_is_not_known_is_refused_by_ssh_itself(sshd: HttpGate, tmp_path: Path) -> None:
    (tmp_path / "known").write_text("")
    with pytest.raises(TunnelError, match="Host key verification failed"):
        SshTunnels(SystemClock()).open(sshd, Address("127.0.0.1", sshd.ssh_port)).__enter__()
