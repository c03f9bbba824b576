"""Releases of scripts under steady traffic, and the rollback of bad ones, by commands and by jobs in Groovy."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.pipelines.test_generated_jobs import Server, linked
from tests.support.groovy_harness import Build, Jenkins
from tests.support.traffic import Visits, visitors
from vmss_jenkins.azure.roles import role
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.arm.role import Role
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS

SCOPE = "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001"
ROLE = Role.parse(json.dumps(role(["status", "update-extension", "rollout-script", "verify"], SCOPE)))
"""The permissions that the commands need, and no more."""
THREE = replace(SCENARIOS["nginx-extension"], instances=3, role=ROLE)
MOST_DOWN = 2
"""One always serves; a script runs beside a service that goes on, so even these are seldom down."""
INSTALL = "set -e\napt-get install -y nginx\n"
OLD, NEW, OTHER = "Welcome to nginx!", "Welcome to nginx on Azure VMSS!", "Welcome to Apache!"
GOOD = f"{INSTALL}sed -i 's/nginx/nginx on Azure VMSS/' /var/www/html/index*.html\n"
REFUSED = f"{INSTALL}sed -i 's/nginx/Apache/' /var/www/html/index*.html\n"
STOPPED = f"{INSTALL}systemctl stop nginx\n"
FAILING = f"{INSTALL}exit 3\n"
GATES = ["http via=nat port=80 expect_text=nginx samples=2 rate=50"]
KEY = "a2V5"


@contextmanager
def visited() -> Iterator[tuple[Emulator, Visits]]:
    with Emulator(THREE, time_scale=200) as emulator, visitors(emulator.frontend_url) as visits:
        yield emulator, visits


def pages(emulator: Emulator) -> set[str]:
    """Return what the instances serve now."""
    found = emulator.backend.scale_set("canary-rg", "web").instances.values()
    texts = [one.release.page if one.up else "<title>nothing" for one in found]
    return {text.partition("<title>")[2].partition("</title>")[0] for text in texts}


def container(emulator: Emulator) -> str:
    return emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"]


def run(emulator: Emulator, program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    target = ("--resource-group", "canary-rg", "--name", "web")
    environment = {**os.environ, **emulator.environment, "AZURE_STORAGE_KEY": KEY}
    call = [str(program), *words, *target]
    return subprocess.run(call, env=environment, capture_output=True, text=True, check=False)


def test_by_commands_a_script_is_rolled_out_and_back_and_a_dead_service_is_rolled_back(
    tmp_path: Path, command: Path
) -> None:
    script = tmp_path / "install.sh"
    how = ["--max-unavailable", str(MOST_DOWN), "--instance-timeout", "2"]
    with visited() as (emulator, visits):
        words = ["rollout", "--script", str(script), "--container", container(emulator), "--canary", "1", *how]
        script.write_text(GOOD)
        done = run(emulator, command, *words, "--gate", *GATES)
        assert (done.returncode, pages(emulator)) == (0, {NEW}), done.stderr
        done = run(emulator, command, "rollback", "--extension", "CustomScript", *how)
        assert (done.returncode, pages(emulator)) == (0, {OLD}), done.stderr
        script.write_text(STOPPED)
        done = run(emulator, command, *words)
        assert (done.returncode, pages(emulator)) == (1, {OLD}), done.stderr
        assert "rolled back: " in done.stderr
        down = emulator.availability.summary(emulator.backend.now, "web").most_down
    assert (visits.failed, down) == ([], 1)
    assert set(visits.pages) == {OLD, NEW}


def server_of(jenkins: Jenkins, emulator: Emulator, home: Path, command: Path) -> Server:
    script = {"container": container(emulator), "credentials": {"storage_key": "key"}}
    how = {"max_unavailable": MOST_DOWN, "instance_timeout": 2, "timeout": 50}
    server = Server(jenkins, emulator, home, command, script=script, gates=GATES, rollout=how)
    server.secrets["key"] = KEY
    return server


def test_by_jobs_a_script_is_rolled_out_and_back_without_failed_requests(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    """Each build is started by the link of the one before; the jobs need no more permissions than the commands."""
    with visited() as (emulator, visits):
        server = server_of(jenkins, emulator, tmp_path, command)
        canary = good(server.run("web-canary", {"SCRIPT": GOOD}))
        assert pages(emulator) == {OLD, NEW}
        assert canary.archived["vmss-jenkins-results/run/install.sh"] == f"{GOOD}\n"
        full = good(server.run(*linked(canary)))
        assert pages(emulator) == {NEW}
        good(server.run(*linked(full)))
        assert pages(emulator) == {OLD}
        assert not [call for call in emulator.calls if call["status"] == 403]
    assert visits.failed == []
    assert set(visits.pages) == {OLD, NEW}


def test_by_jobs_a_bad_script_is_rolled_back_without_failed_requests(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    with visited() as (emulator, visits):
        server = server_of(jenkins, emulator, tmp_path, command)
        for text in (FAILING, REFUSED):
            build = server.run("web-canary", {"SCRIPT": text})
            assert (build.result, pages(emulator), build.started_jobs) == ("FAILURE", {OLD}, []), build.log
            assert "rolled back in" in (build.description or "")
        assert [one["failed"] for one in build.junit] == [2], "the gate, and the rollout"
    assert visits.failed == []
    assert set(visits.pages) == {OLD, OTHER}


def good(build: Build) -> Build:
    assert build.result == "SUCCESS", build.log
    assert KEY not in build.log
    return build


def test_the_jobs_pass_secrets_to_the_extension_and_never_show_them(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    """A signature and a secret file on the way out, a secret text and today's signature on the way back."""
    secrets = {"sas": "sig=hush", "new": '{"storageAccountName": "new", "storageAccountKey": "hush"}'}
    secrets |= {"before": '{"storageAccountName": "before", "storageAccountKey": "hush"}'}
    with Emulator(replace(THREE, instances=1), data_plane=False, time_scale=200) as emulator:
        kept = {"sas_token": "sas", "protected_settings": {"kind": "file", "id": "new"}}
        private, before = container(emulator).replace("/init", "/private"), {"id": "before"}
        credentials = {**kept, "previous_protected_settings": before}
        script = {"container": private, "access": "sas", "credentials": credentials}
        server = Server(jenkins, emulator, tmp_path, command, script=script, gates=[])
        server.secrets |= secrets
        told = []
        for text in (INSTALL, GOOD):
            told.append(good(server.run("web-canary", {"SCRIPT": text})))
            (url,) = protected(emulator)["fileUris"]
            assert (url.endswith(".sh?sig=hush"), protected(emulator)["storageAccountName"]) == (True, "new")
        told.append(good(server.run("web-rollback")))
        assert (pages(emulator), protected(emulator)["storageAccountName"]) == ({OLD}, "before")
        assert protected(emulator)["fileUris"] != [url]
        shown = [build.log + "".join(build.archived.values()) for build in told]
        assert "hush" not in f"{shown} {emulator.backend.group('canary-rg').tags}"


def protected(emulator: Emulator) -> dict[str, Any]:
    model = emulator.backend.scale_set("canary-rg", "web").model
    found: dict[str, Any] = model.extensions[-1]["properties"]["protectedSettings"]
    return found
