"""Is the canary worse than the stable instances? Two exact or nearly exact tests, with a margin that matters.

**Errors** are compared by Fisher's exact test, one-sided. It is exact at any number of samples, so its significance is
right even if errors are rare, and it takes fifteen lines of integer arithmetic.

**Latencies** are compared by the Mann-Whitney U test, one-sided. It assumes no distribution: latencies are skewed and
have a long tail, so tests of means are wrong for them. It is exact for small groups without ties; for others it is the
normal approximation with corrections for ties and continuity. The stable latencies are slowed down by the margin first.
So the question is not "slower?", which a thousand samples would affirm for 1 ms, but "slower than the margin allows?".

Both are written here because scipy takes 100 MB and a second of import for these two functions; the tests compare
them with scipy's results and with published tables.

**Several looks.** The gate looks after a quarter, a half and all of the planned samples, and once more after
`max_samples` if it is still undecided; a rollout runs the gate again after each batch. Each look has its own chance of
error, so each gets a share of the allowed significance, and the shares never sum to more than it (Bonferroni over the
two tests; over the looks of a run in proportion to the new samples; run number i of a rollout gets 1/i - 1/(i+1)).
So with any number of batches, a release as good as the old one fails in at most 1 of 100 rollouts (significance 0.01).
In fact it fails far less often, since a failure must be both significant and beyond the margin.

**What it catches**, at the defaults of the gate (300 samples a side, 600 at most, margin of 1 point, first run),
computed exactly over all outcomes of the binomial distributions; `tests/test_comparison.py` computes it again:

    errors of stable -> canary   failed    inconclusive   passed    meaning
    0%   -> 0%                    0%        0%            100%      good
    0.5% -> 0.5%                  0.005%    0.8%           99.2%    good, and both fail at times
    0%   -> 2%                   74.7%     18.5%            6.8%    bad, near the margin
    0%   -> 3%                   98.2%      1.2%            0.6%    bad
    0%   -> 5%                   99.997%    0%              0.003%  one request in twenty
    0.5% -> 5%                   98.3%      1.5%            0.2%    one request in twenty

If the old release itself fails in more than 1% of its answers, take more samples: at 2% against 2%, with the default
number, one good release in thirteen is inconclusive.

**What it assumes**: instances of the same release differ by less than the margin. A canary on a slow host looks like a
slow release, so several instances on each side are better than one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist, median

TESTS = 2
"""Errors and latencies: each gets half of the significance."""
EXACT_UP_TO = 20
"""The Mann-Whitney test is exact up to this number of samples on each side, if there are no ties."""
FEWEST_LATENCIES = 20
"""With fewer good answers on one side, latencies are not compared."""
POWER = 0.9
"""The wanted chance of finding a real difference; it decides how many more samples are suggested."""


@dataclass(frozen=True)
class Group:
    """The answers of one side, canary or stable."""

    latencies: tuple[float, ...]
    """Seconds of each good answer."""
    bad: int = 0
    """Answers that were wrong, late or missing."""

    @property
    def total(self) -> int:
        """All answers."""
        return len(self.latencies) + self.bad

    @property
    def error_rate(self) -> float:
        """The share of bad answers; 0 if there are no answers."""
        return self.bad / self.total if self.total else 0.0


@dataclass(frozen=True)
class Margins:
    """How much worse the canary may be."""

    errors: float = 0.01
    """Points of error rate: 0.01 allows 1.5% against 0.5%."""
    slowdown: float = 1.25
    """How many times slower the canary may be."""
    least_slowdown: float = 0.010
    """Seconds; a smaller difference is always allowed: 1 ms against 3 ms does not matter."""

    def slowed(self, latency: float) -> float:
        """The highest latency that is allowed if stable has this latency."""
        return max(latency * self.slowdown, latency + self.least_slowdown)


class Finding(Enum):
    """The result of one test."""

    WORSE = "worse"
    """Beyond the margin, and not by chance."""
    UNCERTAIN = "uncertain"
    """Beyond the margin, but it may be chance."""
    WITHIN_MARGIN = "within the margin"
    TOO_FEW = "too few samples"


@dataclass(frozen=True)
class Evidence:
    """What one of the two tests found."""

    finding: Finding
    canary: float
    """The error rate, or the median latency in seconds."""
    stable: float
    p: float
    """The p-value: the chance of this difference, or a greater one, between two equal releases."""
    samples: tuple[int, int]
    """Of the canary and of stable."""
    more_samples: int = 0
    """If uncertain: about how many more samples on each side would decide."""


@dataclass(frozen=True)
class Comparison:
    """Both tests at one look."""

    errors: Evidence
    latency: Evidence

    @property
    def finding(self) -> Finding:
        """The worse of the two findings; too few latencies alone leave the comparison undecided."""
        both = {self.errors.finding, self.latency.finding}
        order = (Finding.WORSE, Finding.UNCERTAIN, Finding.TOO_FEW, Finding.WITHIN_MARGIN)
        return next(finding for finding in order if finding in both)

    @property
    def more_samples(self) -> int:
        """How many more samples on each side would decide both tests."""
        return max(self.errors.more_samples, self.latency.more_samples)


def look_sizes(samples: int, max_samples: int) -> tuple[int, ...]:
    """After how many samples on each side the gate looks, in order, each once."""
    return tuple(sorted({math.ceil(samples / 4), math.ceil(samples / 2), samples, max_samples}))


def look_significance(significance: float, run: int, sizes: Sequence[int], look: int) -> float:
    """The significance for each test at one look.

    Args:
        significance: the sum that all looks of all runs may spend.
        run: which run of the gate in this rollout, from 1.
        sizes: the looks, from `look_sizes`.
        look: which of them, from 0.
    """
    new_samples = sizes[look] - (sizes[look - 1] if look else 0)
    return significance / (run * (run + 1)) * new_samples / sizes[-1] / TESTS


def compare(canary: Group, stable: Group, margins: Margins, significance: float) -> Comparison:
    """Compare the groups at one look.

    Args:
        canary: the new release.
        stable: the old one, measured in the same minutes.
        margins: how much worse the canary may be.
        significance: for each of the two tests, from `look_significance`.
    """
    errors = _compare_errors(canary, stable, margins, significance)
    return Comparison(errors, _compare_latencies(canary, stable, margins, significance))


def fisher_greater(bad: int, total: int, other_bad: int, other_total: int) -> float:
    """Fisher's exact test: the chance of `bad` or more in the first group, given the number in both groups."""
    everything, all_bad = total + other_total, bad + other_bad
    ways = sum(
        math.comb(total, count) * math.comb(other_total, all_bad - count)
        for count in range(bad, min(total, all_bad) + 1)
        if all_bad - count <= other_total
    )
    return ways / math.comb(everything, all_bad)


