"""Blue-green through the real SDK, against the emulator: switch, switch back after a bad release, lose no request."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.traffic import visitors
from vmss_jenkins import Pair, cli, switch
from vmss_jenkins.blue_green.conditional_writer import ConditionalWriter
from vmss_jenkins.blue_green.plan.rules import has_test_rule, with_test_rule
from vmss_jenkins.blue_green.switch import SwitchOutcome, SwitchResult
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.scenario.scenario import named_scenario
from vmss_jenkins.emulator.state.scale_set import ScaleSet
from vmss_jenkins.errors import AzureError, ConfigError, UnsafeRollout
from vmss_jenkins.events.gates import GateStarted
from vmss_jenkins.events.switch import SwitchUnchanged
from vmss_jenkins.library.pair_connection import connected_pair
from vmss_jenkins.rollout.plan.claims import AnotherRollout

PAIR = Pair("canary-rg", "blueLB", "blue", "green")


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator("nginx-blue-green", time_scale=50) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def run(to: str = "green", test_port: int | None = None, **options: Any) -> SwitchResult:
    return switch(replace(PAIR, test_port=test_port), to, **options)


def title(emulator: Emulator) -> str:
    return requests.get(emulator.frontend_url, timeout=5).text.partition("<title>")[2].partition("</title>")[0]


def gate(emulator: Emulator, text: str) -> list[str]:
    port = emulator.frontend_url.rpartition(":")[2]
    return [f"http via=frontend port={port} expect_text={text} samples=2 rate=50"]


WORDS = ["switch", "-g", "canary-rg", "--load-balancer", "blueLB", "--blue", "blue", "--green", "green"]


def code(*more: str) -> Any:
    """The exit code of the command."""
    return cli.cli.main([*WORDS, *more], standalone_mode=False)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def writes(emulator: Emulator) -> list[int]:
    return [one["status"] for one in emulator.calls if one["method"] == "PUT" and "loadBalancers" in one["path"]]


def test_under_traffic_a_switch_and_the_switch_back_fail_no_new_connection(emulator: Emulator) -> None:
    with visitors(emulator.frontend_url) as visits:
        port = free_port()
        there = run(test_port=port, check=[f"http via=frontend port={port} expect_text=Azure samples=2 rate=50"])
        back = run("blue", watch=gate(emulator, "Azure"))
    assert (there.outcome, there.pool) == (SwitchOutcome.SWITCHED, "greenPool")
    assert (back.outcome, back.pool) == (SwitchOutcome.SWITCHED_BACK, "greenPool")
    assert (visits.failed, visits.refused) == ([], 0)
    assert set(visits.pages) == {"Welcome to nginx!", "Welcome to nginx on Azure VMSS!"}
    assert writes(emulator) == [200] * 4, "the test rule, the switch, there and back"


def test_an_open_connection_stays_with_the_previous_set(emulator: Emulator) -> None:
    with requests.Session() as kept:
        before = kept.get(emulator.frontend_url, timeout=5).text
        run()
        assert kept.get(emulator.frontend_url, timeout=5).text == before
    assert title(emulator) == "Welcome to nginx on Azure VMSS!"


def test_visitors_never_see_a_release_that_the_check_refuses(emulator: Emulator) -> None:
    port = free_port()
    found = run(test_port=port, check=[f"http via=frontend port={port} expect_text=nothing samples=2 rate=50"])
    assert (found.outcome, title(emulator)) == (SwitchOutcome.REFUSED, "Welcome to nginx!")
    rules = emulator.backend.load_balancer("canary-rg", "blueLB").children("loadBalancingRules")
    assert [one["name"] for one in rules] == ["blueRule"]


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A pair whose health probe is that of the production rule: Azure refuses to remove a rule with this probe."""
    pair = named_scenario("nginx-blue-green")
    others = tuple(replace(one, health_source="probe") for one in pair.more_sets)
    with Emulator(replace(pair, health_source="probe", more_sets=others), time_scale=50) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def parts(emulator: Emulator, kind: str) -> list[str]:
    return [one["name"] for one in emulator.backend.load_balancer("canary-rg", "blueLB").children(kind)]


@pytest.mark.parametrize(("text", "outcome"), [("Azure", SwitchOutcome.SWITCHED), ("nothing", SwitchOutcome.REFUSED)])
def test_the_test_rule_of_a_pair_with_a_health_probe_is_removed(
    probed: Emulator, text: str, outcome: SwitchOutcome
) -> None:
    port = free_port()
    found = run(test_port=port, check=[f"http via=frontend port={port} expect_text={text} samples=2 rate=50"])
    assert found.outcome is outcome
    assert (parts(probed, "loadBalancingRules"), parts(probed, "probes")) == (["blueRule"], ["blueProbe"])


