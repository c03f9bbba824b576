"""A release to a pair through the real SDK, against the emulator: its steps, its interruptions, and its refusals."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vmss_jenkins import AnotherRollout, Pair, release_to_pair, roll_out
from vmss_jenkins.__main__ import main
from vmss_jenkins.blue_green.release import DeployTimes, PairRelease, Step
from vmss_jenkins.blue_green.switch import SwitchOutcome
from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.emulator.scenario.set_spec import SetSpec
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.library.pair_connection import connected_pair
from vmss_jenkins.rollout.claims.lease import Lease

PAIR = Pair("canary-rg", "blueLB", "blue", "green")
BASE, UPDATED = "nginx-base-image", "nginx-updated-image"
SCENARIO = SCENARIOS["nginx-blue-green"]
QUICK = ["instance-health steady=0s interval=0.5s"]
WORDS = ["-g", "canary-rg", "--load-balancer", "blueLB", "--blue", "blue", "--green", "green"]
Start = Callable[..., Emulator]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start an emulator of a pair, with other fields for green, and connect to it."""
    begun: list[Emulator] = []

    def begin(scenario: Scenario = SCENARIO, **green: Any) -> Emulator:
        sets = (replace(scenario.more_sets[0], **green), *scenario.more_sets[1:])
        emulator = Emulator(replace(scenario, more_sets=sets), data_plane=False, time_scale=500)
        begun.append(emulator)
        emulator.start()
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        return emulator

    yield begin
    for emulator in begun:
        emulator.stop()


def step(emulator: Emulator, do: Callable[[PairRelease[Any]], Any], image: str = UPDATED, **options: Any) -> Any:
    with release_to_pair(PAIR, {"id": emulator.scenario.image_id(image)}, **options) as release:
        return do(release)


def deploy(release: PairRelease[Any]) -> Any:
    return release.deploy(DeployTimes(instance_timeout=5, timeout=50)).step


def rule_leads_to(emulator: Emulator) -> str:
    rules = emulator.backend.load_balancer("canary-rg", "blueLB").children("loadBalancingRules")
    return str(rules[0]["properties"]["backendAddressPool"]["id"]).rpartition("/")[2]


def changes(emulator: Emulator) -> list[str]:
    return [f"{one['method']} {one['path']}" for one in emulator.calls if one["method"] != "GET"]


@pytest.mark.parametrize("mode", ["Manual", "Automatic"])
def test_a_release_works_in_each_upgrade_mode_and_a_repeated_step_changes_nothing(start: Start, mode: str) -> None:
    emulator = start(image=BASE, mode=mode)
    assert [step(emulator, deploy), step(emulator, deploy)] == [Step.DONE, Step.UNCHANGED]
    assert [step(emulator, lambda one: one.check().outcome) for _ in range(2)] == [SwitchOutcome.CHECKED] * 2
    assert rule_leads_to(emulator) == "bluePool"
    updates = [one for one in changes(emulator) if one.endswith("/manualupgrade")]
    assert len(updates) == (mode == "Manual"), "all at once, zones or not; in the other mode Azure does it"
    outcomes = [step(emulator, lambda one: one.switch().outcome) for _ in range(2)]
    assert outcomes == [SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED]
    found = [step(emulator, lambda one: one.scale_in().step, idle=1) for _ in range(2)]
    assert found == [Step.DONE, Step.UNCHANGED]
    seen = len(changes(emulator))
    assert [step(emulator, deploy), step(emulator, lambda one: one.check().outcome)] == [
        Step.UNCHANGED,
        SwitchOutcome.UNCHANGED,
    ]
    assert [one for one in changes(emulator)[seen:] if "/tags/" not in one] == []
    assert rule_leads_to(emulator) == "greenPool"
    assert {one.id for one in step(emulator, lambda one: one.plan()).other.instances} <= {"0", "1", "2"}


