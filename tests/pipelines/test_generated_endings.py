"""How builds of the generated jobs end, run by Groovy with a fake command, without Azure."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from tests.pipelines.test_pipelines import COMBINATIONS
from tests.support.groovy_harness import LIBRARY, Build, Jenkins
from vmss_jenkins import config, pipelines

QUESTION = "The canary of web passed. Update the other instances?"
PLUGIN: dict[str, Any] = {"flavour": "plugin", "instance_ids": "0", "gates": []}
MOST = {"credentials": {"id": "azure"}}
"""The key `jenkins` of vmss.yaml in most of these tests."""
SECRETS = {f"{name}_id": f"the-{name}" for name in ("subscription", "tenant", "client")} | {"client_secret": "hush"}
HANGS = """#!/bin/sh
for word; do
    case $word in --next=*) echo done > "${word#*=}" ;; --name-file=*) echo x > "${word#*=}" ;; esac
    case $word in --result=*) echo '{}' > "${word#*=}" && exec tail -f /dev/null ;; esac
done
"""
REMEMBERS = """#!/bin/sh
case "$*" in *"-m venv .vmss-jenkins") mkdir -p .vmss-jenkins/bin && cp "$0" .vmss-jenkins/bin/python ;; esac
for word; do
    case $word in
        --file=*) [ -f "${word#*=}" ] || echo "of $JOB_NAME $BUILD_NUMBER" > "${word#*=}"; cat "${word#*=}" ;;
        --next=*) echo next > "${word#*=}" ;;
        --name-file=*) echo web/1.2.4 > "${word#*=}" ;;
        --release-file=*) echo '{}' > "${word#*=}" ;;
    esac
