"""The gates of a blue-green switch: the check measures the idle set, never the one with the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gate_texts, gates_from
from vmss_jenkins.gates.specs import AnyGate, CompareGate, HttpGate, Via

GateTexts = Iterable[str | Mapping[str, object]]


def check_gates(given: GateTexts, test_port: int | None) -> tuple[AnyGate, ...]:
    """Parse the gates before a switch; those through the load balancer use its test port.

    Raises:
        ConfigError: for invalid gates.
    """
    return tuple(_with_test_port(gate, test_port) for gate in watch_gates(given))


def watch_gates(given: GateTexts) -> tuple[AnyGate, ...]:
    """Parse the gates after a switch.

    Raises:
        ConfigError: for invalid gates.
    """
    texts = gate_texts(given)
    gates = gates_from(texts) if texts else ()
    if any(isinstance(gate, CompareGate) for gate in gates):
        reason = "found compare; wanted another gate, such as http: all instances of the set have the release"
        raise ConfigError("gates", [reason])
    return gates


def load_balancer_ports(gates: Iterable[AnyGate]) -> tuple[int, ...]:
    """The ports of the load balancer that gates send requests to."""
    return tuple(gate.service_port for gate in map(_through_frontend, gates) if gate)


def _with_test_port(gate: AnyGate, test_port: int | None) -> AnyGate:
    frontend = _through_frontend(gate)
    return replace(frontend, port=test_port) if frontend and frontend.port is None else gate


def _through_frontend(gate: AnyGate) -> HttpGate | None:
    """The gate if it measures through the load balancer; else None."""
    return gate if isinstance(gate, HttpGate) and gate.via is Via.FRONTEND and gate.url is None else None