def test_a_check_alone_removes_its_test_rule(start: Start) -> None:
    emulator, pair = start(), replace(PAIR, test_port=18099)
    with release_to_pair(pair, {"id": emulator.scenario.image_id(UPDATED)}, check=QUICK) as release:
        assert release.check().outcome is SwitchOutcome.CHECKED
    puts = [one for one in changes(emulator) if "loadBalancers" in one]
    rules = emulator.backend.load_balancer("canary-rg", "blueLB").children("loadBalancingRules")
    assert (len(puts), [one["name"] for one in rules]) == (2, ["blueRule"])


def test_a_set_that_somebody_else_scaled_in_further_is_not_scaled_out(start: Start) -> None:
    emulator = start()
    assert step(emulator, lambda one: one.switch().outcome) is SwitchOutcome.SWITCHED
    emulator.inject("scale PATCH */virtualMachineScaleSets/blue by=-2")
    assert step(emulator, lambda one: one.scale_in().step, idle=2) is Step.DONE
    assert emulator.backend.scale_set("canary-rg", "blue").body["sku"]["capacity"] == 1


def test_a_locked_pair_refuses_rollouts_of_its_sets(start: Start) -> None:
    emulator = start(image=BASE)
    image = {"id": emulator.scenario.image_id(UPDATED)}
    with connected_pair(None, 60, lambda _: None) as pair:
        lease = Lease(pair.context("a switch", PAIR.names).claims, "run", "somebody: a switch", pair.waiter)
        lease.take()
        for name in ("blue", "green"):
            with pytest.raises(AnotherRollout, match="somebody: a switch"):
                roll_out("canary-rg", name, image)
        with pytest.raises(AnotherRollout):
            step(emulator, deploy)
        lease.release()
    assert step(emulator, deploy) is Step.DONE
    kept = {"vmss-jenkins-last.green.rollout", "vmss-jenkins-log.green.0"}
    assert emulator.backend.group("canary-rg").tags.keys() == kept


