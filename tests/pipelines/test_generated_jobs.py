"""The generated jobs, run by Groovy against the emulator."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.groovy_harness import LIBRARY, Build, Jenkins
from vmss_jenkins import config, pipelines
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.jenkins.plan import handoff
from vmss_jenkins.library import steps
from vmss_jenkins.model.instances import Instance, ScaleSet

OLD, NEW = "nginx-base-image", "nginx-updated-image"
QUICK = "instance-health steady=0.5s interval=0.5s"


class Server:
    """Jenkins with the jobs of one scale set, on an agent that can reach the emulator."""

    def __init__(self, jenkins: Jenkins, emulator: Emulator, home: Path, command: Path, **settings: Any) -> None:
        self.jenkins, self.emulator, self.home, self.command = jenkins, emulator, home, command
        self.secrets: dict[str, str] = {}
        rollout = {"instance_timeout": 4, "timeout": 50}
        one = {"name": "web", "resource_group": "canary-rg", "rollout": rollout, "gates": [QUICK]}
        one |= {"timeouts": {"build": 60}, **settings}
        credentials = {"kind": "azure-service-principal", "id": "azure"}
        setup = {"credentials": credentials, "install": {"python": str(command)}, "publish_html": True}
        wanted = config.one_set(one, setup)
        self.jobs = {job.path: job.jenkinsfile for job in pipelines.jobs_of(wanted)}

    def run(self, name: str, params: dict[str, str | bool] | None = None, **given: Any) -> Build:
        credential = {f"{key}_id": getattr(self.emulator, f"{key}_id") for key in ("subscription", "tenant", "client")}
        return self.jenkins.run(
            self.jobs[name],
            params,
            {"VMSS_JENKINS_ENDPOINT": self.emulator.endpoint, "VMSS_JENKINS_COMMAND": str(self.command)},
            libraries=[LIBRARY],
            credentials={"azure": credential | {"client_secret": self.emulator.client_secret}}
            | {name: {"secret": secret} for name, secret in self.secrets.items()},
            job=name,
            home=self.home,
            **given,
        )

    def image(self, name: str) -> str:
        return self.emulator.scenario.image_id(name)

    def observe(self) -> tuple[ScaleSet, Sequence[Instance]]:
        return steps.observe(
            "canary-rg", "web", connection=Connection(self.emulator.subscription_id, endpoint=self.emulator.endpoint)
        )

    def images(self) -> dict[str, str]:
        _, instances = self.observe()
        return {one.id: one.image.short_name if one.image else "unknown" for one in instances}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(data_plane=False, time_scale=200) as running:
        yield running


def test_the_plugins_steps_update_the_chosen_instances_and_then_all(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command, flavour="plugin", instance_ids="0,1", gates=[])
    canary = server.run("web-canary", {"IMAGE_ID": server.image(NEW)})
    assert canary.result == "SUCCESS", canary.log
    assert server.images() == {"0": NEW, "1": NEW, "2": OLD}
    full = server.run("web-full")
    assert full.result == "SUCCESS", full.log
    assert set(server.images().values()) == {NEW}


def test_the_canary_job_updates_the_canary_the_full_job_all_and_the_rollback_job_rolls_back(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    """Each build is started by the link of the one before."""
    server = Server(jenkins, emulator, tmp_path, command)
    canary = server.run("web-canary", {"IMAGE_ID": server.image(NEW)})
    assert canary.result == "SUCCESS", canary.log
    assert sorted(server.images().values()) == [OLD, OLD, NEW]
    assert [one["failed"] for one in canary.junit] == [0]
    assert 'testsuite name="web"' in canary.junit[0]["text"]
    rolled_out, handed_over = (canary.description or "").splitlines()
    assert rolled_out.startswith(f"canary-rg/web: {NEW} rolled out to the canary in ")
    assert handed_over == f"Canary of {NEW} on 0 passed. Next: web-full, link in the console."
    assert canary.display_name == f"#1 {NEW}"
    assert min(canary.archived) == "vmss-jenkins-results/report/index.html"
    name, filled_in = linked(canary)
    assert filled_in["HANDOFF"] == canary.archived["vmss-jenkins-results/run/handoff.json"].strip()
    full = server.run(name, filled_in)
    assert full.result == "SUCCESS", full.log
    assert set(server.images().values()) == {NEW}
    name, filled_in = linked(full)
    back = server.run(name, filled_in)
    assert (full.display_name, back.display_name) == (f"#1 {NEW}", f"#1 rollback {OLD}")
    assert back.result == "SUCCESS", back.log
    assert set(server.images().values()) == {OLD}


def linked(build: Build) -> tuple[str, dict[str, str | bool]]:
    """Return the job and the parameters that the end of a build's console names, as a person copies them."""
    link, *lines = re.split(r"^next: ", build.log, flags=re.MULTILINE)[-1].splitlines()
    assert link.endswith("/build?delay=0sec with these parameters:")
    values = (line.strip().partition("=") for line in itertools.takewhile(lambda one: one.startswith("    "), lines))
    return urlsplit(link).path.split("/")[2], {name: value for name, _, value in values}


