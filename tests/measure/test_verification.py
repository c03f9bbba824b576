from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from tests.measure.test_http_measurement import FakeBalancers, FakeProber, FakeTunnels
from tests.support.fakes import NEW, WEB, World, outage
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.events.gates import GateJudged, GateSampled, GateStarted
from vmss_jenkins.gates.specs import AnyGate, CommandGate, CompareGate, HealthGate, HttpGate, Limits
from vmss_jenkins.gates.verdicts import CommandResult, Consequence, Outcome
from vmss_jenkins.measure.verification import REPEAT_AFTER, Assessment, Instruments, Verification
from vmss_jenkins.model.instances import Health

COMMAND = CommandGate(run=("check",))
HEALTH = HealthGate(steady=30, interval=10, timeout=100)


@dataclass
class FakeCommands:
    results: list[CommandResult] = field(default_factory=list)
    told: list[Mapping[str, str]] = field(default_factory=list)

    def run(self, gate: CommandGate, facts: Mapping[str, str]) -> CommandResult:
        self.told.append(facts)
        return self.results.pop(0) if self.results else CommandResult(0, "")


@dataclass
class Lab:
    """The set `web`, whose instance 0 has the new release."""

    world: World = field(default_factory=World)
    prober: FakeProber = field(default_factory=FakeProber)
    commands: FakeCommands = field(default_factory=FakeCommands)

    def __post_init__(self) -> None:
        azure = self.world.azure
        azure.scale_set = replace(azure.scale_set, image=NEW)
        azure.change({"0"}, image=NEW)
        azure.change({"1", "2"}, latest_model_applied=False)

    def verification(self, *gates: AnyGate, timeout: float = 3600) -> Verification:
        instruments = Instruments(self.world.azure, FakeBalancers(), self.prober, FakeTunnels(), self.commands)
        return Verification(WEB, gates, instruments, self.world.waiter(timeout))

    def assess(self, *gates: AnyGate, ids: tuple[str, ...] = ("0",), timeout: float = 3600) -> Assessment:
        return self.verification(*gates, timeout=timeout).assess("canary", ids)

    def follows(self) -> list[Consequence]:
        return [event.consequence for event in self.world.events if isinstance(event, GateJudged)]


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_all_gates_measure_in_their_order(lab: Lab) -> None:
    found = lab.assess(HEALTH, HttpGate(), COMMAND, CompareGate())
    assert found.passed
    assert [verdict.gate for verdict in found.verdicts] == ["instance-health", "http", "command", "compare"]
    assert found.outcome is Outcome.PASSED


def test_without_gates_the_rollout_goes_on(lab: Lab) -> None:
    assert lab.assess().passed


def test_after_a_failed_gate_no_other_gate_measures(lab: Lab) -> None:
    lab.commands.results = [CommandResult(1, "no")]
    found = lab.assess(COMMAND, HttpGate())
    assert (found.consequence, found.outcome) == (Consequence.FAIL, Outcome.FAILED)
    assert len(found.verdicts) == 1
    assert lab.prober.asked == []


def test_an_inconclusive_gate_measures_again_until_its_limit(lab: Lab) -> None:
    lab.commands.results = [CommandResult(75, "")] * 5
    found = lab.assess(COMMAND)
    assert (found.consequence, found.outcome) == (Consequence.HALT, Outcome.INCONCLUSIVE)
    assert lab.follows() == [Consequence.REPEAT, Consequence.REPEAT, Consequence.HALT]
    assert lab.world.clock.slept == [REPEAT_AFTER] * 2


def test_a_temporary_error_does_no_harm(lab: Lab) -> None:
    lab.commands.results = [CommandResult(None, "", "no such program")] * 3
    assert lab.assess(COMMAND).passed
    assert lab.follows() == [*[Consequence.REPEAT] * 3, Consequence.GO_ON]


def test_an_error_that_waiting_does_not_mend_is_measured_once(lab: Lab) -> None:
    lab.commands.results = [CommandResult(None, "", "check cannot be started", started=False)] * 3
    found = lab.assess(COMMAND)
    assert (found.consequence, found.outcome) == (Consequence.HALT, Outcome.ERROR)
    assert (lab.follows(), lab.world.clock.slept) == ([Consequence.HALT], [])
    assert lab.assess(HttpGate(port=8080)).consequence is Consequence.HALT


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (400, 4)])
def test_a_missing_permission_is_asked_for_once(lab: Lab, status: int, times: int) -> None:
    lab.world.azure.faults["get"] = [outage(status, "AuthorizationFailed")] * 9
    lab.assess(COMMAND)
    assert len(lab.follows()) == times


