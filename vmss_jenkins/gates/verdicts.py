"""Measurements and the verdicts on them: pure functions of values.

Four verdicts, as in argo-rollouts: *passed*, *failed* (measured, and bad), *inconclusive* (too few samples to decide)
and *error* (could not measure). Each has its own limit and its own consequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from vmss_jenkins.gates.specs import CommandGate, HealthGate, Limits

INCONCLUSIVE_EXIT = 75
"""The exit code of a program that cannot decide: `EX_TEMPFAIL` of sysexits.h, "try again later"."""

SOONEST_LOOK = 0.5
"""Seconds: the shortest time between two reads of the health of instances."""


class Outcome(Enum):
    """The result of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    """Measured, and bad."""
    INCONCLUSIVE = "inconclusive"
    """Measured, but too little to decide."""
    ERROR = "error"
    """Could not measure."""


class Consequence(Enum):
    """What the rollout does after a verdict."""

    GO_ON = "go on"
    REPEAT = "measure again"
    FAIL = "fail"
    """The release is bad: stop or roll back (`--on-failure`)."""
    HALT = "halt"
    """Neither good nor bad: change nothing more; a person must decide."""


@dataclass(frozen=True)
class Threshold:
    """A limit, and the side of it that is good."""

    limit: float
    at_least: bool = False
    """True if greater is better."""

    def met(self, value: float) -> bool:
        """Whether a value is on the good side; the limit itself is good."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Measurement:
    """One measured figure."""

    what: str
    value: float
    unit: str
    """`%`, `s`, or empty for a plain number."""
    samples: int
    threshold: Threshold | None = None
    instance_id: str | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is on the good side of its threshold; None if it has none."""
        return None if self.threshold is None else self.threshold.met(self.value)

    @property
    def shown(self) -> str:
        """The value with its unit: `6.7%`, `0.012 s`."""
        return f"{_short(self.value)}{self._unit}"

    @property
    def wanted(self) -> str:
        """The threshold in words; empty if there is none."""
        if self.threshold is None:
            return ""
        return f"at {'least' if self.threshold.at_least else 'most'} {_short(self.threshold.limit)}{self._unit}"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit and self.unit != "%" else self.unit

    def __str__(self) -> str:
        where = f" (instance {self.instance_id})" if self.instance_id else ""
        wanted = f", wanted {self.wanted}" if self.wanted else ""
        return f"{self.what}{where}: {self.shown} of {self.samples} samples{wanted}"


@dataclass(frozen=True)
class Verdict:
    """What a gate concludes from its measurements."""

    gate: str
    outcome: Outcome
    reason: str
    measurements: tuple[Measurement, ...] = ()
    more_samples: int = 0
    """If inconclusive: about how many more samples would decide; 0 if that is not known."""
    output: str = ""
    """The end of what a program printed."""


@dataclass(frozen=True)
class Sample:
    """One request and its answer."""

    instance_id: str | None
    """None through the load balancer."""
    at: float
    """The clock's time when it was sent."""
    seconds: float
    """From connecting to the last byte."""
    status: int | None = None
    fault: str | None = None
    """What was wrong with the answer, or why there was none; None if it was good."""
    unmeasured: str | None = None
    """Why the request does not describe the service: the name was not found, the certificate not trusted, ..."""
    new_release: bool = False


@dataclass(frozen=True)
class HealthLook:
    """One read of the health of all instances."""

    at: float
    """The clock's time."""
    unhealthy: Mapping[str, str]
    """Instance id -> its state, for those that are not healthy."""
    initializing: frozenset[str] = frozenset()
    """The unhealthy ones that are still starting."""


@dataclass(frozen=True)
class CommandResult:
    """How a program ended."""

    exit_code: int | None
    """None if it did not end by itself or did not start."""
    output: str
    problem: str | None = None
    """Why it did not end by itself or did not start."""
    seconds: float = 0.0
    started: bool = True
    """False if it could not be started; another try cannot help then."""


