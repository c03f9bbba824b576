"""Surges under steady traffic, by command and by the generated jobs: a release, and the rollback of a bad one."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from tests.azure.test_roles import SCOPE
from tests.pipelines.test_generated_jobs import Server, linked
from tests.support.groovy_harness import Jenkins
from tests.support.traffic import visitors
from vmss_jenkins import cli
from vmss_jenkins.azure.roles import role
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.emulator.arm.role import Role

OLD, NEW, BROKEN = "nginx-base-image", "nginx-updated-image", "nginx-broken-image"
GATE = "http via=nat port=80 samples=2 rate=50"
SURGE = {"strategy": "surge", "max_surge": 3, "instance_timeout": 3, "timeout": 50, "drain": 0.2}


def fewest_up(emulator: Emulator) -> int:
    """Return the smallest number of instances that were up at one time, as the emulator recorded it."""
    up = fewest = 3
    for change in emulator.availability.changes():
        up += change.act == "scale-out" and change.phase == "end" and change.up
        up -= change.act in {"delete", "scale-in"} and change.phase == "begin"
        fewest = min(fewest, up)
    return fewest


def run(emulator: Emulator, line: str) -> Result:
    words = ["rollout", "-g", "canary-rg", "-n", "web", "--strategy=surge", "--canary=1", "--drain=0.2"]
    words += ["--instance-timeout=3", "--max-surge=3", f"--gate={GATE}", *shlex.split(line)]
    return CliRunner().invoke(cli.cli, words, env=dict(emulator.environment), standalone_mode=False)


def test_visitors_notice_neither_a_release_nor_a_bad_one_by_command() -> None:
    with Emulator(time_scale=100) as emulator, visitors(emulator.frontend_url) as visits:
        good = run(emulator, f"--image-id={emulator.scenario.image_id(NEW)}")
        assert good.return_value == 0, good.output
        again = run(emulator, f"--image-id={emulator.scenario.image_id(NEW)}")
        assert "no instance had to change" in again.output
        bad = run(emulator, f"--image-id={emulator.scenario.image_id(BROKEN)}")
        assert bad.return_value == 1
        assert "rolled back: nginx-updated-image, 0 instances new, 1 removed" in bad.output
        assert fewest_up(emulator) == 3
    assert visits.failed == []
    assert len(set(visits.pages) - {"HTTP 500"}) == 2, "visitors saw the old release and the new one"


def test_visitors_notice_neither_a_release_nor_a_rollback_nor_a_bad_one_by_jobs(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    allowed = Role.parse(json.dumps(role(["status", "surge", "drain", "verify"], SCOPE)))
    scenario = replace(Scenario(), role=allowed)
    with Emulator(scenario, time_scale=100) as emulator, visitors(emulator.frontend_url) as visits:
        server = Server(jenkins, emulator, tmp_path, command, gates=[GATE], rollout=SURGE)
        canary = server.run("web-canary", {"IMAGE_ID": server.image(NEW)})
        assert canary.result == "SUCCESS", canary.log
        assert sorted(server.images().values()) == [OLD, OLD, OLD, NEW]
        name, filled_in = linked(canary)
        full = server.run(name, filled_in)
        assert full.result == "SUCCESS", full.log
        assert list(server.images().values()) == [NEW] * 3
        bad = server.run("web-canary", {"IMAGE_ID": server.image(BROKEN)})
        assert bad.result == "FAILURE", bad.log
        assert list(server.images().values()) == [NEW] * 3
        name, filled_in = linked(full)
        back = server.run(name, filled_in)
        assert back.result == "SUCCESS", back.log
        assert list(server.images().values()) == [OLD] * 3
        assert fewest_up(emulator) == 3
    assert visits.failed == []
