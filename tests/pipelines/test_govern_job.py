"""The job that answers Azure's automatic OS upgrades: one that comes by itself is held, judged, approved in steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.test_generated_jobs import Server
from tests.support.groovy_harness import Jenkins
from tests.support.traffic import visitors
from vmss_jenkins import config, pipelines
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.emulator import Emulator, Release, Scenario
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.library.os_upgrades.hooks import install_hooks, waiting_events
from vmss_jenkins.library.steps import observe

SCENARIO = Scenario(
    instances=5,
    image="apps/nginx",
    releases={f"apps/nginx/1.0.{n}": Release(title) for n, title in enumerate(["one", "two", "wrong"])},
    unpublished=frozenset({"apps/nginx/1.0.1", "apps/nginx/1.0.2"}),
    automatic_os_upgrade=True,
)
SETTINGS: dict[str, Any] = {
    "gates": ["http via=nat port=80 samples=4 rate=50 expect_pattern='one|two'"],
    "govern": {"schedule": "H/10 * * * *", "deny": ["2020-12-20..2021-01-03"], "timeout": 100},
    "rollout": {"instance_timeout": 30},
    "timeouts": {"build": 300},
}
Make = Callable[[Emulator], Server]


@pytest.fixture
def server(jenkins: Jenkins, tmp_path: Path, command: Path) -> Make:
    return lambda emulator: Server(jenkins, emulator, tmp_path, command, **SETTINGS)


def await_question(emulator: Emulator, version: str) -> None:
    """Publish a version, and ask until Azure has begun to ask about it."""
    connection = Connection(emulator.subscription_id, endpoint=emulator.endpoint)
    emulator.inject(f"publish image=apps/nginx/{version}")
    while not waiting_events(observe("canary-rg", "web", connection=connection)[0], connection=connection):
        pass


def test_an_upgrade_that_comes_by_itself_is_held_judged_and_approved_in_steps_and_a_bad_one_is_rejected(
    server: Make,
) -> None:
    with Emulator(SCENARIO, time_scale=50) as emulator, visitors(emulator.frontend_url) as visits:
        web = server(emulator)
        connection = Connection(emulator.subscription_id, endpoint=emulator.endpoint)
        assert install_hooks("canary-rg", "web", connection=connection).changes
        idle = web.run("web-govern")
        assert idle.result == "SUCCESS", idle.log
        assert "no OS upgrade waits for an answer" in idle.log
        assert idle.junit == []

        await_question(emulator, "1.0.1")
        assert set(web.images().values()) == {"nginx/1.0.0"}, "it is held"
        dry = web.run("web-govern", {"DRY_RUN": True})
        assert dry.result == "SUCCESS", dry.log
        assert "a run would approve web" in dry.log
        good = web.run("web-govern")
        assert good.result == "SUCCESS", good.log
        assert set(web.images().values()) == {"nginx/1.0.1"}
        assert good.log.count("approved: Azure may upgrade") == 5
        assert [one["failed"] for one in good.junit] == [0]
        assert str(good.description).startswith("canary-rg/web: nginx/1.0.1 rolled out in ")
        assert "vmss-jenkins-results/report/index.html" in good.archived

        await_question(emulator, "1.0.2")
        bad = web.run("web-govern")
        assert bad.result == "FAILURE", bad.log
        assert sorted(web.images().values()) == ["nginx/1.0.1"] * 4 + ["nginx/1.0.2"]
        assert "rejected: Azure must not upgrade" in bad.log
        assert [one["failed"] for one in bad.junit] == [2], "the gate, and how it ended"
        assert "rejected in " in str(bad.description)
        again = web.run("web-govern")
        assert again.result == "SUCCESS", again.log
        assert "no OS upgrade waits for an answer" in again.log
    assert visits.failed == []


def jobs(**changes: Any) -> dict[str, pipelines.JobSpec]:
    wanted = {"name": "web", "resource_group": "canary-rg", "gates": SETTINGS["gates"], **changes}
    return {job.path: job for job in pipelines.jobs_of(config.one_set(wanted, {}))}


def test_the_job_is_made_on_request_only_and_starts_by_its_schedule() -> None:
    assert "web-govern" not in jobs()
    job = jobs(govern=SETTINGS["govern"])["web-govern"]
    assert "cron('H/10 * * * *')" in job.jenkinsfile
    assert "<spec>H/10 * * * *</spec>" in job.config_xml
    assert "cron('H/15 * * * *')" in jobs(govern={})["web-govern"].jenkinsfile


def test_the_settings_of_the_file_become_words_of_the_command() -> None:
    govern = {"canary": "10%", "deny": ["2026-12-20..2027-01-03", "2026-05-01..2026-05-01"], "timeout": "2h"}
    rollout = {"max_unavailable": "20%", "repairs": "keep", "instance_timeout": 60}
    text = jobs(govern=govern, rollout=rollout)["web-govern"].jenkinsfile
    assert "--canary=10% --max-unavailable=20%" in text
    assert "--deny=2026-12-20..2027-01-03 \\\\\n    --deny=2026-05-01..2026-05-01 " in text
    assert "--timeout=7200 --instance-timeout=60 " in text
    assert "--repairs=keep" in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"govern": {"deny": ["tomorrow"]}}, "wanted two days, first and last"),
        ({"govern": {"schedule": "often"}}, "wanted five fields as in cron"),
        ({"govern": {"canary": "0"}}, "wanted a count such as 1"),
        ({"govern": {"timeout": "1s"}}, "govern.timeout"),
        ({"govern": {"watch": True}}, "govern.watch"),
        ({"govern": {}, "flavour": "plugin", "instance_ids": "0"}, "flavour plugin has no job for govern"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_wanted(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        jobs(**changes)
