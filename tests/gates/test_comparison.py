import math
import random
from collections import defaultdict
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.gates.comparison import (
    Comparison,
    Evidence,
    Finding,
    Group,
    Margins,
    compare,
    fisher_greater,
    look_significance,
    look_sizes,
    mann_whitney_greater,
)

SAMPLES, MAX_SAMPLES, SIGNIFICANCE = 300, 600, 0.01
"""The defaults of the gate."""
SKEWED = [round(random.Random(7).lognormvariate(-2, 0.5), 3) for _ in range(40)]  # noqa: S311 - made to be repeated


Cases: TypeAlias = dict[tuple[int, int], float]
"""How many requests failed of the canary and of stable -> the chance of that."""


def with_u(u: int, n: int, m: int) -> tuple[list[float], list[float]]:
    """n and m values without ties whose U is exactly u."""
    beaten = [min(m, max(0, u - place * m)) for place in range(n)]
    return [count - 0.5 + place / (10 * n) for place, count in enumerate(beaten)], [float(k) for k in range(m)]


@pytest.mark.parametrize(
    ("bad", "total", "other_bad", "other_total", "p"),
    [
        # the lady tasting tea, Fisher 1935
        (3, 4, 1, 4, 17 / 70),
        # scipy.stats.fisher_exact(..., alternative="greater") 1.17
        (3, 10, 0, 10, 0.10526315789473684),
        (7, 200, 0, 200, 0.007406481321436421),
        (11, 300, 0, 300, 0.0004447833501073441),
        (15, 300, 2, 300, 0.0010253576824977245),
        (8, 12, 5, 40, 0.0005456280968523747),
        (1, 1, 0, 9, 0.1),
        (0, 50, 3, 50, 1.0),
    ],
)
def test_fisher_is_exact(bad: int, total: int, other_bad: int, other_total: int, p: float) -> None:
    assert fisher_greater(bad, total, other_bad, other_total) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "critical"), [(5, 5, 4), (8, 8, 15), (10, 10, 27), (6, 12, 17), (20, 20, 138)])
def test_mann_whitney_agrees_with_the_published_table(n: int, m: int, critical: int) -> None:
    """Critical values of U, one-tailed 5%; the table counts from below, so by symmetry n m - U."""
    assert mann_whitney_greater(*with_u(n * m - critical, n, m))[1] <= 0.05
    assert mann_whitney_greater(*with_u(n * m - critical - 1, n, m))[1] > 0.05


@pytest.mark.parametrize(
    ("values", "others", "u", "p"),
    [
        # scipy.stats.mannwhitneyu(..., alternative="greater") 1.17: exact, without ties
        ([19, 22, 16, 29, 24], [20, 11, 17, 12], 17, 0.05555555555555555),
        # asymptotic, with ties
        ([6, 8, 2, 4, 4, 5], [7, 10, 4, 3, 5, 6, 9], 14, 0.8600112120187796),
        ([7, 10, 4, 3, 5, 6, 9], [6, 8, 2, 4, 4, 5], 28, 0.17455411866298537),
        (
            [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30],
            [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29],
            58,
            0.06645972909265946,
        ),
    ],
)
def test_mann_whitney_agrees_with_scipy(values: list[float], others: list[float], u: float, p: float) -> None:
    found = mann_whitney_greater(values, others)
    assert found[0] == u
    assert found[1] == pytest.approx(p, rel=1e-9)


def test_mann_whitney_of_ties_alone_decides_nothing() -> None:
    assert mann_whitney_greater([1.0] * 5, [1.0] * 7)[1] == 1


def test_mann_whitney_needs_both_sides() -> None:
    with pytest.raises(ValueError, match=r"^the Mann-Whitney test needs samples on both sides$"):
        mann_whitney_greater([], [1.0])


numbers = st.lists(st.integers(0, 30).map(float), min_size=1, max_size=30)


@given(numbers, numbers)
def test_u_counts_the_pairs(values: list[float], others: list[float]) -> None:
    pairs = sum((value > other) + (value == other) / 2 for value in values for other in others)
    u, p = mann_whitney_greater(values, others)
    assert u == pytest.approx(pairs)
    assert 0 <= p <= 1


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_fisher_falls_as_errors_rise(bad: int, good: int, other_bad: int, other_good: int) -> None:
    p = fisher_greater(bad, bad + good, other_bad, other_bad + other_good)
    assert 0 < p <= 1
    if good:
        assert fisher_greater(bad + 1, bad + good, other_bad, other_bad + other_good) <= p


