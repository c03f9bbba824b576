"""The gates that send HTTP requests: find the addresses, send the requests in order, and have the answers judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice

from vmss_jenkins.events.gates import GateMeasured, GateSampled
from vmss_jenkins.gates.answers import assess_comparison, assess_http
from vmss_jenkins.gates.comparison import look_sizes
from vmss_jenkins.gates.curves import curve
from vmss_jenkins.gates.specs import CompareGate, HttpGate, ProbingGate, Via
from vmss_jenkins.gates.verdicts import Outcome, Sample, Verdict
from vmss_jenkins.measure.gate_checks import frontend_of, no_frontend
from vmss_jenkins.measure.ports import LoadBalancers, Prober, ProbeRequest, TunnelError, Tunnels
from vmss_jenkins.model.instances import Instance, ScaleSet, has_latest_model
from vmss_jenkins.model.network import Address, Unreachable
from vmss_jenkins.runtime.waiting import Waiter

MOST_COMPARED = 10
"""The most instances per side that are compared: the number of samples is fixed, so more hosts add no certainty."""
MOST_TUNNELS = 8
"""The most SSH tunnels open at a time."""


@dataclass(frozen=True)
class Subject:
    """The instances that a gate measures."""

    scale_set: ScaleSet
    instances: tuple[Instance, ...]
    """All of the set."""
    ids: tuple[str, ...]
    """The instances that run the new release."""

    @property
    def stable(self) -> tuple[str, ...]:
        """The healthy instances that do not have the latest model."""
        others = (one for one in self.instances if one.id not in self.ids and one.is_healthy)
        return tuple(one.id for one in others if has_latest_model(one, self.scale_set) is False)

    @property
    def new_share(self) -> float | None:
        """The share of the healthy instances that run the new release."""
        healthy = [one for one in self.instances if one.is_healthy]
        new = [one for one in healthy if has_latest_model(one, self.scale_set)]
        return len(new) / len(healthy) if healthy else None


class NoTargetError(Exception):
    """There is no address to send requests to: the gate could not measure.

    Args:
        reason: why.
        lasting: whether another try cannot help.
    """

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


class LastingError(Exception):
    """The gate could not measure, and another try cannot help.

    Args:
        verdict: what the gate says of it.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


