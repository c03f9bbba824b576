"""`vmss-jenkins govern` and what `status` shows of it, as typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.pipelines.test_govern_job import SCENARIO, await_question
from vmss_jenkins import cli
from vmss_jenkins.cli.upgrades import govern as command
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.govern import watch

WEB = ["-g", "canary-rg", "-n", "web"]
HOOKS = ["UpgradeAutoOSScheduling", "UpgradeAutoOSRollingBatchStarting"]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr(watch, "LONGEST", 0.5)
    with Emulator(SCENARIO, data_plane=False, time_scale=50, throttling=False) as running:
        for key, value in running.environment.items():
            monkeypatch.setenv(key, value)
        yield running


def typed(*words: str) -> Result:
    return CliRunner().invoke(cli.cli, [words[0], *WEB, *words[1:]], standalone_mode=False)


def hooks(emulator: Emulator) -> list[Any]:
    body = emulator.backend.scale_set("canary-rg", "web").body["properties"]
    found: list[Any] = body.get("lifecycleHooksProfile", {}).get("lifecycleHooks", [])
    return found


def test_hooks_are_installed_told_to_be_there_and_removed_and_the_rest_of_the_model_stays(emulator: Emulator) -> None:
    before = dict(emulator.backend.scale_set("canary-rg", "web").body["properties"])
    dry = typed("govern", "--install", "--dry-run")
    assert (dry.return_value, hooks(emulator)) == (0, [])
    assert "dry run: hook UpgradeAutoOSScheduling: added" in dry.stderr
    assert typed("govern", "--install").return_value == 0
    assert [(one["type"], one["defaultAction"]) for one in hooks(emulator)] == [(kind, "Reject") for kind in HOOKS]
    again = typed("govern", "--install", "-o", "json")
    assert [one["kind"] for one in json.loads(again.stdout)["before"]] == HOOKS
    assert "there already" in typed("govern", "--install").stderr
    assert typed("govern", "--install", "--default-action", "approve").return_value == 0
    assert {one["defaultAction"] for one in hooks(emulator)} == {"Approve"}
    assert typed("govern", "--uninstall").return_value == 0
    assert hooks(emulator) == []
    assert "has no lifecycle hooks" in typed("govern", "--uninstall").stderr
    after = dict(emulator.backend.scale_set("canary-rg", "web").body["properties"])
    after.pop("lifecycleHooksProfile")
    changing = {"provisioningState", "timeCreated"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }


def test_a_question_is_shown_by_status_and_the_dry_run_and_answered_with_results_and_a_report(
    emulator: Emulator, tmp_path: Path
) -> None:
    assert typed("govern", "-o", "json").stdout == "null\n"
    typed("govern", "--install")
    await_question(emulator, "1.0.1")
    assert (
        "Azure asks whether it may upgrade the operating system: without an answer Azure rejects"
        in typed("status").stdout
    )
    assert json.loads(typed("status", "-o", "json").stdout)["waiting_upgrades"][0]["targets"][0]["answer"] == "Waiting"
    plan = json.loads(typed("govern", "--dry-run", "-o", "json").stdout)
    assert (plan["asked"], plan["default_action"]) == (["web"], "Reject")
    assert "a run would approve web" in typed("govern", "--dry-run").stderr
    files = ["--result", str(tmp_path / "r.json"), "--events", str(tmp_path / "e.jsonl"), "--report", str(tmp_path)]
    done = typed("govern", *files)
    assert done.return_value == 0, done.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert (result["outcome"], sorted(result["updated"])) == ("rolled out", list("01234"))
    assert "nginx/1.0.1" in (tmp_path / "index.html").read_text()
    await_question(emulator, "1.0.2")
    bad = typed("govern", "--gate", "command run=false", *files[:2], "-o", "json")
    assert bad.return_value == 1
    assert json.loads(bad.stdout)["outcome"] == "rejected"


def test_a_rejected_version_is_reported_with_the_commands_that_bring_instances_back(
    emulator: Emulator, tmp_path: Path
) -> None:
    typed("govern", "--install")
    await_question(emulator, "1.0.1")
    done = typed("govern", "--gate", "command run=false", "--events", str(tmp_path / "e.jsonl"))
    assert done.return_value == 1
    told = CliRunner().invoke(cli.cli, ["report", str(tmp_path / "e.jsonl")], standalone_mode=False).stdout
    assert "canary-rg/web: rejected" in told
    assert "az vmss update --resource-group canary-rg --name web --enable-auto-os-upgrade false" in told
    assert "vmss-jenkins rollback --resource-group canary-rg --name web --to " in told
    assert "/versions/1.0.0" in told


def test_watching_goes_on_until_an_upgrade_is_not_good(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("govern", "--install")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            await_question(emulator, "1.0.1")

    monkeypatch.setattr(command, "pause", sleep)
    done = typed("govern", "--watch", "--gate", "command run=false")
    assert (done.return_value, waits) == (1, [command.WATCH_EVERY] * 2)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--install", "--uninstall"], "found both"),
        (["--deny", "tomorrow"], "wanted two days"),
        (["--gate", "nothing"], "gate"),
    ],
)
def test_wrong_words_are_refused_before_azure_is_asked(emulator: Emulator, words: list[str], reason: str) -> None:
    done = typed("govern", *words)
    assert isinstance(done.exception, ConfigError)
    assert reason in str(done.exception)
    assert emulator.calls == []
