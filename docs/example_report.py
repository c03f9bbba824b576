"""Make docs/example-report: a release that fails one request in twelve, caught by a gate and taken back.

    python docs/example_report.py [DIRECTORY]

It runs the command against the emulator, on twelve instances, in about a minute and a half.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from vmss_jenkins.emulator import Emulator, Release, Scenario
from vmss_jenkins.emulator.scenario.release import nginx_releases

BAD = Release(nginx_releases()["nginx-updated-image"].page, latency=0.02, error_rate=0.08)
GATES = (
    "instance-health steady=2s interval=1s",
    "compare via=nat samples=300 max_samples=600 rate=40",
)
BUILD = "https://jenkins.example.com/job/deploy/job/web-canary/128/"


def releases() -> dict[str, Release]:
    """The old release, a little slow, and the bad one."""
    found = nginx_releases()
    return {**found, "nginx-base-image": replace(found["nginx-base-image"], latency=0.012), "web-2026-11-24": BAD}


def command(emulator: Emulator, directory: Path) -> list[str]:
    """The command line, as a Jenkins job would have it."""
    return [
        *(sys.executable, "-m", "vmss_jenkins", "rollout", "--resource-group=canary-rg", "--name=web"),
        f"--image-id={emulator.scenario.image_id('web-2026-11-24')}",
        *("--canary=25%", "--max-unavailable=25%", "--strategy=window", "--ids-per-call=1"),
        *(f"--gate={gate}" for gate in GATES),
        f"--events={directory / 'events.jsonl'}",
        f"--result={directory / 'rollout.json'}",
        f"--report={directory}",
    ]


def main(directory: Path) -> int:
    """Make it."""
    scenario = Scenario(instances=12, releases=releases())
    with tempfile.TemporaryDirectory() as place, Emulator(scenario, time_scale=4, seed=7) as emulator:
        made = Path(place)
        environment = {**os.environ, **emulator.environment, "BUILD_URL": BUILD, "JOB_NAME": "deploy/web-canary"}
        done = subprocess.run(command(emulator, made), env=environment, check=False)
        directory.mkdir(parents=True, exist_ok=True)
        for file in sorted(made.iterdir()):
            text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", file.read_text(encoding="utf-8"))
            (directory / file.name).write_text(text, encoding="utf-8")
        (directory / "log.txt").unlink(missing_ok=True)
    return int(done.returncode != 1)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent / "example-report"))
