"""All scale sets of a file at one moment."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from defusedxml import ElementTree

from vmss_jenkins.__main__ import main
from vmss_jenkins.emulator import Emulator, Scenario, SetSpec

Output = pytest.CaptureFixture[str]
FILE = """
defaults: {resource_group: canary-rg}
sets:
  - name: web
  - name: api
  - name: missing
"""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(
        Scenario(more_sets=(SetSpec("api", instances=5, image="nginx-broken-image"),)), data_plane=False
    ) as one:
        yield one


@pytest.fixture
def file(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "vmss.yaml").write_text(FILE)
    return str(tmp_path / "vmss.yaml")


def test_each_set_is_a_row_and_one_that_cannot_be_read_hides_no_other(file: str, capsys: Output) -> None:
    assert main(["status", "--all", file]) == 1
    web, api, missing, *_ = capsys.readouterr().out.splitlines()[1:]
    assert web.split() == ["canary-rg/web", "nginx-base-image", "3", "of", "3", "3", "of", "3"]
    assert api.split()[2:] == ["5", "of", "5", "0", "of", "5"]
    assert "could not read scale set canary-rg/missing" in missing


def test_the_last_rollout_is_told_with_its_end_and_who_ran_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("JOB_NAME", "deploy/web-full")
    with Emulator(Scenario(), data_plane=False, time_scale=1000) as azure:
        for name, value in azure.environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "vmss.yaml").write_text("defaults: {resource_group: canary-rg}\nsets: [{name: web}]\n")
        image = azure.scenario.image_id("nginx-updated-image")
        for _ in range(2):  # the second changes nothing, and is no rollout to be told of
            assert main(["rollout", "-g", "canary-rg", "-n", "web", "--image-id", image, "--quiet"]) == 0
        written = [call for call in azure.calls if call["method"] == "PATCH" and "/tags/" in call["path"]]
        assert main(["status", "--all", str(tmp_path / "vmss.yaml"), "--output", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    told = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC rolled out \(nginx-updated-image\) by deploy/web-full: rollout of .*"
    assert re.fullmatch(told, row["last"])
    assert len(written) == 7, "a claim and its removal each, one end, and one record that is written twice"


def test_the_page_has_the_same_rows(file: str, tmp_path: Path, capsys: Output) -> None:
    assert main(["status", "--all", file, "--html", str(tmp_path / "page"), "--output", "json"]) == 1
    assert [row["healthy"] for row in json.loads(capsys.readouterr().out)] == [3, 0, 0]
    page = (tmp_path / "page" / "index.html").read_text()
    assert "<h1>1 of 3 scale sets are healthy and up to date</h1>" in page
    assert page.count('<th scope="row" role="rowheader">') == 3
    assert "style=" not in page
    assert (tmp_path / "page" / "style.css").exists()
    table = page[page.index("<table") : page.index("</table>") + len("</table>")]
    assert len(list(ElementTree.fromstring(table).iter("tr"))) == 4


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--all", "vmss.yaml", "--name", "web"], "found options of one scale set too"),
        ([], "found no scale set; give --resource-group and --name, or --all vmss.yaml"),
        (
            ["--resource-group", "g", "--name", "n", "--html", "page"],
            "found no --all; only a page of all scale sets is written",
        ),
        (["--all", "none.yaml"], "cannot be read"),
    ],
)
def test_what_does_not_go_together_is_told(words: list[str], reason: str, capsys: Output) -> None:
    assert main(["status", *words]) == 2
    assert reason in capsys.readouterr().err
