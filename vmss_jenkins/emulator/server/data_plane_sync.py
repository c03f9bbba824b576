"""Keeps the data plane equal to ARM's state: releases become pages, load balancing rules become listening ports.

Every public IP address of the emulator is 127.0.0.1, and a rule really listens on its frontend port. So
``http://ADDRESS:PORT/`` from ARM's answers works on every system and without privileges. A rule that a client writes
listens on the port that it asks for, if that is free; otherwise (mostly port 80) it listens on another free port, and
``/_emulator/endpoints`` maps each address and port in ARM to the URL that works.

The port that an inbound NAT pool or rule gives to an instance forwards to the instance's web server, without health
probes and administrative states, as in Azure. If the range contains the port of that server, it is that port.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from vmss_jenkins.emulator.data_plane.data_plane import DataPlane, Page, Probe
from vmss_jenkins.emulator.network import interfaces
from vmss_jenkins.emulator.network.resolved_load_balancer import ResolvedLoadBalancer
from vmss_jenkins.emulator.state.network import FRONTENDS, NAT_POOLS, POOLS, PROBES, RULES
from vmss_jenkins.emulator.state.servers import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.network.interfaces import Member
    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.network import LoadBalancer

_HEALTH_STATUS = {"healthy": 200, "unhealthy": 503, "initializing": 503, "unknown": 404}


class DataPlaneServers:
    """Serves the releases of the control plane as pages of the data plane."""

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane
        self.take_down = data_plane.take_down
        self.remove = data_plane.remove
        self.port = data_plane.reserve

    def serve(self, name: str, release: Release) -> None:
        """Bring the instance up with the release; if the release serves nothing, nothing listens."""
        if not release.serves:
            self._data_plane.reserve(name)
            self._data_plane.take_down(name)
            return
        status, state = _HEALTH_STATUS[release.health], release.health.title()
        page = Page(release.page, release.status, release.latency, release.error_rate, status, state)
        self._data_plane.serve(name, page)


@dataclass(frozen=True)
class _Rule:
    """A load balancing rule, as far as the data plane needs it."""

    port: int
    pool_id: str
    probe: Probe

    def has_same_port_and_probe(self, other: _Rule) -> bool:
        """Whether the other rule is the same, or differs only in its backend pool."""
        return replace(self, pool_id=other.pool_id) == other


class DataPlaneSync:
    """Keeps the load balancers of one data plane equal to ARM's. Hold the backend's lock."""

    def __init__(self, backend: Backend, data_plane: DataPlane) -> None:
        self._backend, self._data_plane = backend, data_plane
        self._open: dict[str, tuple[_Rule, int]] = {}
        self._pools: dict[str, str] = {}

    def follow(self, load_balancer: LoadBalancer) -> None:
        """Open, close and change frontends as a load balancer's new body says.

        Connections of a deleted rule are reset; those of changed and other rules continue.
        """
        balancer = ResolvedLoadBalancer(self._backend, load_balancer)
        wanted = {_name(load_balancer, rule): rule for rule in load_balancer.children(RULES)}
        for name, (known, _) in list(self._open.items()):
            asked = _rule(balancer, wanted[name]) if name in wanted else None
            if name.startswith(f"{_prefix(load_balancer)}/") and (
                asked is None or not known.has_same_port_and_probe(asked)
            ):
                self._data_plane.close_frontend(name, keep_connections=name in wanted)
                del self._open[name]
        for name, rule in wanted.items():
            if (asked := _rule(balancer, rule)) is not None:
                self._pools[name] = asked.pool_id
                if name not in self._open:
                    self._listen(name, rule, asked)
                elif self._open[name][0].pool_id != asked.pool_id:
                    # Connections to the old pool continue; new ones go to the new pool once it is probed.
                    self._open[name] = (asked, self._open[name][1])
                    self._data_plane.probe_now(name)
                self._data_plane.administer(name, _forced(balancer, asked))

    def place(self) -> None:
        """Give new instances, which do not serve yet, ports from the ranges of their NAT rules."""
        for load_balancer in self._backend.load_balancers.values():
            ResolvedLoadBalancer(self._backend, load_balancer)

    def url(self, load_balancer: LoadBalancer, rule: str) -> str:
        """Return the URL on which a rule listens; raises ``KeyError`` if it is not open."""
        return f"http://{HOST}:{self._open[f'{_prefix(load_balancer)}/{rule}'][1]}"

    @property
    def ports(self) -> dict[str, int]:
        """The port of this machine on which each rule (GROUP/LOAD BALANCER/RULE) listens."""
        return {name: port for name, (_, port) in self._open.items()}

    @property
    def endpoints(self) -> list[Json]:
        """Every address and port in ARM that is served, with the URL on this machine that serves it."""
        found: list[Json] = []
        for load_balancer in self._backend.load_balancers.values():
            balancer = ResolvedLoadBalancer(self._backend, load_balancer)
            for rule in load_balancer.children(RULES):
                if (name := _name(load_balancer, rule)) in self._open:
                    port = rule["properties"]["frontendPort"]
                    found.append(self._endpoint(balancer, rule, rule["name"], port, self._open[name][1]))
            found += self._nat_endpoints(balancer)
        return found

    def _nat_endpoints(self, balancer: ResolvedLoadBalancer) -> Iterator[Json]:
        for pool in balancer.resource.children(NAT_POOLS):
            for member in balancer.nat_members[pool["name"]]:
                port = balancer.port(pool["name"], member.id.lower())
                name = f"{pool['name']}.{member.instance.id}"
                yield self._endpoint(balancer, pool, name, port, self._data_plane.reserve(member.server), member)
        for pool_name, addresses in balancer.pools.items():
            for rule in balancer.ranged_rules(pool_name):
                for address in (one for one in addresses if one.member):
                    port, own = balancer.port(rule["name"], address.key), self._data_plane.reserve(address.server)
                    yield self._endpoint(balancer, rule, rule["name"], port, own, address.member)

    def _endpoint(
        self, balancer: ResolvedLoadBalancer, part: Json, name: str, port: int, real: int, member: Member | None = None
    ) -> Json:
        return {
            "loadBalancer": balancer.resource.name,
            "rule": name,
            "instance": f"{member.scale_set.name}/{member.instance.id}" if member else None,
            "address": self._address(balancer, part),
            "port": port,
            "url": f"http://{HOST}:{real}",
        }

    def _address(self, balancer: ResolvedLoadBalancer, part: Json) -> str:
        wanted = _referred(balancer.resource, part, "frontendIPConfiguration", FRONTENDS) or {"properties": {}}
        group, _, name = wanted["properties"].get("publicIPAddress", {}).get("id", "").lower().rpartition("/")
        group = group.partition("/resourcegroups/")[2].partition("/")[0]
        public = self._backend.public_ips.get((group, name))
        return public.address if public else str(wanted["properties"].get("privateIPAddress", ""))

    def _listen(self, name: str, rule: Json, asked: _Rule) -> None:
        def backends() -> list[str]:
            # Without the backend's lock: the control plane may hold it while it waits for the data plane.
            return [member.server for member in interfaces.in_pool(self._backend, self._pools[name])]

        try:
            port = self._data_plane.open_frontend(name, backends, asked.probe, asked.port)
        except OSError:
            port = self._data_plane.open_frontend(name, backends, asked.probe)
        if not asked.port:
            rule["properties"]["frontendPort"] = port
        self._open[name] = (replace(asked, port=asked.port or port), port)


def _prefix(load_balancer: LoadBalancer) -> str:
    return f"{load_balancer.group}/{load_balancer.name}"


def _name(load_balancer: LoadBalancer, rule: Json) -> str:
    return f"{_prefix(load_balancer)}/{rule['name']}"


def _rule(balancer: ResolvedLoadBalancer, rule: Json) -> _Rule | None:
    """Return the rule as the data plane needs it, None if it cannot serve it."""
    pool = _referred(balancer.resource, rule, "backendAddressPool", POOLS)
    if pool is None or str(rule["properties"]["protocol"]).lower() == "udp":
        return None
    probe = _referred(balancer.resource, rule, "probe", PROBES)
    port = rule["properties"].get("frontendPort", 0)
    return _Rule(port, balancer.part_id(POOLS, pool["name"]), _probe(probe["properties"] if probe else None))


def _probe(properties: Json | None) -> Probe:
    """Return a health probe as the data plane needs it; an https probe only connects, as no instance serves https."""
    if properties is None:
        return Probe(kind="none")
    kind: Literal["http", "tcp"] = "http" if str(properties.get("protocol")).lower() == "http" else "tcp"
    path = str(properties.get("requestPath") or "/")
    both_ways = max(1, int(properties.get("probeThreshold", 1)))
    return Probe(
        interval=float(properties["intervalInSeconds"]),
        threshold=both_ways if both_ways > 1 else max(1, int(properties["numberOfProbes"])),
        recovery=both_ways,
        path=path if path.startswith("/") else f"/{path}",
        kind=kind,
    )


def _forced(balancer: ResolvedLoadBalancer, rule: _Rule) -> dict[str, bool]:
    """Return the administrative states of a rule's backends; a rule without a probe ignores them."""
    pool = rule.pool_id.rpartition("/")[2]
    if rule.probe.kind == "none":
        return {}
    return {a.member.server: a.state == "Up" for a in balancer.pools[pool] if a.member and a.state != "None"}


def _referred(load_balancer: LoadBalancer, part: Json, by: str, kind: str) -> Json | None:
    """Return the part of the same load balancer that a part refers to by the property ``by``."""
    name = part["properties"].get(by, {}).get("id", "").rpartition("/")[2].lower()
    return next((one for one in load_balancer.children(kind) if one["name"].lower() == name), None)
