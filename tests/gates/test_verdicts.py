import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.gates.specs import AnyGate, CommandGate, CompareGate, HealthGate, HttpGate, Limits, Via
from vmss_jenkins.gates.verdicts import (
    CommandResult,
    Consequence,
    HealthLook,
    Outcome,
    Threshold,
    Verdict,
    assess_command,
    assess_health,
    consequence,
    until_next_look,
    worst,
)

P, F, I, E = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ERROR  # noqa: E741 - columns of a table
HEALTH = HealthGate(steady=30, interval=10, timeout=300)
COMMAND = CommandGate(run=("check",))


def verdicts(*outcomes: Outcome) -> list[Verdict]:
    return [Verdict("gate", outcome, "") for outcome in outcomes]


@pytest.mark.parametrize(
    ("outcomes", "limits", "expected"),
    [
        ((), Limits(), Consequence.REPEAT),
        ((P,), Limits(), Consequence.GO_ON),
        ((F,), Limits(), Consequence.FAIL),
        ((F,), Limits(failed=1), Consequence.REPEAT),
        ((F, P), Limits(failed=1), Consequence.GO_ON),
        ((F, I, F), Limits(failed=1), Consequence.FAIL),
        ((I,), Limits(), Consequence.REPEAT),
        ((I, I), Limits(), Consequence.REPEAT),
        ((I, I, I), Limits(), Consequence.HALT),
        ((I,), Limits(inconclusive=0), Consequence.HALT),
        ((E, E, E), Limits(), Consequence.REPEAT),
        ((E, E, E, E), Limits(), Consequence.HALT),
        ((E, E, I, E, E), Limits(error=2), Consequence.REPEAT),
        ((E, E, I, E, E, E), Limits(error=2), Consequence.HALT),
        ((E, F), Limits(), Consequence.FAIL),
        ((E,), Limits(error=0), Consequence.HALT),
    ],
)
def test_each_outcome_has_its_limit_and_consequence(
    outcomes: tuple[Outcome, ...], limits: Limits, expected: Consequence
) -> None:
    assert consequence(limits, verdicts(*outcomes)) is expected


@given(st.lists(st.sampled_from([F, I, E]), min_size=70, max_size=80), st.builds(Limits, *[st.integers(0, 5)] * 3))
def test_a_gate_does_not_measure_again_for_ever(outcomes: list[Outcome], limits: Limits) -> None:
    reached = [consequence(limits, verdicts(*outcomes[: n + 1])) for n in range(len(outcomes))]
    assert any(found is not Consequence.REPEAT for found in reached)


@pytest.mark.parametrize(("outcomes", "expected"), [((P, P), P), ((P, I), I), ((I, E), E), ((E, F, P), F), ((), P)])
def test_the_worst_outcome_counts(outcomes: tuple[Outcome, ...], expected: Outcome) -> None:
    assert worst(verdicts(*outcomes)) is expected


def test_a_threshold_is_met_at_its_limit() -> None:
    assert Threshold(5).met(5)
    assert not Threshold(5).met(5.1)
    assert Threshold(5, at_least=True).met(5)
    assert not Threshold(5, at_least=True).met(4.9)


def look(at: float, initializing: str = "", **unhealthy: str) -> HealthLook:
    return HealthLook(at, {key.removeprefix("i"): why for key, why in unhealthy.items()}, frozenset(initializing))


@pytest.mark.parametrize(
    ("looks", "outcome", "reason"),
    [
        ([], E, "could not read any instance"),
        ([look(0), look(10), look(20), look(30)], P, "all were healthy for 30 s"),
        ([look(0), look(20)], I, "healthy for 20 s, wanted 30 s"),
        ([look(0, i1="unhealthy"), look(10), look(30)], I, "healthy for 20 s, wanted 30 s"),
        ([look(0, i1="unhealthy"), look(10), look(40)], P, "all were healthy for 30 s"),
        ([look(0), look(10, i1="unhealthy"), look(20), look(30)], I, "healthy for 10 s, wanted 30 s"),
        ([look(0), look(40, i3="unhealthy", i1="stopped")], F, "not healthy: 1: stopped, 3: unhealthy"),
        ([look(0, "1", i1="initializing")], I, "still initializing: 1"),
        ([look(0, "1", i1="initializing", i2="unhealthy")], F, "not healthy: 2: unhealthy"),
    ],
)
def test_health_passes_once_all_were_healthy_for_the_steady_time(
    looks: list[HealthLook], outcome: Outcome, reason: str
) -> None:
    verdict = assess_health(HEALTH, looks)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("result", "outcome", "reason"),
    [
        (CommandResult(0, "fine"), P, "exit code 0"),
        (CommandResult(75, ""), I, "exit code 75"),
        (CommandResult(1, "bad"), F, "exit code 1"),
        (CommandResult(-11, ""), F, "exit code -11"),
        (CommandResult(None, "", "no such program: check"), E, "no such program: check"),
    ],
)
def test_the_exit_code_of_a_program_is_its_verdict(result: CommandResult, outcome: Outcome, reason: str) -> None:
    verdict = assess_command(COMMAND, result)
    assert (verdict.outcome, verdict.reason, verdict.output) == (outcome, reason, result.output)


@pytest.mark.parametrize(
    ("looks", "seconds"),
    [
        ([(0, False)], 10),
        ([(0, True)], 10),
        ([(0, True), (10, True), (25, True)], 5),
        ([(0, True), (10, False), (20, True)], 10),
        ([(0, True), (29.9, True)], 0.5),
    ],
)
def test_the_next_read_comes_when_it_can_decide(looks: list[tuple[float, bool]], seconds: float) -> None:
    seen = [HealthLook(at, {} if good else {"0": "unhealthy"}, frozenset()) for at, good in looks]
    assert until_next_look(HEALTH, seen) == pytest.approx(seconds)


def test_a_steady_time_shorter_than_the_interval_is_not_prolonged() -> None:
    assert until_next_look(HealthGate(steady=1), [HealthLook(0, {}, frozenset())]) == 1


@pytest.mark.parametrize(
    ("gate", "seconds"),
    [
        (HEALTH, 300),
        (CommandGate(run=("check",), timeout=40), 40),
        (HttpGate(samples=100, rate=10, timeout=0.8), 10.8),
        (HttpGate(samples=100, rate=10, timeout=8), 108),
        (HttpGate(via=Via.NAT, samples=10, rate=10, timeout=0.8), 3.8),
        (CompareGate(samples=10, max_samples=50, rate=10, timeout=0.8), 10.8),
    ],
)
def test_a_gate_knows_the_longest_time_of_a_measurement(gate: AnyGate, seconds: float) -> None:
    assert gate.longest(3) == pytest.approx(seconds)
