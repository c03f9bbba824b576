import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.gates.answers import assess_comparison, assess_http, percentile
from vmss_jenkins.gates.comparison import look_sizes
from vmss_jenkins.gates.specs import CompareGate, Expectation, HttpGate, Via
from vmss_jenkins.gates.verdicts import Outcome, Sample

P, F, I, E = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.ERROR  # noqa: E741 - columns of a table
GATE = HttpGate(samples=100, share=0.99)
LATENCY = HttpGate(samples=100, share=0.9, percentile=95, max_latency=0.2)
RELEASE = HttpGate(samples=20, share=1, expect=Expectation(release_text="v2"))
COMPARE = CompareGate(samples=100, max_samples=200)


def good(count: int, seconds: float = 0.1, instance: str | None = None, *, new: bool = False) -> list[Sample]:
    return [Sample(instance, 0, seconds, 200, new_release=new)] * count


def bad(count: int, instance: str | None = None, fault: str = "status 500, wanted 200") -> list[Sample]:
    return [Sample(instance, 0, 0.1, 500, fault)] * count


def lost(count: int, instance: str | None = None) -> list[Sample]:
    return [Sample(instance, 0, 0.1, unmeasured="name not found")] * count


@pytest.mark.parametrize(
    ("samples", "outcome", "reason"),
    [
        (good(100), P, "100 of 100 answers are good"),
        (good(99) + bad(1), P, "99 of 100 answers are good"),
        (good(98) + bad(2), F, "2 of 100 answers are bad: status 500, wanted 200 (2)"),
        (good(50) + bad(2), F, "2 of 52 answers are bad: status 500, wanted 200 (2)"),
        (good(98), I, "98 samples, wanted 100"),
        (good(98) + bad(1), I, "99 samples, wanted 100"),
        (good(99), P, "99 of 99 answers are good"),
        (good(95) + lost(5), I, "95 samples, wanted 100"),
        (good(90) + lost(10), I, "90 samples, wanted 100"),
        (lost(100), E, "could not measure: name not found (100)"),
        (good(80) + lost(20), E, "could not measure: name not found (20)"),
        ([], E, "no request was sent"),
        (
            bad(5) + bad(3, fault="refused") + bad(2, fault="reset") + bad(1, fault="late"),
            F,
            "11 of 11 answers are bad: status 500, wanted 200 (5), refused (3), reset (2), ...",
        ),
    ],
)
def test_a_share_of_the_answers_must_be_good(samples: list[Sample], outcome: Outcome, reason: str) -> None:
    verdict = assess_http(GATE, samples)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


def test_a_share_between_two_answers_is_rounded_up() -> None:
    assert assess_http(HttpGate(samples=100, share=0.985), good(98) + bad(2)).outcome is F


@pytest.mark.parametrize(
    ("samples", "outcome"),
    [
        (good(95) + good(5, 0.9), P),
        (good(94) + good(6, 0.9), F),
        (good(100, 0.2), P),
        (good(90), I),
        (good(50) + good(6, 0.9), F),
        (good(86) + good(4, 0.9) + bad(10), P),
        (good(85) + good(5, 0.9) + bad(10), F),
        (bad(100), F),
    ],
)
def test_a_percentile_of_the_good_latencies_has_a_limit(samples: list[Sample], outcome: Outcome) -> None:
    assert assess_http(LATENCY, samples).outcome is outcome


def test_slow_answers_are_too_many_as_soon_as_the_others_could_not_make_up_for_them() -> None:
    gate = HttpGate(samples=1000, percentile=99, max_latency=0.2)
    assert assess_http(gate, good(400) + good(10, 0.9)).outcome is I
    assert assess_http(gate, good(400) + good(11, 0.9)).outcome is F


def test_each_figure_of_each_instance_is_told_with_what_is_wanted() -> None:
    gate = HttpGate(name="up", via=Via.NAT, samples=1, percentile=50, max_latency=0.2, expect=RELEASE.expect)
    verdict = assess_http(gate, good(1, instance="0", new=True) + good(1, 0.3, instance="3"))
    assert verdict.gate == "up"
    assert [str(figure) for figure in verdict.measurements] == [
        "good answers (instance 0): 100% of 1 samples, wanted at least 99%",
        "p50 latency (instance 0): 0.1 s of 1 samples, wanted at most 0.2 s",
        "answers of the new release (instance 0): 1 of 1 samples",
        "good answers (instance 3): 100% of 1 samples, wanted at least 99%",
        "p50 latency (instance 3): 0.3 s of 1 samples, wanted at most 0.2 s",
        "answers of the new release (instance 3): 0 of 1 samples",
    ]
    slow_and_old = "p50 latency 0.300 s, limit 0.2 s, 0 of 1 answers come from the new release"
    assert verdict.reason == f"instance 3: {slow_and_old}"
    both = assess_http(gate, good(1, 0.3, instance="3") + good(1, 0.3, instance="4"))
    assert both.reason == f"instance 3: {slow_and_old}; instance 4: {slow_and_old}"


