"""Judge HTTP answers: against fixed thresholds, or the canary's against those of stable instances."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from vmss_jenkins.gates.comparison import Comparison, Finding, Group, compare, look_significance, look_sizes
from vmss_jenkins.gates.specs import CompareGate, HttpGate
from vmss_jenkins.gates.verdicts import Measurement, Outcome, Sample, Threshold, Verdict, worst

RELEASE_DOUBT = 0.001
"""If the chance of not seeing a new release that is served falls below this, it counts as not served."""
MOST_UNMEASURED = 0.1
"""The share of requests that may fail on our side and are left out; with more the gate could not measure."""


def assess_http(gate: HttpGate, samples: Sequence[Sample], new_share: float | None = None) -> Verdict:
    """Judge answers against the gate's thresholds, each instance separately.

    Args:
        gate: the thresholds.
        samples: the measured answers; fewer than the gate wants if time ran out.
        new_share: behind a load balancer, the share of instances with the new release; None if it is not known.
    """
    groups: dict[str | None, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.instance_id, []).append(sample)
    parts = [_assess_group(gate, group, new_share) for group in groups.values()]
    if not parts:
        return Verdict(str(gate), Outcome.ERROR, "no request was sent")
    outcome = worst(parts)
    reasons = dict.fromkeys(part.reason for part in parts if part.outcome is outcome)
    if outcome is Outcome.PASSED and len(parts) > 1:
        reasons = {f"{len(parts)} instances answer as expected": None}
    return Verdict(
        str(gate),
        outcome,
        "; ".join(reasons),
        tuple(figure for part in parts for figure in part.measurements),
        max(part.more_samples for part in parts),
    )


def assess_comparison(
    gate: CompareGate, canary: Sequence[Sample], stable: Sequence[Sample], run: int, look: int
) -> Verdict | None:
    """Judge the canary at one look; None if the next look decides.

    Args:
        gate: margins and numbers of samples.
        canary: the answers of the instances with the new release.
        stable: those of the others.
        run: which run of this gate in the rollout, from 1; each run has a smaller chance of error than the one before.
        look: which of `comparison.look_sizes`, from 0.
    """
    sizes = look_sizes(gate.samples, gate.max_samples)
    for side, samples in (("the canary", canary), ("the stable instances", stable)):
        if problem := _not_measured(samples):
            return Verdict(str(gate), Outcome.ERROR, f"could not measure {side}: {problem}")
    if not any(sample.fault is None and sample.unmeasured is None for sample in (*canary, *stable)):
        reason = f"no good answer from the canary ({_faults(canary)}) and from the stable instances ({_faults(stable)})"
        advice = "nothing to compare: check path, port, host and expect-status of the gate"
        return Verdict(str(gate), Outcome.INCONCLUSIVE, f"{reason}: {advice}")
    significance = look_significance(gate.significance, run, sizes, look)
    found = compare(_group(canary), _group(stable), gate.margins, significance)
    figures = _comparison_figures(gate, found)
    if found.finding is Finding.WORSE:
        reason = f"the canary is worse than stable: {_describe(found, Finding.WORSE)}"
        return Verdict(str(gate), Outcome.FAILED, reason, figures)
    if sizes[look] >= gate.samples and found.finding is Finding.WITHIN_MARGIN:
        return Verdict(str(gate), Outcome.PASSED, "the canary is no worse than stable, within the margins", figures)
    if look + 1 < len(sizes):
        return None
    reason = f"the canary looks worse, which may be chance: {_describe(found, Finding.UNCERTAIN)}"
    if found.finding is Finding.TOO_FEW:
        reason = "too few good answers to compare latencies"
    return Verdict(str(gate), Outcome.INCONCLUSIVE, reason, figures, found.more_samples)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least this percentage of the values does not exceed (nearest rank).

    Raises:
        ValueError: if there are no values.
    """
    if not values:
        raise ValueError("no values to take a percentile of")
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def _assess_group(gate: HttpGate, samples: Sequence[Sample], new_share: float | None) -> Verdict:
    """Judge the answers of one instance, or of the load balancer."""
    prefix = f"instance {samples[0].instance_id}: " if samples[0].instance_id is not None else ""
    if problem := _not_measured(samples):
        return Verdict("", Outcome.ERROR, f"{prefix}could not measure: {problem}")
    measured = [sample for sample in samples if sample.unmeasured is None]
    good = [sample for sample in measured if sample.fault is None]
    parts = [_good_share(gate, measured, good), *_latency(gate, measured, good), *_release(gate, good, new_share)]
    outcome = worst(parts)
    reasons = [part.reason for part in parts if part.outcome is outcome]
    return Verdict(
        "",
        outcome,
        prefix + ", ".join(reasons),
        tuple(figure for part in parts for figure in part.measurements),
        max(part.more_samples for part in parts),
    )


def _part(outcome: Outcome, reason: str, figure: Measurement, more_samples: int = 0) -> Verdict:
    """What one check of the answers finds; the gate's verdict is made of all of them."""
    return Verdict("", outcome, reason, (figure,), more_samples)


def _good_share(gate: HttpGate, measured: Sequence[Sample], good: Sequence[Sample]) -> Verdict:
    """Failed or passed as soon as the missing requests could not change the verdict."""
    bad = len(measured) - len(good)
    share = len(good) / len(measured)
    needed = math.ceil(gate.share * gate.samples - 1e-9)
    figure = Measurement("good answers", 100 * share, "%", len(measured), _percent(gate.share), _instance(measured))
    if bad > gate.samples - needed:
        faults = Counter(sample.fault for sample in measured if sample.fault is not None)
        reason = f"{bad} of {len(measured)} answers are bad: {_most_common(faults)}"
        return _part(Outcome.FAILED, reason, figure)
    if len(good) >= needed:
        return _part(Outcome.PASSED, f"{len(good)} of {len(measured)} answers are good", figure)
    return _too_few(gate, measured, figure)