def mann_whitney_greater(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """The Mann-Whitney U of `values`, and the chance of this U or a greater one.

    U counts the pairs in which the first is greater; a tie counts half.

    Raises:
        ValueError: if one side is empty.
    """
    if not values or not others:
        raise ValueError("the Mann-Whitney test needs samples on both sides")
    ranks, ties = _midranks([*values, *others])
    n, m = len(values), len(others)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    if not ties and max(n, m) <= EXACT_UP_TO:
        return u, _exact_tail(math.ceil(u), n, m)
    tie_term = sum(count**3 - count for count in ties) / ((n + m) * (n + m - 1))
    deviation = math.sqrt(n * m / 12 * (n + m + 1 - tie_term))
    if not deviation:
        return u, 1.0
    return u, 0.5 * math.erfc((u - n * m / 2 - 0.5) / deviation / math.sqrt(2))


def _compare_errors(canary: Group, stable: Group, margins: Margins, significance: float) -> Evidence:
    samples = canary.total, stable.total
    rates = canary.error_rate, stable.error_rate
    if not min(samples):
        return Evidence(Finding.TOO_FEW, *rates, 1.0, samples, 1)
    p = fisher_greater(canary.bad, canary.total, stable.bad, stable.total)
    if rates[0] - rates[1] < margins.errors:
        return Evidence(Finding.WITHIN_MARGIN, *rates, p, samples)
    if p <= significance:
        return Evidence(Finding.WORSE, *rates, p, samples)
    wanted = _z_sum(significance) ** 2 * sum(rate * (1 - rate) for rate in rates) / (rates[0] - rates[1]) ** 2
    return Evidence(Finding.UNCERTAIN, *rates, p, samples, max(1, math.ceil(wanted) - min(samples)))


def _compare_latencies(canary: Group, stable: Group, margins: Margins, significance: float) -> Evidence:
    samples = len(canary.latencies), len(stable.latencies)
    medians = _median(canary), _median(stable)
    if min(samples) < FEWEST_LATENCIES:
        return Evidence(Finding.TOO_FEW, *medians, 1.0, samples, _missing_latencies(canary, stable))
    slowed = [margins.slowed(latency) for latency in stable.latencies]
    u, p = mann_whitney_greater(canary.latencies, slowed)
    slower = u / (samples[0] * samples[1])
    if slower <= 0.5:  # noqa: PLR2004 - in half of all pairs each side is the slower one
        return Evidence(Finding.WITHIN_MARGIN, *medians, p, samples)
    if p <= significance:
        return Evidence(Finding.WORSE, *medians, p, samples)
    # Noether (1987): samples for the Mann-Whitney test, with groups of the same size
    wanted = _z_sum(significance) ** 2 / (6 * (slower - 0.5) ** 2)
    return Evidence(Finding.UNCERTAIN, *medians, p, samples, max(1, math.ceil(wanted) - min(samples)))


def _missing_latencies(*groups: Group) -> int:
    """About how many more samples a side give enough good answers; 0 if a side gives none at all."""
    if not all(group.latencies for group in groups):
        return 0
    return max(math.ceil((FEWEST_LATENCIES - len(group.latencies)) / (1 - group.error_rate)) for group in groups)


def _median(group: Group) -> float:
    return median(group.latencies) if group.latencies else math.nan


def _z_sum(significance: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - significance) + normal.inv_cdf(POWER)


def _midranks(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """The rank of each value, from 1, with the middle rank for equal values; and the sizes of the groups of equals."""
    counts = Counter(values)
    middle, below = {}, 0
    for value in sorted(counts):
        middle[value] = below + (counts[value] + 1) / 2
        below += counts[value]
    return [middle[value] for value in values], [count for count in counts.values() if count > 1]


def _exact_tail(u: int, n: int, m: int) -> float:
    """The share of all orders of n and m values in which U is at least `u`.

    The coefficients of the Gaussian binomial, built factor by factor, are the number of orders for each U.
    """
    orders = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for k in range(n * m, m + i - 1, -1):
            orders[k] -= orders[k - m - i]
        for k in range(i, n * m + 1):
            orders[k] += orders[k - i]
    return sum(orders[u:]) / math.comb(n + m, n)
