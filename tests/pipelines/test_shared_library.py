"""The shared library, run by Groovy: old Jenkinsfiles work unchanged, and no value becomes code."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.groovy_harness import LIBRARY, Build, Jenkins
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.library import steps

PART = """
node {
  // ...
  stage('Update Image Configuration') {
    azureVMSSUpdate azureCredentialsId: '<azure-credential-id>', resourceGroup: env.resource_group, name: env.vmss_name,
      imageReference: [id: env.updated_image_id]
  }
  stage('Update A Subset of Instances') {
    azureVMSSUpdateInstances azureCredentialsId: '<azure-credential-id>', resourceGroup: env.resource_group,
      name: env.vmss_name, instanceIds: '0,1'
  }
  // ...
}
"""
ALL = """
node {
  stage('Update All Instances') {
    azureVMSSUpdateInstances azureCredentialsId: '<azure-credential-id>', resourceGroup: env.resource_group,
      name: env.vmss_name, instanceIds: '*'
  }
}
"""
RECORDER = """#!{python}
import json, os, sys
with open(os.environ["RECORD"], "a", encoding="utf-8") as record:
    record.write(json.dumps([os.fsencode(word).decode() for word in sys.argv[1:]]) + "\\n")
"""


class Server:
    """Jenkins with the library, the credential of the blog post, and an agent that can reach the emulator."""

    def __init__(self, jenkins: Jenkins, emulator: Emulator) -> None:
        self.jenkins, self.emulator = jenkins, emulator
        self.new = emulator.scenario.image_id("nginx-updated-image")
        secret = {f"AZURE_{name}" for name in ("SUBSCRIPTION_ID", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")}
        self.agent = {name: value for name, value in emulator.environment.items() if name not in secret}
        self.agent |= {"resource_group": "canary-rg", "vmss_name": "web", "updated_image_id": self.new}

    def run(self, jenkinsfile: str, **values: Any) -> Build:
        credential = {name: getattr(self.emulator, name) for name in ("subscription_id", "tenant_id", "client_id")}
        credential["client_secret"] = self.emulator.client_secret
        return self.jenkins.run(
            jenkinsfile,
            values.pop("params", None),
            {**self.agent, **values},
            libraries=[LIBRARY],
            credentials={"<azure-credential-id>": credential},
        )

    def images(self) -> dict[str, str]:
        _, instances = steps.observe(
            "canary-rg",
            "web",
            connection=Connection(self.emulator.subscription_id, endpoint=self.emulator.endpoint),
        )
        return {one.id: one.image.short_name if one.image else "unknown" for one in instances}


@pytest.fixture
def server(jenkins: Jenkins) -> Iterator[Server]:
    """A server with the command itself on the agent's PATH."""
    with Emulator(data_plane=False, time_scale=200) as emulator:
        yield Server(jenkins, emulator)


@pytest.fixture
def quick(server: Server, command: Path) -> Server:
    """A server with the faster command in VMSS_JENKINS_COMMAND."""
    server.agent["VMSS_JENKINS_COMMAND"] = str(command)
    return server


CREDENTIAL = {f"{name}_id": f"the-{name}" for name in ("subscription", "tenant", "client")} | {"client_secret": "hush"}
OLD, NEW = "nginx-base-image", "nginx-updated-image"


def test_the_two_jobs_of_the_blog_post_run_unchanged(server: Server) -> None:
    part = server.run(PART)
    assert part.result == "SUCCESS", part.log
    assert server.images() == {"0": NEW, "1": NEW, "2": OLD}
    everything = server.run(ALL)
    assert everything.result == "SUCCESS", everything.log
    assert set(server.images().values()) == {NEW}


def test_azure_gets_the_bound_credential(jenkins: Jenkins, monkeypatch: pytest.MonkeyPatch) -> None:
    with Emulator(data_plane=False, time_scale=200, tls=True) as emulator:
        build = Server(jenkins, emulator).run(PART)
        assert build.result == "SUCCESS", build.log
        assert emulator.client_secret not in build.log


def test_environment_variables_in_image_and_ids_are_expanded_as_by_the_plugin(quick: Server) -> None:
    text = PART.replace("env.updated_image_id", "'${PREFIX}/$IMAGE'").replace("'0,1'", "'$FIRST , ${SECOND}'")
    prefix, _, image = quick.new.rpartition("/")
    build = quick.run(text, PREFIX=prefix, IMAGE=image, FIRST="0", SECOND="2")
    assert build.result == "SUCCESS", build.log
    assert quick.images() == {"0": NEW, "1": OLD, "2": NEW}


