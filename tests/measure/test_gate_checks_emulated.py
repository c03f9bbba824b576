"""Gates with a wrong set-up through the commands, against the emulator: exit 2, once, and nothing was changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from vmss_jenkins import Pair, switch
from vmss_jenkins.__main__ import main
from vmss_jenkins.blue_green.switch import SwitchOutcome
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.errors import ConfigError

TARGET = ["-g", "canary-rg", "-n", "web"]
PAIR = Pair("canary-rg", "blueLB", "blue", "green")
WRONG = [
    "http port=8080",
    "http via=public",
    "http via=nat port=8080",
    "compare via=public",
    "command run=./nothing.sh",
]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator("nginx-canary", time_scale=500) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def changes(emulator: Emulator) -> list[str]:
    return [f"{one['method']} {one['path']}" for one in emulator.calls if one["method"] != "GET"]


@pytest.mark.parametrize("gate", WRONG)
def test_a_rollout_refuses_a_gate_that_cannot_measure_before_anything_is_changed(
    emulator: Emulator, capsys: pytest.CaptureFixture[str], gate: str
) -> None:
    rollout = ["rollout", *TARGET, "--image-id", emulator.scenario.image_id("nginx-updated-image"), "--gate", gate]
    for words in (rollout, [*rollout, "--dry-run"], ["verify", *TARGET, "--instance-ids", "0", "--gate", gate]):
        assert main(words) == 2
        assert capsys.readouterr().err.count(f"--gate: {gate.partition(' ')[0]}: ") == 1
    assert changes(emulator) == []


def test_an_internal_frontend_is_refused_with_its_address(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    (frontend,) = emulator.backend.load_balancer("canary-rg", "webLB").body["properties"]["frontendIPConfigurations"]
    frontend["properties"] = {"privateIPAddress": "10.0.0.100"}
    assert main(["verify", *TARGET, "--gate", "http samples=2"]) == 2
    said = capsys.readouterr().err
    assert "a frontend of the load balancer: its address 10.0.0.100:" in said
    assert f"is one of the emulator ({emulator.endpoint}) and exists nowhere else: use via=nat\n" in said
    assert "no load balancer rule sends traffic to the set" not in said


def test_the_port_of_the_only_rule_is_found_by_the_rollout(emulator: Emulator) -> None:
    image = emulator.scenario.image_id("nginx-updated-image")
    words = ["rollout", *TARGET, "--image-id", image, "--gate", "http samples=2 rate=50", "--canary", "1"]
    assert main([*words, "--dry-run"]) == 0
    assert changes(emulator) == []
    assert main(words) == 0


def test_a_switch_refuses_gates_that_cannot_measure_before_anything_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Emulator("nginx-blue-green", time_scale=500) as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        for gates in (
            {"watch": ["http port=8080"]},
            {"check": ["command run=./no.sh"]},
            {"check": ["http via=public"]},
        ):
            for dry_run in (True, False):
                with pytest.raises(ConfigError, match="--gate: "):
                    switch(PAIR, "green", dry_run=dry_run, **gates)  # type: ignore[arg-type]
        assert changes(emulator) == []
        found = switch(replace(PAIR), "green", watch=["http samples=2 rate=50"])
        assert found.outcome is SwitchOutcome.SWITCHED, "the watch uses the production rule's port"
