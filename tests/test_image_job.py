"""The job that builds an image: its template is Packer's, and it hands the image to the canary's job."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.groovy_harness import LIBRARY, Jenkins
from vmss_jenkins import cli, config, pipelines
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.pipelines import image_job

CREDENTIALS = {"credentials": {"kind": "azure-service-principal", "id": "azure"}}
STAND_IN = """#!/bin/sh
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
def test_packer_takes_the_template(tmp_path: Path) -> None:
    file = tmp_path / image_job.TEMPLATE
    file.write_text(image_job.template())
    done = subprocess.run(
        ["packer", "validate", "-syntax-only", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_has_no_value_of_anybody_and_todays_ubuntu() -> None:
    text = image_job.template()
    assert '"ubuntu-24_04-lts"' in text
    assert "sensitive = true" in text
    assert "waagent -force -deprovision+user" in text


def test_the_jobs_image_is_built_and_given_to_the_canarys_job(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packer = tmp_path / "bin" / "packer"
    packer.parent.mkdir()
    packer.write_text(STAND_IN)
    packer.chmod(0o755)
    wanted = config.one_set({"name": "web", "resource_group": "canary-rg"}, CREDENTIALS)
    (job,) = pipelines.image_jobs_of(wanted)
    credential = {f"{key}_id": getattr(emulator, f"{key}_id") for key in ("subscription", "tenant", "client")}
    build = jenkins.run(
        job.jenkinsfile,
        {"LOCATION": "westeurope", "IMAGE_NAME": "it's-new"},
        {"VMSS_JENKINS_ENDPOINT": emulator.endpoint, "PATH": f"{packer.parent}:{_path()}"},
        libraries=[LIBRARY],
        credentials={"azure": credential | {"client_secret": emulator.client_secret}},
        job=job.path,
        home=tmp_path,
    )
    assert build.result == "SUCCESS", build.log
    image = emulator.scenario.image_id("it's-new")
    assert emulator.backend.image("canary-rg", "it's-new")
    assert build.description == image
    (started,) = build.started_jobs
    assert started["job"] == "/web-canary"
    assert started["parameters"]["IMAGE_ID"] == image
    assert emulator.client_secret not in build.log


def _path() -> str:
    import os  # noqa: PLC0415 - used here alone

    return os.environ["PATH"]


def test_render_writes_the_job_beside_its_template(tmp_path: Path) -> None:
    words = ["render", "--packer", "--resource-group", "canary-rg", "--name", "web", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli.cli, words, standalone_mode=False)
    assert done.exception is None, done.output
    assert {file.name for file in (tmp_path / "web-image").iterdir()} == {"Jenkinsfile", "config.xml", "image.pkr.hcl"}
    assert "/web-canary" in (tmp_path / "web-image" / "Jenkinsfile").read_text()