def test_the_load_balancer_has_figures_without_an_instance() -> None:
    gate = HttpGate(samples=3, share=0.6, expect=RELEASE.expect)
    assert [str(figure) for figure in assess_http(gate, good(2, new=True) + bad(1)).measurements] == [
        "good answers: 66.7% of 3 samples, wanted at least 60%",
        "answers of the new release: 2 of 2 samples",
    ]
    unseen = assess_http(gate, good(2), 0.1)
    assert [str(figure) for figure in unseen.measurements] == [
        "good answers: 100% of 2 samples, wanted at least 60%",
        "answers of the new release: 0 of 2 samples",
    ]
    assert unseen.reason == "the new release was not seen in 2 answers"


def test_a_verdict_without_a_request_has_its_gate() -> None:
    assert assess_http(HttpGate(name="up"), []).gate == "up"


def test_too_few_samples_say_how_many_are_missing() -> None:
    assert assess_http(GATE, good(90)).more_samples == 10
    assert assess_http(LATENCY, good(92)).more_samples == 8


def test_a_latency_verdict_has_its_figure() -> None:
    verdict = assess_http(LATENCY, good(100, 0.3))
    assert verdict.reason == "p95 latency 0.300 s, limit 0.2 s"
    assert [figure.what for figure in verdict.measurements] == ["good answers", "p95 latency"]
    assert verdict.measurements[1].threshold is not None
    assert not verdict.measurements[1].threshold.met(verdict.measurements[1].value)


@pytest.mark.parametrize(
    ("samples", "new_share", "outcome", "more"),
    [
        (good(19) + good(1, new=True), 0.1, P, 0),
        (good(20), 0.5, F, 0),
        (good(20), 0.1, I, 46),
        (good(20), None, I, 0),
        (good(20), 0.0, I, 0),
        (good(20), 1.0, F, 0),
        (good(10), 0.5, F, 10),
        (good(9), 0.5, I, 11),
        (good(1), 1.0, F, 19),
    ],
)
def test_the_new_release_must_be_seen(
    samples: list[Sample], new_share: float | None, outcome: Outcome, more: int
) -> None:
    verdict = assess_http(RELEASE, samples, new_share)
    assert (verdict.outcome, verdict.more_samples) == (outcome, more)


def test_an_updated_instance_answers_with_the_new_release_only() -> None:
    gate = HttpGate(via=Via.NAT, samples=20, expect=RELEASE.expect)
    samples = good(20, instance="1", new=True) + good(19, instance="3", new=True) + good(1, instance="3")
    verdict = assess_http(gate, samples)
    assert verdict.outcome is F
    assert verdict.reason == "instance 3: 19 of 20 answers come from the new release"


def test_each_instance_is_judged_by_itself() -> None:
    verdict = assess_http(GATE, good(1000, instance="1") + bad(2, "3") + good(98, instance="3"))
    assert verdict.outcome is F
    assert verdict.reason.startswith("instance 3: 2 of 100")
    assert [figure.instance_id for figure in verdict.measurements] == ["1", "3"]


def test_instances_that_pass_are_counted() -> None:
    verdict = assess_http(GATE, good(100, instance="1") + good(100, instance="3"))
    assert (verdict.outcome, verdict.reason) == (P, "2 instances answer as expected")


