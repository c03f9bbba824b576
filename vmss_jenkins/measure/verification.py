"""Gates decide whether a release is good: measure, judge, measure again within the limits, and draw the consequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.gates import GateJudged, GateStarted
from vmss_jenkins.gates.specs import AnyGate, CommandGate, CompareGate, HealthGate
from vmss_jenkins.gates.verdicts import (
    Consequence,
    HealthLook,
    Outcome,
    Verdict,
    assess_command,
    assess_health,
    consequence,
    until_next_look,
    worst,
)
from vmss_jenkins.measure.gate_checks import GateChecks
from vmss_jenkins.measure.http_measurement import HttpMeasurement, LastingError, Subject
from vmss_jenkins.measure.ports import CommandRunner, LoadBalancers, Prober, ScaleSetReader, Tunnels
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.instances import Health, Instance, ScaleSet, ScaleSetName
from vmss_jenkins.runtime.waiting import Waiter

REPEAT_AFTER = 10.0
"""Seconds until a gate without a decision measures again."""


REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""Answers of Azure that are the same at the next try."""


@dataclass(frozen=True)
class Instruments:
    """The adapters that gates measure with."""

    sets: ScaleSetReader
    balancers: LoadBalancers
    prober: Prober
    tunnels: Tunnels
    commands: CommandRunner


