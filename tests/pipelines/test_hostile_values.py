"""What a user types passes YAML, Groovy, XML and the shell unchanged, and none of it becomes code."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipelines.groovy_reader import read, value
from tests.pipelines.samples import HOSTILE, config_of, jobs
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gate_from_line
from vmss_jenkins.gates.specs import CommandGate
from vmss_jenkins.jenkins.plan.canonical_xml import marked_source, one_line
from vmss_jenkins.pipelines import groovy, job_xml, jobs_of

AZURE = {"kind": "azure-service-principal", "id": "azure"}
FREE = (
    "description",
    "agent",
    "credentials",
    "python",
    "gate",
    "run",
    "schedule",
    "image",
    "ids",
    "job_name",
    "folder",
    "name",
    "resource_group",
    "requirement",
    "container",
)
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.lists(st.sampled_from(HOSTILE[:-1]), max_size=5).map("".join),
)


def filled(field: str, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a set and a Jenkins with a text in one of their fields."""
    ones: dict[str, dict[str, Any]] = {
        "description": {"description": text},
        "gate": {"gates": [{"gate": "http", "expect_text": text}]},
        "run": {"gates": [{"gate": "command", "run": ["check", text]}]},
        "schedule": {"schedule": f"* * * * {text}", "image": "a:b:c:latest"},
        "image": {"image": f"https://example.com/{text}.vhd"},
        "ids": {"instance_ids": text},
        "job_name": {"job_name": text},
        "name": {"name": text},
        "resource_group": {"resource_group": text},
    }
    servers: dict[str, dict[str, Any]] = {
        "agent": {"agent": text, "credentials": AZURE},
        "credentials": {"credentials": {**AZURE, "id": text}},
        "python": {"install": {"python": text}},
        "folder": {"folder": text},
        "requirement": {"install": {"how": "pip", "requirement": f"vmss-jenkins @ https://example.com/{text}"}},
        "container": {"install": {"how": "container", "image": text}},
    }
    return ones.get(field, {}), servers.get(field, {})


def rendered(field: str, text: str) -> Mapping[str, Any] | None:
    """Return the jobs; None if the file is refused, with a reason."""
    try:
        return jobs(*filled(field, text))
    except ConfigError as error:
        assert error.reasons  # noqa: PT017 - either end is right
        assert all(reason.startswith("line ") for reason in error.reasons)  # noqa: PT017
        return None


@pytest.mark.parametrize("field", FREE)
@settings(max_examples=25, deadline=None)
@given(text=texts)
def test_no_value_changes_the_code_of_a_jenkinsfile(field: str, text: str) -> None:
    hostile = rendered(field, text)
    ordinary = rendered(field, "1")
    assert ordinary is not None
    for kind, job in (hostile or {}).items():
        if text.strip():
            assert read(job.jenkinsfile)[0] == read(ordinary[kind].jenkinsfile)[0]


@pytest.mark.parametrize("field", FREE)
@settings(max_examples=25, deadline=None)
@given(text=texts)
def test_xml_returns_the_jenkinsfile_and_the_values_unchanged(field: str, text: str) -> None:
    for job in (rendered(field, text) or {}).values():
        root = ElementTree.fromstring(job.config_xml)
        assert root.findtext("definition/script") == job.jenkinsfile
        if field == "description" and text.strip():
            assert root.findtext("description", "").startswith(text.strip())
        names = [one.text for one in root.iterfind(".//parameterDefinitions/*/name")]
        assert names == [one for one in read(job.jenkinsfile)[1] if one in names][: len(names)]


@settings(max_examples=50, deadline=None)
@given(source=texts)
def test_the_name_of_the_file_never_becomes_code_and_marks_its_jobs(source: str) -> None:
    try:
        found = jobs_of(config_of(), source)
    except ConfigError as error:
        assert "XML cannot hold it" in str(error)  # noqa: PT017 - either end is right
        return
    for job, ordinary in zip(found, jobs_of(config_of(), "1"), strict=True):
        assert read(job.jenkinsfile) == read(ordinary.jenkinsfile)
        if one_line(source):
            assert marked_source(job.config_xml) == one_line(source)


