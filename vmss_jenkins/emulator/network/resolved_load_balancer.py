"""Load balancers with the backends and NAT ports that follow from the existing instances."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.providers import NETWORK
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.network import interfaces
from vmss_jenkins.emulator.state.network import (
    NAT_POOLS,
    NAT_RULES,
    POOLS,
    LoadBalancer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_jenkins.emulator.network.interfaces import Member
    from vmss_jenkins.emulator.state.backend import Backend

_NARROW = 1000
ADDRESSES = "loadBalancerBackendAddresses"


@dataclass(frozen=True)
class Address:
    """An entry of a backend pool: an instance's interface, or an IP address that a client wrote."""

    name: str
    key: str
    """Its key: the id of the IP configuration, or else its name, in lower case."""
    member: Member | None
    written: Json
    """What the client wrote, if it is an IP address."""
    state: str = "None"
    """None, Up or Down."""

    @property
    def server(self) -> str:
        """The name of the instance in the data plane, empty for an IP address."""
        return self.member.server if self.member else ""


class ResolvedLoadBalancer:
    """One load balancer with its backends as they are at this moment. Hold the backend's lock."""

    def __init__(self, backend: Backend, load_balancer: LoadBalancer) -> None:
        self.backend, self.resource = backend, load_balancer
        group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{load_balancer.group}"
        self.id = f"{group}/providers/{NETWORK}/loadBalancers/{load_balancer.name}"
        self._assign_ports()

    def part_id(self, kind: str, name: str) -> str:
        """Return the ARM id of a part."""
        return f"{self.id}/{kind}/{name}"

    @cached_property
    def pools(self) -> dict[str, list[Address]]:
        """The entries of each backend pool, by its name."""
        return {pool["name"]: self._addresses(pool) for pool in self.resource.children(POOLS)}

    @cached_property
    def nat_members(self) -> dict[str, list[Member]]:
        """The members of each NAT pool, by its name."""
        names = (pool["name"] for pool in self.resource.children(NAT_POOLS))
        return {
            name: interfaces.in_pool(self.backend, self.part_id(NAT_POOLS, name), interfaces.NAT_POOLS)
            for name in names
        }

    @cached_property
    def etag(self) -> str:
        """The entity tag of it and of every part; each change of it or of its backends makes a new one."""
        keys = [address.key for addresses in self.pools.values() for address in addresses]
        seen = f"{self.resource.guid} {self.resource.version} {' '.join(keys)}"
        return f'W/"{uuid.uuid5(uuid.NAMESPACE_URL, seen)}"'

    def port(self, nat: str, key: str) -> int:
        """Return the frontend port that a NAT pool or rule gives a backend."""
        return self.resource.ports[nat.lower(), key]

    def ranged_rules(self, pool: str) -> list[Json]:
        """Return the inbound NAT rules that map a range of ports to a backend pool."""
        wanted = self.part_id(POOLS, pool).lower()
        return [
            rule
            for rule in self.resource.children(NAT_RULES)
            if rule["properties"].get("backendAddressPool", {}).get("id", "").lower() == wanted
        ]

    def _addresses(self, pool: Json) -> list[Address]:
        name, forced = pool["name"].lower(), self.resource.forced
        members = interfaces.in_pool(self.backend, self.part_id(POOLS, name))
        found = [Address(member.name, member.id.lower(), member, {}) for member in members]
        written = pool["properties"].get(ADDRESSES, [])
        found += [Address(one["name"], one["name"].lower(), None, one) for one in written]
        return [replace(one, state=forced.get((name, one.key), "None")) for one in found]

    def _assign_ports(self) -> None:
        """Give each new backend a frontend port of each NAT pool and ranged rule; drop those of removed backends.

        Azure does not document which port of the range a backend gets. The emulator takes the port on which the
        instance listens on 127.0.0.1, if the range has it, so that clients can connect to the frontend's address and
        port. An instance that has no port yet gets one from the range.
        """
        ports = self.resource.ports
        wanted: dict[tuple[str, str], tuple[Json, Member | None]] = {
            (pool["name"].lower(), member.id.lower()): (pool, member)
            for pool in self.resource.children(NAT_POOLS)
            for member in self.nat_members[pool["name"]]
        }
        for pool, addresses in self.pools.items():
            for rule in self.ranged_rules(pool):
                wanted |= {(rule["name"].lower(), a.key): (rule, a.member) for a in addresses}
        for key, port in list(ports.items()):
            if key not in wanted or not _first(wanted[key][0]) <= port <= _last(wanted[key][0]):
                del ports[key]
        taken = set(ports.values())
        for key, (nat, member) in wanted.items():
            if key not in ports:
                ports[key] = self._free_port(nat, member, taken)
                taken.add(ports[key])

    def _free_port(self, nat: Json, member: Member | None, taken: set[int]) -> int:
        """Return a port of the range, 0 if all are taken."""
        first, last = _first(nat), _last(nat)
        usual = first + member.instance.number if member else first

        def free() -> Iterator[int]:
            ports = itertools.chain([usual], range(first, last + 1))
            return (port for port in ports if first <= port <= last and port not in taken)

        own = None
        if member:
            # Try a narrow range port by port; a port that the system chooses is mostly in a wide one.
            own = self.backend.servers.port(member.server, list(free()) if last - first < _NARROW else [])
        return own if own and first <= own <= last and own not in taken else next(free(), 0)


def _first(nat: Json) -> int:
    return int(nat["properties"].get("frontendPortRangeStart", 0))


def _last(nat: Json) -> int:
    return int(nat["properties"].get("frontendPortRangeEnd", 0))
