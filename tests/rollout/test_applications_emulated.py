"""Releases by gallery application, with the real command, engine and SDK against the emulator: out, judged, back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
import pytest
from azure.core.rest import HttpRequest
from azure.mgmt.compute import ComputeManagementClient
from click.testing import CliRunner

from vmss_jenkins import cli
from vmss_jenkins.azure.client_options import client_options
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.errors import ConfigError, VmssJenkinsError

INSTALL = "sed -i 's/Welcome to nginx/{}/' /var/www/html/index.html"
SET = ("-g", "canary-rg", "-n", "web")
AT = ("canary-rg", "apps")
IMAGE = "Canonical:nginx:22:1.0.0"


@dataclass
class Fleet:
    """A scale set of three instances, and a gallery with applications."""

    emulator: Emulator
    compute: ComputeManagementClient

    def begin(self, version: str, install: str = "true", name: str = "site", group: str = "canary-rg") -> str:
        """Begin to publish a version whose package is not looked into, and return its id."""
        at = (group, "apps")
        definition: Any = {"location": "westeurope", "properties": {"supportedOSType": "Linux"}}
        self.compute.gallery_applications.begin_create_or_update(*at, name, definition).result()
        manage = {"install": install, "remove": "rm -r site"}
        publishing = {"source": {"mediaLink": "http://127.0.0.1:9/package"}, "manageActions": manage}
        body: Any = {"location": "westeurope", "properties": {"publishingProfile": publishing}}
        self.compute.gallery_application_versions.begin_create_or_update(*at, name, version, body, polling=False)
        found = self.compute.gallery_application_versions.get(*at, name, version)
        return str(found.id)

    def publish(self, version: str, install: str, name: str = "site", group: str = "canary-rg") -> str:
        """Publish a version, and wait until it is replicated."""
        made = self.begin(version, install, name, group)
        for _ in range(1000):
            found = self.compute.gallery_application_versions.get(
                group, "apps", name, version, expand="ReplicationStatus"
            )
            status = found.properties.replication_status if found.properties else None
            if status and status.aggregated_state == "Completed":
                return made
        raise AssertionError(made)

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command on the set; return its exit code and all it said."""
        found = CliRunner().invoke(cli.cli, [words[0], *SET, *words[1:]], standalone_mode=False)
        if found.exception:
            raise found.exception
        return found.return_value, " ".join(found.output.split())

    @property
    def pages(self) -> list[str]:
        """What each instance greets with."""
        found = self.emulator.backend.scale_set("canary-rg", "web").instances.values()
        return [one.release.page.partition("<h1>")[2].partition("!")[0] for one in found]

    @property
    def listed(self) -> list[dict[str, Any]]:
        """The applications of the model."""
        profile = self.emulator.backend.scale_set("canary-rg", "web").model.profile
        found: list[dict[str, Any]] = profile.get("applicationProfile", {}).get("galleryApplications", [])
        return found


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch, scenario: Scenario) -> Iterator[Fleet]:
    with Emulator(scenario, data_plane=False, time_scale=1000) as emulator:
        for key, value in emulator.environment.items():
            monkeypatch.setenv(key, value)
        emulator.backend.download = lambda _: "package"
        options = client_options(Endpoint(emulator.subscription_id, emulator.endpoint), None, None)
        with ComputeManagementClient(**options, polling_interval=0) as compute:
            compute.galleries.begin_create_or_update(*AT, {"location": "westeurope"}).result()  # type: ignore[call-overload]
            found = Fleet(emulator, compute)
            found.publish("1.0.0", INSTALL.format("One"))
            found.publish("1.1.0", INSTALL.format("Two"))
            yield found


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with opened(monkeypatch, Scenario()) as found:
        yield found


def roll(fleet: Fleet, what: str, *more: str) -> tuple[int, str]:
    return fleet.run("rollout", "--application", what, "--canary", "1", *more)


def back(fleet: Fleet, what: str = "apps/site", *more: str) -> tuple[int, str]:
    return fleet.run("rollback", "--application", what, *more)