done
"""
"""Writes a record with the name of its build, and prints the record that it gets; as Python it creates a venv."""


class Server:
    """Jenkins with the jobs of one scale set, on an agent with a script instead of the command."""

    def __init__(
        self, jenkins: Jenkins, home: Path, program: str, server: Mapping[str, Any] = MOST, **settings: Any
    ) -> None:
        self.jenkins, self.home = jenkins, home
        self.command = home / "command"
        self.command.write_text(program)
        self.command.chmod(0o755)
        one = {"name": "web", "resource_group": "canary-rg", "timeouts": {"build": 60}, **settings}
        install = {**server.get("install", {}), "python": str(self.command)}
        wanted = config.one_set(one, {**server, "install": install})
        self.jobs = {job.path: job.jenkinsfile for job in pipelines.jobs_of(wanted)}

    @property
    def workspace(self) -> Path:
        return self.home / "workspace" / "job"

    def run(self, jenkinsfile: str, params: Mapping[str, str | bool] | None = None, **given: Any) -> Build:
        agent = {"VMSS_JENKINS_COMMAND": str(self.command)}
        secrets = {"azure": SECRETS, "sp": {"username": "me", "password": "hush"}}
        secrets |= {name: {"secret": f"hush {name}"} for name in ("key", "sas", "app-secrets", "before")}
        return self.jenkins.run(
            jenkinsfile, params, agent, libraries=[LIBRARY], credentials=secrets, home=self.home, **given
        )


def release_of(jenkinsfile: str) -> dict[str, str | bool]:
    """A value for the parameter of the release, if the job has one."""
    return {name: "x" for name in ("IMAGE_ID", "SCRIPT") if f"name: '{name}', defaultValue" in jenkinsfile}


def test_a_refused_approval_starts_nothing_and_the_question_holds_no_executor(jenkins: Jenkins, tmp_path: Path) -> None:
    server = Server(jenkins, tmp_path, "#!/bin/true", promotion="approval", **PLUGIN)
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "x"}, answers={QUESTION: "abort"})
    assert (build.result, build.started_jobs) == ("ABORTED", [])
    assert [(one["message"], one["in_node"]) for one in build.inputs] == [(QUESTION, False)]


def test_an_approval_starts_the_full_job_with_its_parameters(jenkins: Jenkins, tmp_path: Path) -> None:
    server = Server(jenkins, tmp_path, "#!/bin/true", promotion="approval", **PLUGIN)
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "x", "VMSS_NAME": "other"})
    assert build.result == "SUCCESS", build.log
    (started,) = build.started_jobs
    assert (started["job"], started["wait"]) == ("/web-full", False)
    assert started["parameters"] == {"RESOURCE_GROUP": "canary-rg", "VMSS_NAME": "other"}


def test_an_automatic_promotion_starts_the_full_job_with_the_record(jenkins: Jenkins, tmp_path: Path) -> None:
    server = Server(jenkins, tmp_path, REMEMBERS, promotion="automatic")
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "x"}, jobs=server.jobs, job="web-canary")
    assert build.inputs == []
    (full,) = [start["build"] for start in build.started_jobs]
    assert full.result == "SUCCESS", full.log
    assert "of web-canary 1" in full.log


def test_the_full_job_copies_the_record_of_the_last_good_canary_or_of_the_given_build(
    jenkins: Jenkins, tmp_path: Path
) -> None:
    server = Server(jenkins, tmp_path, REMEMBERS, {**MOST, "copy_artifacts": True})
    for _ in range(2):
        assert server.run(server.jobs["web-canary"], {"IMAGE_ID": "x"}, job="web-canary").result == "SUCCESS"
    for given, taken in ({}, 2), ({"CANARY_BUILD": "1"}, 1), ({"HANDOFF": "pasted"}, None):
        full = server.run(server.jobs["web-full"], given, job="web-full")
        assert full.result == "SUCCESS", full.log
        assert (f"of web-canary {taken}" if taken else "pasted") in full.log


@pytest.mark.parametrize(("one", "server"), COMBINATIONS)
def test_jobs_of_every_kind_run(jenkins: Jenkins, tmp_path: Path, one: dict[str, Any], server: dict[str, Any]) -> None:
    """Locks, schedules, containers, other credentials, a venv: all stages run."""
    made = Server(jenkins, tmp_path, REMEMBERS, server, **one)
    for name, jenkinsfile in made.jobs.items():
        build = made.run(jenkinsfile, release_of(jenkinsfile), job=name)
        assert build.result == "SUCCESS", build.log
        named = re.findall(r"^ *stage\('(.+)'\)", jenkinsfile, re.MULTILINE)
        assert build.stages == named
        assert "hush" not in build.log


@pytest.mark.parametrize("job", ["web-canary", "web-full"])
def test_a_dry_run_leaves_no_description(jenkins: Jenkins, tmp_path: Path, job: str) -> None:
    server = Server(jenkins, tmp_path, REMEMBERS, promotion="automatic")
    build = server.run(server.jobs[job], {"IMAGE_ID": "x", "DRY_RUN": True})
    assert (build.result, build.description, build.started_jobs) == ("SUCCESS", None, [])
    assert server.run(server.jobs["web-full"], {"IMAGE_ID": "x"}).description == "next"


@pytest.mark.parametrize("job", ["web-canary", "web-full"])
def test_an_abort_ends_the_command_archives_its_files_and_cleans_up(jenkins: Jenkins, tmp_path: Path, job: str) -> None:
    server = Server(jenkins, tmp_path, HANGS)
    soon = server.jobs[job].replace("timeout(time: 60,", "timeout(time: 2,")
    build = server.run(soon, {"IMAGE_ID": "x"})
    assert build.result == "ABORTED", build.log
    assert "{}\n" in build.archived.values()
    before = "done" if job == "web-full" else ""
    assert build.display_name == "#1 x"
    assert build.description == f"Aborted. To continue, start it again with the same parameters. {before}"
    assert list(server.workspace.rglob("*.json")) == []


FAILS = """#!/bin/sh
case "$*" in
    *--version) echo 'vmss-jenkins, version 1' ;;
    *) mkdir -p "$(dirname "$VMSS_JENKINS_ERROR_FILE")"; echo 'the reason' > "$VMSS_JENKINS_ERROR_FILE"; exit 1 ;;
