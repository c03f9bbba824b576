"""Old Jenkinsfiles, read by Groovy's own parser: the commands they come to, and the faults that lay in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
import yaml

from tests.pipelines.test_shared_library import ALL, PART
from tests.support import groovy_harness
from vmss_jenkins import config
from vmss_jenkins.__main__ import main
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration import plugin_calls
from vmss_jenkins.jenkins.migration.commands import Call, commands, configurations, faults

needs_groovy = pytest.mark.skipif(groovy_harness.missing() is not None, reason=str(groovy_harness.missing()))


def text(value: str) -> dict[str, Any]:
    return {"kind": "text", "text": value}


def variable(name: str) -> dict[str, Any]:
    return {"kind": "variable", "text": name}


def update(line: int = 1, *, in_loop: bool = False, caught: bool = False, **image: Any) -> Call:
    given = {"resourceGroup": text("rg"), "name": text("web"), "imageReference": {"kind": "map", "map": image}}
    return Call("azureVMSSUpdate", line, given, in_loop, caught)


def instances(ids: dict[str, Any], line: int = 1, *, in_loop: bool = False, caught: bool = False) -> Call:
    given = {"resourceGroup": text("rg"), "name": text("web"), "instanceIds": ids}
    return Call("azureVMSSUpdateInstances", line, given, in_loop, caught)


def told(*calls: Call) -> str:
    return "\n".join(fault.text for fault in faults(calls))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (update(id=text("/x/$IMAGE")), '--image-id=/x/"${IMAGE}"'),
        (update(id=variable("IMAGE")), '--image-id="$IMAGE"'),
        (update(id=text("$(touch ran)")), "--image-id='$(touch ran)'"),
        (update(id=text(""), publisher=text("p"), offer=text("o"), sku=variable("S"), version=text("v")),
         '--image=p:o:"$S":v'),
        (update(id={"kind": "groovy", "text": "find()"}), '--image-id="$IMAGE_ID"'),
        (update(id={"kind": "parts", "text": "", "parts": [text("/x/"), variable("N"), text("")]}),
         '--image-id=/x/"$N"'),
        (instances(text(" 0, 1,,0")), "--instance-ids=0,1"),
        (instances(text("*")), "--instance-ids='*'"),
        (instances(text("$IDS")), '--instance-ids="${IDS}"'),
        (instances(variable("i"), in_loop=True), '--instance-ids="$INSTANCE_IDS"'),
    ],
)  # fmt: skip
def test_a_call_comes_to_a_command_line_in_which_nothing_but_variables_is_expanded(call: Call, words: str) -> None:
    assert commands([call])[0].endswith(f" --resource-group=rg --name=web {words}")


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (instances(text("0, 1,")), "have blanks or empty parts, which the plugin passed on to Azure untrimmed"),
        (instances(text("0,1")), "are hard-coded, but Azure neither keeps nor counts them on"),
        (instances({"kind": "parts", "text": '"${i}"', "parts": []}, in_loop=True), "a loop calls the step once an id"),
        (instances({"kind": "groovy", "text": "out.take(3)"}), "the ids come from out.take(3)"),
        (instances(text("*"), caught=True), "a failure of azureVMSSUpdateInstances is caught here"),
        (update(id=text("x"), sku=text("y")), "imageReference mixes id and sku"),
        (update(sku=text("y")), "imageReference lacks publisher, offer, version"),
        (update(id=text("x")), "the plugin ignored id where the scale set has a marketplace image"),
        (update(publisher=text("p"), offer=text("o"), sku=text("s"), version=text("v")), "the plugin blanked the id"),
        (update(id=text("x")), "upgrade policy Automatic or Rolling"),
        (update(), "imageReference is not written out here"),
    ],
)
def test_a_latent_fault_is_named(call: Call, fault: str) -> None:
    assert fault in told(call)


def test_all_instances_by_a_star_have_no_fault() -> None:
    assert faults([instances(text("*"))]) == ()


def test_a_failure_that_would_not_have_stopped_the_build_is_named_at_each_call_but_the_last() -> None:
    found = [
        fault.line for fault in faults([instances(text("*"), 9), update(2, id=text("x"))]) if "stopped" in fault.text
    ]
    assert found == [2]


def test_what_is_written_out_goes_into_the_file_and_what_is_not_is_to_be_filled_in() -> None:
    calls = [update(id=text("https://a.blob.core.windows.net/b/c.vhd")), instances(text("0, 1"))]
    (found,) = configurations(calls)
    assert found == {
        "jenkins": {"credentials": {"kind": "azure-service-principal", "id": "FILL-IN-azureCredentialsId"}},
        "sets": [
            {
                "name": "web",
                "resource_group": "rg",
                "image": "https://a.blob.core.windows.net/b/c.vhd",
                "instance_ids": "0,1",
            }
        ],
    }
    assert config.parse(yaml.safe_dump(found), "vmss.yaml").sets[0].instance_ids == "0,1"
    assert configurations([]) == ()


def test_each_credentials_id_has_a_file_of_its_own() -> None:
    calls = [instances(text("*")), instances(text("*")), instances(text("*"))]
    ids = ("<a: b>", "c", "<a: b>")
    given = [
        replace(one, given={**one.given, "azureCredentialsId": text(id_)}) for one, id_ in zip(calls, ids, strict=True)
    ]
    assert [file["jenkins"]["credentials"]["id"] for file in configurations(given)] == ["<a: b>", "c"]


@needs_groovy
def test_groovy_reads_scripted_and_declarative_pipelines_and_says_which_it_cannot_read() -> None:
    declarative = (
        f"pipeline {{ agent any; stages {{ stage('x') {{ steps {{ {ALL.split('{', 2)[2].strip()[:-2]} }} }} }}"
    )
    loop = """
        @Library('x') _
        try {
            ids.split(',').each { id -> azureVMSSUpdateInstances azureCredentialsId: 'c', instanceIds: "$id" }
            for (i in 1..3) { azureVMSSUpdateInstances(instanceIds: 'a' + i) }
        } catch (e) { echo 'gone on' }
        def later() { catchError { azureVMSSUpdate(imageReference: [id: "${params.IMAGE}-x"]) } }
        // azureVMSSUpdate name: 'a comment'
        echo 'azureVMSSUpdate'
    """
    blog, whole, looping, broken = plugin_calls.read([PART, declarative, loop, "node { a = = }"])
    assert [call.step for call in blog if isinstance(call, Call)] == ["azureVMSSUpdate", "azureVMSSUpdateInstances"]
    assert blog[0].given["imageReference"]["map"]["id"] == variable("updated_image_id")  # type: ignore[union-attr]
    assert [call.given["instanceIds"] for call in whole if isinstance(call, Call)] == [text("*")]
    seen = [(call.line, call.in_loop, call.caught) for call in looping if isinstance(call, Call)]
    assert seen == [(4, True, True), (5, True, True), (7, False, True)]
    assert isinstance(broken, str)
    assert "line 1, column 12" in broken


@needs_groovy
def test_the_command_reads_a_jenkinsfile_and_a_jobs_config_xml(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jenkinsfile, job, other = tmp_path / "Jenkinsfile", tmp_path / "config.xml", tmp_path / "Other"
    jenkinsfile.write_text(PART)
    job.write_text(
        f"<?xml version='1.1' encoding='UTF-8'?>\n<flow-definition><definition><script>{escape(ALL)}</script>"
        "</definition></flow-definition>"
    )
    other.write_text("node { sh 'true'")
    assert main(["migrate", str(jenkinsfile), str(job), str(other)]) == 1
    out, err = capsys.readouterr()
    target = '--resource-group="$resource_group" --name="$vmss_name"'
    assert f'vmss-jenkins update {target} --image-id="$updated_image_id"' in out
    assert f"vmss-jenkins update-instances {target} --instance-ids='*'" in out
    assert f"{jenkinsfile}:9: the ids '0,1' are hard-coded" in err
    assert f"{other}: could not be read as Groovy:" in err
    fragment = yaml.safe_load(out.split("# vmss.yaml\n")[1].split("# ")[0])
    assert fragment["jenkins"]["credentials"]["id"] == "<azure-credential-id>"
    assert fragment["sets"] == [
        {"name": "FILL-IN-vmss_name", "resource_group": "FILL-IN-resource_group", "instance_ids": "0,1"}
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<project/>", "holds no Pipeline script"),
        ("<a", "is not XML that can be read"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "is not XML that can be read"),
        (b"\xff", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_jenkinsfile_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, fault: str
) -> None:
    file = tmp_path / "config.xml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["migrate", str(file)]) == 2
    assert fault in capsys.readouterr().err


def test_without_groovy_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"groovy: not found; .*apt-get install groovy"):
        plugin_calls.read(["node {}"], {"PATH": str(tmp_path)})


@pytest.mark.parametrize("where", ["&2", "&1"])
def test_a_groovy_that_does_not_start_is_told_with_its_reason(tmp_path: Path, where: str) -> None:
    command = tmp_path / "groovy"
    command.write_text(f"#!/bin/sh\necho 'no Java here' >{where}\nexit 1\n")
    command.chmod(0o755)
    with pytest.raises(ConfigError, match=r"groovy: did not start: no Java here; .*JAVA_HOME"):
        plugin_calls.read(["node {}"], {"PATH": str(tmp_path)})


def test_a_java_that_is_too_new_gives_way_to_one_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("new", "25.0.1"), ("old", "1.8.0_392"), ("fits", "17.0.9"), ("none", "")):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "java").touch()
        (tmp_path / name / "release").write_text(f'JAVA_VERSION="{version}"\n')
    monkeypatch.setattr(plugin_calls, "JAVAS", tmp_path)
    assert plugin_calls.java_home({"JAVA_HOME": str(tmp_path / "new")}) == str(tmp_path / "fits")
    assert plugin_calls.java_home({"JAVA_HOME": str(tmp_path / "old")}) == str(tmp_path / "old")
    monkeypatch.setattr(plugin_calls, "JAVAS", tmp_path / "nowhere")
    assert plugin_calls.java_home({}) is None
