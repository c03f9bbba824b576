"""What prevents a gate from measuring is found before anything is changed, with what exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.measure.test_http_measurement import FakeBalancers, instance
from tests.support.fakes import NEW, WEB, World, outage
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.gates.specs import AnyGate, CommandGate, CompareGate, HealthGate, HttpGate, Via
from vmss_jenkins.measure.gate_checks import GateChecks, frontend_of, refuse
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.model.network import Address, Unreachable

MODEL = ScaleSet(WEB, NEW, capacity=3)
INSTANCES = (instance("0"), instance("1"), instance("2"))
HTTP, ALT, TLS = Address("203.0.113.7", 80), Address("203.0.113.7", 8081), Address("203.0.113.7", 443)
SSH = HttpGate(via=Via.SSH, ssh_user="u")


def found(
    gate: AnyGate,
    balancers: FakeBalancers | None = None,
    instances: tuple[Instance, ...] = INSTANCES,
    **options: bool,
) -> list[str]:
    checks = GateChecks(balancers or FakeBalancers(), World().waiter())
    return [one.text for one in checks.check([gate], MODEL, instances, **options)]


@pytest.mark.parametrize(
    ("gate", "frontends", "chosen"),
    [
        (HttpGate(), (ALT,), ALT),
        (HttpGate(scheme="https"), (ALT,), ALT),
        (HttpGate(), (ALT, replace(ALT, host="203.0.113.8")), ALT),
        (HttpGate(), (ALT, HTTP), HTTP),
        (HttpGate(scheme="https"), (HTTP, TLS), TLS),
        (HttpGate(port=8081), (HTTP, ALT), ALT),
        (HttpGate(), (ALT, TLS), None),
        (HttpGate(port=80), (ALT,), None),
        (HttpGate(), (), None),
    ],
)
def test_the_port_of_the_only_rule_is_the_default(
    gate: HttpGate, frontends: tuple[Address, ...], chosen: Address | None
) -> None:
    assert frontend_of(gate, frontends) == chosen
    assert (found(gate, FakeBalancers(fronts=frontends)) == []) is (chosen is not None)


def test_a_wrong_port_is_named_with_the_ports_that_exist() -> None:
    assert found(HttpGate(port=8080, name="front"), FakeBalancers(fronts=(TLS, ALT))) == [
        (
            "front: no load balancer rule listens on port 8080; found: 203.0.113.7:443, 203.0.113.7:8081; "
            "wanted port=443 or port=8081"
        )
    ]
    assert "no load balancer rule sends traffic to the set" in found(HttpGate(), FakeBalancers(fronts=()))[0]


def test_a_frontend_that_cannot_be_reached_is_told_with_its_reason() -> None:
    foreign = Unreachable("its address 10.0.0.100:80 is one of the emulator: use via=nat")
    said = f"front: a frontend of the load balancer: {foreign.reason}"
    assert found(HttpGate(name="front"), FakeBalancers(fronts=(foreign,))) == [said]
    both = FakeBalancers(fronts=(foreign, TLS))
    assert found(HttpGate(port=80, name="front"), both) == [
        f"{said}; no load balancer rule listens on port 80; found: 203.0.113.7:443; wanted port=443"
    ]
    assert found(HttpGate(port=443), both) == []


@pytest.mark.parametrize("gate", [HttpGate(via=Via.NAT), CompareGate(via=Via.PUBLIC)])
def test_instances_without_an_address_are_named_once_a_reason(gate: AnyGate) -> None:
    missing = Unreachable("it has no public IP address")
    assert found(gate, FakeBalancers({"0": missing, "2": missing})) == [
        f"{gate}: instance 0, 2: it has no public IP address"
    ]


def test_instances_that_azure_still_creates_and_stopped_ones_prevent_nothing() -> None:
    coming, missing = Unreachable("no interface", may_come=True), Unreachable("it has no private IP address")
    stopped = (replace(INSTANCES[0], power="deallocated"), *INSTANCES[1:])
    assert found(HttpGate(via=Via.PRIVATE), FakeBalancers({"0": missing, "1": coming}), stopped) == []


@pytest.mark.parametrize(
    ("gate", "instances"), [(HttpGate(url="http://x"), INSTANCES), (HttpGate(), ()), (HealthGate(), INSTANCES)]
)
def test_nothing_is_read_that_the_gate_does_not_need(gate: AnyGate, instances: tuple[Instance, ...]) -> None:
    assert found(gate, FakeBalancers(fronts=(), faults=[outage(403)]), instances) == []


def test_a_rule_that_does_not_exist_yet_is_not_looked_for() -> None:
    assert found(HttpGate(), FakeBalancers(fronts=()), frontend=False) == []
    assert found(HttpGate(), FakeBalancers(fronts=()), frontend=True) != []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "does not exist"),
        (lambda path: path.write_text("#!/bin/sh\n"), "is not executable: chmod +x"),
        (lambda path: (path.write_text("#!/bin/sh\n"), path.chmod(0o755)), ""),
        (lambda path: path.mkdir(), "does not exist"),
    ],
)
def test_a_program_must_be_executable(tmp_path: Path, make: Callable[[Path], Any], reason: str) -> None:
    make(tmp_path / "check.sh")
    texts = found(CommandGate(run=(str(tmp_path / "check.sh"), "--fast")))
    assert [reason in text for text in texts] == ([True] if reason else [])


def test_a_program_without_a_path_must_be_on_the_path() -> None:
    assert found(CommandGate(run=("sh",))) == []
    assert "nothing-of-that-name is not on the PATH" in found(CommandGate(run=("nothing-of-that-name",)))[0]


def test_ssh_and_its_files_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    texts = found(replace(SSH, ssh_key=str(tmp_path / "key"), ssh_known_hosts=str(tmp_path / "hosts")))
    assert [text.partition(": ")[2].split()[0] for text in texts] == ["via=ssh", "ssh_key", "ssh_known_hosts"]
    for name in ("ssh", "key", "hosts"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert found(replace(SSH, ssh_key=str(tmp_path / "key"), ssh_known_hosts=str(tmp_path / "hosts"))) == []


def test_all_gates_are_refused_at_once_with_every_reason() -> None:
    checks = GateChecks(FakeBalancers(fronts=()), World().waiter())
    gates: list[AnyGate] = [HttpGate(name="a"), CommandGate(run=("nothing-of-that-name",), name="b"), HealthGate()]
    with pytest.raises(ConfigError) as refused:
        refuse(checks.check(gates, MODEL, INSTANCES))
    assert [reason.partition(":")[0] for reason in refused.value.reasons] == ["a", "b"]
    refuse(())


def test_addresses_that_may_not_be_read_are_an_error() -> None:
    with pytest.raises(AzureError, match="AuthorizationFailed"):
        found(HttpGate(via=Via.NAT), FakeBalancers(faults=[outage(403, "AuthorizationFailed")]))