def test_an_application_is_rolled_out_canary_first_and_a_rollback_goes_to_the_version_before(fleet: Fleet) -> None:
    assert roll(fleet, "apps/site/1.0.0")[0] == 0
    assert fleet.pages == ["One"] * 3
    assert roll(fleet, "apps/site/1.1.0", "--canary-only")[0] == 0
    assert fleet.pages == ["Two", "One", "One"]
    code, told = roll(fleet, "apps/site/1.1.0")
    assert (code, fleet.pages) == (0, ["Two"] * 3)
    assert "rolled out: apps/site/1.1.0, 2 instances updated; all 3 instances have it" in told
    code, told = back(fleet)
    assert (code, fleet.pages) == (0, ["One"] * 3)
    assert "rolled back: apps/site/1.0.0" in told
    assert "update canary-rg/web: application apps/site/1.1.0 -> apps/site/1.0.0" in told


def test_a_second_rollout_of_the_same_version_changes_nothing(fleet: Fleet) -> None:
    roll(fleet, "apps/site/1.0.0")
    before = len(fleet.emulator.calls)
    assert roll(fleet, "APPS/Site/1.0.0")[0] == 0
    changed = [one["path"] for one in fleet.emulator.calls[before:] if one["method"] in ("PATCH", "POST", "PUT")]
    assert [path for path in changed if "virtualMachineScaleSets" in path] == []


def test_a_rollback_from_the_first_version_removes_the_application(fleet: Fleet) -> None:
    code, told = roll(fleet, "apps/site/1.0.0", "--canary-only")
    assert (code, "a rollback removes apps/site" in told) == (0, True)
    assert back(fleet)[0] == 0
    assert (fleet.pages, fleet.listed) == (["Welcome to nginx"] * 3, [])


def test_a_rollback_goes_to_a_version_that_is_named(fleet: Fleet) -> None:
    fleet.publish("1.2.0", INSTALL.format("Three"))
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        roll(fleet, f"apps/site/{version}")
    assert back(fleet, "apps/site/1.0.0")[0] == 0
    assert fleet.pages == ["One"] * 3


def test_history_names_the_versions(fleet: Fleet) -> None:
    roll(fleet, "apps/site/1.0.0")
    roll(fleet, "apps/site/1.1.0")
    assert "rolled out apps/site/1.1.0 apps/site/1.0.0" in fleet.run("history")[1]


def test_a_package_that_fails_on_the_canary_is_rolled_back(fleet: Fleet) -> None:
    roll(fleet, "apps/site/1.0.0")
    fleet.publish("1.2.0", "exit 3")
    code, told = roll(fleet, "apps/site/1.2.0")
    assert (code, fleet.pages) == (1, ["One"] * 3)
    assert "command terminated with exit status=3" in told
    assert fleet.listed[0]["packageReferenceId"].endswith("/site/versions/1.0.0")
    states = {one.provisioning_state for one in fleet.compute.virtual_machine_scale_set_vms.list("canary-rg", "web")}
    assert states == {"Succeeded"}


def test_a_failure_that_is_ignored_is_told_before_and_left_to_the_gates(fleet: Fleet) -> None:
    fleet.publish("1.2.0", "exit 3")
    code, told = roll(fleet, "apps/site/1.2.0", "--application-failure", "ignore")
    assert (code, "only a gate sees that" in told) == (0, True)
    assert "treatFailureAsDeploymentFailure" not in fleet.listed[0]


def test_other_applications_and_settings_of_the_model_stay(fleet: Fleet) -> None:
    fleet.publish("1.0.0", "true", "agent")
    roll(fleet, "apps/agent/1.0.0", "--application-order", "1")
    roll(fleet, "apps/site/1.0.0", "--application-order", "2", "--application-failure", "ignore")
    roll(fleet, "apps/site/1.1.0")
    found = [(one["packageReferenceId"].rpartition("/applications/")[2], one["order"]) for one in fleet.listed]
    assert found == [("agent/versions/1.0.0", 1), ("site/versions/1.1.0", 2)]
    assert [one.get("treatFailureAsDeploymentFailure", False) for one in fleet.listed] == [True, False]
    assert back(fleet)[0] == 0
    assert [one["packageReferenceId"].rpartition("/")[2] for one in fleet.listed] == ["1.0.0", "1.0.0"]


def test_a_version_may_be_named_by_its_id(fleet: Fleet) -> None:
    made = fleet.publish("1.2.0", INSTALL.format("Three"))
    assert roll(fleet, made)[0] == 0
    assert fleet.pages == ["Three"] * 3


