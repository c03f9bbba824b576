"""Restores an emulator from its state file: the scenario, then every request again at its time, without servers.

Then time continues as if the emulator had run all the time: operations in progress are as far as they would be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.persistence.journal import StateFileError
from vmss_jenkins.emulator.runtime.clock import ScaledClock
from vmss_jenkins.emulator.state.network import RULES
from vmss_jenkins.emulator.state.servers import NoServers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vmss_jenkins.emulator.persistence.journal import Entry, Journal
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.clock import Clock
    from vmss_jenkins.emulator.state.network import LoadBalancer
    from vmss_jenkins.emulator.state.servers import Servers


@dataclass
class _ReplayClock:
    """A clock that shows the time when a request was handled."""

    time: float

    def now(self) -> float:
        return self.time


def resume(
    backend: Backend, again: Callable[[Entry], int], journal: Journal, begin: Callable[[], None], clock: Clock
) -> Clock:
    """Bring an empty backend to the state of a journal, and return the clock with which it continues.

    Args:
        backend: Connected to the data plane, which is brought up at the end.
        again: Handles a request again, and returns the status of the answer.
        journal: A journal that has a first line.
        begin: Fills the backend with the scenario.
        clock: The clock of the new emulator. A ``ScaledClock`` is returned set to the present emulated time.

    Raises:
        StateFileError: A request gets another answer than before.
    """
    beginning = journal.beginning
    if beginning is None:
        raise LookupError(f"{journal.path} has no first line")
    then, servers, follow = _ReplayClock(beginning.began), backend.servers, backend.on_balanced
    backend.servers, backend.clock, backend.now = NoServers(), then, then.time
    backend.on_balanced = lambda load_balancer: _give_ports(load_balancer, beginning.ports)
    begin()
    for number, entry in journal.entries:
        then.time = entry.time
        status = again(entry)
        if status != entry.status:
            raise StateFileError(
                f"{journal.path}, line {number}: {entry.request.method} {entry.request.path} was answered "
                f"{entry.status} and would be {status} now: another release of the emulator wrote it; use a new file"
            )
    backend.calls.clear()
    backend.clock = _continued(journal, clock)
    backend.on_balanced = follow
    _bring_up(backend, servers)
    return backend.clock


def _give_ports(load_balancer: LoadBalancer, ports: Mapping[str, int]) -> None:
    """Give the rules that took any free port the same ports again."""
    for rule in load_balancer.children(RULES):
        port = ports.get(f"{load_balancer.group}/{load_balancer.name}/{rule['name']}")
        if port and not rule["properties"].get("frontendPort"):
            rule["properties"]["frontendPort"] = port


def _continued(journal: Journal, clock: Clock) -> Clock:
    if not isinstance(clock, ScaledClock) or journal.beginning is None:
        return clock
    if not journal.entries:
        return ScaledClock(clock.scale, max(journal.beginning.began, clock.now()))
    _, last = journal.entries[-1]
    gone = max(0.0, time.time() - last.wall)
    return ScaledClock(clock.scale, last.time + gone * last.scale)


def _bring_up(backend: Backend, servers: Servers) -> None:
    backend.servers = servers
    for scale_set in backend.scale_sets.values():
        for instance in scale_set.instances.values():
            if instance.up:
                servers.serve(scale_set.server(instance), instance.release)
    for load_balancer in backend.load_balancers.values():
        if not isinstance(servers, NoServers):
            load_balancer.ports.clear()  # they belonged to servers that do not exist any more
        backend.on_balanced(load_balancer)
