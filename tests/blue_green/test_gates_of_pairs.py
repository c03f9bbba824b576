"""The gates of a switch: before it they measure the idle set, after it the set with the traffic."""

from __future__ import annotations

import pytest

from vmss_jenkins.blue_green.plan.gates import check_gates, load_balancer_ports, watch_gates
from vmss_jenkins.errors import ConfigError

FRONTEND, PRIVATE, OUTSIDE = "http path=/up", "http path=/up via=private", "http url=http://shop.example/up"
OWN_PORT, HEALTH = "http path=/up port=443", "instance-health"
EVERY = (FRONTEND, PRIVATE, OUTSIDE, OWN_PORT, HEALTH)


def test_a_check_through_the_load_balancer_uses_the_test_port_unless_the_gate_names_its_own() -> None:
    checked, watched = check_gates(EVERY, 8081), watch_gates(EVERY)
    assert [getattr(gate, "port", None) for gate in checked] == [8081, None, None, 443, None]
    assert [getattr(gate, "port", None) for gate in watched] == [None, None, None, 443, None]
    assert check_gates(EVERY, None) == watched, "without a test rule"
    assert check_gates((), 8081) == watch_gates(()) == ()


def test_the_ports_of_a_check_are_those_of_the_gates_through_the_load_balancer() -> None:
    assert load_balancer_ports(watch_gates(EVERY)) == (80, 443)
    assert load_balancer_ports(check_gates(EVERY, 8081)) == (8081, 443)


@pytest.mark.parametrize("parse", [watch_gates, lambda given: check_gates(given, 8081)])
def test_a_pair_has_no_instances_to_compare(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(ConfigError) as refused:
        parse((HEALTH, "compare path=/up"))
    assert str(refused.value) == (
        "gates: found compare; wanted another gate, such as http: all instances of the set have the release"
    )