esac
"""
NOISE = ("Configuration error?", "does not exist", "found no rollout", "report could not be made")
EVERY = [{}, {"gates": []}, PLUGIN, {**PLUGIN, "gates": ["instance-health"]}, {"script": {}}]


@pytest.mark.parametrize("one", EVERY)
@pytest.mark.parametrize(
    ("program", "reason"), [(FAILS, "the reason"), ("#!/bin/false", "Failed: the reason is at the")]
)
def test_an_early_failure_of_any_job_is_in_its_description_and_no_second_error_is_in_the_console(
    jenkins: Jenkins, tmp_path: Path, one: dict[str, Any], program: str, reason: str
) -> None:
    server = Server(jenkins, tmp_path, program, {**MOST, "publish_html": True}, **one)
    for name, jenkinsfile in server.jobs.items():
        build = server.run(jenkinsfile, release_of(jenkinsfile), job=name)
        assert build.result == "FAILURE", build.log
        assert (build.description or "").startswith(reason), build.log
        assert [noise for noise in NOISE if noise in build.log] == []
        assert (build.junit, build.reports) == ([], [])


def test_a_build_is_named_after_its_release(jenkins: Jenkins, tmp_path: Path) -> None:
    server = Server(jenkins, tmp_path, FAILS)
    gallery = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/shared/images/web/versions/1.2.3"
    builds: tuple[tuple[dict[str, str | bool], str], ...] = (
        ({"IMAGE_ID": gallery}, "#1 web 1.2.3"),
        ({"IMAGE_URN": "Canonical:ubuntu:server:latest"}, "#2 Canonical:ubuntu:server:latest"),
        ({"IMAGE_ID": "x" * 200, "DRY_RUN": True}, f"#3 {'x' * 80} (dry run)"),
    )
    for given, title in builds:
        assert server.run(server.jobs["web-canary"], given, job="web-canary").display_name == title
    assert server.run(server.jobs["web-rollback"], job="web-rollback").display_name == "#1 rollback"


def test_a_build_whose_image_moves_is_named_after_the_exact_version(jenkins: Jenkins, tmp_path: Path) -> None:
    server, urn = Server(jenkins, tmp_path, REMEMBERS), "Canonical:ubuntu:server:latest"
    for given, title in (({}, "#1 web/1.2.4"), ({"DRY_RUN": True}, "#2 web/1.2.4 (dry run)")):
        build = server.run(server.jobs["web-canary"], {"IMAGE_URN": urn, **given}, job="web-canary")
        assert build.display_name == title


LINKS = """#!/bin/sh
for word; do
    case $word in --next=*) printf 'a <b>bad</b> & "worse" one, link in the console.\\nmore' > "${word#*=}" ;; esac
    case $word in --file=*) echo '{}' > "${word#*=}" ;; esac
    case $word in --name-file=*) echo x > "${word#*=}" ;; esac
done
case $1 in handoff) echo "$NEXT" > "$VMSS_JENKINS_LINK_FILE" ;; esac
"""
FORM = 'http://j/job/web-full/build?delay=0sec&a="><script>'


@pytest.mark.parametrize(
    ("next_job", "link"),
    [(f"next: {FORM} with these parameters:", FORM), ("next: the job web-full with these parameters:", None)],
)
def test_with_safe_html_the_description_is_escaped_and_links_to_the_form_of_the_next_job(
    jenkins: Jenkins, tmp_path: Path, next_job: str, link: str | None
) -> None:
    server = Server(
        jenkins, tmp_path, LINKS.replace('"$NEXT"', f"'{next_job}'").replace("$1", "$4"), {**MOST, "safe_html": True}
    )
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "x"})
    assert build.result == "SUCCESS", build.log
    assert next_job in build.log
    shown = ElementTree.fromstring(f"<p>{(build.description or '').replace('<br>', '<br/>')}</p>")
    assert [one.tag for one in shown] == ["br", *(["br", "a"] if link else [])]
    assert "".join(shown.itertext()).startswith('a <b>bad</b> & "worse" one.more')
    assert [one.attrib for one in shown.findall("a")] == ([{"href": link}] if link else [])


@pytest.mark.parametrize(
    ("label", "agent"), [("any", "agent any"), (" Any ", "agent any"), ("linux", "label 'linux'"), ("", "agent any")]
)
def test_the_agent_any_is_no_label(jenkins: Jenkins, tmp_path: Path, label: str, agent: str) -> None:
    server = Server(jenkins, tmp_path, REMEMBERS, {**MOST, "agent": label})
    assert all(agent in jenkinsfile for jenkinsfile in server.jobs.values())
    assert server.run(server.jobs["web-rollback"]).result == "SUCCESS"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with modules named like ours and like those that we import."""
    workspace = tmp_path / "workspace" / "job"
    workspace.mkdir(parents=True)
    for name in ("vmss_jenkins", "click", "requests", "azure", "json"):
        (workspace / f"{name}.py").write_text("raise SystemExit('imported from the workspace')")
    return workspace