@dataclass(frozen=True)
class Assessment:
    """The result of all gates."""

    stage: str
    instance_ids: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    """The last verdict of each gate that measured; the first gate that does not pass is the last one."""
    consequence: Consequence
    """GO_ON, FAIL or HALT."""

    @property
    def outcome(self) -> Outcome:
        """The outcome of all gates together."""
        return worst(self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether the rollout may go on."""
        return self.consequence is Consequence.GO_ON


class Verification:
    """The gates of one rollout of one set; it counts the runs of each, since each run may be wrong by chance.

    Args:
        name: the set.
        gates: in the order in which they measure.
        instruments: the adapters that they measure with.
        waiter: clock, deadline and listener.
    """

    def __init__(self, name: ScaleSetName, gates: Sequence[AnyGate], instruments: Instruments, waiter: Waiter) -> None:
        self._name = name
        self._gates = tuple(gates)
        self._instruments = instruments
        self._waiter = waiter
        self._measurement = HttpMeasurement(instruments.balancers, instruments.prober, instruments.tunnels, waiter)
        self._runs: dict[int, int] = {}

    def check(
        self, scale_set: ScaleSet, instances: Sequence[Instance], *, frontend: bool = True
    ) -> tuple[Finding, ...]:
        """Find what prevents the gates from measuring, before anything is changed; see `GateChecks.check`."""
        checks = GateChecks(self._instruments.balancers, self._waiter)
        return checks.check(self._gates, scale_set, instances, frontend=frontend)

    def assess(
        self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
    ) -> Assessment:
        """Let the gates measure and judge, in their order, whether these instances run a good release.

        A measurement that fails is a verdict, not an exception.

        Args:
            stage: the stage of the rollout, for the log and for programs: `canary`, `batch`, ...
            instance_ids: the instances with the new release; an instance that was deleted meanwhile is dropped.
            before: called before each measurement with the most seconds that it takes.
        """
        verdicts: list[Verdict] = []
        follows = Consequence.GO_ON
        for number in range(len(self._gates)):
            verdict, follows = self._ask(number, stage, tuple(instance_ids), before)
            verdicts.append(verdict)
            if follows is not Consequence.GO_ON:
                break
        return Assessment(stage, tuple(instance_ids), tuple(verdicts), follows)

    def _ask(
        self, number: int, stage: str, ids: tuple[str, ...], before: Callable[[float], None]
    ) -> tuple[Verdict, Consequence]:
        """Measure until one of the gate's limits is reached."""
        gate = self._gates[number]
        history: list[Verdict] = []
        while True:
            self._runs[number] = self._runs.get(number, 0) + 1
            self._waiter.on_event(GateStarted(str(gate), stage, ids))
            before(gate.longest(len(ids)))
            verdict, lasting = self._measure(gate, stage, ids, self._runs[number])
            history.append(verdict)
            follows = consequence(gate.limits, history)
            late = self._waiter.clock.now() >= self._waiter.deadline
            if follows is Consequence.REPEAT and (lasting or late):
                follows = Consequence.HALT
            self._waiter.on_event(GateJudged(history[-1], follows))
            if follows is not Consequence.REPEAT:
                return history[-1], follows
            self._waiter.clock.sleep(REPEAT_AFTER)

    def _measure(self, gate: AnyGate, stage: str, ids: tuple[str, ...], run: int) -> tuple[Verdict, bool]:
        """Measure once, and judge; the second value is whether another try cannot help."""
        try:
            return self._measured(gate, stage, ids, run), False
        except LastingError as error:
            return error.verdict, True
        except AzureError as error:
            return Verdict(str(gate), Outcome.ERROR, str(error)), error.failure.status in REFUSED

    def _measured(self, gate: AnyGate, stage: str, ids: tuple[str, ...], run: int) -> Verdict:
        if isinstance(gate, HealthGate):
            return self._health(gate, ids)
        subject = self._look(ids)
        if not subject.ids:
            return Verdict(str(gate), Outcome.ERROR, f"none of the instances {', '.join(ids)} exists any more")
        if isinstance(gate, CommandGate):
            result = self._instruments.commands.run(gate, _facts(subject, stage))
            verdict = assess_command(gate, result)
            if not result.started:
                raise LastingError(verdict)
            return verdict
        if isinstance(gate, CompareGate):
            return self._measurement.compare(gate, subject, run)
        return self._measurement.http(gate, subject)

    def _look(self, ids: tuple[str, ...]) -> Subject:
        scale_set = self._waiter.retry(lambda: self._instruments.sets.get(self._name))
        instances = self._waiter.retry(lambda: self._instruments.sets.instances(scale_set))
        present = {one.id for one in instances}
        return Subject(scale_set, instances, tuple(id_ for id_ in ids if id_ in present))

    def _health(self, gate: HealthGate, ids: tuple[str, ...]) -> Verdict:
        """Look until all instances were healthy for long enough, or the gate's time is up."""
        looks: list[HealthLook] = []
        clock = self._waiter.clock
        end = min(clock.now() + gate.timeout, self._waiter.deadline)
        while True:
            chosen = [one for one in self._look(ids).instances if one.id in ids]
            if not chosen:
                return Verdict(str(gate), Outcome.ERROR, f"none of the instances {', '.join(ids)} exists any more")
            looks.append(_health_look(chosen, clock.now()))
            verdict = assess_health(gate, looks)
            pause = until_next_look(gate, looks)
            if verdict.outcome is Outcome.PASSED or clock.now() + pause > end:
                return verdict
            clock.sleep(pause)


def _health_look(chosen: Sequence[Instance], at: float) -> HealthLook:
    unhealthy = {one.id: _condition(one) for one in chosen if not one.is_healthy}
    initializing = frozenset(one.id for one in chosen if one.health is Health.INITIALIZING or one.is_updating)
    return HealthLook(at, unhealthy, initializing & set(unhealthy))


def _condition(instance: Instance) -> str:
    """The state of an instance that is not healthy."""
    if instance.provisioning_state != "Succeeded":
        return instance.error or instance.provisioning_state
    return instance.power if instance.power not in {None, "running"} and instance.power else instance.health.value


def _facts(subject: Subject, stage: str) -> dict[str, str]:
    """The environment variables for a program."""
    name = subject.scale_set.name
    return {
        "VMSS_RESOURCE_GROUP": name.resource_group,
        "VMSS_NAME": name.name,
        "VMSS_IMAGE": str(subject.scale_set.image or ""),
        "VMSS_INSTANCE_IDS": ",".join(subject.ids),
        "VMSS_STAGE": stage,
    }