def test_two_galleries_of_the_same_name_in_two_groups_are_two_applications(fleet: Fleet) -> None:
    here: Any = {"location": "westeurope"}
    url = f"{fleet.emulator.endpoint}/subscriptions/{fleet.emulator.subscription_id}/resourceGroups/other-rg"
    fleet.compute.send_request(HttpRequest("PUT", f"{url}?api-version=2021-04-01", json=here)).raise_for_status()
    fleet.compute.galleries.begin_create_or_update("other-rg", "apps", here).result()
    first, second = (fleet.publish(f"1.{one}.0", "true", group="other-rg") for one in (0, 1))
    roll(fleet, "apps/site/1.0.0")
    roll(fleet, first)
    assert [one["packageReferenceId"].split("/")[4] for one in fleet.listed] == ["canary-rg", "other-rg"]
    roll(fleet, second)
    assert [one["packageReferenceId"].rpartition("/")[2] for one in fleet.listed] == ["1.0.0", "1.1.0"]
    of_other = second.removesuffix("/versions/1.1.0")
    assert back(fleet, of_other)[0] == 0
    assert [one["packageReferenceId"].rpartition("/")[2] for one in fleet.listed] == ["1.0.0", "1.0.0"]
    assert back(fleet)[0] == 0
    assert [one["packageReferenceId"] for one in fleet.listed] == [first]
    with pytest.raises(ConfigError, match="another resource group"):
        back(fleet)
    assert fleet.listed != []


@pytest.mark.parametrize("strategy", [(), ("--strategy", "surge", "--allow-unknown-autoscale")])
def test_a_dry_run_shows_the_versions_and_changes_nothing(fleet: Fleet, strategy: tuple[str, ...]) -> None:
    code, told = roll(fleet, "apps/site/1.0.0", "--dry-run", *strategy)
    assert (code, "apps/site/1.0.0" in told, fleet.listed) == (0, True, [])
    roll(fleet, "apps/site/1.0.0")
    roll(fleet, "apps/site/1.1.0")
    code, told = back(fleet, "apps/site", "--dry-run")
    assert (code, "would roll the model back to apps/site/1.0.0" in told) == (0, True)
    assert fleet.listed[0]["packageReferenceId"].endswith("1.1.0")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("apps/site/9.0.0", "version apps/site/9.0.0 does not exist"),
        ("apps/none/1.0.0", "version apps/none/1.0.0 does not exist"),
        ("none/site/1.0.0", "version none/site/1.0.0 does not exist"),
        ("apps/site", "without a version"),
        ("apps/site/latest", "latest is no exact version"),
        ("site", "wanted GALLERY/APPLICATION/VERSION"),
        ("apps/site/1.0", "wanted GALLERY/APPLICATION/VERSION"),
        ("apps/../1.0.0", "wanted GALLERY/APPLICATION/VERSION"),
        ("", "it is empty"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",), ("--dry-run", "--strategy", "surge")])
def test_an_application_that_cannot_be_installed_is_refused_before_anything_changes(
    fleet: Fleet, what: str, reason: str, dry: tuple[str, ...]
) -> None:
    before = len(fleet.emulator.calls)
    with pytest.raises((ConfigError, click.BadParameter)) as refused:
        roll(fleet, what, *dry)
    assert reason in str(refused.value)
    assert {one["method"] for one in fleet.emulator.calls[before:]} <= {"GET"}
    assert fleet.listed == []


def test_a_version_that_is_in_no_target_region_or_not_there_yet_is_refused(fleet: Fleet) -> None:
    fleet.emulator.inject("stuck region=westeurope")
    begun = fleet.begin("2.0.0")
    with pytest.raises(ConfigError, match=r"is not replicated to westeurope yet: \w+, \d+%"):
        roll(fleet, begun)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--application", "apps/site/1.0.0", "--script-url", "https://example.com/a.sh"), "found both --application"),
        (("--application", "apps/site/1.0.0", "--image", IMAGE), "found both an image and"),
        (("--application", "apps/site/1.0.0", "--to", IMAGE), "--application GALLERY/APPLICATION/VERSION"),
        (("--application", "apps/site/1.0.0", "--application-order", "-1"), "found the order -1"),
        (("--application-order", "1"), "but no application; give --application"),
    ],
)
def test_options_that_contradict_each_other_are_refused(fleet: Fleet, words: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        fleet.run("rollout", *words)
    assert fleet.listed == []


def test_a_flexible_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(monkeypatch, Scenario(orchestration="Flexible")) as fleet, pytest.raises(VmssJenkinsError) as refused:
        roll(fleet, "apps/site/1.0.0")
    assert "so an application cannot be rolled out" in str(refused.value)