@given(
    st.integers(1, 2000),
    st.integers(0, 2000),
    st.floats(1e-6, 0.49),
    st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_all_looks_of_all_runs_together_spend_at_most_the_significance(
    samples: int, more: int, significance: float, runs: list[int]
) -> None:
    sizes = look_sizes(samples, samples + more)
    assert sizes == tuple(sorted(set(sizes)))
    assert sizes[-1] == samples + more
    assert samples in sizes
    spent = sum(
        2 * look_significance(significance, run, sizes, look) for run in set(runs) for look in range(len(sizes))
    )
    assert spent <= significance * (1 + 1e-9)


def likely(n: int, rate: float) -> list[tuple[int, float]]:
    """How many of n requests fail, each with its chance, but for what hardly ever happens."""
    chances = ((k, math.comb(n, k) * rate**k * (1 - rate) ** (n - k)) for k in range(n + 1))
    return [(k, chance) for k, chance in chances if chance > 1e-8]


def judge_errors(canary_bad: int, stable_bad: int, size: int, look: int) -> Evidence:
    sizes = look_sizes(SAMPLES, MAX_SAMPLES)
    canary, stable = (Group((0.1,) * (size - bad), bad) for bad in (canary_bad, stable_bad))
    return compare(canary, stable, Margins(), look_significance(SIGNIFICANCE, 1, sizes, look)).errors


def test_what_is_worse_by_exactly_the_margin_is_out_of_it() -> None:
    margins = Margins(errors=0.25)
    canary, worse = Group((0.1,) * 3, 1), Group((0.1,) * 2, 2)
    assert compare(worse, canary, margins, 0.05).errors.finding is Finding.UNCERTAIN
    assert compare(worse, canary, Margins(errors=0.26), 0.05).errors.finding is Finding.WITHIN_MARGIN


def further(cases: dict[tuple[int, int], float], n: int, canary_rate: float, stable_rate: float) -> Cases:
    """The cases after n more requests a side."""
    canaries: Cases = defaultdict(float)
    for (canary, stable), chance in cases.items():
        for more, p in likely(n, canary_rate):
            canaries[canary + more, stable] += chance * p
    both: Cases = defaultdict(float)
    for (canary, stable), chance in canaries.items():
        for more, p in likely(n, stable_rate):
            both[canary, stable + more] += chance * p
    return {case: chance for case, chance in both.items() if chance > 1e-9}


def outcomes(stable_rate: float, canary_rate: float) -> dict[str, float]:
    """The chance of each outcome over all that can happen, look after look, computed without sampling."""
    chances = {"failed": 0.0, "inconclusive": 0.0, "passed": 0.0}
    open_cases: Cases = {(0, 0): 1.0}
    before = 0
    for look, size in enumerate(look_sizes(SAMPLES, MAX_SAMPLES)):
        reached = further(open_cases, size - before, canary_rate, stable_rate)
        open_cases = {}
        for (canary, stable), chance in reached.items():
            finding = judge_errors(canary, stable, size, look).finding
            if finding is Finding.WORSE:
                chances["failed"] += chance
            elif finding is Finding.WITHIN_MARGIN and size >= SAMPLES:
                chances["passed"] += chance
            elif size == MAX_SAMPLES:
                chances["inconclusive"] += chance
            else:
                open_cases[canary, stable] = chance
        before = size
    return chances


@pytest.mark.parametrize(
    ("stable_rate", "canary_rate", "failed", "inconclusive", "passed"),
    [
        (0, 0, 0, 0, 100),
        (0.005, 0.005, 0.005, 0.8, 99.2),
        (0, 0.02, 74.7, 18.5, 6.8),
        (0, 0.03, 98.2, 1.2, 0.6),
        (0, 0.05, 99.997, 0, 0.003),
        (0.005, 0.05, 98.3, 1.5, 0.2),
    ],
)
def test_the_table_of_the_documentation_is_right(
    stable_rate: float, canary_rate: float, failed: float, inconclusive: float, passed: float
) -> None:
    found = {what: 100 * chance for what, chance in outcomes(stable_rate, canary_rate).items()}
    assert found == {
        "failed": pytest.approx(failed, abs=0.05 if failed < 99.9 else 0.001),
        "inconclusive": pytest.approx(inconclusive, abs=0.06),
        "passed": pytest.approx(passed, abs=0.06),
    }


def run_looks(canary: Sequence[float], stable: Sequence[float]) -> Finding:
    """Look as the gate does, at latencies alone."""
    sizes = look_sizes(SAMPLES, MAX_SAMPLES)
    for look, size in enumerate(sizes):
        level = look_significance(SIGNIFICANCE, 1, sizes, look)
        found = compare(Group(tuple(canary[:size])), Group(tuple(stable[:size])), Margins(), level).latency.finding
        if found is Finding.WORSE or (found is Finding.WITHIN_MARGIN and size >= SAMPLES):
            return found
    return found


def simulated(slowdown: float, trials: int) -> list[Finding]:
    """Lognormal latencies with a median of 50 ms and a long tail, the canary's slower by a factor."""
    source = random.Random(20)  # noqa: S311 - made to be repeated
    return [
        run_looks(
            [slowdown * source.lognormvariate(-3, 0.5) for _ in range(MAX_SAMPLES)],
            [source.lognormvariate(-3, 0.5) for _ in range(MAX_SAMPLES)],
        )
        for _ in range(trials)
    ]


def test_a_release_as_fast_as_the_old_one_never_fails() -> None:
    assert set(simulated(1.0, trials=200)) == {Finding.WITHIN_MARGIN}


def test_a_release_at_the_margin_fails_no_more_often_than_stated() -> None:
    findings = simulated(1.25, trials=300)
    assert findings.count(Finding.WORSE) <= 3


def test_a_release_that_takes_half_as_long_again_fails() -> None:
    findings = simulated(1.6, trials=100)
    assert findings.count(Finding.WORSE) >= 99


def test_a_significant_difference_of_a_millisecond_is_allowed() -> None:
    stable = Group(tuple(0.002 + k * 1e-6 for k in range(1000)))
    canary = Group(tuple(0.003 + k * 1e-6 for k in range(1000)))
    assert mann_whitney_greater(canary.latencies, stable.latencies)[1] < 1e-100
    assert compare(canary, stable, Margins(), 0.01).finding is Finding.WITHIN_MARGIN


def test_a_slow_release_is_worse() -> None:
    stable = Group(tuple(SKEWED))
    canary = Group(tuple(2 * value for value in SKEWED))
    found = compare(canary, stable, Margins(), 0.01)
    assert found.finding is found.latency.finding is Finding.WORSE
    assert found.latency.canary == pytest.approx(2 * found.latency.stable)


def test_a_faster_release_that_fails_is_worse() -> None:
    found = compare(Group((0.001,) * 180, bad=20), Group((0.1,) * 200), Margins(), 0.005)
    assert (found.errors.finding, found.latency.finding) == (Finding.WORSE, Finding.WITHIN_MARGIN)
    assert found.finding is Finding.WORSE


def test_a_better_release_is_never_worse() -> None:
    found = compare(Group((0.05,) * 100), Group((0.1,) * 70, bad=30), Margins(), 0.01)
    assert found.finding is Finding.WITHIN_MARGIN


@pytest.mark.parametrize("bad", [4, 8])
def test_an_uncertain_error_rate_says_how_many_more_samples_would_decide(bad: int) -> None:
    found = compare(Group((0.1,) * (200 - bad), bad), Group((0.1,) * 200), Margins(), 0.001).errors
    assert found.finding is Finding.UNCERTAIN
    total = 200 + found.more_samples
    more = round(bad / 200 * total)
    assert fisher_greater(more, total, 0, total) <= 0.003
    assert found.more_samples < 2000


def test_uncertain_latencies_say_how_many_more_samples_would_decide() -> None:
    stable = tuple(0.1 + k / 1000 for k in range(40))
    canary = tuple(1.3 * latency for latency in stable)
    found = compare(Group(canary), Group(stable), Margins(), 0.001).latency
    assert found.finding is Finding.UNCERTAIN
    times = math.ceil((40 + found.more_samples) / 40)
    slowed = [Margins().slowed(latency) for latency in stable]
    assert mann_whitney_greater(canary * times, slowed * times)[1] <= 0.001
    assert mann_whitney_greater(canary * (times // 3), slowed * (times // 3))[1] > 0.001


def test_few_latencies_decide_nothing() -> None:
    found: Comparison = compare(Group((0.1,) * 30), Group((0.1,) * 12), Margins(), 0.01)
    assert found.finding is Finding.TOO_FEW
    assert found.more_samples == 8


@pytest.mark.parametrize(("canary", "stable"), [(Group(()), Group((0.1,) * 30)), (Group((0.1,) * 30), Group(()))])
def test_an_empty_side_is_too_few(canary: Group, stable: Group) -> None:
    assert compare(canary, stable, Margins(), 0.01).errors.finding is Finding.TOO_FEW


@given(st.lists(st.floats(0.001, 5), min_size=20, max_size=60), st.integers(0, 30))
def test_a_group_is_never_worse_than_itself(latencies: list[float], bad: int) -> None:
    same = Group(tuple(latencies), bad)
    assert compare(same, same, Margins(), 0.49).finding is Finding.WITHIN_MARGIN


@pytest.mark.parametrize(
    ("samples", "most", "sizes"), [(300, 600, (75, 150, 300, 600)), (10, 10, (3, 5, 10)), (1, 2, (1, 2))]
)
def test_a_gate_looks_after_a_quarter_a_half_all_and_the_most_samples(
    samples: int, most: int, sizes: tuple[int, ...]
) -> None:
    assert look_sizes(samples, most) == sizes


@pytest.mark.parametrize(
    ("run", "look", "share"), [(1, 0, 1 / 8), (1, 1, 1 / 8), (1, 2, 1 / 4), (1, 3, 1 / 2), (3, 3, 1 / 12)]
)
def test_a_look_spends_the_share_of_its_new_samples(run: int, look: int, share: float) -> None:
    assert look_significance(0.01, run, (75, 150, 300, 600), look) == pytest.approx(0.01 * share / 2 / 2)


def test_mann_whitney_is_exact_up_to_20_a_side() -> None:
    for count, is_exact in ((20, True), (21, False)):
        low = [float(n) for n in range(count)]
        _, p = mann_whitney_greater([n + count for n in low], low)
        assert (p == pytest.approx(1 / math.comb(2 * count, count), rel=1e-9)) is is_exact


NO_MARGIN = Margins(errors=0.01, slowdown=1, least_slowdown=0)
POINT_025 = 0.025
"""The textbooks' significance: with a power of 0.9 the two quantiles sum to 3.24."""


def answers(good: int, bad: int = 0) -> Group:
    return Group((0.1,) * good, bad)


@pytest.mark.parametrize(
    ("canary", "stable", "more"),
    [
        (answers(20, 20), answers(28, 12), 121 - 40),  # 50% against 30%: 121 a side
        (answers(0, 2), answers(2), 1),
    ],
)
def test_more_samples_for_errors_are_as_many_as_the_textbook_says(canary: Group, stable: Group, more: int) -> None:
    found = compare(canary, stable, NO_MARGIN, POINT_025).errors
    assert (found.finding, found.more_samples) == (Finding.UNCERTAIN, more)


@pytest.mark.parametrize(
    ("slow", "fast", "others", "more"),
    [
        (13, 7, 20, 78 - 20),  # slower in 0.65 of the pairs: Noether's formula gives 78
        (13, 7, 60, 78 - 20),
        (26, 14, 20, 78 - 20),
    ],
)
def test_more_samples_for_latencies_are_as_many_as_noether_says(slow: int, fast: int, others: int, more: int) -> None:
    found = compare(Group((2.0,) * slow + (0.5,) * fast), Group((1.0,) * others), NO_MARGIN, POINT_025 / 10).latency
    wanted = (NormalDist().inv_cdf(1 - POINT_025 / 10) + NormalDist().inv_cdf(0.9)) ** 2 / 6 / 0.15**2
    assert found.finding is Finding.UNCERTAIN
    assert found.more_samples == math.ceil(wanted) - min(slow + fast, others) > more


def test_a_chance_as_small_as_the_significance_is_significant() -> None:
    errors = compare(answers(20, 20), answers(28, 12), NO_MARGIN, 1.0).errors
    assert compare(answers(20, 20), answers(28, 12), NO_MARGIN, errors.p).errors.finding is Finding.WORSE
    slow, fast = Group((2.0,) * 13 + (0.5,) * 7), Group((1.0,) * 20)
    p = compare(slow, fast, NO_MARGIN, 0.9).latency.p
    assert compare(slow, fast, NO_MARGIN, p).latency.finding is Finding.WORSE


def test_the_same_latencies_are_within_no_margin_at_all() -> None:
    assert compare(answers(30), answers(30), NO_MARGIN, 0.01).latency.finding is Finding.WITHIN_MARGIN


@pytest.mark.parametrize(
    ("canary", "stable", "errors", "latencies"),
    [
        (answers(0), answers(20), Evidence(Finding.TOO_FEW, 0.0, 0.0, 1.0, (0, 20), 1), 0),
        (answers(10, 10), answers(20), None, 20),
        (answers(20), answers(5, 15), None, 60),
        (answers(19), answers(19), None, 1),
        (answers(0, 20), answers(20), None, 0),
    ],
)
def test_too_few_samples_say_how_many_give_enough(
    canary: Group, stable: Group, errors: Evidence | None, latencies: int
) -> None:
    found = compare(canary, stable, NO_MARGIN, 0.01)
    assert errors is None or found.errors == errors
    assert (found.latency.finding, found.latency.p, found.latency.more_samples) == (Finding.TOO_FEW, 1.0, latencies)


WORST_FIRST = (Finding.WORSE, Finding.UNCERTAIN, Finding.TOO_FEW, Finding.WITHIN_MARGIN)


@pytest.mark.parametrize("errors", Finding)
@pytest.mark.parametrize("latency", Finding)
def test_the_worse_of_the_two_findings_counts(errors: Finding, latency: Finding) -> None:
    both = Comparison(*(Evidence(one, 0.0, 0.0, 1.0, (1, 1)) for one in (errors, latency)))
    assert both.finding is min(errors, latency, key=WORST_FIRST.index)
