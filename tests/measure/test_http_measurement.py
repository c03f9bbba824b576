from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.support.fakes import NEW, OLD, WEB, World, outage
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.events.gates import GateMeasured
from vmss_jenkins.gates.specs import CompareGate, Expectation, HttpGate, ProbingGate, Via
from vmss_jenkins.gates.verdicts import Outcome, Sample
from vmss_jenkins.measure.http_measurement import HttpMeasurement, LastingError, Subject, side_by_side
from vmss_jenkins.measure.ports import ProbeRequest, TunnelError
from vmss_jenkins.model.instances import Health, Instance, ScaleSet
from vmss_jenkins.model.network import Address, Unreachable

MODEL = ScaleSet(WEB, NEW, capacity=4)


def instance(id_: str, *, new: bool = False, health: Health = Health.HEALTHY) -> Instance:
    return Instance(id_, image=NEW if new else OLD, latest_model_applied=new, power="running", health=health)


INSTANCES = (instance("0", new=True), instance("1"), instance("2"), instance("3", health=Health.UNHEALTHY))
SUBJECT = Subject(MODEL, INSTANCES, ("0",))


@dataclass
class FakeProber:
    """Answers at once; `bad` and `slow` give the failures and the latency of each instance."""

    bad: Mapping[str | None, int] = field(default_factory=dict)
    """Instance id -> n: every n-th answer is bad."""
    slow: Mapping[str | None, float] = field(default_factory=dict)
    asked: list[ProbeRequest] = field(default_factory=list)
    intervals: list[float] = field(default_factory=list)

    def probe(self, asked: Sequence[ProbeRequest], interval: float) -> tuple[Sample, ...]:
        self.intervals.append(interval)
        return tuple(self.answer(request) for request in asked)

    def answer(self, request: ProbeRequest) -> Sample:
        self.asked.append(request)
        count = sum(one.instance_id == request.instance_id for one in self.asked)
        one_in = self.bad.get(request.instance_id)
        fault = "status 500, wanted 200" if one_in and count % one_in == 0 else None
        seconds = self.slow.get(request.instance_id, 0.1) * (1 + count % 7 / 10)
        return Sample(request.instance_id, 0, seconds, 500 if fault else 200, fault)


@dataclass
class FakeBalancers:
    found: Mapping[str, Address | Unreachable] = field(default_factory=dict)
    fronts: tuple[Address | Unreachable, ...] = (Address("203.0.113.7", 443), Address("203.0.113.7", 80))
    faults: list[Exception] = field(default_factory=list)
    asked: list[tuple[Via, int]] = field(default_factory=list)

    def addresses(
        self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int
    ) -> Mapping[str, Address | Unreachable]:
        if self.faults:
            raise self.faults.pop(0)
        self.asked.append((via, port))
        return {id_: self.found.get(id_, Address(f"10.0.0.{id_}", port)) for id_ in ids}

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address | Unreachable, ...]:
        return self.fronts


@dataclass
class FakeTunnels:
    now_open: int = 0
    most_open: int = 0
    refuses: bool = False

    @contextmanager
    def open(self, gate: ProbingGate, server: Address) -> Iterator[Address]:
        if self.refuses:
            raise TunnelError(f"ssh to {server}: Host key verification failed.")
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        yield Address("127.0.0.1", 40000)
        self.now_open -= 1


@dataclass
class Lab:
    world: World = field(default_factory=World)
    prober: FakeProber = field(default_factory=FakeProber)
    balancers: FakeBalancers = field(default_factory=FakeBalancers)
    tunnels: FakeTunnels = field(default_factory=FakeTunnels)

    def probing(self) -> HttpMeasurement:
        return HttpMeasurement(self.balancers, self.prober, self.tunnels, self.world.waiter())


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_requests_go_to_the_load_balancer_at_the_port_of_the_service(lab: Lab) -> None:
    verdict = lab.probing().http(HttpGate(path="/health", samples=7, rate=2), SUBJECT)
    assert verdict.outcome is Outcome.PASSED
    assert Counter(one.url for one in lab.prober.asked) == {"http://203.0.113.7:80/health": 7}
    assert lab.prober.intervals == [0.5]