def test_a_release_continues_after_a_kill_at_any_moment(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill a run at each change to Azure in turn; then one run does the rest."""
    emulator = start(image=BASE, instances=1)
    moments = ("begin_set_image", "begin_set_capacity", "begin_update_instances")
    for moment in moments:
        with monkeypatch.context() as patched:
            patched.setattr(f"vmss_jenkins.azure.scale_sets.AzureScaleSets.{moment}", _killed)
            with pytest.raises(KeyboardInterrupt):
                step(emulator, deploy)
    with monkeypatch.context() as patched:
        patched.setattr("vmss_jenkins.azure.load_balancer_store.AzureLoadBalancerStore.write", _killed)
        assert step(emulator, deploy) is Step.DONE
        with pytest.raises(KeyboardInterrupt):
            step(emulator, lambda one: one.switch())
    assert rule_leads_to(emulator) == "bluePool"
    assert step(emulator, lambda one: one.switch().outcome) is SwitchOutcome.SWITCHED
    assert len(emulator.backend.scale_set("canary-rg", "green").instances) == 3
    updates = [one for one in changes(emulator) if one.endswith("/manualupgrade")]
    assert len(updates) == 1, "the new instances came with the release, and only the old one was updated"


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_the_command_reports_its_steps_and_its_result(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator = start()
    image, summary, result = emulator.scenario.image_id(UPDATED), tmp_path / "summary", tmp_path / "result"
    words = [*WORDS, "--image-id", image, "--idle", "1", "--watch", *QUICK, "--summary", str(summary)]
    assert main(["blue-green", "plan", *words, "--pending", str(tmp_path / "pending")]) == 0
    assert (tmp_path / "pending").read_text() == "green\n"
    assert "would scale blue in from 3 to 1 instances at the end" in capsys.readouterr().err
    assert main(["blue-green", "release", *words, "--result", str(result), "--back-job", "shop"]) == 0
    assert summary.read_text() == "green serves nginx-updated-image now. To switch back: shop, link in the console.\n"
    assert json.loads(result.read_text())["step"] == "done"
    assert main(["blue-green", "release", *words]) == 0
    assert "canary-rg/green already serves nginx-updated-image: nothing to do" in capsys.readouterr().err
    assert summary.read_text() == "green serves nginx-updated-image already: nothing was changed.\n"


def test_the_summary_of_a_failure_has_the_reason(start: Start, tmp_path: Path) -> None:
    emulator = start(image=BASE)
    summary, failing = tmp_path / "summary", emulator.scenario.image_id("nginx-failing-image")
    words = [*WORDS, "--summary", str(summary)]
    assert main(["blue-green", "check", *words, "--image-id", emulator.scenario.image_id(UPDATED)]) == 2
    wanted = "green does not have nginx-updated-image on all its instances (0, 1, 2): deploy it first"
    assert summary.read_text() == f"Stopped: load balancer blueLB: {wanted}\n"
    assert main(["blue-green", "scale-in", *words, "--idle", "1", "--image-id", failing]) == 2
    assert "blue serves, without nginx-failing-image: switch first, then scale in" in summary.read_text()
    assert main(["blue-green", "deploy", *words, "--image-id", failing, "--instance-timeout", "3"]) == 1
    assert summary.read_text().startswith("Not switched: nginx-failing-image was not deployed to green: ")


@pytest.mark.parametrize("words", [[], ["--image-id", "https://x/c/i.vhd", "--image", "a:b:c:1.0.0"]])
def test_exactly_one_image_is_needed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blue-green", "release", *WORDS, *words]) == 2
    assert "give one of them: the image that is to be released" in capsys.readouterr().err


THIRD = SetSpec("third", behind="blue", nat="none")
ALONE = SetSpec("green", image=BASE)


@pytest.mark.parametrize(
    ("scenario", "options", "reason"),
    [
        (replace(SCENARIO, more_sets=(*SCENARIO.more_sets, THIRD)), {}, "shared with scale set third"),
        (replace(SCENARIO, more_sets=(ALONE,)), {}, r"green is behind greenLB .*, not behind blueLB"),
        (replace(SCENARIO, autoscale=("cpu",)), {"idle": 1}, r"autoscale \(cpu\) would undo the scaling of blue to 1"),
        (SCENARIO, {"check": ["http port=80"]}, "a check uses its port 80"),
    ],
)
def test_a_pair_that_cannot_get_a_release_is_refused_before_anything_is_changed(
    start: Start, scenario: Scenario, options: dict[str, Any], reason: str
) -> None:
    emulator = start(scenario)
    for do in (deploy, lambda one: one.check(), lambda one: one.switch(), lambda one: one.scale_in()):
        with pytest.raises(ConfigError, match=reason):
            step(emulator, do, "nginx-failing-image", **options)
    assert changes(emulator) == []


def test_the_deployment_waits_for_an_unhealthy_idle_set_and_reports_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = start()
    for name in ("LIST_EVERY", "PAGE_EVERY"):
        monkeypatch.setattr(f"vmss_jenkins.rollout.plan.throttling.{name}", 0.5)
    with emulator.backend.lock:
        green = emulator.backend.scale_set("canary-rg", "green")
        green.instances["0"].release = emulator.scenario.releases["nginx-broken-image"]
    found = step(emulator, lambda one: one.deploy(DeployTimes(instance_timeout=1, timeout=30)))
    assert (found.step, rule_leads_to(emulator)) == (Step.FAILED, "bluePool")
    assert "0: not healthy after 1 s" in found.reason


def test_a_switch_to_fewer_healthy_instances_needs_the_option(start: Start, tmp_path: Path) -> None:
    emulator = start()
    with emulator.backend.lock:
        green = emulator.backend.scale_set("canary-rg", "green")
        green.instances["0"].release = emulator.scenario.releases["nginx-broken-image"]
    words = [*WORDS, "--image-id", emulator.scenario.image_id(UPDATED), "--summary", str(tmp_path / "summary")]
    assert main(["blue-green", "switch", *words]) == 1
    assert "green has 2 healthy instance(s), and blue serves with 3" in (tmp_path / "summary").read_text()
    assert rule_leads_to(emulator) == "bluePool"
    assert main(["blue-green", "switch", *words, "--allow-fewer"]) == 0
