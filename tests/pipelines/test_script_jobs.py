"""The generated jobs of a set whose release is a script: their parameters and secrets."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.pipelines.groovy_reader import read
from tests.pipelines.samples import HOSTILE, config_of, jobs
from tests.pipelines.test_pipelines import PRINCIPAL, SCRIPT
from tests.support.groovy_harness import Build, Jenkins
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.pipelines import Secret, SecretKind, image_jobs_of, pipelines_of

SERVER = {"credentials": PRINCIPAL}
RECORDER = """#!/bin/sh
for word; do
    case $word in --script=*) cat "${word#*=}" > "$RECORD" ;; --script-url=*) printf '%s' "$word" > "$RECORD" ;; esac
    case $word in --file=* | --next=*) echo done > "${word#*=}" ;; esac
done
"""


def test_the_canary_job_takes_a_text_or_a_url_and_the_full_job_the_script_in_the_model() -> None:
    canary, full, back = pipelines_of(config_of({"script": SCRIPT, "promotion": "approval"}, SERVER), "vmss.yaml")
    names = [[parameter.name for parameter in one.parameters] for one in (canary, full, back)]
    assert names[0][2:5] == ["SCRIPT", "SCRIPT_URL", "FORCE_UPDATE_TAG"]
    assert not {"IMAGE_ID", "IMAGE_URN"} & {name for each in names for name in each}
    assert [name for name in names[1] + names[2] if "SCRIPT" in name] == []
    assert canary.hand_over
    assert canary.hand_over.parameters == ("RESOURCE_GROUP", "VMSS_NAME", "MAX_UNAVAILABLE", "ON_FAILURE")
    without = pipelines_of(config_of({"script": {"text": "true\n"}}), "vmss.yaml")[0].parameters
    assert [(one.name, one.default) for one in without[2:4]] == [("SCRIPT", "true\n"), ("SCRIPT_URL", "")]
    assert "FORCE_UPDATE_TAG" not in [one.name for one in without]


def test_a_script_at_a_url_has_a_tag_since_azure_runs_the_same_url_once() -> None:
    script = {"url": "https://example.com/install.sh"}
    (canary, *_) = pipelines_of(config_of({"script": script}), "vmss.yaml")
    assert [(one.name, one.default) for one in canary.parameters[2:5]] == [
        ("SCRIPT", ""),
        ("SCRIPT_URL", "https://example.com/install.sh"),
        ("FORCE_UPDATE_TAG", ""),
    ]
    assert 'FORCE_UPDATE_TAG:+--force-update-tag="$FORCE_UPDATE_TAG"' in jobs({"script": script})["canary"].jenkinsfile


def test_the_stages_are_those_of_an_image_with_other_commands() -> None:
    found = jobs({"script": SCRIPT}, SERVER)
    named = re.findall(r"stage\('([^']+)'\)", found["canary"].jenkinsfile)
    assert named[2:] == ["Update Script Configuration", "Update A Subset of Instances", "Verify", "Report"]
    scripts = {kind: [one for one in read(job.jenkinsfile)[1] if "vmss_jenkins" in one] for kind, job in found.items()}
    assert sum("--force-update-tag" in one for one in scripts["canary"]) == 3
    assert all("--extension=CustomScript" in one for one in scripts["full"] if "vmss_jenkins rollout" in one)
    assert any("handoff check" in one and "--extension=CustomScript" in one for one in scripts["full"])
    (back,) = [one for one in scripts["rollback"] if "rollback" in one]
    assert "--previous-protected-settings-env=VMSS_PREVIOUS_PROTECTED_SETTINGS" in back
    assert not any("image" in one for each in scripts.values() for one in each)
    texts = " ".join(job.config_xml for job in found.values())
    assert "Updates the script of the scale set" in texts
    assert "back to its previous script" in texts


def test_each_stage_gets_only_the_secrets_of_its_command() -> None:
    canary, full, back = pipelines_of(config_of({"script": SCRIPT}, SERVER), "vmss.yaml")
    before = {Secret("sas", "AZURE_STORAGE_SAS_TOKEN"), Secret("before", "VMSS_PREVIOUS_PROTECTED_SETTINGS")}
    new = {Secret("key", "AZURE_STORAGE_KEY"), Secret("app-secrets", "VMSS_PROTECTED_SETTINGS", SecretKind.FILE)}
    given = {(one.kind.value, stage.name): set(stage.secrets) for one in (canary, full, back) for stage in one.stages}
    assert {place for place, secrets in given.items() if secrets == before | new} == {
        ("canary", "Update Script Configuration"),
        ("canary", "Update A Subset of Instances"),
        ("canary", "Verify"),
    }
    assert {place for place, secrets in given.items() if secrets == before} == {
        ("full", "Update The Rest"),
        ("rollback", "Roll Back"),
    }
    assert sum(not secrets for secrets in given.values()) == len(given) - 5


def test_the_seeder_looks_for_the_secrets_and_their_plugin() -> None:
    canary = jobs({"script": SCRIPT}, SERVER)["canary"]
    assert set(canary.secrets) == {"key", "sas", "app-secrets", "before"}
    assert "plain-credentials" in canary.plugins
    assert jobs({"script": {}})["canary"].secrets == ()


def test_a_script_has_no_image_job() -> None:
    assert image_jobs_of(config_of({"script": {}})) == ()
    assert len(image_jobs_of(config_of())) == 1


def built(jenkins: Jenkins, home: Path, **typed: str) -> tuple[Build, str]:
    """Run the canary job; return the build and the command's words for the script."""
    command, record = home / "command", home / "record"
    command.write_text(RECORDER)
    command.chmod(0o755)
    record.write_text("")
    found = jobs({"script": {}, "gates": []}, {"install": {"python": str(command)}})
    build = jenkins.run(found["canary"].jenkinsfile, dict(typed), {"RECORD": str(record)}, home=home)
    assert build.result == "SUCCESS", build.log
    assert not list(home.rglob("evil*"))
    return build, record.read_text()


