"""Releases of gallery applications under steady traffic, and the rollback of bad ones, by commands and by jobs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.test_generated_jobs import Server, linked
from tests.support.groovy_harness import Build, Jenkins
from tests.support.traffic import Visits, visitors
from vmss_jenkins.azure.roles import role
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.arm.role import Role
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS

SCOPE = "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001"
KEYS = ["status", "history", "update-application", "rollout", "rollback", "verify", "applications"]
ROLE = Role.parse(json.dumps(role(KEYS, SCOPE)))
"""The permissions that docs/azure-role.md names for these jobs, and no more."""
THREE = replace(SCENARIOS["nginx-application"], role=ROLE)
OLD, NEW = "Welcome to site 1.0.0!", "Welcome to site 1.1.0!"
GATE = "http via=nat port=80 expect_text=site samples=2 rate=50"
HOW = ("--max-unavailable", "2", "--instance-timeout", "2")


@contextmanager
def visited() -> Iterator[tuple[Emulator, Visits]]:
    with Emulator(THREE, time_scale=200) as emulator, visitors(emulator.frontend_url) as visits:
        yield emulator, visits


def pages(emulator: Emulator) -> list[str]:
    """Return what the instances serve now."""
    found = emulator.backend.scale_set("canary-rg", "web").instances.values()
    texts = [one.release.page if one.up else "<title>nothing" for one in found]
    return sorted(text.partition("<title>")[2].partition("</title>")[0] for text in texts)


def run(emulator: Emulator, program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    target = ("--resource-group", "canary-rg", "--name", "web")
    environment = {**os.environ, **emulator.environment}
    call = [str(program), *words, *target]
    return subprocess.run(call, env=environment, capture_output=True, text=True, check=False)


def test_by_commands_a_version_is_rolled_out_and_back_and_bad_ones_are_rolled_back(command: Path) -> None:
    """1.2.0 cannot be installed, and the service of 1.3.0 stops."""
    with visited() as (emulator, visits):

        def roll(version: str) -> tuple[int, list[str]]:
            named = ("--application", f"apps/site/{version}", "--canary", "1")
            done = run(emulator, command, "rollout", *named, "--gate", GATE, *HOW)
            return done.returncode, pages(emulator)

        assert roll("1.1.0") == (0, [NEW] * 3)
        done = run(emulator, command, "rollback", "--application", "apps/site", *HOW)
        assert (done.returncode, pages(emulator)) == (0, [OLD] * 3), done.stderr
        assert roll("1.2.0") == (1, [OLD] * 3)
        assert roll("1.3.0") == (1, [OLD] * 3)
    assert visits.failed == []
    assert set(visits.pages) == {OLD, NEW}


def server_of(jenkins: Jenkins, emulator: Emulator, home: Path, command: Path, **settings: Any) -> Server:
    how = {"max_unavailable": 2, "instance_timeout": 2, "timeout": 50}
    application = {"name": "apps/site", **settings.pop("application", {})}
    return Server(jenkins, emulator, home, command, application=application, gates=[GATE], rollout=how, **settings)


def good(build: Build) -> Build:
    assert build.result == "SUCCESS", build.log
    return build


def test_by_jobs_a_version_is_rolled_out_and_back_without_failed_requests(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    """Each build is started by the link of the one before; the jobs need no more permissions than the page says."""
    with visited() as (emulator, visits):
        server = server_of(jenkins, emulator, tmp_path, command)
        canary = good(server.run("web-canary", {"APPLICATION_VERSION": "1.1.0"}))
        assert pages(emulator) == [OLD, OLD, NEW]
        assert canary.display_name == "#1 site 1.1.0"
        assert "Canary of apps/site/1.1.0 on 0 passed. Next: web-full" in str(canary.description)
        name, filled_in = linked(canary)
        assert filled_in["APPLICATION_VERSION"] == "1.1.0"
        full = good(server.run(name, filled_in))
        assert (pages(emulator), full.display_name) == ([NEW] * 3, "#1 site 1.1.0")
        back = good(server.run(*linked(full)))
        assert (pages(emulator), back.display_name) == ([OLD] * 3, "#1 rollback site")
        assert not [call for call in emulator.calls if call["status"] == 403]
    assert visits.failed == []
    assert set(visits.pages) == {OLD, NEW}


def test_by_jobs_the_full_job_takes_the_version_of_the_model_and_a_rollback_one_that_is_named(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    with visited() as (emulator, visits):
        server = server_of(jenkins, emulator, tmp_path, command)
        canary = good(server.run("web-canary", {"APPLICATION_VERSION": "1.1.0"}))
        name, filled_in = linked(canary)
        good(server.run(name, {**filled_in, "APPLICATION_VERSION": ""}))
        assert pages(emulator) == [NEW] * 3
        good(server.run("web-rollback", {"APPLICATION_VERSION": "1.0.0"}))
        assert pages(emulator) == [OLD] * 3
    assert visits.failed == []


@pytest.mark.parametrize("version", ["1.2.0", "1.3.0"])
def test_by_jobs_a_bad_version_is_rolled_back_without_failed_requests(
    jenkins: Jenkins, tmp_path: Path, command: Path, version: str
) -> None:
    with visited() as (emulator, visits):
        server = server_of(jenkins, emulator, tmp_path, command)
        build = server.run("web-canary", {"APPLICATION_VERSION": version})
        assert (build.result, pages(emulator), build.started_jobs) == ("FAILURE", [OLD] * 3, []), build.log
        assert "rolled back in" in (build.description or "")
    assert visits.failed == []
    assert set(visits.pages) == {OLD}


def test_by_jobs_another_version_than_the_canarys_is_refused_and_an_approved_one_goes_on(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    with visited() as (emulator, visits):
        server = server_of(jenkins, emulator, tmp_path, command, promotion="automatic")
        canary = good(server.run("web-canary", {"APPLICATION_VERSION": "1.1.0"}))
        (started,) = canary.started_jobs
        passed = started["parameters"]
        assert (started["job"], passed["APPLICATION_VERSION"]) == ("/web-full", "1.1.0")
        refused = server.run("web-full", {**passed, "APPLICATION_VERSION": "1.0.0"})
        assert (refused.result, refused.stages[-1]) == ("FAILURE", "Check The Canary"), refused.log
        assert "the canary had the application apps/site/1.1.0, but version 1.0.0 is" in refused.log
        assert pages(emulator) == [OLD, OLD, NEW]
        good(server.run("web-full", passed))
        assert pages(emulator) == [NEW] * 3
    assert visits.failed == []


def test_by_jobs_a_dry_run_and_a_version_that_does_not_exist_change_nothing(
    jenkins: Jenkins, tmp_path: Path, command: Path
) -> None:
    with Emulator(THREE, data_plane=False, time_scale=200) as emulator:
        server = server_of(jenkins, emulator, tmp_path, command)
        good(server.run("web-canary", {"APPLICATION_VERSION": "1.1.0", "DRY_RUN": True}))
        build = server.run("web-canary", {"APPLICATION_VERSION": "9.0.0"})
        assert (build.result, build.stages[-1]) == ("FAILURE", "Update Application Configuration")
        assert "version apps/site/9.0.0 does not exist" in str(build.description)
        assert {call["method"] for call in emulator.calls} == {"GET"}
