"""The gates of a blue-green switch: the check asks the idle set, and never the one that serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gates_from
from vmss_jenkins.gates.specs import AnyGate, CompareGate, HttpGate, Via

GateTexts = Iterable[str | Mapping[str, object]]


def check_gates(given: GateTexts, test_port: int | None) -> tuple[AnyGate, ...]:
    """Read the gates that are asked before a switch; those that ask the load balancer ask its test port.

    Raises:
        ConfigError: for gates that cannot be used.
    """
    return tuple(_aimed(gate, test_port) for gate in watch_gates(given))


def watch_gates(given: GateTexts) -> tuple[AnyGate, ...]:
    """Read the gates that are asked after a switch.

    Raises:
        ConfigError: for gates that cannot be used.
    """
    texts = tuple(given)
    gates = gates_from(texts) if texts else ()
    if any(isinstance(gate, CompareGate) for gate in gates):
        reason = "found compare; wanted another gate: all of the set have the release, there is none to compare with"
        raise ConfigError("gates", [reason])
    return gates


def load_balancer_ports(gates: Iterable[AnyGate]) -> tuple[int, ...]:
    """The ports of the load balancer that gates ask."""
    return tuple(gate.service_port for gate in gates if _asks_balancer(gate) and isinstance(gate, HttpGate))


def _aimed(gate: AnyGate, test_port: int | None) -> AnyGate:
    if isinstance(gate, HttpGate) and _asks_balancer(gate) and gate.port is None and test_port is not None:
        return replace(gate, port=test_port)
    return gate


def _asks_balancer(gate: AnyGate) -> bool:
    return isinstance(gate, HttpGate) and gate.via is Via.FRONTEND and gate.url is None
