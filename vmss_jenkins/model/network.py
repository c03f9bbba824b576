"""The network side of a scale set, read from ARM's bodies: interfaces, load balancer rules, NAT ports.

A port of the load balancer is forwarded to one instance in one of two ways: by a rule named `POOL.ID`, which a NAT
pool makes for each instance (NAT pools retire on 2027-09-30), or by a rule with a range of ports, whose mapping is
listed with the instance's address in the backend pool
(https://learn.microsoft.com/rest/api/load-balancer/load-balancers/get).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vmss_jenkins.errors import ConfigError

Body = Mapping[str, Any]
_LOAD_BALANCER = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/Microsoft\.Network/loadBalancers/([^/]+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Address:
    """The address of a service."""

    host: str
    """An IP address or a name."""
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Unreachable:
    """Why an instance has no address of the wanted kind."""

    reason: str
    may_come: bool = False
    """Whether it may get one without a change of the set: Azure is still creating the instance."""


@dataclass(frozen=True)
class Interface:
    """The primary IP configuration of an instance."""

    instance_id: str
    id: str
    """The ARM id of the IP configuration."""
    private_ip: str | None = None
    public_ip_id: str | None = None
    pools: tuple[str, ...] = ()
    """ARM ids of its backend pools."""
    nat_rules: tuple[str, ...] = ()
    """ARM ids of the NAT rules that forward to it."""

    @property
    def load_balancers(self) -> tuple[str, ...]:
        """ARM ids of its load balancers, each once."""
        ids = (re.sub(r"/(backendAddressPools|inboundNatRules)/.*", "", id_) for id_ in (*self.pools, *self.nat_rules))
        return tuple({id_.lower(): id_ for id_ in ids}.values())


@dataclass(frozen=True)
class Rule:
    """A port of a load balancer's frontend, forwarded to a pool or to one instance."""

    name: str
    frontend_id: str
    """The ARM id of the frontend IP configuration."""
    port: int
    backend_port: int
    probed: bool = True
    """Whether a health probe decides which instances get connections."""


@dataclass(frozen=True)
class Port:
    """A port of a load balancer that is forwarded to one instance."""

    address: Address
    backend_port: int

    def __str__(self) -> str:
        return f"{self.address} -> {self.backend_port}"


@dataclass(frozen=True)
class Endpoints:
    """The addresses of a scale set at its load balancers."""

    frontends: tuple[Address, ...] = ()
    """The load-balanced addresses."""
    ports: Mapping[str, tuple[Port, ...]] = field(default_factory=dict)
    """By instance id, the ports that are forwarded to this instance alone."""


def interface_from(body: Body) -> Interface | None:
    """Read a network interface; None if it is not the primary interface of an instance."""
    properties = body.get("properties") or {}
    instance_id = _instance_of(body.get("id")) or _instance_of((properties.get("virtualMachine") or {}).get("id"))
    configurations = properties.get("ipConfigurations") or []
    if instance_id is None or properties.get("primary") is False or not configurations:
        return None
    chosen = next((one for one in configurations if (one.get("properties") or {}).get("primary")), configurations[0])
    details = chosen.get("properties") or {}
    return Interface(
        instance_id=instance_id,
        id=chosen.get("id") or f"{body.get('id')}/ipConfigurations/{chosen.get('name')}",
        private_ip=details.get("privateIPAddress"),
        public_ip_id=(details.get("publicIPAddress") or {}).get("id"),
        pools=_ids(details.get("loadBalancerBackendAddressPools")),
        nat_rules=_ids(details.get("loadBalancerInboundNatRules")),
    )


def nat_rules(load_balancer: Body, interface: Interface) -> tuple[Rule, ...]:
    """The ports of a load balancer that are forwarded to one instance, in either form."""
    properties = load_balancer.get("properties") or {}
    rules = {rule["name"]: rule.get("properties") or {} for rule in properties.get("inboundNatRules") or []}
    found = [
        _rule(name, details, details.get("frontendPort"))
        for name, details in rules.items()
        if _same((details.get("backendIPConfiguration") or {}).get("id"), interface.id)
    ]
    for address in backend_addresses(load_balancer, interface):
        for mapping in (address.get("properties") or {}).get("inboundNatRulesPortMapping") or []:
            details = rules.get(mapping.get("inboundNatRuleName"), {})
            ported = {**details, "backendPort": mapping.get("backendPort") or details.get("backendPort")}
            found.append(_rule(mapping.get("inboundNatRuleName"), ported, mapping.get("frontendPort")))
    return tuple(found)