@dataclass(frozen=True)
class HttpMeasurement:
    """Measures with HTTP requests."""

    balancers: LoadBalancers
    prober: Prober
    tunnels: Tunnels
    waiter: Waiter = field(repr=False)

    def http(self, gate: HttpGate, subject: Subject) -> Verdict:
        """Send requests to the load balancer, or to each chosen instance, and judge the answers.

        Raises:
            LastingError: if it cannot measure, and another try cannot help.
        """
        began = self.waiter.clock.now()
        try:
            if gate.via is Via.FRONTEND:
                target = self._frontend(gate, subject)
                samples = self.prober.probe([_request(gate, target, None)] * gate.samples, 1 / gate.rate)
            else:
                samples = tuple(sample for part in self._of_each(gate, subject) for sample in part)
            side = "load balancer" if gate.via is Via.FRONTEND else "new release"
            points = curve(samples, lambda _: side, began)
            self.waiter.on_event(GateSampled(str(gate), points))
            return assess_http(gate, samples, subject.new_share if gate.via is Via.FRONTEND else None)
        except (NoTargetError, TunnelError) as error:
            return _not_measured(gate, error)

    def compare(self, gate: CompareGate, subject: Subject, run: int) -> Verdict:
        """Send requests to canary and stable instances side by side, until the answers decide or are enough.

        Args:
            gate: margins and numbers of samples.
            subject: the chosen instances are the canary.
            run: which run of the gate in this rollout, from 1.

        Raises:
            LastingError: if it cannot measure, and another try cannot help.
        """
        if not subject.stable:
            reason = "no instance with the old release is left to compare with"
            return Verdict(str(gate), Outcome.PASSED if run > 1 else Outcome.ERROR, reason)
        canary, stable = subject.ids[:MOST_COMPARED], subject.stable[:MOST_COMPARED]
        try:
            with self._open(gate, subject, [*canary, *stable]) as targets:
                sides = [{id_: targets[id_] for id_ in side} for side in (canary, stable)]
                return self._look_by_look(gate, sides[0], sides[1], run)
        except (NoTargetError, TunnelError) as error:
            return _not_measured(gate, error)

    def _look_by_look(
        self, gate: CompareGate, canary: dict[str, Address], stable: dict[str, Address], run: int
    ) -> Verdict:
        began, samples = self.waiter.clock.now(), list[Sample]()
        sizes = look_sizes(gate.samples, gate.max_samples)
        plan = side_by_side(gate, canary, stable, sizes[-1])
        for look, size in enumerate(sizes):
            new = self.prober.probe(plan[len(samples) : 2 * size], 1 / gate.rate)
            samples += new
            points = curve(new, lambda one: "canary" if one.instance_id in canary else "stable", began)
            self.waiter.on_event(GateSampled(str(gate), points))
            sides = [[sample for sample in samples if sample.instance_id in side] for side in (canary, stable)]
            verdict = assess_comparison(gate, sides[0], sides[1], run, look)
            if verdict is not None:
                return verdict
            self.waiter.on_event(GateMeasured(str(gate), size, sizes[-1]))
        raise AssertionError("the last look always has a verdict")

    def _of_each(self, gate: HttpGate, subject: Subject) -> Iterator[tuple[Sample, ...]]:
        """The answers of the chosen instances, a group at a time: few tunnels are open at once."""
        at_once = MOST_TUNNELS if gate.via is Via.SSH else len(subject.ids)
        for start in range(0, len(subject.ids), at_once):
            with self._open(gate, subject, subject.ids[start : start + at_once]) as targets:
                round_ = [_request(gate, address, id_) for id_, address in targets.items()]
                yield self.prober.probe(round_ * gate.samples, 1 / gate.rate)

    def _frontend(self, gate: HttpGate, subject: Subject) -> Address | str:
        if gate.url:
            return gate.url
        found = self.waiter.retry(lambda: self.balancers.frontends(subject.scale_set, subject.ids))
        chosen = frontend_of(gate, found)
        if chosen is None:
            raise NoTargetError(no_frontend(gate, found), lasting=bool(found))
        return chosen

    @contextmanager
    def _open(self, gate: ProbingGate, subject: Subject, ids: Sequence[str]) -> Iterator[dict[str, Address]]:
        """The address of each instance's service, through a tunnel if the gate asks for one.

        Raises:
            NoTargetError: if instances have no such address, with the reason of each.
            TunnelError: if ssh cannot open a tunnel.
        """
        port = gate.ssh_port if gate.via is Via.SSH else gate.service_port
        found = self.waiter.retry(lambda: self.balancers.addresses(subject.scale_set, ids, gate.via, port))
        if missing := {id_: one for id_, one in found.items() if isinstance(one, Unreachable)}:
            reasons = "; ".join(f"instance {id_}: {one.reason}" for id_, one in missing.items())
            raise NoTargetError(reasons, lasting=not any(one.may_come for one in missing.values()))
        addresses = {id_: one for id_, one in found.items() if isinstance(one, Address)}
        with ExitStack() as stack:
            if gate.via is Via.SSH:
                addresses = {
                    id_: stack.enter_context(self.tunnels.open(gate, server)) for id_, server in addresses.items()
                }
            yield addresses


def _not_measured(gate: ProbingGate, error: NoTargetError | TunnelError) -> Verdict:
    verdict = Verdict(str(gate), Outcome.ERROR, f"could not measure: {error}")
    if error.lasting:
        raise LastingError(verdict) from error
    return verdict


def side_by_side(
    gate: CompareGate, canary: dict[str, Address], stable: dict[str, Address], size: int
) -> list[ProbeRequest]:
    """Make `size` requests to each side in pairs, to the instances in turn; the first side of a pair alternates.

    So whatever happens in these minutes affects both sides alike.
    """
    requests = [
        islice(cycle([_request(gate, address, id_) for id_, address in side.items()]), size)
        for side in (canary, stable)
    ]
    pairs = zip(*requests, strict=True)
    return [request for number, pair in enumerate(pairs) for request in (pair if number % 2 == 0 else pair[::-1])]


def _request(gate: ProbingGate, target: Address | str, instance_id: str | None) -> ProbeRequest:
    base = target.rstrip("/") if isinstance(target, str) else f"{gate.scheme}://{target}"
    return ProbeRequest(base + gate.path, gate.expect, gate.timeout, instance_id, gate.host)
