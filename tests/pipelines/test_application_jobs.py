"""The generated jobs of a set whose release is an application of a gallery: their parameters, commands and words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.model.test_applications import package
from tests.pipelines.groovy_reader import read
from tests.pipelines.samples import HOSTILE, config_of, jobs
from tests.support.groovy_harness import Jenkins
from vmss_jenkins.pipelines import image_jobs_of, pipelines_of

SITE: dict[str, Any] = {"name": "apps/site", "version": "1.1.0", "order": 2, "failure": "fail"}
ID = package("1.0.0").removesuffix("/versions/1.0.0")
RECORDER = """#!/bin/sh
for word; do
    case $word in --application*) printf '%s\\n' "$1 $word" >> "$RECORD" ;; esac
    case $word in --file=* | --next=*) echo done > "${word#*=}" ;; esac
done
"""


def scripts_of(name: str, **settings: Any) -> list[str]:
    found = jobs({"application": {**SITE, **settings}})[name]
    return [one for one in read(found.jenkinsfile)[1] if "--application" in one]


def test_each_job_has_a_parameter_for_the_version_and_only_the_canary_needs_one() -> None:
    found = pipelines_of(config_of({"application": SITE, "promotion": "approval"}), "vmss.yaml")
    asked = [next(one for one in job.parameters if one.name == "APPLICATION_VERSION") for job in found]
    assert [(one.default, one.required) for one in asked] == [("1.1.0", ("APPLICATION_VERSION",)), ("", ()), ("", ())]
    assert [one.name for job in found for one in job.parameters if re.search("IMAGE|SCRIPT", one.name)] == []
    handed = found[0].hand_over
    assert handed
    assert "APPLICATION_VERSION" in handed.parameters


def test_the_stages_are_those_of_an_image_with_the_words_of_an_application() -> None:
    found = jobs({"application": SITE})
    named = re.findall(r"stage\('([^']+)'\)", found["canary"].jenkinsfile)
    assert named[2:] == ["Update Application Configuration", "Update A Subset of Instances", "Verify", "Report"]
    texts = " ".join(job.config_xml for job in found.values())
    assert "Updates the application of the scale set" in texts
    assert "back to its previous application" in texts


def test_a_surge_adds_instances_with_the_new_application() -> None:
    surge = jobs({"application": SITE, "rollout": {"strategy": "surge"}})["canary"]
    assert "Add Instances With The New Application" in surge.jenkinsfile


def test_only_the_canary_says_how_the_application_is_installed() -> None:
    words = "--application-order=2 --application-failure=fail"
    sets = [one for one in scripts_of("canary") if "handoff write" not in one]
    assert [words in one.replace(" \\\n   ", "") for one in sets] == [True, True, True]
    assert not any("--application-order" in one for job in ("full", "rollback") for one in scripts_of(job))
    assert not any("--application-order" in one for one in scripts_of("canary", order=None))
    assert sum("--application-order=0" in one for one in scripts_of("canary", order=0)) == 3
    assert not any("--application-failure" in one for one in scripts_of("canary", failure=None))


def test_a_set_with_an_application_has_no_image_job() -> None:
    assert image_jobs_of(config_of({"application": SITE})) == ()


def built(
    jenkins: Jenkins, home: Path, job: str, version: str, name: str = "apps/site", result: str = "SUCCESS"
) -> tuple[str, list[str]]:
    """Run a job with a version; return the build's name and each word about the application, with its command."""
    command, record_file = home / "command", home / "record"
    command.write_text(RECORDER)
    command.chmod(0o755)
    record_file.write_text("")
    found = jobs({"application": {"name": name}, "gates": []}, {"install": {"python": str(command)}})
    params: dict[str, str | bool] = {"APPLICATION_VERSION": version, **({"HANDOFF": "{}"} if job == "full" else {})}
    build = jenkins.run(found[job].jenkinsfile, params, {"RECORD": str(record_file)}, home=home)
    assert build.result == result, build.log
    assert not list(home.rglob("evil*"))
    words = [line.partition(" --application") for line in record_file.read_text().split("\n") if line]
    return str(build.display_name), [word for _, _, word in words]


@pytest.mark.parametrize(
    ("name", "short"), [("apps/site", "apps/site/1.1.0"), (ID, package("1.1.0"))], ids=["short", "id"]
)
@pytest.mark.parametrize("job", ["canary", "full", "rollback"])
def test_the_version_is_a_part_of_the_applications_name(
    jenkins: Jenkins, tmp_path: Path, job: str, name: str, short: str
) -> None:
    title, words = built(jenkins, tmp_path, job, "1.1.0", name)
    assert title.endswith("site 1.1.0")
    written = [f"={name}"] if job == "canary" else []
    assert set(words) == {f"={short}", *written}


@pytest.mark.parametrize("job", ["full", "rollback"])
def test_without_a_version_the_application_alone_is_named(jenkins: Jenkins, tmp_path: Path, job: str) -> None:
    title, words = built(jenkins, tmp_path, job, "")
    assert title == {"full": "#1 site", "rollback": "#1 rollback site"}[job]
    assert set(words) == {"=apps/site"}


def test_a_canary_without_a_version_fails_before_anything_runs(jenkins: Jenkins, tmp_path: Path) -> None:
    assert built(jenkins, tmp_path, "canary", " ", result="FAILURE")[1] == []


@pytest.mark.parametrize("job", ["canary", "full", "rollback"])
@pytest.mark.parametrize("text", [text for text in (*HOSTILE, "$HOME") if "\n" not in text], ids=lambda text: text[:9])
def test_a_typed_version_is_a_part_of_one_word_and_never_runs(
    jenkins: Jenkins, tmp_path: Path, job: str, text: str
) -> None:
    _, words = built(jenkins, tmp_path, job, text)
    assert f"=apps/site/{text}" in words