@pytest.mark.parametrize("field", ["agent", "credentials", "schedule", "image"])
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_groovy_returns_the_values_unchanged(field: str, text: str) -> None:
    found = rendered(field, text)
    if found:
        written = {"schedule": f"* * * * {text}", "image": f"https://example.com/{text}.vhd"}.get(field, text)
        assert written in read(found["canary"].jenkinsfile)[1]


@settings(max_examples=300)
@given(st.text())
def test_every_text_is_a_literal(text: str) -> None:
    assert value(groovy.literal(text)) == text
    assert value(groovy.script(text)) == text


@given(st.text())
def test_a_comment_stays_a_comment(text: str) -> None:
    assert read(f"// {groovy.comment(text)}\n") == ("\n", [])


def test_a_literal_that_is_too_long_for_a_class_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="wanted at most 65535 bytes"):
        groovy.literal("é" * 40_000)


@given(st.text())
def test_every_text_is_unchanged_in_xml_or_refused(text: str) -> None:
    try:
        written = job_xml.text(text)
    except ConfigError as error:
        assert "XML cannot hold it" in str(error)  # noqa: PT017 - either end is right
    else:
        assert (ElementTree.fromstring(f"<a>{written}</a>").text or "") == text
        assert ElementTree.fromstring(f'<a b="{written.replace(chr(10), " ").replace(chr(9), " ")}"/>') is not None


@pytest.mark.parametrize("text", ["\0", "\x01", "\x7f", "\ufffe"])
@pytest.mark.parametrize("field", ["description", "agent", "credentials", "gate", "python"])
def test_control_characters_are_refused_with_their_line(field: str, text: str) -> None:
    with pytest.raises(ConfigError, match=r"line \d+") as raised:
        jobs(*filled(field, f"a{text}b"))
    assert "U+" in str(raised.value) or "is not YAML" in str(raised.value)


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\n" not in text], ids=lambda text: repr(text[:12]))
def test_a_gate_reaches_the_program_unchanged_and_nothing_runs(text: str, tmp_path: Path) -> None:
    interpreter = tmp_path / "it's a $(python)"
    interpreter.write_text(f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv[1:], open('seen.json', 'w'))\n")
    interpreter.chmod(0o755)
    one = {"gates": [{"gate": "command", "run": ["check", text]}]}
    found = jobs(one, {"install": {"python": str(interpreter)}})
    script = next(one for one in read(found["canary"].jenkinsfile)[1] if "--gate=" in one)
    parameters = {"RESOURCE_GROUP": text, "VMSS_NAME": "web", "IMAGE_ID": text, "ON_FAILURE": "stop"}
    chosen = {"IMAGE_URN": "", "INSTANCE_IDS": "", "CANARY": text, "MAX_UNAVAILABLE": "1"}
    subprocess.run(["/bin/sh", "-xec", script], env={**parameters, **chosen}, cwd=tmp_path, check=True, timeout=20)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen[:6] == ["-I", "-m", "vmss_jenkins", "rollout", f"--resource-group={text}", "--name=web"]
    assert {f"--image-id={text}", f"--canary={text}", "--canary-only"} <= set(seen)
    gate = next(word.removeprefix("--gate=") for word in seen if word.startswith("--gate="))
    assert gate_from_line(gate) == CommandGate(run=("check", text))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([interpreter.name, "seen.json"])


def test_a_script_quotes_a_user_s_words_for_the_shell() -> None:
    literals = read(jobs({"gates": ["http path=/$(evil)"]})["canary"].jenkinsfile)[1]
    script = next(one for one in literals if "--gate=" in one)
    assert "--gate=http path=/$(evil)" in shlex.split(script)
