"""The generated jobs of a pair: their structure; nothing that a user types becomes code."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from defusedxml import ElementTree
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.pipelines.groovy_reader import read
from tests.pipelines.samples import HOSTILE
from tests.pipelines.test_hostile_parameters import BLANKS, PLAIN, RECORDER, SECRETS, TYPED, parted, typed
from tests.support.groovy_harness import Jenkins
from vmss_jenkins.config import parse
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.pipelines import JobSpec, Kind, jobs_of, pipelines_of

PRINCIPAL = {"kind": "azure-service-principal", "id": "azure"}
LEAST: dict[str, Any] = {"name": "shop", "resource_group": "rg", "load_balancer": "lb", "blue": "b", "green": "g"}
MOST: dict[str, Any] = {
    "rule": "live", "test_port": 8081, "promotion": "approval", "idle": 0, "image": "a:b:c:latest",
    "subscription": "00000000-0000-0000-0000-000000000001", "gates": ["http path=/x"], "watch": ["http path=/y"],
}  # fmt: skip


def text_of(one: dict[str, Any] | None = None, jenkins: dict[str, Any] | None = None) -> str:
    return yaml.safe_dump({"jenkins": jenkins or {}, "pairs": [{**LEAST, **(one or {})}]})


def jobs(one: dict[str, Any] | None = None, jenkins: dict[str, Any] | None = None) -> tuple[JobSpec, JobSpec]:
    release, switch = jobs_of(parse(text_of(one, jenkins), "vmss.yaml"))
    return release, switch


def stages(job: JobSpec) -> list[str]:
    return re.findall(r"stage\('([^']+)'\)", job.jenkinsfile)


def test_a_pair_has_a_job_for_releases_and_one_to_switch_back() -> None:
    release, switch = jobs({}, {"folder": "a"})
    assert (release.path, switch.path) == ("a/shop-blue-green", "a/shop-switch")
    assert stages(release) == ["Work", "Set Up", "Plan", "Deploy", "Check", "Switch"]
    assert stages(switch) == ["Work", "Set Up", "Switch"]
    assert [one.kind for one in pipelines_of(parse(text_of(), "x"), "x")] == [Kind.BLUE_GREEN, Kind.SWITCH]


def test_the_wait_for_approval_holds_no_agent_and_the_stages_after_it_set_up_again() -> None:
    release, _ = jobs(MOST, {"lock": True, "credentials": PRINCIPAL})
    assert stages(release) == [
        "Work", "Set Up", "Plan", "Deploy", "Check", "Approve", "After Approval", "Set Up", "Switch", "Scale In",
    ]  # fmt: skip
    code, _ = read(release.jenkinsfile)
    waiting = code[code.rindex("stage(", 0, code.index("input {")) : code.index("stage(", code.index("input {"))]
    assert "agent" not in waiting
    assert "beforeInput true" in waiting
    assert "lock(resource: 'vmss-rg-lb')" in release.jenkinsfile
    assert {"pipeline-input-step", "lockable-resources", "junit", "azure-credentials"} <= set(release.plugins)
    assert release.useful == {"build-with-parameters": "links to the next job will not prefill its form"}
    assert release.jenkinsfile.count("--gate='http path=/x'") == 3, "planned, checked, and asked again after the wait"
    assert release.jenkinsfile.count("--watch='http path=/y'") == 2
    assert release.jenkinsfile.count("--idle=0") == 3
    assert release.jenkinsfile.count("--rule=live --subscription=") == 5


def test_the_rollback_job_is_the_switch_or_a_release_if_the_other_set_is_scaled_in() -> None:
    assert "--back-job=shop-switch" in jobs()[0].jenkinsfile
    assert "--back-job=shop-blue-green" in jobs({"idle": 1})[0].jenkinsfile


def test_gates_are_asked_again_only_after_a_wait_for_approval() -> None:
    release, _ = jobs({"gates": ["http path=/x"]})
    assert release.jenkinsfile.count("--gate='http path=/x'") == 2
    assert "input {" not in release.jenkinsfile


@pytest.mark.parametrize("one", [{}, MOST])
def test_config_xml_has_the_parameters_of_the_jenkinsfile(one: dict[str, Any]) -> None:
    found = [
        [name.text for name in ElementTree.fromstring(job.config_xml).iterfind(".//parameterDefinitions/*/name")]
        for job in jobs(one)
    ]
    assert found == [["IMAGE_ID", "IMAGE_URN", "DRY_RUN"], ["TO", "ALLOW_FEWER", "DRY_RUN"]]
    for job in jobs(one):
        code, literals = read(job.jenkinsfile)
        assert code.count("{") == code.count("}")
        assert '"' not in code
        scripts = "\n".join(literals)
        assert re.findall(r"(\S+) -m\b", scripts) == ["-I"] * len(
            re.findall(r" -m (?:vmss_jenkins|venv|pip)\b", scripts)
        )


def calls(jenkins: Jenkins, text: str) -> list[list[str]]:
    """Return the command lines, word by word, of a build with this text for its image."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command, record = home / "command", home / "record"
        command.write_text(RECORDER)
        command.chmod(0o755)
        release, _ = jobs(MOST, {"install": {"python": str(command)}, "credentials": PRINCIPAL})
        params, secrets = {"IMAGE_ID": text, "IMAGE_URN": text}, {"azure": SECRETS}
        build = jenkins.run(release.jenkinsfile, params, {"RECORD": str(record)}, credentials=secrets, home=home)
        assert build.result == "SUCCESS", build.log
        assert not list(home.rglob("evil*"))
        return parted(record.read_bytes().decode())


@settings(max_examples=6, deadline=None)
@example(text="".join(TYPED))
@given(text=typed)
def test_a_parameter_reaches_the_command_unchanged_and_nothing_runs(jenkins: Jenkins, text: str) -> None:
    whole, ordinary = text.strip(BLANKS), calls(jenkins, PLAIN)
    ends = {word for call in ordinary for word in call if word.endswith(f"={PLAIN}")}
    assert ends == {f"--image-id={PLAIN}", f"--image={PLAIN}"}
    wanted = [[f"{word.removesuffix(PLAIN)}{whole}" if word in ends else word for word in call] for call in ordinary]
    assert calls(jenkins, text) == wanted


@settings(max_examples=8, deadline=None)
@given(text=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30)))
@pytest.mark.parametrize("field", ["name", "description", "gates", "watch", "rule", "load_balancer", "image"])
def test_no_value_of_the_file_becomes_code(field: str, text: str) -> None:
    def filled(value: str) -> dict[str, Any]:
        run = [{"gate": "command", "run": ["check", value]}]
        return {field: {"gates": run, "watch": run, "image": f"https://x/{value}.vhd"}.get(field, value)}

    try:
        hostile = jobs(filled(text))
    except ConfigError as error:
        assert all(one.startswith("line ") for one in error.reasons)  # noqa: PT017 - either end is right
        return
    if text.strip():
        for job, ordinary in zip(hostile, jobs(filled("x")), strict=True):
            assert read(job.jenkinsfile)[0] == read(ordinary.jenkinsfile)[0]
            assert ElementTree.fromstring(job.config_xml).findtext("definition/script") == job.jenkinsfile
