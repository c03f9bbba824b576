"""The time of one `update-instances` on an operation of 3 s: our command, the SDK with its defaults, `az`.

    python benchmarks/step_time.py [--runs 3]

All update another instance of the same emulated scale set, each as a process of its own, in turn and
in the same run. `az` takes part if it is on PATH.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import vmss_jenkins
from vmss_jenkins.emulator import Emulator, Scenario, Timings

SECONDS = 3.0
SDK = """
import os
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
endpoint = os.environ["VMSS_JENKINS_ENDPOINT"]
credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"],
    authority=endpoint, disable_instance_discovery=True)
client = ComputeManagementClient(
    credential, os.environ["AZURE_SUBSCRIPTION_ID"], endpoint, credential_scopes=[endpoint + "/.default"])
client.virtual_machine_scale_sets.begin_update_instances("canary-rg", "web", {"instanceIds": ["%s"]}).result()
"""
AZ = {
    "AZURE_CORE_INSTANCE_DISCOVERY": "false",
    "AZURE_CORE_COLLECT_TELEMETRY": "false",
    "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
    "AZURE_CORE_NO_COLOR": "true",
}
Command = Callable[[str], list[str]]


def contenders(az: str | None) -> dict[str, Command]:
    ours = [sys.executable, "-m", "vmss_jenkins", "update-instances", "-g", "canary-rg", "-n", "web", "--instance-ids"]
    found: dict[str, Command] = {
        "vmss-jenkins": lambda instance_id: [*ours, instance_id],
        "the SDK, its defaults": lambda instance_id: [sys.executable, "-c", SDK % instance_id],
    }
    if az:
        theirs = [az, "vmss", "update-instances", "-g", "canary-rg", "-n", "web", "--instance-ids"]
        found["az"] = lambda instance_id: [*theirs, instance_id]
    return found


def log_in(az: str, emulator: Emulator, environment: dict[str, str]) -> None:
    names = ("resource-manager", "active-directory", "active-directory-resource-id", "management")
    more = ("active-directory-graph-resource-id", "microsoft-graph-resource-id")
    urls = [word for name in (*names, *more) for word in (f"--endpoint-{name}", emulator.endpoint)]
    login = ["-u", emulator.client_id, "-p", emulator.client_secret, "--tenant", emulator.tenant_id]
    for words in (
        ["cloud", "register", "-n", "Emulator", *urls],
        ["cloud", "set", "-n", "Emulator"],
        ["login", "--service-principal", *login],
    ):
        subprocess.run([az, *words], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def timed(words: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(runs: int, az: str | None) -> dict[str, list[float]]:
    """Seconds of each contender, taken in turn."""
    seconds: dict[str, list[float]] = {}
    timings = Timings(update=SECONDS, accept=SECONDS, model=0.1, health=0.1, spread=0)
    scenario = Scenario(instances=runs * 3)
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(scenario, tls=True, data_plane=False, throttling=False, timings=timings) as emulator,
    ):
        environment = {**os.environ, **AZ, **emulator.environment, "AZURE_CONFIG_DIR": folder}
        os.environ.update(environment)
        vmss_jenkins.update("canary-rg", "web", {"id": scenario.image_id("nginx-updated-image")})
        if az:
            log_in(az, emulator, environment)
        ids: Iterator[int] = iter(range(scenario.instances))
        for _ in range(runs):
            for name, command in contenders(az).items():
                seconds.setdefault(name, []).append(timed(command(str(next(ids))), environment))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="turns of each contender")
    az = shutil.which("az")
    found = measure(parser.parse_args().runs, az)
    ours = statistics.median(found["vmss-jenkins"])
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores; the operation itself takes {SECONDS:.1f} s")
    print(f"{'':<24}{'median s':>10}{'over it s':>11}{'ours is faster by':>19}")
    for name, seconds in found.items():
        median = statistics.median(seconds)
        print(f"{name:<24}{median:>10.2f}{median - SECONDS:>11.2f}{median / ours:>18.1f}x")
    if not az:
        print("az is not on PATH: left out")
    start_up()


def start_up() -> None:
    """The start-up time of the program, compared with Python alone in the same run."""
    programs = {
        "bare Python": ["-c", "pass"],
        "import vmss_jenkins": ["-c", "import vmss_jenkins"],
        "vmss-jenkins --help": ["-m", "vmss_jenkins", "--help"],
    }
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(11):
        for name, words in programs.items():
            found[name].append(timed([sys.executable, *words], dict(os.environ)))
    bare = statistics.median(found["bare Python"])
    print()
    for name, seconds in found.items():
        median = statistics.median(seconds)
        print(f"{name:<24}{median * 1000:>7.0f} ms{(median - bare) * 1000:>8.0f} ms over bare Python")


if __name__ == "__main__":
    main()