@settings(max_examples=15, deadline=None)
@example(text="\n".join(HOSTILE))
@example(text="-n\n")
@example(text="%s%n\\n")
@given(
    text=st.one_of(
        st.sampled_from((*HOSTILE, "$SCRIPT", "#!/bin/sh\nset -e\napt-get install -y nginx\n", "PACKER\nEOF\n")),
        st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=60),
    ).filter(lambda text: any(character > " " for character in text))  # Jenkins takes a blank text for no script
)
def test_the_text_of_a_script_reaches_its_file_unchanged_and_does_not_run(jenkins: Jenkins, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build, given_script = built(jenkins, Path(folder), SCRIPT=text)
        assert given_script == f"{text}\n"
        assert build.archived["vmss-jenkins-results/run/install.sh"] == f"{text}\n"


def test_the_text_of_a_script_is_not_in_the_log(jenkins: Jenkins, tmp_path: Path) -> None:
    build, _ = built(jenkins, tmp_path, SCRIPT="apt-get install -y a-package-of-ours")
    assert "a-package-of-ours" not in build.log


@pytest.mark.parametrize("text", [text for text in (*HOSTILE, "$HOME") if "\n" not in text], ids=lambda text: text[:9])
def test_a_url_is_one_word_of_the_command_line(jenkins: Jenkins, tmp_path: Path, text: str) -> None:
    assert built(jenkins, tmp_path, SCRIPT_URL=text)[1] == f"--script-url={text}"


@pytest.mark.parametrize("field", ["text", "command", "extension", "file", "id"])
@settings(max_examples=15, deadline=None)
@given(text=st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20)))
def test_no_value_of_a_script_becomes_code(field: str, text: str) -> None:
    def rendered(value: str) -> str:
        script = {"credentials": {"storage_key": value}} if field == "id" else {field: value}
        extra = {"container": SCRIPT["container"]} if field == "command" else {}
        return jobs({"script": {**script, **extra}}, SERVER)["canary"].jenkinsfile

    try:
        hostile = rendered(text)
    except ConfigError as error:
        assert all(reason.startswith("line ") for reason in error.reasons)  # noqa: PT017 - either end is right
        return
    if text.strip():
        assert read(hostile)[0] == read(rendered("a"))[0]
