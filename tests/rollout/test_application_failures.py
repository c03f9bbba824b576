"""Applications that fail on the canary or after it, their order, and surges with them, by the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.traffic import visitors
from vmss_jenkins import cli
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS, Scenario
from vmss_jenkins.errors import ConfigError

SCENARIO = SCENARIOS["nginx-application"]
OLD, NEW = "site 1.0.0!", "site 1.1.0!"
HOW = ("--canary", "1", "--max-unavailable", "2", "--instance-timeout", "2")
SURGE = ("--canary", "1", "--strategy", "surge", "--instance-timeout", "5")
SEES = "http via=nat port=80 expect_text='{}' samples=2 rate=50 error_limit=0"
"""Only this tells a version that was not installed from one that was."""


@dataclass
class Web:
    """The set `web`, by commands."""

    emulator: Emulator

    def run(self, command: str, *words: str) -> tuple[int, str]:
        target = (command, "-g", "canary-rg", "-n", "web", *words)
        found = CliRunner().invoke(cli.cli, target, standalone_mode=False)
        if found.exception:
            raise found.exception
        return found.return_value, " ".join(found.output.split())

    def roll(self, version: str, *words: str, how: tuple[str, ...] = HOW) -> tuple[int, str]:
        return self.run("rollout", "--application", f"apps/site/{version}", *how, *words)

    @property
    def instances(self) -> dict[str, Any]:
        return dict(self.emulator.backend.scale_set("canary-rg", "web").instances)

    @property
    def pages(self) -> list[str]:
        """What each instance serves."""
        texts = [one.release.page if one.up else "<h1>Welcome to nothing<" for one in self.instances.values()]
        return [text.partition("<h1>Welcome to ")[2].partition("<")[0] for text in texts]

    @property
    def model(self) -> list[dict[str, Any]]:
        """The applications of the model."""
        profile = self.emulator.backend.scale_set("canary-rg", "web").model.profile
        found: list[dict[str, Any]] = profile.get("applicationProfile", {}).get("galleryApplications", [])
        return found

    @property
    def version(self) -> str:
        """The version in the model."""
        return str(self.model[-1]["packageReferenceId"]).rpartition("/")[2]


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> Iterator[Web]:
    with Emulator(scenario, time_scale=200) as emulator:
        for key, value in emulator.environment.items():
            monkeypatch.setenv(key, value)
        yield Web(emulator)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with opened(monkeypatch, SCENARIO) as found:
        yield found


def test_a_package_that_fails_on_the_canary_is_rolled_back_under_traffic(web: Web) -> None:
    with visitors(web.emulator.frontend_url) as visits:
        code, told = web.roll("1.2.0")
        assert (code, web.pages, web.version) == (1, [OLD] * 3, "1.0.0")
    assert "instance 0 failed: its update failed" in told
    assert "rolled back: apps/site/1.0.0, 1 instance updated; all 3 instances have it" in told
    assert visits.failed == []


def test_a_failure_that_is_ignored_is_seen_by_a_gate_that_asks_for_the_version(web: Web) -> None:
    with visitors(web.emulator.frontend_url) as visits:
        words = ("--application-failure", "ignore", "--gate", SEES.format("1.2.0"))
        code, told = web.roll("1.2.0", *words)
        assert (code, web.pages, web.version) == (1, [OLD] * 3, "1.0.0")
    assert "instance 0 is healthy on the release" in told
    assert "rolled back: apps/site/1.0.0" in told
    assert visits.failed == []


def test_a_rollback_restores_whether_a_failure_counts_and_the_order_too(web: Web) -> None:
    before = web.model
    words = ("--application-failure", "ignore", "--application-order", "7", "--gate", SEES.format("nothing"))
    assert web.roll("1.1.0", *words)[0] == 1
    assert web.model == before
    assert before[0]["treatFailureAsDeploymentFailure"] is True


def test_a_version_whose_service_stops_is_rolled_back_by_the_health_alone(web: Web) -> None:
    with visitors(web.emulator.frontend_url) as visits:
        assert web.roll("1.3.0")[0] == 1
        assert (web.pages, web.version) == ([OLD] * 3, "1.0.0")
    assert visits.failed == []


def test_a_failure_on_a_later_instance_rolls_all_back_or_stops(web: Web) -> None:
    web.emulator.inject("fail application=site instance=2")
    assert web.roll("1.1.0")[0] == 1
    assert (web.pages, web.version) == ([OLD] * 3, "1.0.0")
    web.emulator.inject("fail application=site instance=2")
    assert web.roll("1.1.0", "--on-failure", "stop")[0] == 1
    assert (sorted(web.pages), web.version) == ([OLD, NEW, NEW], "1.1.0")
    assert web.roll("1.1.0")[0] == 1
    assert (web.pages, web.version) == ([OLD] * 3, "1.0.0")


def test_the_versions_of_a_halted_rollout_are_rolled_back_to_what_all_instances_had(web: Web) -> None:
    """Forward over a halted canary: the version that only one instance had is no release to go back to."""
    assert web.roll("1.3.0", "--on-failure", "stop")[0] == 1
    assert web.roll("1.1.0", "--canary-only")[0] == 0
    code, told = web.run("rollback", "--application", "apps/site", *HOW[2:])
    assert (code, web.version) == (0, "1.0.0"), told
    assert web.pages == [OLD] * 3


def test_a_surge_brings_new_instances_with_the_version_and_takes_no_capacity(web: Web) -> None:
    with visitors(web.emulator.frontend_url) as visits:
        code, told = web.roll("1.1.0", "--gate", SEES.format("1.1.0"), how=SURGE)
        assert (code, web.pages, set(web.instances) & {"0", "1", "2"}) == (0, [NEW] * 3, set()), told
        before = set(web.instances)
        code, told = web.run("rollback", "--application", "apps/site", *SURGE[2:])
        assert (code, web.pages, set(web.instances) & before) == (0, [OLD] * 3, set()), told
    assert visits.failed == []
    assert not [one for one in web.emulator.availability.changes() if one.act == "update"]


@pytest.mark.parametrize("version", ["1.2.0", "1.3.0"])
def test_a_surge_with_a_bad_version_removes_the_new_instance_and_keeps_the_old_ones(web: Web, version: str) -> None:
    with visitors(web.emulator.frontend_url) as visits:
        code, told = web.roll(version, how=SURGE)
        assert (code, sorted(web.instances), web.pages) == (1, ["0", "1", "2"], [OLD] * 3), told
        assert web.version == "1.0.0"
    assert visits.failed == []


def test_an_application_of_a_higher_order_waits_for_the_first_and_a_failure_of_the_first_is_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`base` has the order 1 and fails, so Azure does not install `site` of order 2 on the canary."""
    published = {**SCENARIO.published_applications, "apps/base/1.0.0": "true", "apps/base/1.1.0": "exit 4"}
    scenario = replace(SCENARIO, published_applications=published, applications=("apps/base/1.0.0",))
    with opened(monkeypatch, scenario) as web:
        words = ("--application", "apps/base/1.0.0", "--application-order", "1")
        assert web.run("rollout", *words, *HOW)[0] == 0
        assert web.roll("1.0.0", "--application-order", "2")[0] == 0
        assert [one["order"] for one in web.model] == [1, 2]
        code, told = web.run("rollout", "--application", "apps/base/1.1.0", *HOW)
        assert (code, "exit status=4" in told) == (1, True), told
        assert [one["packageReferenceId"].rpartition("/")[2] for one in web.model] == ["1.0.0", "1.0.0"]
        assert web.pages == [OLD] * 3
        assert {one.provisioning for one in web.instances.values()} == {"Succeeded"}


def test_a_rollback_to_a_version_that_was_deleted_is_refused_before_anything_changes(web: Web) -> None:
    assert web.roll("1.1.0")[0] == 0
    gallery = next(iter(web.emulator.backend.galleries.values()))
    gallery.definitions["applications", "site"].versions.pop("1.0.0")
    before = len(web.emulator.calls)
    for words in (("--to", "apps/site/1.0.0"), ("--application", "apps/site")):
        for dry in ((), ("--dry-run",)):
            with pytest.raises(ConfigError, match=r"version apps/site/1\.0\.0 does not exist"):
                web.run("rollback", *words, *dry)
    assert {one["method"] for one in web.emulator.calls[before:]} == {"GET"}
    assert web.pages == [NEW] * 3