def test_a_url_replaces_the_load_balancer(lab: Lab) -> None:
    lab.probing().http(HttpGate(url="https://web.example.com/", path="/x", samples=1), SUBJECT)
    assert lab.prober.asked[0].url == "https://web.example.com/x"


def test_the_port_of_the_only_rule_is_the_default(lab: Lab) -> None:
    lab.balancers.fronts = (Address("203.0.113.7", 8081),)
    assert lab.probing().http(HttpGate(samples=1), SUBJECT).outcome is Outcome.PASSED
    assert lab.prober.asked[0].url == "http://203.0.113.7:8081/"


def test_no_rule_for_the_port_is_a_lasting_error(lab: Lab) -> None:
    with pytest.raises(LastingError) as lasting:
        lab.probing().http(HttpGate(port=8080), SUBJECT)
    assert lasting.value.verdict.outcome is Outcome.ERROR
    assert lasting.value.verdict.reason == (
        "could not measure: no load balancer rule listens on port 8080; found: 203.0.113.7:443, 203.0.113.7:80; "
        "wanted port=443 or port=80"
    )


def test_a_set_without_a_rule_yet_is_measured_again(lab: Lab) -> None:
    lab.balancers.fronts = ()
    assert lab.probing().http(HttpGate(), SUBJECT).outcome is Outcome.ERROR


def test_an_instance_that_azure_still_creates_is_measured_again(lab: Lab) -> None:
    lab.balancers.found = {"0": Unreachable("no interface", may_come=True)}
    assert lab.probing().http(HttpGate(via=Via.NAT), SUBJECT).outcome is Outcome.ERROR


def test_a_comparison_without_one_good_answer_ends_at_once_with_what_was_answered(lab: Lab) -> None:
    lab.prober.bad = {"0": 1, "1": 1, "2": 1}
    verdict = lab.probing().compare(COMPARE, SUBJECT, run=1)
    assert (verdict.outcome, verdict.more_samples, len(lab.prober.asked)) == (Outcome.INCONCLUSIVE, 0, 150)
    assert verdict.reason.startswith("no good answer from the canary (status 500, wanted 200 (75)) and from the stable")


def test_without_a_good_stable_answer_no_number_of_samples_would_decide(lab: Lab) -> None:
    lab.prober.bad = {"1": 1, "2": 1}
    verdict = lab.probing().compare(COMPARE, SUBJECT, run=1)
    assert (verdict.outcome, verdict.more_samples) == (Outcome.INCONCLUSIVE, 0)


def test_requests_go_to_each_chosen_instance(lab: Lab) -> None:
    subject = replace(SUBJECT, ids=("0", "2"))
    gate = HttpGate(via=Via.NAT, scheme="https", host="web.example.com", samples=3)
    lab.probing().http(gate, subject)
    assert lab.balancers.asked == [(Via.NAT, 443)]
    assert [one.instance_id for one in lab.prober.asked] == ["0", "2"] * 3
    assert {(one.url, one.host) for one in lab.prober.asked} == {
        ("https://10.0.0.0:443/", "web.example.com"),
        ("https://10.0.0.2:443/", "web.example.com"),
    }


def test_an_instance_without_address_is_an_error(lab: Lab) -> None:
    lab.balancers.found = {"0": Unreachable("no inbound NAT rule forwards to it")}
    with pytest.raises(LastingError) as lasting:
        lab.probing().http(HttpGate(via=Via.NAT), SUBJECT)
    assert lasting.value.verdict.outcome is Outcome.ERROR
    assert lasting.value.verdict.reason == "could not measure: instance 0: no inbound NAT rule forwards to it"
    assert lab.prober.asked == []