def _latency(gate: HttpGate, measured: Sequence[Sample], good: Sequence[Sample]) -> Iterator[Verdict]:
    if gate.max_latency is None or not good:
        return
    seconds = [sample.seconds for sample in good]
    value = percentile(seconds, gate.percentile)
    limit = Threshold(gate.max_latency)
    what = f"p{gate.percentile:g} latency"
    figure = Measurement(what, value, "s", len(good), limit, _instance(good))
    slow = sum(not limit.met(latency) for latency in seconds)
    allowed = gate.samples - math.ceil(gate.percentile / 100 * gate.samples - 1e-9)
    complete = len(measured) >= gate.samples
    reason = f"{what} {value:.3f} s, limit {gate.max_latency:g} s"
    if slow > allowed or (complete and not limit.met(value)):
        yield _part(Outcome.FAILED, reason, figure)
    elif complete:
        yield _part(Outcome.PASSED, reason, figure)
    else:
        yield _too_few(gate, measured, figure)


def _release(gate: HttpGate, good: Sequence[Sample], new_share: float | None) -> Iterator[Verdict]:
    """Whether the new release was seen: in every answer of an instance, or in one answer of the load balancer."""
    if gate.expect.release_text is None or not good:
        return
    seen = sum(sample.new_release for sample in good)
    figure = Measurement("answers of the new release", seen, "", len(good), instance_id=_instance(good))
    if good[0].instance_id is not None:
        outcome = Outcome.PASSED if seen == len(good) else Outcome.FAILED
        yield _part(outcome, f"{seen} of {len(good)} answers come from the new release", figure)
    elif seen:
        yield _part(Outcome.PASSED, f"the new release was seen {seen} times", figure)
    else:
        wanted = _samples_to_meet(new_share)
        outcome = Outcome.FAILED if wanted is not None and len(good) >= wanted else Outcome.INCONCLUSIVE
        more = 0 if wanted is None else max(0, wanted - len(good))
        yield _part(outcome, f"the new release was not seen in {len(good)} answers", figure, more)


def _samples_to_meet(new_share: float | None) -> int | None:
    """After how many answers a new release that is served was almost certainly seen; None if nobody knows."""
    if not new_share:
        return None
    return 1 if new_share >= 1 else math.ceil(math.log(RELEASE_DOUBT) / math.log1p(-new_share))


def _too_few(gate: HttpGate, measured: Sequence[Sample], figure: Measurement) -> Verdict:
    reason = f"{len(measured)} samples, wanted {gate.samples}"
    return _part(Outcome.INCONCLUSIVE, reason, figure, gate.samples - len(measured))


def _not_measured(samples: Sequence[Sample]) -> str | None:
    """Why the samples do not describe the service; None if they do."""
    if not samples:
        return "no request was sent"
    problems = Counter(sample.unmeasured for sample in samples if sample.unmeasured is not None)
    return _most_common(problems) if problems.total() > MOST_UNMEASURED * len(samples) else None


def _faults(samples: Sequence[Sample]) -> str:
    return _most_common(Counter(sample.fault for sample in samples if sample.fault is not None))


def _most_common(faults: Counter[str]) -> str:
    listed = [f"{fault} ({count})" for fault, count in faults.most_common(3)]
    return ", ".join([*listed, *(["..."] if len(faults) > len(listed) else [])])


def _group(samples: Sequence[Sample]) -> Group:
    measured = [sample for sample in samples if sample.unmeasured is None]
    latencies = tuple(sample.seconds for sample in measured if sample.fault is None)
    return Group(latencies, len(measured) - len(latencies))


def _comparison_figures(gate: CompareGate, found: Comparison) -> tuple[Measurement, ...]:
    """The figures of both sides; the canary's with its threshold, made of stable's figure and the margin."""
    worst_rate = Threshold(100 * (found.errors.stable + gate.margins.errors))
    slowest = Threshold(gate.margins.slowed(found.latency.stable))
    figures = [
        Measurement("errors of the canary", 100 * found.errors.canary, "%", found.errors.samples[0], worst_rate),
        Measurement("errors of stable", 100 * found.errors.stable, "%", found.errors.samples[1]),
    ]
    if min(found.latency.samples):
        figures += [
            Measurement("median latency of the canary", found.latency.canary, "s", found.latency.samples[0], slowest),
            Measurement("median latency of stable", found.latency.stable, "s", found.latency.samples[1]),
        ]
    return tuple(figures)


def _describe(found: Comparison, finding: Finding) -> str:
    """What the tests with this finding measured."""
    parts = []
    if found.errors.finding is finding:
        rates = f"{100 * found.errors.canary:.1f}% errors against {100 * found.errors.stable:.1f}%"
        parts.append(f"{rates} (p = {found.errors.p:.2g})")
    if found.latency.finding is finding:
        medians = f"a median of {found.latency.canary:.3f} s against {found.latency.stable:.3f} s"
        parts.append(f"{medians} (p = {found.latency.p:.2g})")
    return ", ".join(parts)


def _percent(share: float) -> Threshold:
    return Threshold(100 * share, at_least=True)


def _instance(samples: Sequence[Sample]) -> str | None:
    return samples[0].instance_id
