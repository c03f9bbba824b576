"""How fast the emulator is: start, simple requests, a list of 1,000 instances, memory; moto's server beside it.

    python benchmarks/emulator.py [--instances 1000] [--moto moto_server]

Each server is a process of its own, on one core if the system allows it; the client is another process.
moto emulates AWS: its list call of as many instances is EC2's DescribeInstances. It takes part if its command
is found (`pip install 'moto[server,ec2]'`).
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

SERVER = """
import sys, time
from vmss_jenkins.emulator import Emulator, Scenario
with Emulator(Scenario(instances=int(sys.argv[1])), port=int(sys.argv[2]), throttling=False):
    time.sleep(3600)
"""
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Authorization": "AWS4-HMAC-SHA256 Credential=made-up/20260101/us-east-1/ec2/aws4_request, Signature=none",
}


@dataclass
class Server:
    """A server that runs, and a connection to it."""

    process: subprocess.Popen[bytes]
    connection: http.client.HTTPConnection
    started: float
    """Seconds from the start of its process to its first answer."""

    def ask(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
        self.connection.request(method, path, body, dict(headers or {}))
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {content[:300]!r}")
        return content

    @property
    def megabytes(self) -> float:
        """Its resident memory (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


@contextmanager
def running(command: list[str], port: int, ready: str) -> Iterator[Server]:
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, preexec_fn=on_one_core) as process:  # noqa: PLW1509
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            server = Server(process, connection, 0.0)
            while True:
                try:
                    server.ask("GET", ready)
                    break
                except (OSError, RuntimeError):
                    connection.close()
                    if process.poll() is not None:
                        raise
                    time.sleep(0.005)
            server.started = time.perf_counter() - began
            yield server
        finally:
            process.kill()


def on_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def median_ms(call: Callable[[], object], turns: int) -> float:
    call()
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def per_second(call: Callable[[], object], requests: int = 500) -> float:
    return requests / (median_ms(lambda: [call() for _ in range(requests)], 3) / 1000)


def ours(instances: int, turns: int) -> dict[str, float]:
    base = "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001"
    web = f"{base}/resourceGroups/canary-rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    version = "api-version=2024-07-01"
    starts = []
    for _ in range(turns):
        port = free_port()
        command = [sys.executable, "-m", "vmss_jenkins", "emulator", "--port", str(port)]
        with running(command, port, f"{web}?{version}") as server:
            starts.append(server.started)
    port = free_port()
    with running([sys.executable, "-c", SERVER, str(instances), str(port)], port, f"{web}?{version}") as server:

        def pages() -> int:
            path, found = f"{web}/virtualMachines?$expand=instanceView&{version}", 0
            while path:
                content = server.ask("GET", path)
                found += content.count(b'"instanceId":')
                link = re.search(rb'"nextLink":"http://[^/]+([^"]+)"', content)
                path = link[1].decode() if link else ""
            return found

        if (found := pages()) != instances:
            raise RuntimeError(f"{found} instances were listed, wanted {instances}")
        return {
            "start": statistics.median(starts) * 1000,
            "list": median_ms(pages, turns * 2),
            "requests": per_second(lambda: server.ask("GET", f"{web}?{version}")),
            "memory": server.megabytes,
        }


def theirs(moto: str, instances: int, turns: int) -> dict[str, float]:
    starts = []
    for _ in range(turns):
        port = free_port()
        with running([moto, "-H", "127.0.0.1", "-p", str(port)], port, "/moto-api/") as server:
            starts.append(server.started)
    port = free_port()
    with running([moto, "-H", "127.0.0.1", "-p", str(port)], port, "/moto-api/") as server:

        def act(action: str, **fields: object) -> bytes:
            body = urlencode({"Action": action, "Version": "2016-11-15", **fields})
            return server.ask("POST", "/", body, FORM)

        image = re.search(rb"<imageId>(ami-[^<]+)", act("DescribeImages"))
        act("RunInstances", ImageId=image[1].decode() if image else "", MinCount=instances, MaxCount=instances)
        if (found := act("DescribeInstances").count(b"<instanceId>")) != instances:
            raise RuntimeError(f"{found} instances were listed, wanted {instances}")
        return {
            "start": statistics.median(starts) * 1000,
            "list": median_ms(lambda: act("DescribeInstances"), turns),
            "requests": per_second(lambda: act("DescribeRegions"), 50),
            "memory": server.megabytes,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--moto", default="moto_server", help="its command")
    options = parser.parse_args()
    found = ours(options.instances, options.turns)
    moto = shutil.which(options.moto)
    other = theirs(moto, options.instances, options.turns) if moto else {}
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}; {options.turns} turns\n")
    print(f"{'':44}{'emulator':>10}{'moto':>10}{'ratio':>8}")
    rows = [
        ("start", "start to the first answer, ms", False),
        ("list", f"list of {options.instances:,} instances with views, ms", False),
        ("requests", "simple requests a second, one core", True),
        ("memory", f"memory with {options.instances:,} instances, MB", False),
    ]
    for key, text, more in rows:
        theirs_here = other.get(key, float("nan"))
        ratio = found[key] / theirs_here if more else theirs_here / found[key]
        print(f"{text:44}{found[key]:10.0f}{theirs_here:10.0f}{ratio:7.1f}x")
    print("\nratio: by how much the emulator is better; its instances serve pages, moto's do not.")


if __name__ == "__main__":
    main()