def test_a_declarative_pipeline_can_use_the_steps(quick: Server) -> None:
    build = quick.run("""
        pipeline {
            agent any
            parameters { string(name: 'IDS', defaultValue: '1') }
            stages {
                stage('canary') {
                    steps {
                        azureVMSSUpdate(azureCredentialsId: '<azure-credential-id>', resourceGroup: 'canary-rg',
                                        name: 'web', imageReference: [id: "${env.updated_image_id}"])
                        azureVMSSUpdateInstances(azureCredentialsId: '<azure-credential-id>',
                                                 resourceGroup: 'canary-rg', name: 'web', instanceIds: params.IDS)
                    }
                }
            }
        }
    """)
    assert build.result == "SUCCESS", build.log
    assert quick.images() == {"0": OLD, "1": NEW, "2": OLD}


def test_a_failed_update_fails_the_build_and_updates_no_instance(quick: Server) -> None:
    """Unlike the plugin, which continued."""
    build = quick.run(PART, updated_image_id=quick.new + "-gone")
    assert build.result == "FAILURE"
    assert build.stages == ["Update Image Configuration"]
    assert set(quick.images().values()) == {OLD}


TARGET = "azureCredentialsId: '<azure-credential-id>', resourceGroup: 'canary-rg', name: 'web'"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("azureVMSSUpdate()", "azureVMSSUpdate: azureCredentialsId is missing or empty"),
        (f"azureVMSSUpdate {TARGET}", "azureVMSSUpdate: imageReference is missing or empty"),
        (f"azureVMSSUpdate {TARGET}, imageReference: 'x'", "imageReference is x; give [id: ...]"),
        (f"azureVMSSUpdate {TARGET}, imageReference: [:]", "imageReference is empty; give an id"),
        (f"azureVMSSUpdate {TARGET}, imageReference: [id: env.unset]", "imageReference is empty; give an id"),
        (f"azureVMSSUpdate {TARGET}, imageReference: [ids: 'x']", "imageReference: unknown parameter ids; known:"),
        (f"azureVMSSUpdate {TARGET}, imageReference: [id: 'x', sku: 'y']", "has both an id and sku"),
        (f"azureVMSSUpdate {TARGET}, imageReference: [sku: 'y']", "imageReference lacks publisher, offer, version"),
        (
            f"azureVMSSUpdate {TARGET}, imageReference: [publisher: 'a:b', offer: 'o', sku: 's', version: 'v']",
            "imageReference.publisher has a colon",
        ),
        (f"azureVMSSUpdate {TARGET}, image: 'x'", "azureVMSSUpdate: unknown parameter image; known:"),
        ("azureVMSSUpdateInstances(name: 'web')", "azureCredentialsId is missing or empty"),
        (f"azureVMSSUpdateInstances {TARGET}, instanceIds: ' '", "instanceIds is missing or empty"),
        (f"azureVMSSUpdateInstances {TARGET}, instanceIds: '$EMPTY'", "instanceIds is empty; give ids"),
        (f"azureVMSSUpdateInstances {TARGET}, instanceIds: '0', ids: '1'", "unknown parameter ids; known:"),
    ],
)
def test_a_wrong_parameter_is_named(jenkins: Jenkins, call: str, message: str) -> None:
    build = jenkins.run(f"node {{ {call} }}", {"EMPTY": " "}, libraries=[LIBRARY])
    assert build.result == "FAILURE"
    assert message in build.log


STEP = f"node {{ azureVMSSUpdateInstances {TARGET}, instanceIds: '0' }}"
PRINT_SIGN_IN = """#!/bin/sh
if [ -n "$AZURE_FEDERATED_TOKEN_FILE" ]; then token=$(cat "$AZURE_FEDERATED_TOKEN_FILE"); fi
printf '%s' "$AZURE_TENANT_ID,$AZURE_SUBSCRIPTION_ID,$AZURE_CLIENT_ID,$AZURE_CLIENT_SECRET,$token" > "$RECORD"
"""
PLACE = {"AZURE_TENANT_ID": "t", "AZURE_SUBSCRIPTION_ID": "s"}