def balancing_rules(load_balancer: Body, pools: Iterable[str]) -> tuple[Rule, ...]:
    """The TCP ports of a load balancer that are forwarded to any of some pools."""
    wanted = {pool.lower() for pool in pools}
    return tuple(
        _rule(rule.get("name"), rule["properties"], rule["properties"].get("frontendPort"))
        for rule in (load_balancer.get("properties") or {}).get("loadBalancingRules") or []
        if str(rule["properties"].get("protocol")).lower() in {"tcp", "all"}
        and wanted & {id_.lower() for id_ in _pools_of(rule["properties"])}
    )


def backend_addresses(load_balancer: Body, interface: Interface) -> Iterator[Body]:
    """An instance's entries in the pools of a load balancer, by its interface or by its IP address."""
    for pool in (load_balancer.get("properties") or {}).get("backendAddressPools") or []:
        yield from (address for address in addresses_of(pool) if is_address_of(address, interface))


def addresses_of(pool: Body) -> list[Any]:
    """The entries of a backend pool."""
    return (pool.get("properties") or {}).get("loadBalancerBackendAddresses") or []


def is_address_of(address: Body, interface: Interface) -> bool:
    """Whether an entry of a backend pool is for this instance."""
    details = address.get("properties") or {}
    by_interface = (details.get("networkInterfaceIPConfiguration") or {}).get("id")
    if by_interface:
        return _same(by_interface, interface.id)
    return details.get("ipAddress") is not None and details.get("ipAddress") == interface.private_ip


def frontend_public_ip(load_balancer: Body, frontend_id: str) -> tuple[str | None, str | None]:
    """The ARM id of a frontend's public IP address, and its private IP address; one of them is None."""
    frontends = (load_balancer.get("properties") or {}).get("frontendIPConfigurations") or []
    found: Body = next((one for one in frontends if _same(one.get("id"), frontend_id)), {})
    details = found.get("properties") or {}
    return (details.get("publicIPAddress") or {}).get("id"), details.get("privateIPAddress")


def arm_names(arm_id: str) -> tuple[str, ...]:
    """The names in an ARM id, the resource group's first: ("canary-rg", "webLB", "webPool").

    Raises:
        ValueError: if the text is not an ARM id.
    """
    found = re.fullmatch(r"/subscriptions/[^/]+/resourceGroups/([^/]+)/providers/[^/]+/(.+)", arm_id, re.IGNORECASE)
    if found is None:
        raise ValueError(f"not an ARM id: {arm_id!r}")
    return (found[1], *found[2].split("/")[1::2])


def load_balancer_names(text: str, group: str) -> tuple[str, str]:
    """The resource group and the name of a load balancer that is given by its name or its ARM id.

    Args:
        text: the name or the id.
        group: the resource group of a load balancer that is given by its name.

    Raises:
        ConfigError: if the text is neither.
    """
    if "/" not in text:
        return group, text
    found = _LOAD_BALANCER.fullmatch(text)
    if found is None:
        wanted = "its name, or /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Network/loadBalancers/NAME"
        raise ConfigError("load balancer", [f"found {text!r}; wanted {wanted}"])
    return found[1], found[2]


def _rule(name: object, details: Body, port: object) -> Rule:
    return Rule(
        name=str(name),
        frontend_id=str((details.get("frontendIPConfiguration") or {}).get("id") or ""),
        port=int(str(port or 0)),
        backend_port=int(str(details.get("backendPort") or 0)),
        probed=bool((details.get("probe") or {}).get("id")),
    )


def _pools_of(rule: Body) -> tuple[str, ...]:
    return _ids([rule.get("backendAddressPool") or {}, *(rule.get("backendAddressPools") or [])])


def _ids(references: Iterable[Body] | None) -> tuple[str, ...]:
    return tuple(str(reference["id"]) for reference in references or () if reference.get("id"))


def _same(one: object, other: str) -> bool:
    """Whether two ARM ids are the same; their case differs from answer to answer."""
    return isinstance(one, str) and one.lower() == other.lower()


def _instance_of(arm_id: object) -> str | None:
    found = re.search(r"/virtualMachines/([^/]+)", str(arm_id or ""), re.IGNORECASE)
    return found[1] if found else None
