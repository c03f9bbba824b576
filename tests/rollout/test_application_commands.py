"""Applications in `update`, `status`, and in a rollout and a rollback that name a version, or none, in other ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.rollout.test_applications_emulated import INSTALL, SET, Fleet, back, opened, roll
from vmss_jenkins import UnsafeRollout, cli, update_application
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.errors import ConfigError

IMAGE = "Canonical:nginx:22:1.0.0"


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with opened(monkeypatch, Scenario()) as found:
        yield found


def update(fleet: Fleet, what: str, *more: str) -> tuple[int, str]:
    return fleet.run("update", "--application", what, *more)


def versions(fleet: Fleet) -> list[str]:
    return [one["packageReferenceId"].rpartition("/")[2] for one in fleet.listed]


def test_update_sets_the_version_in_the_model_and_touches_no_instance(fleet: Fleet) -> None:
    code, told = update(fleet, "apps/site/1.0.0", "--application-order", "3")
    assert (code, versions(fleet), fleet.pages) == (0, ["1.0.0"], ["Welcome to nginx"] * 3)
    assert "now has the application apps/site/1.0.0 in its model" in told
    assert fleet.listed[0]["order"] == 3
    assert fleet.run("update-instances", "--instance-ids", "1")[0] == 0
    assert fleet.pages == ["Welcome to nginx", "One", "Welcome to nginx"]


def test_update_records_the_version_before_for_a_rollback(fleet: Fleet) -> None:
    roll(fleet, "apps/site/1.0.0")
    update(fleet, "apps/site/1.1.0")
    assert back(fleet)[0] == 0
    assert versions(fleet) == ["1.0.0"]


def test_a_dry_run_of_update_changes_nothing(fleet: Fleet) -> None:
    code, told = update(fleet, "apps/site/1.0.0", "--dry-run")
    assert (code, versions(fleet)) == (0, [])
    assert "dry run: would change the model's application" in told
    words = ["update", *SET, "--application", "apps/site/1.0.0", "--dry-run", "--output", "json"]
    found = json.loads(CliRunner().invoke(cli.cli, words, standalone_mode=False).stdout)
    assert (found["changed"], found["image_before"]["name"]) == (False, "apps/site")


def test_an_automatic_upgrade_policy_is_refused_unless_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(monkeypatch, Scenario()) as fleet:
        automatic: Any = {"properties": {"upgradePolicy": {"mode": "Automatic"}}}
        fleet.compute.virtual_machine_scale_sets.begin_update("canary-rg", "web", automatic).result()
        with pytest.raises(UnsafeRollout):
            update(fleet, "apps/site/1.0.0")
        assert update(fleet, "apps/site/1.0.0", "--dry-run")[0] == 1
        assert versions(fleet) == []
        assert update(fleet, "apps/site/1.0.0", "--allow-automatic-rollout")[0] == 0
        assert versions(fleet) == ["1.0.0"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--application", "apps/site"), "without a version; give an exact one"),
        (("--application", "apps/site/9.0.0"), "version apps/site/9.0.0 does not exist"),
        (("--application", "apps/site/1.0.0", "--image", IMAGE), "found both an image and an application"),
        (("--application-failure", "fail"), "found --application-failure, but no application"),
        ((), "found neither; give one of them, or --application"),
    ],
)
def test_an_update_that_names_no_release_or_two_is_refused(fleet: Fleet, words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        fleet.run("update", *words)
    assert fleet.listed == []


def test_python_may_name_the_application_by_a_text(fleet: Fleet) -> None:
    assert update_application("canary-rg", "web", "apps/site/1.0.0").changed
    assert not update_application("canary-rg", "web", "apps/site/1.0.0").changed
    assert versions(fleet) == ["1.0.0"]


def test_status_names_the_applications_of_the_model(fleet: Fleet) -> None:
    assert "application" not in fleet.run("status")[1]
    roll(fleet, "apps/site/1.0.0")
    assert "image nginx-base-image, application apps/site/1.0.0, upgrade mode" in fleet.run("status")[1]


def test_a_rollout_without_a_version_takes_that_of_the_model_to_the_other_instances(fleet: Fleet) -> None:
    roll(fleet, "apps/site/1.0.0")
    roll(fleet, "apps/site/1.1.0", "--canary-only")
    code, told = roll(fleet, "apps/site")
    assert (code, fleet.pages) == (0, ["Two"] * 3)
    assert "rolled out: apps/site/1.1.0" in told


@pytest.mark.parametrize("dry", [(), ("--dry-run",), ("--dry-run", "--strategy", "surge")])
def test_a_rollout_without_a_version_is_refused_if_the_version_of_the_model_was_deleted(
    fleet: Fleet, dry: tuple[str, ...]
) -> None:
    roll(fleet, "apps/site/1.0.0", "--canary-only")
    fleet.compute.gallery_application_versions.begin_delete("canary-rg", "apps", "site", "1.0.0").result()
    with pytest.raises(ConfigError, match=r"version apps/site/1\.0\.0 does not exist"):
        roll(fleet, "apps/site", *dry)
    assert fleet.pages == ["One", "Welcome to nginx", "Welcome to nginx"]


def test_a_rollback_to_names_a_version_as_history_shows_it(fleet: Fleet) -> None:
    fleet.publish("1.2.0", INSTALL.format("Three"))
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        roll(fleet, f"apps/site/{version}")
    assert fleet.run("rollback", "--to", "apps/site/1.0.0", "--dry-run")[0] == 0
    assert fleet.pages == ["Three"] * 3
    assert fleet.run("rollback", "--to", "apps/site/1.0.0")[0] == 0
    assert fleet.pages == ["One"] * 3
    whole = fleet.publish("1.2.0", INSTALL.format("Three"))
    assert fleet.run("rollback", "--application", "apps/site", "--to", "apps/site/1.1.0")[0] == 0
    assert fleet.run("rollback", "--to", whole)[0] == 0
    assert fleet.pages == ["Three"] * 3


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--to", "apps/site"), "without a version; wanted GALLERY/APPLICATION/VERSION, or an image"),
        (("--to", "apps/site/latest"), "wanted"),
        (("--to", "apps/site/9.0.0"), "version apps/site/9.0.0 does not exist"),
        (("--to", "apps/site/1.0.0", "--application", "apps/other"), "give one of them"),
        (("--to", "apps/site/1.0.0", "--application", "apps/site/1.1.0"), "give one of them"),
        (("--to", "apps/site/1.0.0", "--extension", "CustomScript"), "found both --application and --extension"),
        (
            ("--to", IMAGE, "--application", "apps/site"),
            "found an image, but the release is an application; give --application",
        ),
    ],
)
def test_a_rollback_to_something_else_is_refused(fleet: Fleet, words: tuple[str, ...], reason: str) -> None:
    roll(fleet, "apps/site/1.0.0")
    with pytest.raises((ConfigError, click.BadParameter)) as refused:
        fleet.run("rollback", *words)
    assert reason in str(refused.value)
    assert fleet.pages == ["One"] * 3