@pytest.mark.parametrize(
    ("kind", "variables", "credential", "signed_in"),
    [
        ("username-password", PLACE, {"username": "app", "password": "hush"}, "t,s,app,hush,"),
        ("oidc-token-file", {**PLACE, "AZURE_CLIENT_ID": "c"}, {"secret": "hush"}, "t,s,c,,hush"),
        ("", {}, CREDENTIAL, "the-tenant,the-subscription,the-client,hush,"),
    ],
)
def test_the_command_signs_in_with_credentials_of_each_kind(
    jenkins: Jenkins, tmp_path: Path, kind: str, variables: dict[str, str], credential: dict[str, str], signed_in: str
) -> None:
    command, record = tmp_path / "command", tmp_path / "record"
    command.write_text(PRINT_SIGN_IN)
    command.chmod(0o755)
    agent = {"VMSS_JENKINS_COMMAND": str(command), "RECORD": str(record), "VMSS_JENKINS_CREDENTIALS": kind}
    missing = ["azureServicePrincipal"] if kind else []
    build = jenkins.run(
        STEP,
        {},
        {**agent, **variables},
        libraries=[LIBRARY],
        credentials={"<azure-credential-id>": credential},
        missing_steps=missing,
        home=tmp_path,
    )
    assert build.result == "SUCCESS", build.log
    assert record.read_text() == signed_in
    assert "hush" not in build.log


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ({}, "The plugin azure-credentials is missing, which binds the credentials <azure-credential-id>. Install it"),
        ({"VMSS_JENKINS_CREDENTIALS": "oidc"}, "VMSS_JENKINS_CREDENTIALS is oidc; give azure-service-principal,"),
        (
            {"VMSS_JENKINS_CREDENTIALS": "username-password", "AZURE_TENANT_ID": "t"},
            "the environment variable AZURE_SUBSCRIPTION_ID is missing; it needs AZURE_TENANT_ID, AZURE_SUB",
        ),
        (
            {"VMSS_JENKINS_CREDENTIALS": "oidc-token-file", **PLACE},
            "the environment variable AZURE_CLIENT_ID is missing",
        ),
    ],
)
def test_without_the_plugin_or_a_variable_one_line_says_what_is_missing(
    jenkins: Jenkins, agent: dict[str, str], message: str
) -> None:
    build = jenkins.run(STEP, {}, agent, libraries=[LIBRARY], missing_steps=["azureServicePrincipal"])
    assert build.result == "FAILURE"
    assert f"ERROR: {message}" in build.log or f"and {message}" in build.log
    assert "NoSuchMethodError" not in build.log
    assert ".groovy" not in build.log


def test_without_the_command_on_the_agent_the_message_says_what_to_do(jenkins: Jenkins) -> None:
    agent = {"PATH": "/usr/bin:/bin", "VMSS_JENKINS_COMMAND": "/opt/none; touch ran"}
    build = jenkins.run(
        PART,
        {},
        {**agent, "updated_image_id": "x", "resource_group": "g", "vmss_name": "n"},
        libraries=[LIBRARY],
        credentials={"<azure-credential-id>": CREDENTIAL},
    )
    assert build.result == "FAILURE"
    assert "/opt/none; touch ran is not on this agent: install the wheel of vmss-jenkins there" in build.log


HOSTILE = [
    "'\"$(touch ran)",
    "`touch ran`",
    "${IMAGE_ID}",
    "$$HOME",
    "$1",
    "--help",
    "; touch ran #",
    "a\nb",
    "]]> </script>",
    "\\\\ \\n %s",
    "Ünïcode 漢字 🚀",
    "x" * 10_000,
]
ECHO = """
node {
  azureVMSSUpdate azureCredentialsId: 'azure', resourceGroup: params.GROUP, name: params.NAME,
    imageReference: [id: env.IMAGE]
  azureVMSSUpdateInstances azureCredentialsId: 'azure', resourceGroup: params.GROUP, name: params.NAME,
    instanceIds: '$IDS'
}
"""


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_reaches_the_command_unchanged_and_nothing_runs(
    jenkins: Jenkins, tmp_path: Path, value: str
) -> None:
    """The step expands the image once, so the test doubles its dollar signs. The ids come from a variable."""
    command, record = tmp_path / "command", tmp_path / "record"
    command.write_text(RECORDER.format(python=sys.executable))
    command.chmod(0o755)
    build = jenkins.run(
        ECHO,
        {"GROUP": value, "NAME": value, "IMAGE": value.replace("$", "$$"), "IDS": value},
        {"VMSS_JENKINS_COMMAND": str(command), "RECORD": str(record)},
        libraries=[LIBRARY],
        credentials={"azure": CREDENTIAL},
        home=tmp_path,
    )
    assert build.result == "SUCCESS", build.log
    target = [f"--resource-group={value}", f"--name={value}"]
    assert [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()] == [
        ["update", *target, f"--image-id={value}"],
        ["update-instances", *target, f"--instance-ids={value}"],
    ]
    assert not list(tmp_path.rglob("ran"))


def test_the_library_interpolates_nothing_into_a_script() -> None:
    for file in (LIBRARY / "vars").glob("*.groovy"):
        text = file.read_text()
        assert not re.search(r"sh\s*\(?\s*\"", text)
        assert "@Grab" not in text
        assert "import " not in text
