"""The generated jobs of a blue-green pair, run by Groovy against the emulator under steady traffic."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.pipelines.test_generated_jobs import linked
from tests.support.groovy_harness import LIBRARY, Build, Jenkins
from tests.support.traffic import visitors
from vmss_jenkins import config, pipelines
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.emulator.scenario.set_spec import SetSpec

OLD, NEW = "Welcome to nginx!", "Welcome to nginx on Azure VMSS!"
BASE, UPDATED, FAILING = "nginx-base-image", "nginx-updated-image", "nginx-failing-image"
QUICK = "instance-health steady=0s interval=0.5s"
QUESTION = "The release to shop passed its check. Switch the traffic to it?"
RESULTS = "vmss-jenkins-results"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Blue serves the base image, green has the updated one."""
    with Emulator("nginx-blue-green", time_scale=100) as running:
        yield running


@pytest.fixture
def fresh() -> Iterator[Emulator]:
    """Both sets with the base image, blue serving."""
    scenario = SCENARIOS["nginx-blue-green"]
    green = replace(scenario.more_sets[0], image=BASE)
    with Emulator(replace(scenario, more_sets=(green,)), time_scale=100) as running:
        yield running


class Server:
    """Jenkins with the jobs of the scenario's pair, on an agent that can reach the emulator."""

    def __init__(self, jenkins: Jenkins, emulator: Emulator, home: Path, command: Path, **settings: Any) -> None:
        self.jenkins, self.emulator, self.home, self.command = jenkins, emulator, home, command
        self.port = free_port()
        pair = {
            "name": "shop", "resource_group": "canary-rg", "load_balancer": "blueLB", "blue": "blue", "green": "green",
            "test_port": self.port, "gates": ["http samples=2 rate=50"], "watch": [QUICK],
            "rollout": {"instance_timeout": 3, "timeout": 50}, **settings,
        }  # fmt: skip
        credentials = {"kind": "azure-service-principal", "id": "azure"}
        setup = {"credentials": credentials, "install": {"python": str(command)}}
        wanted = config.Config.model_validate({"jenkins": setup, "pairs": [pair]})
        self.jobs = {job.path: job.jenkinsfile for job in pipelines.jobs_of(wanted)}

    def run(self, name: str, params: dict[str, str | bool] | None = None, **given: Any) -> Build:
        credential = {f"{key}_id": getattr(self.emulator, f"{key}_id") for key in ("subscription", "tenant", "client")}
        return self.jenkins.run(
            self.jobs[name],
            params,
            {"VMSS_JENKINS_ENDPOINT": self.emulator.endpoint, "VMSS_JENKINS_COMMAND": str(self.command)},
            libraries=[LIBRARY],
            credentials={"azure": credential | {"client_secret": self.emulator.client_secret}},
            job=name,
            home=self.home,
            **given,
        )

    def release(self, image: str, **given: Any) -> Build:
        return self.run("shop-blue-green", {"IMAGE_ID": self.emulator.scenario.image_id(image)}, **given)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def title(emulator: Emulator) -> str:
    return requests.get(emulator.frontend_url, timeout=5).text.partition("<title>")[2].partition("</title>")[0]


def capacities(emulator: Emulator) -> dict[str, int]:
    with emulator.backend.lock:
        return {name: len(emulator.backend.scale_set("canary-rg", name).instances) for name in ("blue", "green")}


def changes(emulator: Emulator) -> list[str]:
    """Return the changes in Azure, without locks."""
    return [
        f"{one['method']} {one['path'].rpartition('/providers/')[2]}"
        for one in emulator.calls
        if one["method"] != "GET" and "/tags/" not in one["path"] and "oauth2" not in one["path"]
    ]


def test_a_release_goes_to_the_idle_set_gets_the_traffic_and_the_next_one_goes_to_the_other(
    jenkins: Jenkins, fresh: Emulator, tmp_path: Path, command: Path
) -> None:
    """A release, the same again, and the next release to a set that was scaled in to one instance."""
    server = Server(jenkins, fresh, tmp_path, command, idle=1)
    with visitors(fresh.frontend_url) as visits:
        there = server.release(UPDATED)
        assert there.result == "SUCCESS", there.log
        assert (title(fresh), capacities(fresh)) == (NEW, {"blue": 1, "green": 3})
        before = changes(fresh)
        again = server.release(UPDATED)
        assert again.result == "SUCCESS", again.log
        assert changes(fresh) == before, "done again, it changes nothing"
        on = server.run(*linked(there))
        assert on.result == "SUCCESS", on.log
    assert (title(fresh), capacities(fresh)) == (OLD, {"blue": 3, "green": 1})
    assert visits.failed == []
    assert set(visits.pages) == {OLD, NEW}
    assert there.stages == ["Work", "Set Up", "Plan", "Deploy", "Check", "Switch", "Scale In"]
    assert (there.description or "").startswith(
        "green serves nginx-updated-image now. To switch back: shop-blue-green, link in the console."
    )
    name, filled_in = linked(there)
    assert (name, filled_in) == ("shop-blue-green", {"IMAGE_ID": fresh.scenario.image_id(BASE)}), (
        "which scales out first"
    )
    assert (again.description or "").startswith("green serves nginx-updated-image already: nothing was changed.")
    page = there.archived[f"{RESULTS}/report/index.html"]
    assert all(text in page for text in ("<h1>Switched to</h1>", "<small>on the idle set, ", "<small>in production, "))
    assert "updating 0, 1, 2 (request id" in there.log, "all at once, zones or not: nobody is served by it"
    assert "canary-rg/blue is scaled out from 1 to 3 instances" in on.log
    assert [(one["path"].rpartition("/")[2], one["failed"]) for one in there.junit] == [
        ("check.xml", 0),
        ("switch.xml", 0),
    ]


