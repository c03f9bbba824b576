"""Who else acts on a set, as the commands show it: through the real Azure SDK, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vmss_jenkins.__main__ import main
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.emulator.arm.role import Role

AUTOSCALE = "Microsoft.Insights/autoscaleSettings/read"
HERE = ("-g", "canary-rg", "-n", "web")
NAMES = ["automatic repairs", "autoscale by-cpu", "terminate notification"]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A set with repairs, terminate notification and an autoscale setting."""
    changes = getattr(request, "param", {})
    scenario = Scenario(instances=3, repairs="Replace", terminate_notification="PT5M", autoscale=("by-cpu",), **changes)
    with Emulator(scenario, data_plane=False, time_scale=1000) as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def image(emulator: Emulator) -> str:
    return emulator.scenario.image_id("nginx-updated-image")


def asked(emulator: Emulator, end: str) -> int:
    return sum(call["path"].endswith(end) for call in emulator.calls)


def actors(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["response"] for one in found["actors"]}


def test_status_and_the_dry_run_show_the_same_rows(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", *HERE, "-o", "json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert actors(seen) == dict(zip(NAMES, ["suspend", "bound", "tell"], strict=True))
    assert main(["rollout", *HERE, "--image-id", image(emulator), "--dry-run", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["actors"] == seen["actors"]
    assert main(["rollback", *HERE, "--to", image(emulator), "--dry-run", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["actors"] == seen["actors"]


def test_the_dry_run_of_a_surge_shows_what_it_waits_for_and_what_refuses_it(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    surge = ["rollout", *HERE, "--image-id", image(emulator), "--strategy", "surge", "--dry-run", "-o", "json"]
    assert main(surge) == 1
    assert actors(json.loads(capsys.readouterr().out)) == dict(zip(NAMES, ["suspend", "refuse", "wait"], strict=True))


def test_a_rollout_reads_what_it_needs_once_and_writes_the_rows(emulator: Emulator, tmp_path: Path) -> None:
    files = ["--result", str(tmp_path / "r.json"), "--events", str(tmp_path / "e.jsonl")]
    assert main(["rollout", *HERE, "--image-id", image(emulator), *files]) == 0
    assert (asked(emulator, "/instanceView"), asked(emulator, "/autoscalesettings")) == (1, 1)
    result = json.loads((tmp_path / "r.json").read_text())
    assert actors(result) == dict(zip(NAMES, ["suspend", "bound", "tell"], strict=True))
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [one["actors"] for one in events if one["kind"] == "other_actors_found"] == [result["actors"]]
    assert main(["rollout", *HERE, "--image-id", image(emulator), *files]) == 0
    assert asked(emulator, "/autoscalesettings") == 1, "nothing is asked if nothing is changed"
    assert json.loads((tmp_path / "r.json").read_text())["actors"] == []


@pytest.mark.parametrize(
    "emulator", [{"role": Role.parse(json.dumps({"Actions": ["*"], "NotActions": [AUTOSCALE]}))}], indirect=True
)
def test_a_role_that_does_not_show_autoscale_is_told_and_the_rollout_goes_on(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", *HERE]) == 0
    assert "\nautoscale               not known: no autoscaleSettings/read  " in capsys.readouterr().out
    assert main(["rollout", *HERE, "--image-id", image(emulator)]) == 0
