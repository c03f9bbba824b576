"""The gate `compare` over real sockets: instances of the emulator's data plane, probed as a rollout does."""

from collections.abc import Iterator, Sequence

import pytest

from tests.measure.test_http_measurement import FakeTunnels, instance
from tests.support.fakes import World
from vmss_jenkins.emulator.data_plane.data_plane import DataPlane, Page
from vmss_jenkins.gates.specs import CompareGate, Via
from vmss_jenkins.gates.verdicts import Outcome, Verdict
from vmss_jenkins.measure.http_measurement import HttpMeasurement, Subject
from vmss_jenkins.measure.http_prober import HttpProber
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.network import Address
from vmss_jenkins.runtime.clock import SystemClock

IDS = ("0", "1", "2", "3")
GATE = CompareGate(path="/", rate=2000)


class LoopbackBalancers:
    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane

    def addresses(self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int) -> dict[str, Address]:
        return {id_: Address("127.0.0.1", self.plane.port(id_)) for id_ in ids}

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address, ...]:
        return ()


@pytest.fixture
def plane() -> Iterator[DataPlane]:
    with DataPlane(seed=7) as running:
        for id_ in IDS:
            running.serve(id_, Page("Welcome to nginx!"))
        yield running


def compare(plane: DataPlane, canary: Page | None) -> Verdict:
    """Serve the canary's page, or none, and compare."""
    if canary is None:
        plane.take_down("0")
    else:
        plane.serve("0", canary)
    world = World()
    subject = Subject(world.azure.scale_set, tuple(instance(id_, new=id_ == "0") for id_ in IDS), ("0",))
    probing = HttpMeasurement(LoopbackBalancers(plane), HttpProber(SystemClock()), FakeTunnels(), world.waiter())
    return probing.compare(GATE, subject, run=1)


def test_a_good_release_passes(plane: DataPlane) -> None:
    assert compare(plane, Page("Welcome to nginx on Azure VMSS!")).outcome is Outcome.PASSED


def test_one_request_in_twenty_answering_500_is_caught(plane: DataPlane) -> None:
    verdict = compare(plane, Page("Welcome to nginx on Azure VMSS!", error_rate=0.05))
    assert verdict.outcome is Outcome.FAILED
    assert "errors against 0.0%" in verdict.reason


def test_a_release_that_answers_late_is_caught(plane: DataPlane) -> None:
    verdict = compare(plane, Page("Welcome to nginx on Azure VMSS!", latency=0.1))
    assert verdict.outcome is Outcome.FAILED
    assert "a median of" in verdict.reason


def test_a_canary_that_does_not_answer_is_caught(plane: DataPlane) -> None:
    assert compare(plane, None).outcome is Outcome.FAILED
