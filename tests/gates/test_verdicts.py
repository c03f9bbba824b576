import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.gates.specs import AnyGate, CommandGate, CompareGate, HealthGate, HttpGate, Limits, Via
from vmss_jenkins.gates.verdicts import (
    CommandResult,
    Consequence,
    HealthLook,
    Measurement,
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


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (6.66667, "%", "6.67%"),
        (0.0123456, "s", "0.0123 s"),
        (1234.5, "", "1234"),
        (-1234.5, "s", "-1234 s"),
        (2, "", "2"),
    ],
)
def test_a_figure_is_shown_with_three_digits_and_no_exponent(value: float, unit: str, shown: str) -> None:
    assert Measurement("x", value, unit, 1).shown == shown


@pytest.mark.parametrize(
    ("threshold", "met"),
    [(None, None), (Threshold(5), True), (Threshold(4), False), (Threshold(6, at_least=True), False)],
)
def test_a_figure_is_on_the_good_side_of_its_threshold_or_has_none(
    threshold: Threshold | None, met: bool | None
) -> None:
    assert Measurement("x", 5, "", 1, threshold).met is met


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
        ([look(0, "12", i2="initializing", i1="initializing")], I, "still initializing: 1, 2"),
        ([look(0, "1", i1="initializing", i2="unhealthy")], F, "not healthy: 2: unhealthy"),
    ],
)
def test_health_passes_once_all_were_healthy_for_the_steady_time(
    looks: list[HealthLook], outcome: Outcome, reason: str
) -> None:
    verdict = assess_health(HEALTH, looks)
    assert (verdict.outcome, verdict.reason, verdict.gate) == (outcome, reason, "instance-health")


@pytest.mark.parametrize(
    ("looks", "figures"),
    [
        ([], []),
        ([look(0), look(30)], ["instances not healthy: 0 of 2 samples, wanted at most 0",
                               "all healthy for: 30 s of 2 samples, wanted at least 30 s"]),
        ([look(0, i1="ill", i2="ill")], ["instances not healthy: 2 of 1 samples, wanted at most 0",
                                         "all healthy for: 0 s of 1 samples, wanted at least 30 s"]),
        ([look(0, "12", i1="new", i2="new")], ["instances not healthy: 2 of 1 samples, wanted at most 0",
                                               "all healthy for: 0 s of 1 samples, wanted at least 30 s"]),
    ],
)  # fmt: skip
def test_a_verdict_on_health_has_its_figures(looks: list[HealthLook], figures: list[str]) -> None:
    assert [str(one) for one in assess_health(HEALTH, looks).measurements] == figures


@pytest.mark.parametrize(
    ("result", "outcome", "reason"),
    [
        (CommandResult(0, "fine", seconds=7), P, "exit code 0"),
        (CommandResult(75, "", seconds=7), I, "exit code 75"),
        (CommandResult(1, "bad", seconds=7), F, "exit code 1"),
        (CommandResult(-11, "", seconds=7), F, "exit code -11"),
        (CommandResult(None, "said", "no such program: check", seconds=7), E, "no such program: check"),
        (CommandResult(None, "", seconds=7), E, "did not run"),
    ],
)
def test_the_exit_code_of_a_program_is_its_verdict(result: CommandResult, outcome: Outcome, reason: str) -> None:
    verdict = assess_command(COMMAND, result)
    assert (verdict.outcome, verdict.reason, verdict.output) == (outcome, reason, result.output)
    assert (verdict.gate, [str(one) for one in verdict.measurements]) == ("command", ["time: 7 s of 1 samples"])


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
