"""The job that builds an image: Packer's template, and the image for the canary job."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.pipelines.test_generated_jobs import Server
from tests.support.groovy_harness import Build, Jenkins
from tests.support.traffic import visitors
from vmss_jenkins import cli, config, pipelines
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.pipelines import image_job

CREDENTIALS = {"credentials": {"kind": "azure-service-principal", "id": "azure"}}
FAKE_PACKER = """#!/bin/sh
# Stands for Packer: what it makes of its variables is an image in the emulator.
[ "$1" = build ] || exit 0
grep -q 'source "azure-arm"' "$3" || exit 4
grep -q nginx "$PKR_VAR_script" || exit 5
group="$VMSS_JENKINS_ENDPOINT/subscriptions/$PKR_VAR_subscription_id/resourceGroups/$PKR_VAR_resource_group"
exec curl -sf -X PUT "$group/providers/Microsoft.Compute/images/$PKR_VAR_image_name?api-version=2024-07-01" \\
    -d "{\\"location\\": \\"$PKR_VAR_location\\"}" -o /dev/null
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(data_plane=False, time_scale=200) as running:
        yield running


@pytest.mark.skipif(not shutil.which("packer"), reason="Packer is not installed")
def test_packer_accepts_the_template(tmp_path: Path) -> None:
    file = tmp_path / image_job.TEMPLATE
    file.write_text(image_job.template())
    done = subprocess.run(
        ["packer", "validate", "-syntax-only", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_has_variables_only_and_a_current_ubuntu() -> None:
    text = image_job.template()
    assert '"ubuntu-24_04-lts"' in text
    assert "sensitive = true" in text
    assert "waagent -force -deprovision+user" in text


@pytest.fixture
def packer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "packer"
    program.parent.mkdir()
    program.write_text(FAKE_PACKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


def server_of(jenkins: Jenkins, emulator: Emulator, home: Path, command: Path, **settings: Any) -> Server:
    server = Server(jenkins, emulator, home, command, **settings)
    wanted = config.one_set({"name": "web", "resource_group": "canary-rg"}, CREDENTIALS)
    server.jobs |= {job.path: job.jenkinsfile for job in pipelines.image_jobs_of(wanted)}
    return server


@pytest.mark.usefixtures("packer")
def test_the_job_builds_an_image_and_starts_the_canary_job_with_it(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = server_of(jenkins, emulator, tmp_path, command)
    build = server.run("web-image", {"LOCATION": "westeurope", "IMAGE_NAME": "it's-new"})
    assert build.result == "SUCCESS", build.log
    image = emulator.scenario.image_id("it's-new")
    assert emulator.backend.image("canary-rg", "it's-new")
    assert build.description == image
    (started,) = build.started_jobs
    assert started["job"] == "/web-canary"
    assert started["parameters"]["IMAGE_ID"] == image
    assert emulator.client_secret not in build.log


@pytest.mark.usefixtures("packer")
def test_under_traffic_an_image_is_built_and_rolled_out_and_a_bad_one_is_rolled_back(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    gate = "http via=nat port=80 expect_text=nginx samples=2 rate=50"
    with Emulator(time_scale=50) as emulator, visitors(emulator.frontend_url) as visits:
        server = server_of(jenkins, emulator, tmp_path, command, gates=[gate], promotion="automatic")
        good = server.run("web-image", {"LOCATION": "westeurope", "IMAGE_NAME": "nginx-1.27"}, jobs=server.jobs)
        chain = [good, *started(good)]
        assert [one.result for one in chain] == ["SUCCESS"] * 3, chain[-1].log
        assert set(server.images().values()) == {"nginx-1.27"}
        bad = server.run("web-image", {"LOCATION": "westeurope", "IMAGE_NAME": "apache"}, jobs=server.jobs)
        chain = [bad, *started(bad)]
        assert [one.result for one in chain] == ["SUCCESS", "FAILURE"], chain[-1].log
        assert set(server.images().values()) == {"nginx-1.27"}
    assert visits.failed == []
    assert set(visits.pages) == {"Welcome to nginx!", "nginx-1.27", "apache"}


def started(build: Build) -> Iterator[Build]:
    """Return the builds that a build started, and those that they started."""
    for one in build.started_jobs:
        if one["build"]:
            yield one["build"]
            yield from started(one["build"])


def test_render_writes_the_job_beside_its_template(tmp_path: Path) -> None:
    words = ["render", "--packer", "--resource-group", "canary-rg", "--name", "web", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli.cli, words, standalone_mode=False)
    assert done.exception is None, done.output
    assert {file.name for file in (tmp_path / "web-image").iterdir()} == {"Jenkinsfile", "config.xml", "image.pkr.hcl"}
    assert "/web-canary" in (tmp_path / "web-image" / "Jenkinsfile").read_text()