def test_a_release_that_fails_its_check_gets_no_traffic(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command, gates=["http samples=2 rate=50 expect_text=nothing"])
    with visitors(emulator.frontend_url) as visits:
        build = server.release(UPDATED)
    assert (build.result, build.stages[-1]) == ("FAILURE", "Check"), build.log
    assert (build.description or "").startswith("Not switched, blue still serves: http: ")
    assert (visits.failed, visits.refused, set(visits.pages)) == ([], 0, {OLD})
    assert [one["failed"] for one in build.junit] == [1]


def test_a_release_that_fails_its_watch_is_switched_back_and_the_job_fails(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    port = emulator.frontend_url.rpartition(":")[2]
    watch = [f"http port={port} samples=2 rate=50 expect_text=nothing"]
    server = Server(jenkins, emulator, tmp_path, command, watch=watch, idle=1)
    with visitors(emulator.frontend_url) as visits:
        build = server.release(UPDATED)
    assert (build.result, build.stages[-1], title(emulator)) == ("FAILURE", "Switch", OLD)
    assert (build.description or "").startswith("Switched back to blue: http: ")
    assert (visits.failed, visits.refused, set(visits.pages)) == ([], 0, {OLD, NEW})
    assert capacities(emulator) == {"blue": 3, "green": 3}, "nothing is scaled in after a failed watch"


def test_a_release_that_does_not_start_changes_nothing_for_visitors(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command)
    with visitors(emulator.frontend_url) as visits:
        build = server.release(FAILING)
    assert (build.result, build.stages[-1]) == ("FAILURE", "Deploy")
    assert (build.description or "").startswith("Not switched: nginx-failing-image was not deployed to green: ")
    assert (visits.failed, visits.refused, set(visits.pages)) == ([], 0, {OLD})
    assert "<h1>Halted</h1>" in build.archived[f"{RESULTS}/report/index.html"]


def test_a_person_is_asked_only_if_a_switch_is_pending_and_may_approve_it_later(
    jenkins: Jenkins, fresh: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, fresh, tmp_path, command, promotion="approval")
    refused = server.release(UPDATED, answers={QUESTION: "abort"})
    assert (refused.result, title(fresh)) == ("ABORTED", OLD)
    assert (refused.description or "").startswith("Aborted. To continue, start it again with the same parameters. ")
    approved = server.release(UPDATED)
    assert (approved.result, title(fresh)) == ("SUCCESS", NEW), approved.log
    assert [(one["message"], one["in_node"]) for one in approved.inputs] == [(QUESTION, False)]
    assert "already has nginx-updated-image: nothing to deploy; all 3 instances have it" in approved.log
    assert approved.log.count("gate http passed") == 2, "asked once more, since a person may take their time"
    again = server.release(UPDATED)
    assert (again.result, again.inputs) == ("SUCCESS", []), again.log


def test_a_dry_run_reports_and_changes_nothing(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command, promotion="approval", idle=1)
    build = server.run("shop-blue-green", {"IMAGE_ID": emulator.scenario.image_id(BASE), "DRY_RUN": True})
    assert build.result == "SUCCESS", build.log
    assert "blue serves nginx-base-image already: nothing to deploy or switch" in build.log
    assert "would scale green in from 3 to 1 instances at the end" in build.log
    assert build.stages == ["Work", "Set Up", "Plan"]
    switch = server.run("shop-switch", {"DRY_RUN": True})
    assert "dry run: would point rule blueRule from bluePool" in switch.log
    assert {call["method"] for call in emulator.calls} == {"GET"}


def test_the_switch_by_hand_is_a_job_of_its_own(
    jenkins: Jenkins, emulator: Emulator, tmp_path: Path, command: Path
) -> None:
    server = Server(jenkins, emulator, tmp_path, command)
    with visitors(emulator.frontend_url) as visits:
        for to, shown in (("idle", NEW), ("idle", OLD), ("green", NEW), ("blue", OLD), ("blue", OLD)):
            build = server.run("shop-switch", {"TO": to})
            assert (build.result, title(emulator)) == ("SUCCESS", shown), build.log
    assert build.description == "blue serves already: nothing was changed"
    assert (visits.failed, visits.refused) == ([], 0)


def test_a_problem_is_reported_before_anything_is_changed(jenkins: Jenkins, tmp_path: Path, command: Path) -> None:
    scenario = SCENARIOS["nginx-blue-green"]
    third = SetSpec("third", behind="blue", nat="none")
    with Emulator(replace(scenario, more_sets=(*scenario.more_sets, third)), data_plane=False) as emulator:
        server = Server(jenkins, emulator, tmp_path, command)
        build = server.release(UPDATED)
        assert (build.result, build.stages[-1]) == ("FAILURE", "Plan")
        assert "it is shared with scale set third" in (build.description or "")
        without = server.run("shop-blue-green")
        assert without.result == "FAILURE"
        assert "no value for the parameter IMAGE_ID or IMAGE_URN" in (without.description or "")
        assert changes(emulator) == []