def eventually(emulator: Emulator, true: Callable[[], bool]) -> None:
    """Wait until the emulated time has made a condition true."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
        emulator.backend.advance()


def is_idle(scale_set: ScaleSet) -> bool:
    return scale_set.operation is None


def is_updated(scale_set: ScaleSet) -> bool:
    return all(one.model is scale_set.model for one in scale_set.instances.values())


def move_load_balancer(emulator: Emulator, group: str) -> str:
    """Put a copy of the pair's load balancer into another resource group, and both sets behind it; return its id."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        url, version = f"{emulator.endpoint}{path}", {"api-version": "2024-07-01"}
        answer = requests.request(method, url, params=version, json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    old = f"/subscriptions/{emulator.subscription_id}/resourceGroups/canary-rg"
    new = old.replace("canary-rg", group)
    ask("PUT", new, {"location": "westeurope"})
    balancer = "/providers/Microsoft.Network/loadBalancers/blueLB"
    text = json.dumps(ask("GET", f"{old}{balancer}")).replace(f"{old}{balancer}", f"{new}{balancer}")
    body = json.loads(text)
    pools = [{"name": one["name"]} for one in body["properties"]["backendAddressPools"]]
    body["properties"] |= {"inboundNatPools": [], "inboundNatRules": [], "backendAddressPools": pools}
    body["properties"]["loadBalancingRules"][0]["properties"]["frontendPort"] = free_port()
    ask("PUT", f"{new}{balancer}", body)
    for name in ("blue", "green"):
        path = f"{old}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
        network = ask("GET", path)["properties"]["virtualMachineProfile"]["networkProfile"]
        (nic,) = network["networkInterfaceConfigurations"]
        (configuration,) = nic["properties"]["ipConfigurations"]
        configuration["properties"].pop("loadBalancerInboundNatPools", None)
        configuration["properties"]["loadBalancerBackendAddressPools"] = [
            {"id": f"{new}{balancer}/backendAddressPools/{name}Pool"}
        ]
        ask("PATCH", path, {"properties": {"virtualMachineProfile": {"networkProfile": network}}})
        found = emulator.backend.scale_set("canary-rg", name)
        eventually(emulator, partial(is_idle, found))
        ask("POST", f"{path}/manualupgrade", {"instanceIds": ["*"]})
        eventually(emulator, partial(is_updated, found))
    return f"{new}{balancer}"


def test_a_load_balancer_in_another_resource_group_is_given_by_its_id(emulator: Emulator) -> None:
    id_ = move_load_balancer(emulator, "network-rg")
    pair = replace(PAIR, load_balancer=id_)
    with pytest.raises(ConfigError, match=r"blue is in no backend pool|blue is behind blueLB"):
        run()
    port = free_port()
    found = switch(
        replace(pair, test_port=port), "green", check=[f"http via=frontend port={port} expect_text=Azure samples=2"]
    )
    assert (found.outcome, found.serves) == (SwitchOutcome.SWITCHED, "green")
    rules = emulator.backend.load_balancer("network-rg", "blueLB").children("loadBalancingRules")
    assert [one["properties"]["backendAddressPool"]["id"] for one in rules] == [f"{id_}/backendAddressPools/greenPool"]
    assert code("--load-balancer", id_, "--to", "blue") == 0


def test_a_load_balancer_that_is_neither_a_name_nor_an_id_is_refused() -> None:
    with pytest.raises(ConfigError, match="wanted its name, or /subscriptions/ID/resourceGroups/GROUP"):
        Pair("rg", "resourceGroups/rg/loadBalancers/lb", "blue", "green")


def test_a_second_switch_changes_nothing(emulator: Emulator) -> None:
    assert [run().outcome, run().outcome] == [SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED]
    assert writes(emulator) == [200]


@pytest.mark.parametrize("fault", ["412 PUT */loadBalancers/* count=2", "lost-answer PUT */loadBalancers/*"])
def test_a_switch_survives_somebody_elses_change_and_a_lost_answer(emulator: Emulator, fault: str) -> None:
    emulator.inject(fault)
    assert (run().outcome, title(emulator)) == (SwitchOutcome.SWITCHED, "Welcome to nginx on Azure VMSS!")


def test_a_load_balancer_that_others_change_each_time_is_an_error(emulator: Emulator) -> None:
    emulator.inject("412 PUT */loadBalancers/* count=always")
    with pytest.raises(AzureError, match="change load balancer blueLB"):
        run()


def test_what_cannot_be_switched_changes_nothing(emulator: Emulator) -> None:
    with pytest.raises(ConfigError, match="twice"):
        replace(PAIR, green="Blue")
    with pytest.raises(ConfigError, match="found 'red'; wanted blue, green or idle"):
        run("red")
    with pytest.raises(AzureError, match="ResourceNotFound"):
        switch(replace(PAIR, green="purple"), "green")
    emulator.backend.scale_set("canary-rg", "green").instances["0"].release = emulator.scenario.releases[
        "nginx-broken-image"
    ]
    with pytest.raises(UnsafeRollout, match="2 healthy instance"):
        run()
    assert (writes(emulator), emulator.backend.group("canary-rg").tags) == ([], {})


def test_the_exit_code_of_the_command_shows_which_set_gets_the_traffic(emulator: Emulator) -> None:
    assert code("--to", "green") == 0
    assert code("--to", "blue", "--watch", gate(emulator, "Azure")[0]) == 1
    assert code("--to", "green") == 0


def test_a_dry_run_reports_what_would_happen_and_changes_nothing(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    asked = ["--test-port", str(port), "--gate", "http samples=2", "--watch", "instance-health steady=0s"]
    assert code("--to", "idle", "--dry-run", *asked) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"dry run: would open port {port} to greenPool for the check",
        "dry run: would check green first: http",
        "dry run: would point rule blueRule from bluePool (blue, 3 of 3 healthy) to greenPool (green, 3 of 3 healthy)",
        "dry run: would watch then, and switch back on a failure: instance-health",
    ]
    assert code("--to", "blue", "--dry-run") == 0
    assert "rule blueRule sends traffic to bluePool (blue, 3 of 3 healthy) already: nothing would change" in (
        capsys.readouterr().err
    )
    assert {one["method"] for one in emulator.calls} == {"GET"}


def test_a_dry_run_reports_everything_that_prevents_the_switch(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = emulator.scenario.releases["nginx-broken-image"]
    emulator.backend.scale_set("canary-rg", "green").instances["0"].release = broken
    with emulator.backend.lock:
        tags = emulator.backend.group("canary-rg").tags
        tags["vmss-jenkins.green.1"] = "until=99999999999 back= owner=somebody: rollout of x"
    assert code("--to", "green", "--dry-run") == 1
    told = capsys.readouterr().err
    assert "unsafe: green has 2 healthy instance(s), and blue serves with 3" in told
    assert "Allowed by --allow-fewer." in told
    assert "impossible: another switch or rollout runs: somebody: rollout of x" in told
    assert code("--to", "green", "--dry-run", "--gate", "http") == 1
    assert "impossible: a check uses its port 80, which has no rule; wanted green" in capsys.readouterr().err
    assert {one["method"] for one in emulator.calls} == {"GET"}


def test_a_rollout_of_the_idle_set_locks_out_the_switch(emulator: Emulator) -> None:
    with emulator.backend.lock:
        tags = emulator.backend.group("canary-rg").tags
        tags["vmss-jenkins.green.1"] = "until=99999999999 back= owner=somebody: rollout of x"
    with pytest.raises(AnotherRollout, match="somebody: rollout of x"):
        run()
    assert writes(emulator) == []


def test_to_idle_switches_there_and_a_second_time_back(emulator: Emulator) -> None:
    assert [(code("--to", "idle"), title(emulator)) for _ in range(2)] == [
        (0, "Welcome to nginx on Azure VMSS!"),
        (0, "Welcome to nginx!"),
    ]


def killed_in_the_watch(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, *, to: str = "green") -> None:
    """A switch that is killed during its watch."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("vmss_jenkins.measure.verification.Verification.assess", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(to, watch=["instance-health steady=0s"])
    assert title(emulator) == "Welcome to nginx on Azure VMSS!"


@pytest.mark.parametrize("to", ["green", "idle"])
def test_after_a_kill_during_the_watch_the_next_run_finishes_the_watch(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    killed_in_the_watch(emulator, monkeypatch, to=to)
    told: list[object] = []
    found = run(to, watch=["instance-health steady=0s"], on_event=told.append)
    assert found.outcome is SwitchOutcome.UNCHANGED
    assert [one.watch_due for one in told if isinstance(one, SwitchUnchanged)] == [True]
    assert [one.stage for one in told if isinstance(one, GateStarted)] == ["production"]
    told.clear()
    assert run(watch=["instance-health steady=0s"], on_event=told.append).outcome is SwitchOutcome.UNCHANGED
    assert [one for one in told if isinstance(one, GateStarted)] == [], "a watch that ended is not due again"
    assert emulator.backend.group("canary-rg").tags == {}


def test_a_watch_that_fails_in_the_next_run_switches_back(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    killed_in_the_watch(emulator, monkeypatch)
    found = run(watch=gate(emulator, "nothing"))
    assert (found.outcome, found.serves, title(emulator)) == (SwitchOutcome.SWITCHED_BACK, "blue", "Welcome to nginx!")


def test_the_next_run_removes_the_test_rule_of_a_killed_run(emulator: Emulator) -> None:
    run()
    with connected_pair(None, 60, lambda _: None) as pair:
        store = ConditionalWriter(pair.store, "canary-rg", "blueLB", pair.waiter)
        pool = f"{store.read()['id']}/backendAddressPools/bluePool"
        store.write(lambda body: with_test_rule(body, "blueRule", pool, free_port()))
        assert has_test_rule(store.read())
        assert run().outcome is SwitchOutcome.UNCHANGED
        assert not has_test_rule(store.read())


def test_the_release_of_the_page_goes_there_and_back(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands there, but for the port, which may be taken here, and a watch that takes its time."""
    text = (Path(__file__).parents[2] / "docs" / "blue-green.md").read_text()
    (block,) = [one for one in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "release_to_pair" in one]
    typed = block.replace("8081", str(free_port())).replace('"instance-health"', '"instance-health steady=0s"')
    scope = {"image_id": emulator.scenario.image_id("nginx-updated-image")}
    exec(compile(typed, "blue-green.md", "exec"), scope)  # noqa: S102 - our own text
    assert (capsys.readouterr().out, title(emulator)) == ("green\n", "Welcome to nginx!")