def _short(value: float) -> str:
    """Three significant digits and no exponent: 12345, 6.67, 0.0123."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def consequence(limits: Limits, verdicts: Sequence[Verdict]) -> Consequence:
    """What the rollout does after these verdicts of one gate, the last one included."""
    outcomes = [verdict.outcome for verdict in verdicts]
    if not outcomes:
        return Consequence.REPEAT
    if outcomes[-1] is Outcome.PASSED:
        return Consequence.GO_ON
    if outcomes.count(Outcome.FAILED) > limits.failed:
        return Consequence.FAIL
    working = [place for place, outcome in enumerate(outcomes) if outcome is not Outcome.ERROR]
    errors_in_a_row = len(outcomes) - 1 - (working[-1] if working else -1)
    if outcomes.count(Outcome.INCONCLUSIVE) > limits.inconclusive or errors_in_a_row > limits.error:
        return Consequence.HALT
    return Consequence.REPEAT


def worst(verdicts: Sequence[Verdict]) -> Outcome:
    """The worst outcome: failed, then error, then inconclusive, then passed."""
    order = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASSED)
    return next((found for found in order if any(verdict.outcome is found for verdict in verdicts)), Outcome.PASSED)


def assess_health(gate: HealthGate, looks: Sequence[HealthLook]) -> Verdict:
    """Judge the reads so far: passed once all were healthy for long enough; failed if the last read is bad."""
    if not looks:
        return Verdict(str(gate), Outcome.ERROR, "could not read any instance")
    since = _healthy_since(looks)
    steady = looks[-1].at - since if since is not None else 0.0
    figures = (
        Measurement("instances not healthy", len(looks[-1].unhealthy), "", len(looks), Threshold(0)),
        Measurement("all healthy for", steady, "s", len(looks), Threshold(gate.steady, at_least=True)),
    )
    waiting = set(looks[-1].unhealthy) - looks[-1].initializing
    if since is not None and steady >= gate.steady:
        return Verdict(str(gate), Outcome.PASSED, f"all were healthy for {steady:.0f} s", figures)
    if waiting:
        listed = ", ".join(f"{one}: {looks[-1].unhealthy[one]}" for one in sorted(waiting))
        return Verdict(str(gate), Outcome.FAILED, f"not healthy: {listed}", figures)
    reason = f"healthy for {steady:.0f} s, wanted {gate.steady:.0f} s"
    if looks[-1].unhealthy:
        reason = f"still initializing: {', '.join(sorted(looks[-1].unhealthy))}"
    return Verdict(str(gate), Outcome.INCONCLUSIVE, reason, figures)


def until_next_look(gate: HealthGate, looks: Sequence[HealthLook]) -> float:
    """Seconds until the next read: the interval, or less if the steady time ends before."""
    since = _healthy_since(looks)
    left = gate.steady - (looks[-1].at - since) if since is not None else gate.interval
    return min(gate.interval, max(left, SOONEST_LOOK))


def _healthy_since(looks: Sequence[HealthLook]) -> float | None:
    """The first read since which all were healthy; None if the last read was bad."""
    bad = [look.at for look in looks if look.unhealthy]
    return next((look.at for look in looks if not bad or look.at > bad[-1]), None)


def assess_command(gate: CommandGate, result: CommandResult) -> Verdict:
    """Judge a program by its exit code: 0 passed, 75 inconclusive, others failed; without an exit code: error."""
    figures = (Measurement("time", result.seconds, "s", 1),)
    if result.exit_code is None:
        return Verdict(str(gate), Outcome.ERROR, result.problem or "did not run", figures, output=result.output)
    outcome = {0: Outcome.PASSED, INCONCLUSIVE_EXIT: Outcome.INCONCLUSIVE}.get(result.exit_code, Outcome.FAILED)
    return Verdict(str(gate), outcome, f"exit code {result.exit_code}", figures, output=result.output)
