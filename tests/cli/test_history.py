"""`vmss-jenkins history`, and a rollback with no option, as they are typed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmss_jenkins.__main__ import main
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS

Output = pytest.CaptureFixture[str]
WEB = ["-g", "canary-rg", "-n", "web"]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(Scenario(instances=2), data_plane=False, time_scale=1000) as one:
        for name, value in one.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BUILD_TAG", "jenkins-web-full-7")
        monkeypatch.setenv("JOB_NAME", "web-full")
        yield one


@pytest.mark.usefixtures("emulator")
def test_a_set_without_a_rollout_has_no_history(capsys: Output) -> None:
    assert main(["history", *WEB]) == 0
    assert capsys.readouterr().out == "canary-rg/web: no release is recorded yet\n"
    assert main(["history", *WEB, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["history", "-g", "canary-rg", "-n", "missing"]) == 1


def test_a_release_and_its_rollback_are_listed_with_who_and_which_build(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    new, old = (emulator.scenario.image_id(name) for name in ("nginx-updated-image", "nginx-base-image"))
    assert main(["rollout", *WEB, "--image-id", new]) == 0
    monkeypatch.setenv("BUILD_USER", "Ada Lovelace")
    monkeypatch.setenv("BUILD_URL", "https://ci/job/web-rollback/8/")
    assert main(["rollback", *WEB, "--dry-run"]) == 0
    assert "the release before nginx-updated-image was nginx-base-image (rolled out" in capsys.readouterr().err
    assert main(["rollback", *WEB]) == 0
    capsys.readouterr()
    assert main(["history", *WEB]) == 0
    heading, back, out = capsys.readouterr().out.splitlines()
    assert heading.split() == ["when", "(UTC)", "outcome", "release", "before", "by", "build"]
    assert re.split("  +", back.strip())[1:] == [
        "rolled back", "nginx-base-image", "nginx-updated-image", "Ada Lovelace", "https://ci/job/web-rollback/8/",
    ]  # fmt: skip
    assert re.split("  +", out.strip())[1:] == [
        "rolled out", "nginx-updated-image", "nginx-base-image", "web-full", "jenkins-web-full-7",
    ]  # fmt: skip
    assert main(["history", *WEB, "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["release"], row["before"]) for row in rows] == [(old, new), (new, old)]
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["when"]) for row in rows)
    assert [(row["kind"], row["outcome"]) for row in rows] == [("image", "rolled back"), ("image", "rolled out")]


def test_a_dry_run_before_a_second_rollback_says_that_nothing_would_change(emulator: Emulator, capsys: Output) -> None:
    new = emulator.scenario.image_id("nginx-updated-image")
    for words in (["rollout", *WEB, "--image-id", new], ["rollback", *WEB]):
        assert main(words) == 0
    capsys.readouterr()
    assert main(["rollback", *WEB, "--dry-run"]) == 0
    out = capsys.readouterr().err
    assert "would leave the model at nginx-base-image" in out
    assert "nginx-updated-image was rolled back to nginx-base-image already (rolled back" in out
    assert main(["rollback", *WEB]) == 0
    assert "no instance had to change" in capsys.readouterr().err


def test_without_a_lock_nothing_is_recorded(emulator: Emulator, capsys: Output) -> None:
    assert main(["rollout", *WEB, "--image-id", emulator.scenario.image_id("nginx-updated-image"), "--no-lock"]) == 0
    capsys.readouterr()
    assert main(["history", *WEB]) == 0
    assert "no release is recorded yet" in capsys.readouterr().out


def test_a_script_is_listed_by_its_name_with_the_settings_for_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    script = tmp_path / "v1.sh"
    script.write_text("apt-get install -y nginx\n")
    with Emulator(SCENARIOS["nginx-extension"], data_plane=False, time_scale=1000) as one:
        for name, value in one.environment.items():
            monkeypatch.setenv(name, value)
        assert main(["rollout", *WEB, "--script", str(script)]) == 0
        assert main(["rollback", *WEB, "--extension", "CustomScript"]) == 0
        capsys.readouterr()
        assert main(["history", *WEB, "-o", "json"]) == 0
        back, out = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["outcome"]) for row in (back, out)] == [
        ("script", "rolled back"),
        ("script", "rolled out"),
    ]
    assert (out["release"], out["before"]) == (back["before"], back["release"])
    assert "apt-get update" in out["before"]
