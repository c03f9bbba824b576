"""What a server lacks for the jobs: plugins and credentials."""

from __future__ import annotations

import pytest

from tests.support.jenkins_cases import job
from vmss_jenkins.jenkins.plan.preflight import credential_findings, plugin_findings, version_key
from vmss_jenkins.model.findings import Severity

WHERE = "(Manage Jenkins, Plugins)"


@pytest.mark.parametrize(
    ("version", "key"),
    [
        ("1.31", (1, 31)),
        ("5.3.0-1", (5, 3, 0, 1)),
        ("1342.v046651d5b_dfe", (1342,)),
        ("1342.v046651d5b_dfe.7", (1342,)),
        ("", ()),
    ],
)
def test_versions_are_ordered_by_the_numbers_at_their_start(version: str, key: tuple[int, ...]) -> None:
    assert version_key(version) == key


@pytest.mark.parametrize(
    ("installed", "finding"),
    [
        ({"git": "5.0"}, None),
        ({"git": "10.0"}, None),
        ({"git": "5.0.1"}, None),
        (
            {"git": "4.11"},
            (
                Severity.UNSAFE,
                f"plugin git has version 4.11; wanted 5.0 or newer: the jobs were tested with that {WHERE}",
                "--allow-older-plugins",
            ),
        ),
        (
            {},
            (
                Severity.IMPOSSIBLE,
                f"plugin git is missing or not active; wanted version 5.0 or newer {WHERE}",
                None,
            ),
        ),
        (None, (Severity.WARNING, "this user may not see the plugins; the jobs need git", None)),
    ],
)
def test_a_plugin_that_is_missing_or_too_old_is_found(
    installed: dict[str, str] | None, finding: tuple[object, ...] | None
) -> None:
    found = plugin_findings([job(plugins={"git": "5.0"})], installed)
    assert [(one.severity, one.text, one.flag) for one in found] == ([finding] if finding else [])


def test_several_jobs_need_the_highest_of_their_versions_and_each_plugin_is_told_once() -> None:
    jobs = [job(plugins={"git": least, "any": ""}) for least in ("9.0", "10.0", "4.0")]
    assert [one.text for one in plugin_findings(jobs, {})] == [
        f"plugin any is missing or not active; wanted any version {WHERE}",
        f"plugin git is missing or not active; wanted version 10.0 or newer {WHERE}",
    ]
    assert [one.text for one in plugin_findings(jobs, None)] == [
        "this user may not see the plugins; the jobs need any, git"
    ]
    assert [one.text for one in plugin_findings([job(plugins={})], None)] == [
        "this user may not see the plugins; the jobs need none"
    ]


def test_a_useful_plugin_that_is_missing_is_told_with_what_does_not_work() -> None:
    jobs = [job(plugins={}, useful={"timestamper": "no times in the log", "ansicolor": "no colours"})]
    found = plugin_findings(jobs, {"ansicolor": "1.0"})
    assert [(one.severity, one.text) for one in found] == [
        (Severity.NOTE, "plugin timestamper is missing: no times in the log")
    ]
    assert [one.text.split()[1] for one in plugin_findings(jobs, {})] == ["ansicolor", "timestamper"]


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        ({"": frozenset({"azure-sp"}), "vmss": frozenset()}, None),
        ({"": frozenset(), "vmss": frozenset({"azure-sp"})}, None),
        ({"": None, "vmss": frozenset({"azure-sp"})}, None),
        (
            {"": None, "vmss": frozenset()},
            (Severity.WARNING, "this user may not see whether the credentials 'azure-sp' exist", None),
        ),
        (
            {"": frozenset()},
            (Severity.WARNING, "this user may not see whether the credentials 'azure-sp' exist", None),
        ),
        (
            {"": frozenset({"b", "a"}), "vmss": frozenset({"c"})},
            (
                Severity.UNSAFE,
                (
                    "vmss/web-canary needs the credentials 'azure-sp', which the global domain of the server and its "
                    "folders do not have: found a, b, c"
                ),
                "--allow-missing-credentials",
            ),
        ),
        (
            {"": frozenset(), "vmss": frozenset()},
            (
                Severity.UNSAFE,
                (
                    "vmss/web-canary needs the credentials 'azure-sp', which the global domain of the server and its "
                    "folders do not have: found none"
                ),
                "--allow-missing-credentials",
            ),
        ),
    ],
)
def test_credentials_are_looked_for_on_the_server_and_in_the_folders_of_a_job(
    seen: dict[str, frozenset[str] | None], finding: tuple[object, ...] | None
) -> None:
    found = credential_findings([job(), job("vmss/web-full")], seen)
    assert [(one.severity, one.text, one.flag) for one in found] == ([finding] if finding else [])


def test_each_credential_that_a_job_needs_is_looked_for() -> None:
    seen = {"": frozenset({"azure-sp"}), "vmss": frozenset[str]()}
    assert credential_findings([job(credentials_id=None)], seen) == ()
    found = credential_findings([job(secrets=("ssh-key", "azure-sp", "token"))], seen)
    assert [one.text.split("'")[1] for one in found] == ["ssh-key", "token"]
