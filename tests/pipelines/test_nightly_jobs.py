"""The jobs of a set that follows a gallery's definition: they start every night, and roll when a version is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.test_generated_jobs import Server, linked
from tests.support.groovy_harness import Build, Jenkins
from tests.support.traffic import visitors
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.library.releases import resolve_image
from vmss_jenkins.model.images import ImageReference

SCENARIO = SCENARIOS["nginx-gallery"]
GOOD = {**SCENARIO.releases, "apps/nginx/1.0.2": SCENARIO.releases["apps/nginx/1.0.1"]}
QUICK = "http via=nat port=80 samples=4 rate=50"
SETTINGS: dict[str, Any] = {"schedule": "H 3 * * *", "gates": [QUICK]}
IDLE = "Nothing to roll out: nginx means nginx/1.0.0 now: 3 of 3 instances have it, 0 can get it."
Make = Callable[..., Server]


@pytest.fixture
def server(jenkins: Jenkins, tmp_path: Path, command: Path) -> Make:
    def make(emulator: Emulator, moving_image: str) -> Server:
        rollout: dict[str, Any] = {"instance_timeout": 5, "timeout": 60, "drain": 0.2, "max_unavailable": 1}
        rollout |= {"moving_image": moving_image, "pause": 0.8}
        image = emulator.scenario.gallery_image_id("apps/nginx")
        return Server(jenkins, emulator, tmp_path, command, image=image, rollout=rollout, **SETTINGS)

    return make


def changes(emulator: Emulator) -> list[str]:
    return [call["method"] for call in emulator.calls if call["method"] != "GET" and "tags" not in call["path"]]


def publish(emulator: Emulator, version: str) -> None:
    """Publish a version, and ask until its copy is in the region."""
    connection = Connection(emulator.subscription_id, endpoint=emulator.endpoint)
    named = ImageReference(id=emulator.scenario.gallery_image_id("apps/nginx"))
    emulator.inject(f"publish image=apps/nginx/{version}")
    while resolve_image("canary-rg", "web", named, connection=connection).release.exact.exact_version != version:
        pass


def two_idle_nights(server: Server) -> None:
    for night in (1, 2):
        build = server.run("web-canary")
        assert (build.result, build.description) == ("SUCCESS", IDLE), build.log
        assert build.display_name == f"#{night} nginx/1.0.0"
        assert build.stages[-1] == "Find The Release"
        assert build.inputs == build.started_jobs == []
        assert changes(server.emulator) == []


def test_a_nightly_job_does_nothing_until_a_version_is_there_and_never_again_what_was_rolled_back(
    server: Make,
) -> None:
    with Emulator(SCENARIO, time_scale=100) as emulator, visitors(emulator.frontend_url) as visits:
        web = server(emulator, "pin")
        two_idle_nights(web)
        publish(emulator, "1.0.1")
        canary = web.run("web-canary")
        assert (canary.result, canary.display_name) == ("SUCCESS", "#3 nginx/1.0.1"), canary.log
        assert sorted(web.images().values()) == ["nginx/1.0.0", "nginx/1.0.0", "nginx/1.0.1"]
        full = web.run(*linked(canary))
        assert full.result == "SUCCESS", full.log
        assert set(web.images().values()) == {"nginx/1.0.1"}
        fourth = web.run("web-canary")
        assert fourth.description == IDLE.replace("1.0.0", "1.0.1")
        back = web.run("web-rollback")
        assert back.result == "SUCCESS", back.log
        assert set(web.images().values()) == {"nginx/1.0.0"}
        fifth = web.run("web-canary")
        assert (fifth.result, fifth.stages[-1]) == ("SUCCESS", "Find The Release"), fifth.log
        assert "but it was rolled back" in str(fifth.description)
        assert "to roll it out again, name its exact version" in str(fifth.description)
        assert set(web.images().values()) == {"nginx/1.0.0"}
    assert visits.failed == []


def halted(build: Build) -> None:
    assert build.result == "FAILURE", build.log
    assert "nginx/1.0.2 was published while nginx/1.0.1 was rolled out" in build.log


def test_a_floating_rollout_halts_when_a_fourth_version_appears_and_an_hour_later_it_is_rolled_back(
    server: Make,
) -> None:
    scenario = replace(SCENARIO, releases=GOOD)
    with Emulator(scenario, time_scale=100) as emulator, visitors(emulator.frontend_url) as visits:
        web = server(emulator, "float")
        two_idle_nights(web)
        publish(emulator, "1.0.1")
        canary = web.run("web-canary")
        assert canary.result == "SUCCESS", canary.log
        emulator.inject("publish POST */manualupgrade image=apps/nginx/1.0.2")
        halted(web.run(*linked(canary)))
        assert sorted(web.images().values()) == ["nginx/1.0.0", "nginx/1.0.1", "nginx/1.0.1"]
        back = web.run("web-rollback")
        assert back.result == "SUCCESS", back.log
        assert set(web.images().values()) == {"nginx/1.0.0"}
        emulator.inject("withdraw image=apps/nginx/1.0.2")
        later = web.run("web-canary")
        assert (later.result, later.stages[-1]) == ("SUCCESS", "Find The Release"), later.log
        assert "nginx means nginx/1.0.1 now" in str(later.description)
        assert "but it was rolled back" in str(later.description)
    assert visits.failed == []


def test_a_pinned_rollout_ends_on_the_version_that_the_canary_had(server: Make) -> None:
    scenario = replace(SCENARIO, releases=GOOD)
    with Emulator(scenario, time_scale=100) as emulator:
        web = server(emulator, "pin")
        publish(emulator, "1.0.1")
        canary = web.run("web-canary")
        publish(emulator, "1.0.2")
        name, filled_in = linked(canary)
        full = web.run(name, {**filled_in, "IMAGE_ID": emulator.scenario.gallery_image_id("apps/nginx")})
        assert full.result == "SUCCESS", full.log
        assert set(web.images().values()) == {"nginx/1.0.1"}
        assert web.run("web-canary").display_name == "#2 nginx/1.0.2"
