"""The commands of docs/az.md, run with the real `az`: each succeeds and prints what the page shows."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.conformance.conftest import PYTHON, WITHOUT_AZ, logged_in
from vmss_jenkins.emulator.storage.account_responses import KEY

PAGE = (Path(__file__).parent.parent.parent / "docs" / "az.md").read_text()
BLOCK = re.compile(r"(<!-- azurite -->\n)?```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
BY_THE_FIXTURE = ("vmss-jenkins emulator", ". ./emulator.env")
MARK = "----"


def steps() -> Iterator[tuple[str, list[str], bool]]:
    """Each command of the page with the lines that it prints there, and whether it needs Azurite."""
    for azurite, block in BLOCK.findall(PAGE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.rstrip("\n").split("\n")
            if not command.startswith(BY_THE_FIXTURE):
                yield command, shown, bool(azurite)


@contextmanager
def azurite(port: int) -> Iterator[None]:
    """Azurite, found on PATH."""
    quiet = ["--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry"]
    command = ["azurite-blob", *quiet, "--blobPort", str(port)]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"canaryscripts:{KEY}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert any("successfully listen" in line for line in server.stdout)
            yield
        finally:
            server.terminate()


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """A web server that replaces Azurite if that is not installed: it serves the written files."""
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def without_azurite(command: str, url: str) -> str:
    """A command of the page for a machine without Azurite: an upload is replaced by a served file."""
    if command.startswith("init_script_url="):
        name = re.search(r"--name (\S+)", command)
        assert name
        return f"init_script_url={url}/{name[1]}"
    return ":" if "storage" in command.lower() else command


def without_ids(lines: list[str]) -> list[str]:
    """The lines that are not empty, with a placeholder for instance ids, which are random."""
    return [re.sub(r"^\d+(?=$|\t)", "ID", line) for line in lines if line]


@pytest.mark.skipif(not PYTHON.exists(), reason=WITHOUT_AZ)
def test_the_commands_of_the_page_about_az_print_what_it_shows(tmp_path: Path) -> None:
    blobs, frontend, stored = free_port(), free_port(), shutil.which("azurite-blob") is not None
    with ExitStack() as stack:
        if stored:
            stack.enter_context(azurite(blobs))
        url = stack.enter_context(files(tmp_path))
        az = stack.enter_context(logged_in(tmp_path, f"http://127.0.0.1:{blobs}" if stored else ""))
        script, expected = [], []
        for command, shown, needs in steps():
            typed = command if stored or not needs else without_azurite(command, url)
            script += [typed.replace("8080", str(frontend)), f"echo {MARK}"]
            expected.append(shown if stored or not needs else [])
        printed = [part.strip("\n").split("\n") for part in az.shell(*script).stdout.split(f"{MARK}\n")]
    for (command, _, _), shown, lines in zip(steps(), expected, printed, strict=False):
        if command.startswith("for visit"):
            # The load balancer chooses the instances; each of three gets two of six requests.
            assert Counter(filter(None, lines)) == Counter(shown), command
        else:
            assert without_ids(lines) == without_ids(shown), command


def test_the_page_has_every_step_of_the_post() -> None:
    typed = " ".join(command for command, _, _ in steps())
    for verb in ("extension set", "update-instances", "lb probe create", "lb rule create", "inbound-nat-rule show"):
        assert verb in typed
    assert "[?latestModelApplied==`false`].instanceId" in typed
