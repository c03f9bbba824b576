"""Check that gates can measure, before anything is changed: a wrong set-up shows here, once, with what exists."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.specs import AnyGate, CommandGate, HttpGate, ProbingGate, Via
from vmss_jenkins.measure.ports import LoadBalancers
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import PARKED, Instance, ScaleSet
from vmss_jenkins.model.network import Address, Unreachable
from vmss_jenkins.runtime.waiting import Waiter


def frontend_of(gate: HttpGate, frontends: Sequence[Address | Unreachable]) -> Address | None:
    """Choose the load balancer's address for a gate: the one with its port, or the only one if the gate has no port."""
    there = _reachable(frontends)
    if gate.port is None and len({address.port for address in there}) == 1:
        return there[0]
    return next((address for address in there if address.port == gate.service_port), None)


def no_frontend(gate: HttpGate, frontends: Sequence[Address | Unreachable]) -> str:
    """Say which port was wanted of the load balancer, which ones it has, and why an address cannot be reached."""
    reasons = [f"a frontend of the load balancer: {one.reason}" for one in frontends if isinstance(one, Unreachable)]
    if there := _reachable(frontends):
        reasons.append(_other_ports(gate, there))
    if not reasons:
        return "no load balancer rule sends traffic to the set; measure each instance: via=private, public, nat or ssh"
    return "; ".join(reasons)


def _reachable(frontends: Iterable[Address | Unreachable]) -> list[Address]:
    return [one for one in frontends if isinstance(one, Address)]


def _other_ports(gate: HttpGate, there: Sequence[Address]) -> str:
    ports = " or ".join(f"port={port}" for port in dict.fromkeys(address.port for address in there))
    found = ", ".join(map(str, there))
    return f"no load balancer rule listens on port {gate.service_port}; found: {found}; wanted {ports}"


def refuse(findings: Iterable[Finding]) -> None:
    """Refuse gates that cannot measure.

    Raises:
        ConfigError: with every reason.
    """
    if reasons := [one.text for one in findings if one.severity is Severity.IMPOSSIBLE]:
        raise ConfigError("--gate", reasons)


@dataclass(frozen=True)
class GateChecks:
    """Checks the set-up of gates; nothing is measured and nothing is changed."""

    balancers: LoadBalancers
    waiter: Waiter = field(repr=False)

    def check(
        self,
        gates: Iterable[AnyGate],
        scale_set: ScaleSet,
        instances: Sequence[Instance],
        *,
        frontend: bool = True,
    ) -> tuple[Finding, ...]:
        """Find what prevents gates from measuring a set.

        Args:
            gates: the gates.
            scale_set: the set.
            instances: those that may be measured; stopped ones do not count.
            frontend: false if the rule of the load balancer does not exist yet.

        Raises:
            AzureError: if the addresses cannot be read.
        """
        ids = [one.id for one in instances if one.power not in PARKED]
        found = []
        for gate in gates:
            reasons = [*_on_this_machine(gate), *self._addresses(gate, scale_set, ids, frontend=frontend)]
            found += [Finding(Severity.IMPOSSIBLE, f"{gate}: {reason}") for reason in reasons]
        return tuple(found)

    def _addresses(self, gate: AnyGate, scale_set: ScaleSet, ids: Sequence[str], *, frontend: bool) -> Iterator[str]:
        if not isinstance(gate, ProbingGate) or not ids:
            return
        if gate.via is not Via.FRONTEND:
            port = gate.ssh_port if gate.via is Via.SSH else gate.service_port
            found = self.waiter.retry(lambda: self.balancers.addresses(scale_set, ids, gate.via, port))
            yield from _unreachable(found.items())
        elif isinstance(gate, HttpGate) and gate.url is None and frontend:
            frontends = self.waiter.retry(lambda: self.balancers.frontends(scale_set, ids))
            if frontend_of(gate, frontends) is None:
                yield no_frontend(gate, frontends)


def _unreachable(found: Iterable[tuple[str, Address | Unreachable]]) -> Iterator[str]:
    """One reason for all instances with the same one; an instance that Azure is still creating is left out."""
    by_reason: dict[str, list[str]] = {}
    for id_, one in found:
        if isinstance(one, Unreachable) and not one.may_come:
            by_reason.setdefault(one.reason.replace(f".{id_} ", ".ID "), []).append(id_)
    for reason, ids in by_reason.items():
        yield f"instance {', '.join(ids)}: {reason}"


def _on_this_machine(gate: AnyGate) -> Iterator[str]:
    """The programs and files that a gate needs here."""
    if isinstance(gate, CommandGate):
        yield from _program(gate.run[0])
    if isinstance(gate, ProbingGate) and gate.via is Via.SSH:
        if shutil.which("ssh") is None:
            yield "via=ssh needs the program ssh, which is not installed; install openssh-client"
        for option, path in (("ssh_key", gate.ssh_key), ("ssh_known_hosts", gate.ssh_known_hosts)):
            if path and not Path(path).expanduser().is_file():
                yield f"{option} {path} is not a file on this machine"


def _program(name: str) -> Iterator[str]:
    if shutil.which(name) is not None:
        return
    path = Path(name)
    if os.sep not in name:
        yield f"the program {name} is not on the PATH; install it, or give its path"
    elif path.is_file():
        yield f"the program {name} is not executable: chmod +x {name}"
    else:
        yield f"the program {name} does not exist (the directory is {Path.cwd()})"
