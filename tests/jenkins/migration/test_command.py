"""`vmss-jenkins migrate` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import yaml

from tests.jenkins.migration.test_groovy_reader import needs_groovy
from tests.jenkins.migration.test_job_xml import FREESTYLE
from tests.pipelines.test_shared_library import ALL, PART
from vmss_jenkins.__main__ import main


@needs_groovy
def test_a_jenkinsfile_and_the_script_of_a_job_become_commands_faults_and_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jenkinsfile, job, other = tmp_path / "Jenkinsfile", tmp_path / "config.xml", tmp_path / "Other"
    jenkinsfile.write_text(PART)
    job.write_text(
        f"<?xml version='1.1' encoding='UTF-8'?>\n<flow-definition><definition>\n<script>{escape(ALL)}</script>"
        "</definition></flow-definition>"
    )
    other.write_text("node { sh 'true'")
    assert main(["migrate", str(jenkinsfile), str(job), str(other)]) == 1
    out, err = capsys.readouterr()
    target = '--resource-group="$resource_group" --name="$vmss_name"'
    assert f'vmss-jenkins update {target} --image-id="$updated_image_id"' in out
    assert f"# {job}:6 azureVMSSUpdateInstances\nvmss-jenkins update-instances {target} --instance-ids='*'" in out
    assert f"{jenkinsfile}:9: the ids '0,1' are fixed" in err
    assert f"{other}: could not be read as Groovy:" in err
    fragment = yaml.safe_load(out.split("# vmss.yaml\n")[1].split("# ")[0])
    assert fragment["jenkins"]["credentials"]["id"] == "<azure-credential-id>"
    assert fragment["sets"] == [
        {"name": "FILL-IN-vmss_name", "resource_group": "FILL-IN-resource_group", "instance_ids": "0,1"}
    ]


@needs_groovy
def test_expressions_have_a_legend_above_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Jenkinsfile"
    file.write_text(
        "def p = read()\nazureVMSSUpdateInstances resourceGroup: 'rg', name: \"${p}-${next()}\", instanceIds: '*'\n"
    )
    assert main(["migrate", str(file)]) == 0
    assert capsys.readouterr().out.startswith(
        f"# {file}:2 azureVMSSUpdateInstances\n"
        "# set P to the value of p\n"
        "# set NEXT to the value of next()\n"
        'vmss-jenkins update-instances --resource-group=rg --name="$P"-"$NEXT" --instance-ids=\'*\'\n'
    )


@needs_groovy
def test_a_step_that_is_named_outside_a_call_is_reported_with_its_place_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, job = tmp_path / "Jenkinsfile", tmp_path / "config.xml"
    file.write_text("node { }\ndef update = this.&azureVMSSUpdate\n")
    script = "// AzureUSGovernment\nsh 'az cloud set --name AzureUSGovernment'\n\nthis.&amp;azureVMSSUpdate"
    job.write_text(f"<flow-definition>\n<definition><script>\n{script}</script></definition></flow-definition>")
    assert main(["migrate", str(file), str(job)]) == 1
    err = capsys.readouterr().err
    assert f"{file}:2: azureVMSSUpdate is named here, but not in a call that can be read" in err
    assert f"{job}:6: azureVMSSUpdate is named here" in err
    assert f"{job}:4: the build uses the cloud of AzureUSGovernment" in err
    assert "calls no step" not in err


@needs_groovy
def test_a_file_without_the_steps_is_named_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Jenkinsfile"
    file.write_text("node { sh 'true' }\n")
    assert main(["migrate", str(file)]) == 0
    assert capsys.readouterr() == ("", f"{file}: calls no step of the plugin\n")


def test_a_freestyle_job_is_read_without_groovy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tmp_path / "config.xml"
    file.write_text(FREESTYLE)
    assert main(["migrate", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(
        f"# {file}:5 azureVMSSUpdate\n"
        'vmss-jenkins update --resource-group=web-rg --name=web --image-id=/images/"${IMAGE}"\n'
    )
    assert f"{file}:15: the ids '0, 1' have blanks" in err


@pytest.mark.parametrize(
    ("content", "fault"), [(b"<project/>", "holds no Pipeline script"), (b"\xff", "cannot be read")]
)
def test_a_file_that_cannot_be_migrated_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, fault: str
) -> None:
    file = tmp_path / "config.xml"
    file.write_bytes(content)
    assert main(["migrate", str(file)]) == 2
    assert fault in capsys.readouterr().err


def test_the_help_says_that_groovy_and_java_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--help"]) == 0
    assert "needs Groovy 2.4 and Java 17 or older" in " ".join(capsys.readouterr().out.split())


@needs_groovy
def test_json_has_the_commands_with_their_variables_the_faults_and_the_unread_places(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other = tmp_path / "Jenkinsfile", tmp_path / "Other"
    call = "azureVMSSUpdateInstances resourceGroup: 'rg', name: next(), instanceIds: '0,'"
    file.write_text(f"{call}\nf = this.&azureVMSSUpdate\n")
    other.write_text("node {")
    assert main(["migrate", str(file), str(other), "--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    first, second = found["files"]
    line = 'vmss-jenkins update-instances --resource-group=rg --name="$NEXT" --instance-ids=0'
    variables = {"NEXT": "the value of next()"}
    wanted = {"line": 1, "step": "azureVMSSUpdateInstances", "command": line, "variables": variables}
    assert (first["calls"], first["unread"]) == ([wanted], [{"line": 2, "name": "azureVMSSUpdate"}])
    assert [fault["line"] for fault in first["faults"]] == [1, 1]
    assert second["error"].startswith("could not be read as Groovy: ")
    assert found["configurations"][0]["sets"][0]["name"] == "FILL-IN-NEXT"
