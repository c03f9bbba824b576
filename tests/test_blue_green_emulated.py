"""Blue-green through the real SDK, against the emulator: there, back on a bad release, and nobody notices."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from tests.visiting import visitors
from vmss_jenkins import cli, switch
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.errors import AzureError, ConfigError, UnsafeRollout
from vmss_jenkins.switching import SwitchOutcome, SwitchResult

PAIR: dict[str, Any] = {"to": "green", "away": "blue"}


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator("nginx-blue-green", time_scale=50) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def run(**options: Any) -> SwitchResult:
    return switch("canary-rg", "blueLB", **{**PAIR, **options})


def title(emulator: Emulator) -> str:
    return requests.get(emulator.frontend_url, timeout=5).text.partition("<title>")[2].partition("</title>")[0]


def gate(emulator: Emulator, text: str) -> list[str]:
    port = emulator.frontend_url.rpartition(":")[2]
    return [f"http via=frontend port={port} expect_text={text} samples=2 rate=50"]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def writes(emulator: Emulator) -> list[int]:
    return [one["status"] for one in emulator.calls if one["method"] == "PUT" and "loadBalancers" in one["path"]]


def test_under_traffic_a_switch_and_its_way_back_fail_no_new_connection(emulator: Emulator) -> None:
    with visitors(emulator.frontend_url) as visits:
        port = free_port()
        there = run(test_port=port, check=[f"http via=frontend port={port} expect_text=Azure samples=2 rate=50"])
        back = run(to="blue", away="green", watch=gate(emulator, "Azure"))
    assert (there.outcome, there.pool) == (SwitchOutcome.SWITCHED, "greenPool")
    assert (back.outcome, back.pool) == (SwitchOutcome.SWITCHED_BACK, "greenPool")
    assert (visits.failed, visits.refused) == ([], 0)
    assert set(visits.pages) == {"Welcome to nginx!", "Welcome to nginx on Azure VMSS!"}
    assert writes(emulator) == [200] * 4, "the test rule, the switch, there and back"


def test_an_open_connection_stays_with_the_set_before(emulator: Emulator) -> None:
    with requests.Session() as kept:
        before = kept.get(emulator.frontend_url, timeout=5).text
        run()
        assert kept.get(emulator.frontend_url, timeout=5).text == before
    assert title(emulator) == "Welcome to nginx on Azure VMSS!"


def test_a_release_that_the_check_refuses_is_never_seen_by_visitors(emulator: Emulator) -> None:
    port = free_port()
    found = run(test_port=port, check=[f"http via=frontend port={port} expect_text=nothing samples=2 rate=50"])
    assert (found.outcome, title(emulator)) == (SwitchOutcome.REFUSED, "Welcome to nginx!")
    rules = emulator.backend.load_balancer("canary-rg", "blueLB").children("loadBalancingRules")
    assert [one["name"] for one in rules] == ["blueRule"]


def test_run_again_it_changes_nothing(emulator: Emulator) -> None:
    assert [run().outcome, run().outcome] == [SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED]
    assert writes(emulator) == [200]


@pytest.mark.parametrize("fault", ["412 PUT */loadBalancers/* count=2", "lost-answer PUT */loadBalancers/*"])
def test_somebody_elses_change_and_a_lost_answer_are_survived(emulator: Emulator, fault: str) -> None:
    emulator.inject(fault)
    assert (run().outcome, title(emulator)) == (SwitchOutcome.SWITCHED, "Welcome to nginx on Azure VMSS!")


def test_a_load_balancer_that_is_always_changed_by_others_ends_it(emulator: Emulator) -> None:
    emulator.inject("412 PUT */loadBalancers/* count=always")
    with pytest.raises(AzureError, match="change load balancer blueLB"):
        run()


def test_what_cannot_be_switched_changes_nothing(emulator: Emulator) -> None:
    with pytest.raises(ConfigError, match="twice"):
        run(to="blue")
    with pytest.raises(AzureError, match="ResourceNotFound"):
        run(to="purple")
    emulator.backend.scale_set("canary-rg", "green").instances["0"].release = emulator.scenario.releases[
        "nginx-broken-image"
    ]
    with pytest.raises(UnsafeRollout, match="2 healthy instance"):
        run()
    assert (writes(emulator), emulator.backend.group("canary-rg").tags) == ([], {})


def test_the_command_tells_by_its_exit_code_which_set_serves(emulator: Emulator) -> None:
    words = ["switch", "-g", "canary-rg", "--load-balancer", "blueLB", "--blue", "blue", "--green", "green"]

    def code(*more: str) -> Any:
        return CliRunner().invoke(cli.cli, [*words, *more], standalone_mode=False).return_value

    assert code("--to", "green") == 0
    assert code("--to", "blue", "--watch", gate(emulator, "Azure")[0]) == 1
    assert code("--to", "green") == 0
