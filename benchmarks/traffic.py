"""Failed requests of clients during a rollout, with and without draining, in the same run.

    python -m benchmarks.traffic [--instances 100] [--time-scale 10]

Clients send requests to the emulator's load balancer all the time, each on a new connection, while `vmss-jenkins
rollout` rolls out a good release in a process of its own. A client retries a refused or reset connection as urllib3's
`Retry` does: at once, then after 0.1, 0.2, 0.4 and 0.8 s. In the last run 5% of the requests to a bad release fail, and
`compare` must find that on the canary.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import requests

from tests.support.traffic import Visits, visitors
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.emulator.scenario.release import nginx_releases

VISITORS = 4
PAUSE = 0.02
"""Seconds between two requests of one visitor."""
GOOD, FLAKY = "nginx-updated-image", "nginx-flaky-image"


def scenario(instances: int) -> Scenario:
    good = nginx_releases()[GOOD]
    return Scenario(instances=instances, releases={**nginx_releases(), FLAKY: replace(good, error_rate=0.05)})


@dataclass
class Outcome:
    """The result of one rollout."""

    visits: Visits
    code: int
    seconds: float
    down: int
    """The most instances that the rollout took down at one time."""
    throttled: int


def roll_out(instances: int, time_scale: float, image: str, *words: str) -> Outcome:
    """Roll an image out under traffic."""
    with Emulator(scenario(instances), time_scale=time_scale) as emulator:
        command = [sys.executable, "-m", "vmss_jenkins", "rollout", "-g", "canary-rg", "-n", "web", "--canary", "1"]
        command += ["--image-id", emulator.scenario.image_id(image), *words]
        began = time.perf_counter()
        with visitors(emulator.frontend_url, VISITORS, PAUSE) as visits:
            done = subprocess.run(command, env={**os.environ, **emulator.environment}, check=False)
        seconds = time.perf_counter() - began
        down = requests.get(f"{emulator.endpoint}/_emulator/availability", timeout=30).json()["summary"]["most_down"]
        throttled = sum(call["status"] == 429 for call in emulator.calls)
        return Outcome(visits, done.returncode, seconds, down, throttled)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100)
    parser.add_argument("--time-scale", type=float, default=10.0)
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores; {options.instances} instances, 10% down at most"
    )
    print(f"{'':<26}{'exit':>5}{'requests':>10}{'failed':>8}{'refused at first try':>22}{'most down':>11}{'429':>5}")
    for name, image, words in (
        ("window, drained", GOOD, ("--strategy", "window", "--drain", "1")),
        ("waves, drained", GOOD, ("--drain", "1")),
        ("window, not drained", GOOD, ("--strategy", "window")),
        ("waves, not drained", GOOD, ()),
        ("5% errors, compare", FLAKY, ("--gate", "compare via=nat port=80 rate=100")),
    ):
        run = roll_out(options.instances, options.time_scale, image, *words)
        met = run.visits
        print(
            f"{name:<26}{run.code:>5}{met.total:>10}{met.bad:>8}{met.refused:>22}{run.down:>11}"
            f"{run.throttled:>5}   {run.seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