def test_at_the_deadline_nothing_is_measured_again(lab: Lab) -> None:
    lab.commands.results = [CommandResult(75, "")] * 5
    found = lab.assess(replace(COMMAND, limits=Limits(inconclusive=100)), timeout=15)
    assert (found.consequence, len(lab.follows())) == (Consequence.HALT, 3)


def test_a_program_gets_the_stage_the_image_and_the_instances(lab: Lab) -> None:
    lab.assess(COMMAND, ids=("0", "2"))
    assert lab.commands.told == [
        {
            "VMSS_RESOURCE_GROUP": "canary-rg",
            "VMSS_NAME": "web",
            "VMSS_IMAGE": str(NEW),
            "VMSS_INSTANCE_IDS": "0,2",
            "VMSS_STAGE": "canary",
        }
    ]


def test_a_deleted_instance_is_dropped(lab: Lab) -> None:
    assert lab.assess(COMMAND, ids=("0", "9")).passed
    assert lab.commands.told[0]["VMSS_INSTANCE_IDS"] == "0"


@pytest.mark.parametrize("gate", [replace(COMMAND, limits=Limits(error=0)), replace(HEALTH, limits=Limits(error=0))])
def test_without_any_instance_the_gate_cannot_measure(lab: Lab, gate: AnyGate) -> None:
    found = lab.assess(gate, ids=("8", "9"))
    assert found.verdicts[0].reason == "none of the instances 8, 9 exists any more"
    assert found.consequence is Consequence.HALT


def test_a_refusal_by_azure_is_a_verdict(lab: Lab) -> None:
    lab.world.azure.faults["get"] = [outage(403, "AuthorizationFailed")] * 9
    found = lab.assess(replace(COMMAND, limits=Limits(error=0)))
    assert found.outcome is Outcome.ERROR
    assert "AuthorizationFailed" in found.verdicts[0].reason


def test_a_temporary_outage_is_waited_for(lab: Lab) -> None:
    lab.world.azure.faults["instances"] = [outage()]
    assert lab.assess(COMMAND).passed
    assert lab.world.events_of(CallRetried)


def test_instances_must_stay_healthy(lab: Lab) -> None:
    assert lab.assess(HEALTH).passed
    assert lab.world.clock.slept == [10.0] * 3


def test_the_steady_time_begins_when_the_instance_becomes_healthy(lab: Lab) -> None:
    azure, clock = lab.world.azure, lab.world.clock
    azure.change({"0"}, health=Health.INITIALIZING)

    def get_healthy() -> None:
        azure.change({"0"}, health=Health.HEALTHY if clock.now() >= 40 else Health.INITIALIZING)

    clock.on_sleep = get_healthy
    assert lab.assess(HEALTH).passed
    assert clock.now() == 70


@pytest.mark.parametrize(
    ("health", "outcome", "reason"),
    [
        (Health.UNHEALTHY, Outcome.FAILED, "not healthy: 0: unhealthy"),
        (Health.INITIALIZING, Outcome.INCONCLUSIVE, "still initializing: 0"),
        (Health.UNKNOWN, Outcome.FAILED, "not healthy: 0: unknown"),
    ],
)
def test_an_instance_that_does_not_become_healthy_is_reported(
    lab: Lab, health: Health, outcome: Outcome, reason: str
) -> None:
    lab.world.azure.change({"0"}, health=health)
    found = lab.assess(replace(HEALTH, limits=Limits(inconclusive=0)))
    assert (found.outcome, found.verdicts[0].reason) == (outcome, reason)
    assert lab.world.clock.now() == 100


def test_other_instances_may_be_unhealthy(lab: Lab) -> None:
    lab.world.azure.change({"1"}, health=Health.UNHEALTHY)
    assert lab.assess(HEALTH).passed


def test_each_run_of_a_comparison_gets_less_significance(lab: Lab) -> None:
    lab.prober.bad = {"0": 27}
    verification = lab.verification(CompareGate(max_samples=300), HttpGate(share=0.5))
    assert verification.assess("canary", ["0"]).consequence is Consequence.FAIL
    later = [verification.assess("batch", ["0"]) for _ in range(12)]
    assert later[-1].consequence is Consequence.HALT


def test_events_are_in_order(lab: Lab) -> None:
    lab.assess(HttpGate(name="front"))
    assert [type(event) for event in lab.world.events] == [GateStarted, GateSampled, GateJudged]
    assert lab.world.events[0] == GateStarted("front", "canary", ("0",))
