"""Asking gates whether a release is good: measure, judge, measure again within the limits, and say what follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from vmss_jenkins import events
from vmss_jenkins.errors import AzureError
from vmss_jenkins.gate_specs import AnyGate, CommandGate, CompareGate, HealthGate
from vmss_jenkins.gates import (
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
from vmss_jenkins.instances import Health, Instance, ScaleSetName
from vmss_jenkins.probing import Probing, Subject
from vmss_jenkins.protocols import CommandRunner, LoadBalancers, OperationT, Prober, ScaleSets, Tunnels
from vmss_jenkins.waiting import Patience

REPEAT_AFTER = 10.0
"""Seconds until a gate that could not tell is asked again."""


@dataclass(frozen=True)
class Means(Generic[OperationT]):
    """What gates measure by."""

    sets: ScaleSets[OperationT]
    balancers: LoadBalancers
    prober: Prober
    tunnels: Tunnels
    commands: CommandRunner


@dataclass(frozen=True)
class Assessment:
    """What the gates came to."""

    stage: str
    instance_ids: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    """The last one of each gate that was asked; none is asked after one that did not pass."""
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


class Verification(Generic[OperationT]):
    """The gates of one rollout of one set: it counts their runs, since each run may err once more.

    Args:
        name: the set.
        gates: in the order in which they are asked.
        means: what they measure by.
        patience: clock, deadline and listener.
    """

    def __init__(
        self, name: ScaleSetName, gates: Sequence[AnyGate], means: Means[OperationT], patience: Patience
    ) -> None:
        self._name = name
        self._gates = tuple(gates)
        self._means = means
        self._patience = patience
        self._probing = Probing(means.balancers, means.prober, means.tunnels, patience)
        self._runs: dict[int, int] = {}

    def assess(
        self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
    ) -> Assessment:
        """Ask the gates, in their order, whether these instances run a good release.

        What cannot be measured is a verdict, not an exception.

        Args:
            stage: what is judged, for the log and for programs: `canary`, `batch`, ...
            instance_ids: the instances with the new release; one that is gone in the meantime is dropped.
            before: told before each measurement how many seconds it takes at the most.
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
            self._patience.on_event(events.GateStarted(str(gate), stage, ids))
            before(gate.longest(len(ids)))
            history.append(self._measure(gate, stage, ids, self._runs[number]))
            follows = consequence(gate.limits, history)
            if follows is Consequence.REPEAT and self._patience.clock.now() >= self._patience.deadline:
                follows = Consequence.HALT
            self._patience.on_event(events.GateJudged(history[-1], follows))
            if follows is not Consequence.REPEAT:
                return history[-1], follows
            self._patience.clock.sleep(REPEAT_AFTER)

    def _measure(self, gate: AnyGate, stage: str, ids: tuple[str, ...], run: int) -> Verdict:
        try:
            if isinstance(gate, HealthGate):
                return self._health(gate, ids)
            subject = self._look(ids)
            if not subject.ids:
                return Verdict(str(gate), Outcome.ERROR, f"none of the instances {', '.join(ids)} is there any more")
            if isinstance(gate, CommandGate):
                return assess_command(gate, self._means.commands.run(gate, _facts(subject, stage)))
            if isinstance(gate, CompareGate):
                return self._probing.compare(gate, subject, run)
            return self._probing.http(gate, subject)
        except AzureError as error:
            return Verdict(str(gate), Outcome.ERROR, str(error))

    def _look(self, ids: tuple[str, ...]) -> Subject:
        scale_set = self._patience.retry(lambda: self._means.sets.get(self._name))
        instances = self._patience.retry(lambda: self._means.sets.instances(scale_set))
        present = {one.id for one in instances}
        return Subject(scale_set, instances, tuple(id_ for id_ in ids if id_ in present))

    def _health(self, gate: HealthGate, ids: tuple[str, ...]) -> Verdict:
        """Look until all were healthy for long enough, or the gate's time is up."""
        looks: list[HealthLook] = []
        clock = self._patience.clock
        end = min(clock.now() + gate.timeout, self._patience.deadline)
        while True:
            chosen = [one for one in self._look(ids).instances if one.id in ids]
            if not chosen:
                return Verdict(str(gate), Outcome.ERROR, f"none of the instances {', '.join(ids)} is there any more")
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
    """What an instance is instead of healthy."""
    if instance.provisioning_state != "Succeeded":
        return instance.error or instance.provisioning_state
    return instance.power if instance.power not in {None, "running"} and instance.power else instance.health.value


def _facts(subject: Subject, stage: str) -> dict[str, str]:
    """What a program is told, as environment variables."""
    name = subject.scale_set.name
    return {
        "VMSS_RESOURCE_GROUP": name.resource_group,
        "VMSS_NAME": name.name,
        "VMSS_IMAGE": str(subject.scale_set.image or ""),
        "VMSS_INSTANCE_IDS": ",".join(subject.ids),
        "VMSS_STAGE": stage,
    }