@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 60))
def test_a_verdict_before_the_last_request_stays_the_same(good_count: int, bad_count: int, more: int) -> None:
    """Whatever the missing requests would bring, they cannot turn a verdict that was given without them."""
    samples = (good(good_count) + bad(bad_count))[:100]
    if not samples:
        return
    missing = min(more, 100 - len(samples))
    before = assess_http(GATE, samples).outcome
    if before is not I and len(samples) + missing == 100:
        assert assess_http(GATE, samples + good(missing)).outcome is before
        assert assess_http(GATE, samples + bad(missing)).outcome is before


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_one_of_the_values(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= percent / 100 * len(values) - 1e-9
    assert sum(value < found for value in values) <= percent / 100 * len(values)


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no values to take a percentile of$"):
        percentile([], 95)


LAST = len(look_sizes(100, 200)) - 1


@pytest.mark.parametrize(
    ("canary", "stable", "look", "outcome", "reason"),
    [
        (good(25), good(25), 0, None, ""),
        (good(100), good(100), 2, P, "the canary is no worse than stable, within the margins"),
        (bad(25), good(25), 0, F, "the canary is worse than stable: 100.0% errors against 0.0%"),
        (good(96) + bad(4), good(100), 2, None, ""),
        (good(194) + bad(6), good(200), LAST, I, "the canary looks worse, which may be chance: 3.0% errors"),
        (good(180) + bad(20), good(200), LAST, F, "the canary is worse than stable: 10.0% errors"),
        (good(100, 0.3), good(100), 2, F, "the canary is worse than stable: a median of 0.300 s against 0.100 s"),
        (good(200), bad(200), LAST, I, "too few good answers to compare latencies"),
        (lost(25), good(25), 0, E, "could not measure the canary: name not found (25)"),
        (good(25), [], 0, E, "could not measure the stable instances: no request was sent"),
        (
            bad(25),
            bad(20, fault="late") + bad(5, fault="refused"),
            0,
            I,
            (
                "no good answer from the canary (status 500, wanted 200 (25)) and from the stable instances (late "
                "(20), refused (5)): nothing to compare: check path, port, host and expect-status of the gate"
            ),
        ),
        (good(1) + bad(24), bad(25), 0, None, ""),
        (
            good(160) + bad(40),
            good(190) + bad(10),
            LAST,
            F,
            "the canary is worse than stable: 20.0% errors against 5.0% ",
        ),
        (
            good(150, 0.3) + bad(50),
            good(200),
            LAST,
            F,
            (
                "the canary is worse than stable: 25.0% errors against 0.0% (p = 2.7e-17), a median of 0.300 s against "
                "0.100 s (p = 3.5e-78)"
            ),
        ),
    ],
)
def test_the_canary_is_compared(
    canary: list[Sample], stable: list[Sample], look: int, outcome: Outcome | None, reason: str
) -> None:
    verdict = assess_comparison(COMPARE, canary, stable, run=1, look=look)
    assert (verdict and verdict.outcome) == outcome
    assert verdict is None or verdict.reason.startswith(reason)
    assert verdict is None or verdict.gate == "compare"


def test_an_inconclusive_comparison_says_how_many_samples_are_missing() -> None:
    verdict = assess_comparison(COMPARE, good(194) + bad(6), good(200), run=1, look=LAST)
    assert verdict is not None
    assert 300 < verdict.more_samples < 1500
    assert [str(figure) for figure in verdict.measurements] == [
        "errors of the canary: 3% of 200 samples, wanted at most 1%",
        "errors of stable: 0% of 200 samples",
        "median latency of the canary: 0.1 s of 194 samples, wanted at most 0.125 s",
        "median latency of stable: 0.1 s of 200 samples",
    ]


@pytest.mark.parametrize(
    ("canary", "stable", "look", "figures"),
    [
        (
            good(180) + bad(20),
            good(190) + bad(10),
            LAST,
            [
                "errors of the canary: 10% of 200 samples, wanted at most 6%",
                "errors of stable: 5% of 200 samples",
                "median latency of the canary: 0.1 s of 180 samples, wanted at most 0.125 s",
                "median latency of stable: 0.1 s of 190 samples",
            ],
        ),
        (
            bad(25),
            good(24) + lost(1),
            0,
            ["errors of the canary: 100% of 25 samples, wanted at most 1%", "errors of stable: 0% of 24 samples"],
        ),
        (
            good(100, 0.002),
            good(100, 0.001),
            2,
            [
                "errors of the canary: 0% of 100 samples, wanted at most 1%",
                "errors of stable: 0% of 100 samples",
                "median latency of the canary: 0.002 s of 100 samples, wanted at most 0.011 s",
                "median latency of stable: 0.001 s of 100 samples",
            ],
        ),
    ],
)
def test_a_comparison_tells_both_sides_and_what_the_canary_may_have(
    canary: list[Sample], stable: list[Sample], look: int, figures: list[str]
) -> None:
    verdict = assess_comparison(COMPARE, canary, stable, run=1, look=look)
    assert verdict is not None
    assert [str(figure) for figure in verdict.measurements] == figures


def test_a_later_run_has_a_smaller_chance_of_error() -> None:
    samples = good(185) + bad(15)
    first, tenth = (assess_comparison(COMPARE, samples, good(200), run=run, look=LAST) for run in (1, 10))
    assert first is not None
    assert tenth is not None
    assert (first.outcome, tenth.outcome) == (F, I)
