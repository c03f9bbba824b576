"""How builds of the generated jobs end, run by Groovy with a stand-in for the command: Azure has no part in these."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.groovy_harness import LIBRARY, Build, Jenkins
from vmss_jenkins import config, pipelines

QUESTION = "The canary of web is good. Update the rest?"
PLUGIN = {"flavour": "plugin", "instance_ids": "0", "gates": []}
SECRETS = {f"{name}_id": f"the-{name}" for name in ("subscription", "tenant", "client")} | {"client_secret": "hush"}
HANGS = """#!/bin/sh
for word; do
    case $word in --next=*) echo done > "${word#*=}" ;; esac
    case $word in --result=*) echo '{}' > "${word#*=}" && exec tail -f /dev/null ;; esac
done
"""


class Server:
    """Jenkins with the jobs of one scale set, on an agent where a script stands for the command."""

    def __init__(self, jenkins: Jenkins, home: Path, script: str, **settings: Any) -> None:
        self.jenkins, self.home = jenkins, home
        self.command = home / "command"
        self.command.write_text(script)
        self.command.chmod(0o755)
        one = {"name": "web", "resource_group": "canary-rg", "timeouts": {"build": 60}, **settings}
        server = {"credentials": {"id": "azure"}, "install": {"python": str(self.command)}}
        self.jobs = {job.path: job.jenkinsfile for job in pipelines.jobs_of(config.one_set(one, server))}

    @property
    def workspace(self) -> Path:
        return self.home / "workspace" / "job"

    def run(self, jenkinsfile: str, params: dict[str, str | bool] | None = None, **given: Any) -> Build:
        agent = {"VMSS_JENKINS_COMMAND": str(self.command)}
        secrets = {"azure": SECRETS}
        return self.jenkins.run(
            jenkinsfile, params, agent, libraries=[LIBRARY], credentials=secrets, home=self.home, **given
        )


def test_a_no_starts_nothing_and_is_asked_for_outside_of_any_node(jenkins: Jenkins, tmp_path: Path) -> None:
    server = Server(jenkins, tmp_path, "#!/bin/true", promotion="approval", **PLUGIN)
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "x"}, answers={QUESTION: "abort"})
    assert (build.result, build.started_jobs) == ("ABORTED", [])
    assert [(one["message"], one["in_node"]) for one in build.inputs] == [(QUESTION, False)]


def test_a_yes_starts_the_other_job_with_its_parameters(jenkins: Jenkins, tmp_path: Path) -> None:
    server = Server(jenkins, tmp_path, "#!/bin/true", promotion="approval", **PLUGIN)
    build = server.run(server.jobs["web-canary"], {"IMAGE_ID": "x", "VMSS_NAME": "other"})
    assert build.result == "SUCCESS", build.log
    (started,) = build.started_jobs
    assert (started["job"], started["wait"]) == ("/web-full", False)
    assert started["parameters"] == {"RESOURCE_GROUP": "canary-rg", "VMSS_NAME": "other"}


@pytest.mark.parametrize("job", ["web-canary", "web-full"])
def test_an_abort_ends_the_command_keeps_what_is_known_and_cleans_up(
    jenkins: Jenkins, tmp_path: Path, job: str
) -> None:
    server = Server(jenkins, tmp_path, HANGS)
    soon = server.jobs[job].replace("timeout(time: 60,", "timeout(time: 2,")
    build = server.run(soon, {"IMAGE_ID": "x"})
    assert build.result == "ABORTED", build.log
    assert "{}\n" in build.archived.values()
    before = "done" if job == "web-full" else ""
    assert build.description == f"Aborted. Its state is in Azure: run it again to go on with it. {before}"
    assert list(server.workspace.rglob("*.json")) == []


def test_a_module_that_lies_in_the_workspace_is_not_imported(jenkins: Jenkins, tmp_path: Path) -> None:
    """It would run with the credentials bound."""
    server = Server(jenkins, tmp_path, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    server.workspace.mkdir(parents=True)
    for name in ("vmss_jenkins", "click", "requests", "azure", "json"):
        (server.workspace / f"{name}.py").write_text("raise SystemExit('imported from the workspace')")
    build = server.run(server.jobs["web-rollback"], {"MAX_UNAVAILABLE": "few"})
    assert "vmss-jenkins, version" in build.log
    assert "found 'few'" in build.log
    assert "imported from the workspace" not in build.log