def test_a_module_in_the_workspace_is_not_imported_while_credentials_are_bound(
    jenkins: Jenkins, tmp_path: Path, workspace: Path
) -> None:
    server = Server(jenkins, tmp_path, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    build = server.run(server.jobs["web-rollback"], {"MAX_UNAVAILABLE": "few"})
    assert "vmss-jenkins, version" in build.log
    assert "found 'few'" in build.log
    assert "imported from the workspace" not in build.log


def test_the_steps_of_the_library_do_not_import_it_either(jenkins: Jenkins, tmp_path: Path, workspace: Path) -> None:
    script = f'#!/bin/sh\nexec {Path(sys.executable).parent}/vmss-jenkins "$@"\n'
    server = Server(jenkins, tmp_path, script, **PLUGIN)
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "no-image"})
    assert "'no-image' is not an image id" in build.log
    assert "imported from the workspace" not in build.log


IMAGE, TARGET = ("IMAGE_ID", "IMAGE_URN"), (("RESOURCE_GROUP",), ("VMSS_NAME",))
REQUIRED = [
    ({}, (*TARGET, IMAGE, ("CANARY", "INSTANCE_IDS"), ("MAX_UNAVAILABLE",))),
    ({"rollout": {"strategy": "surge"}}, (*TARGET, IMAGE, ("CANARY",), ("MAX_SURGE",))),
    (PLUGIN, (*TARGET, ("IMAGE_ID",), ("INSTANCE_IDS",))),
    ({"script": {}}, (*TARGET, ("SCRIPT", "SCRIPT_URL"), ("CANARY", "INSTANCE_IDS"), ("MAX_UNAVAILABLE",))),
]


@pytest.mark.parametrize(("one", "required"), REQUIRED)
def test_a_job_with_empty_parameters_changes_nothing_and_names_them_all(
    jenkins: Jenkins, tmp_path: Path, one: dict[str, Any], required: tuple[tuple[str, ...], ...]
) -> None:
    server = Server(jenkins, tmp_path, '#!/bin/sh\necho "called $*"\n', **one)
    build = server.run(server.jobs["web-canary"], {name: " " for group in required for name in group})
    assert build.result == "FAILURE", build.log
    empty = ", ".join(map(" or ".join, required))
    assert build.description == f"Nothing was changed: no value for the parameter {empty}. Start it again with one."
    assert "called" not in build.log
    assert "azureVMSSUpdate" not in build.log


@pytest.mark.parametrize(("one", "required"), REQUIRED)
def test_one_of_the_parameters_that_take_each_others_place_is_enough(
    jenkins: Jenkins, tmp_path: Path, one: dict[str, Any], required: tuple[tuple[str, ...], ...]
) -> None:
    server = Server(jenkins, tmp_path, REMEMBERS, **one)
    for last in (0, -1):
        given: dict[str, str | bool] = {group[last]: "1" for group in required}
        build = server.run(server.jobs["web-canary"], given)
        assert "no value" not in (build.description or ""), build.log