def test_the_full_job_refuses_another_image_than_the_canary_unless_it_is_allowed(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command)
    record = handoff.to_json(handoff.handoff_of(*server.observe()))
    asked: dict[str, str | bool] = {"HANDOFF": record, "IMAGE_ID": server.image(NEW)}
    refused = server.run("web-full", asked)
    assert (refused.result, refused.stages[-1]) == ("FAILURE", "Check The Canary")
    assert (refused.description or "").startswith("This would roll out a release that no canary was judged with")
    assert "This would roll out a release that no canary was judged with" in refused.log
    allowed = server.run("web-full", asked | {"ALLOW_CHANGED": True, "DRY_RUN": True})
    assert allowed.result == "SUCCESS", allowed.log
    assert set(server.images().values()) == {OLD}


@pytest.mark.parametrize(
    ("on_failure", "left"),
    [("rollback", {OLD}), ("stop", {OLD, "nginx-broken-image"})],
)
def test_a_bad_image_fails_the_canary_job_which_rolls_back_or_stops(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path, on_failure: str, left: set[str]
) -> None:
    server = Server(jenkins, emulator, tmp_path, command, on_failure=on_failure)
    build = server.run("web-canary", {"IMAGE_ID": server.image("nginx-broken-image"), "ON_FAILURE": on_failure})
    assert build.result == "FAILURE", build.log
    assert set(server.images().values()) == left, build.log
    assert build.started_jobs == []
    ending = "rolled back" if on_failure == "rollback" else "halted"
    assert (build.description or "").startswith(f"canary-rg/web: nginx-broken-image {ending} in ")
    assert build.reports == [{"name": "Rollout", "exists": True}]
    page = build.archived["vmss-jenkins-results/report/index.html"]
    assert f"<h1>{ending.capitalize()}</h1>" in page
    assert "vmss-jenkins-results/report/timeline-dark.svg" in build.archived


def test_a_failed_gate_rolls_back_and_is_a_failed_test_of_the_build(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command, gates=["command run=false"])
    build = server.run("web-canary", {"IMAGE_ID": server.image(NEW)})
    assert (build.result, build.stages[-1]) == ("FAILURE", "Verify")
    assert [one["failed"] for one in build.junit] == [2], "the gate, and the rollout"
    assert set(server.images().values()) == {OLD}


def test_a_dry_run_changes_nothing(jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path) -> None:
    server = Server(jenkins, emulator, tmp_path, command)
    build = server.run("web-canary", {"IMAGE_ID": server.image(NEW), "DRY_RUN": True})
    assert build.result == "SUCCESS", build.log
    assert {call["method"] for call in emulator.calls} == {"GET"}
    assert build.reports == []
    assert build.display_name == f"#1 {NEW} (dry run)"
    assert "next: " not in build.log