def test_tunnels_use_the_ssh_port_and_few_are_open_at_once(lab: Lab) -> None:
    subject = replace(SUBJECT, ids=tuple(str(n) for n in range(20)))
    verdict = lab.probing().http(HttpGate(via=Via.SSH, ssh_user="u", ssh_port=2222, samples=2), subject)
    assert verdict.outcome is Outcome.PASSED
    assert set(lab.balancers.asked) == {(Via.SSH, 2222)}
    assert {one.url for one in lab.prober.asked} == {"http://127.0.0.1:40000/"}
    assert (lab.tunnels.most_open, lab.tunnels.now_open) == (8, 0)


def test_a_refused_tunnel_is_an_error(lab: Lab) -> None:
    lab.tunnels.refuses = True
    verdict = lab.probing().http(HttpGate(via=Via.SSH, ssh_user="u"), SUBJECT)
    assert verdict.outcome is Outcome.ERROR
    assert "Host key verification failed." in verdict.reason


def test_finding_addresses_is_tried_again(lab: Lab) -> None:
    lab.balancers.faults = [outage(), outage()]
    assert lab.probing().http(HttpGate(via=Via.PRIVATE), SUBJECT).outcome is Outcome.PASSED
    assert len(lab.world.events_of(CallRetried)) == 2


def test_the_new_release_must_appear_in_its_share_of_the_answers(lab: Lab) -> None:
    gate = HttpGate(samples=100, expect=Expectation(release_text="v2"))
    verdict = lab.probing().http(gate, SUBJECT)
    assert SUBJECT.new_share == pytest.approx(1 / 3)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAILED, "the new release was not seen in 100 answers")


COMPARE = CompareGate()


def test_stable_instances_are_healthy_and_have_the_old_release() -> None:
    assert SUBJECT.stable == ("1", "2")


def test_a_good_canary_passes_after_the_planned_samples(lab: Lab) -> None:
    verdict = lab.probing().compare(COMPARE, SUBJECT, run=1)
    assert verdict.outcome is Outcome.PASSED
    assert Counter(one.instance_id for one in lab.prober.asked) == {"0": 300, "1": 150, "2": 150}
    assert [event.samples for event in lab.world.events if isinstance(event, GateMeasured)] == [75, 150]


def test_one_bad_answer_in_twenty_is_caught(lab: Lab) -> None:
    lab.prober.bad = {"0": 20}
    verdict = lab.probing().compare(COMPARE, SUBJECT, run=1)
    assert verdict.outcome is Outcome.FAILED
    assert "5.0% errors against 0.0%" in verdict.reason


def test_a_slow_canary_is_caught_early(lab: Lab) -> None:
    lab.prober.slow = {"0": 0.3}
    verdict = lab.probing().compare(COMPARE, SUBJECT, run=1)
    assert verdict.outcome is Outcome.FAILED
    assert len(lab.prober.asked) == 150


def test_an_uncertain_canary_takes_more_samples_and_stays_inconclusive(lab: Lab) -> None:
    lab.prober.bad = {"0": 80}
    verdict = lab.probing().compare(COMPARE, SUBJECT, run=1)
    assert (verdict.outcome, len(lab.prober.asked)) == (Outcome.INCONCLUSIVE, 1200)
    assert verdict.more_samples > 0


def test_without_stable_instances_only_the_first_comparison_is_an_error(lab: Lab) -> None:
    alone = replace(SUBJECT, instances=INSTANCES[:1])
    assert lab.probing().compare(COMPARE, alone, run=1).outcome is Outcome.ERROR
    assert lab.probing().compare(COMPARE, alone, run=2).outcome is Outcome.PASSED


def test_requests_to_both_sides_alternate_in_pairs() -> None:
    plan = side_by_side(COMPARE, {"0": Address("a", 80)}, {"1": Address("b", 80), "2": Address("c", 80)}, 4)
    assert [one.instance_id for one in plan] == ["0", "1", "2", "0", "0", "1", "2", "0"]


def test_few_instances_a_side_are_compared(lab: Lab) -> None:
    many = tuple(instance(str(n), new=n < 20) for n in range(50))
    subject = Subject(MODEL, many, tuple(str(n) for n in range(20)))
    lab.probing().compare(COMPARE, subject, run=1)
    assert len({one.instance_id for one in lab.prober.asked}) == 20
