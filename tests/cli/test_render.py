"""`vmss-jenkins render` and `schema` as a person meets them."""

import json
from pathlib import Path

import pytest

from vmss_jenkins.__main__ import main

SET = ["-g", "canary-rg", "-n", "web"]
Output = pytest.CaptureFixture[str]


def written(directory: Path) -> list[str]:
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file())


def test_a_file_is_written_as_a_directory_a_job(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "vmss.yaml").write_text("jenkins: {folder: a}\nsets: [{name: web, resource_group: rg}]")
    assert main(["render", str(tmp_path / "vmss.yaml"), "--out", str(tmp_path / "out")]) == 0
    jobs = ["a/web-canary", "a/web-full", "a/web-rollback"]
    assert written(tmp_path / "out") == [f"{job}/{file}" for job in jobs for file in ("Jenkinsfile", "config.xml")]
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "out" / job / "Jenkinsfile") for job in jobs]


def test_one_set_is_rendered_by_options_alone(tmp_path: Path) -> None:
    options = ["--gate", "http path=/x", "--credentials-id", "azure", "--canary", "2", "--promotion", "approval"]
    assert main(["render", *SET, *options, "--folder", "a", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "a" / "web-canary" / "Jenkinsfile").read_text()
    for part in ("http path=/x", "azureServicePrincipal('azure')", "defaultValue: '2'", "input {"):
        assert part in text


def test_a_script_is_the_release_of_a_set_by_options(tmp_path: Path) -> None:
    container = "https://examplescripts.blob.core.windows.net/releases"
    options = ["--extension", "app", "--container", container, "--access", "managed-identity"]
    assert main(["render", *SET, *options, "--out", str(tmp_path)]) == 0
    text = (tmp_path / "web-canary" / "Jenkinsfile").read_text()
    for part in ("--extension=app", f"--container={container}", "--access=managed-identity", "name: 'SCRIPT'"):
        assert part in text


def test_a_user_s_templates_stand_in_for_ours(tmp_path: Path) -> None:
    (tmp_path / "agent.groovy.j2").write_text("            agent { label 'mine' }\n")
    assert main(["render", *SET, "--templates", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    assert "agent { label 'mine' }" in (tmp_path / "out" / "web-full" / "Jenkinsfile").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "found no file; give one such as vmss.yaml, or one scale set by --resource-group and --name"),
        (["-n", "web"], "found no file; give one"),
        (["vmss.yaml"], "vmss.yaml: cannot be read: No such file or directory"),
        (["vmss.yaml", "-n", "web"], "found a file and --name; give either a file or options of one scale set"),
        ([*SET, "--canary", "few"], "canary: found 'few'; wanted a count such as 1"),
        ([*SET, "--flavour", "plugin"], "flavour plugin needs instance_ids"),
        ([*SET, "--promotion", "soon"], "promotion: found 'soon'; wanted 'manual', 'approval' or 'automatic'"),
        ([*SET, "--container", "https://x/B"], "script.container: found 'https://x/B'; found the container name 'B'"),
        ([*SET, "--templates", "none"], "Directory 'none' does not exist"),
    ],
)
def test_bad_input_is_told_and_nothing_is_written(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["render", *words, "--out", "out"]) == 2
    assert said in capsys.readouterr().err
    assert written(tmp_path) == []


def test_a_file_that_is_no_text_is_told(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "vmss.yaml").write_bytes(b"\xff\xfe\x00")
    assert main(["render", str(tmp_path / "vmss.yaml"), "--out", str(tmp_path)]) == 2
    assert "is not UTF-8: invalid start byte at byte 0" in capsys.readouterr().err


def test_the_schema_is_json(capsys: Output) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "vmss.yaml"
