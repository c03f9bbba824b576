"""Load balancers, public IP addresses and network interfaces as the JSON that Azure shows."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.providers import NETWORK
from vmss_jenkins.emulator.network import interfaces
from vmss_jenkins.emulator.network.resolved_load_balancer import ADDRESSES, Address, ResolvedLoadBalancer
from vmss_jenkins.emulator.state.network import FRONTENDS, KINDS, NAT_POOLS, NAT_RULES, POOLS, PROBES, RULES

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.network.interfaces import Member
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.network import PublicIp
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

_REFERRED: dict[str, tuple[str, tuple[str, ...]]] = {
    FRONTENDS: ("frontendIPConfiguration", (RULES, NAT_RULES, NAT_POOLS)),
    POOLS: ("backendAddressPool", (RULES, NAT_RULES)),
    PROBES: ("probe", (RULES,)),
}
"""Parts that show which parts refer to them: the property, and the kinds of parts that refer."""


class LoadBalancerView:
    """Renders one load balancer."""

    def __init__(self, balancer: ResolvedLoadBalancer) -> None:
        self._balancer, self._resource = balancer, balancer.resource
        self._state = "Updating" if balancer.backend.now < self._resource.ready_at else "Succeeded"

    def whole(self) -> Json:
        """Return the load balancer."""
        properties: Json = {"provisioningState": self._state, "resourceGuid": self._resource.guid}
        return {
            "name": self._resource.name,
            "id": self._balancer.id,
            "etag": self._balancer.etag,
            "type": f"{NETWORK}/loadBalancers",
            "location": self._resource.location,
            "tags": self._resource.body["tags"],
            "properties": properties | {kind: self.parts(kind) for kind in KINDS},
            "sku": self._resource.body["sku"],
        }

    def parts(self, kind: str) -> list[Json]:
        """Return all parts of one kind."""
        if kind == NAT_RULES:
            return [self._part(kind, part) for part in self._nat_rules]
        return [self._part(kind, part) for part in self._resource.children(kind)]

    def part(self, kind: str, name: str) -> Json | None:
        """Return a part, None if there is none of that name."""
        return next((part for part in self.parts(kind) if part["name"].lower() == name.lower()), None)

    def _part(self, kind: str, part: Json) -> Json:
        properties = {"provisioningState": self._state, **part["properties"]}
        if kind == POOLS:
            properties.pop(ADDRESSES, None)
            properties |= self._backends(part["name"])
        if kind in _REFERRED:
            properties |= self._referrers(kind, part["name"])
        shown = {
            "name": part["name"],
            "id": self._balancer.part_id(kind, part["name"]),
            "etag": self._balancer.etag,
            "type": f"{NETWORK}/loadBalancers/{kind}",
            "properties": properties,
        }
        return shown | {key: part[key] for key in ("zones",) if key in part}

    def _referrers(self, kind: str, name: str) -> Json:
        wanted = self._balancer.part_id(kind, name).lower()
        by, kinds = _REFERRED[kind]
        found = {
            other: [
                {"id": self._balancer.part_id(other, part["name"])}
                for part in (self._nat_rules if other == NAT_RULES else self._resource.children(other))
                if part["properties"].get(by, {}).get("id", "").lower() == wanted
            ]
            for other in kinds
        }
        return {other: parts for other, parts in found.items() if parts}

    def _backends(self, pool: str) -> Json:
        addresses = self._balancer.pools[pool]
        configurations = [{"id": address.member.id} for address in addresses if address.member]
        shown: Json = {"backendIPConfigurations": configurations} if configurations else {}
        if self._resource.standard:
            ranged = self._balancer.ranged_rules(pool)
            shown[ADDRESSES] = [self._address(pool, address, ranged) for address in addresses]
        return shown

    def _address(self, pool: str, address: Address, ranged: list[Json]) -> Json:
        properties: Json = {"provisioningState": self._state, **address.written.get("properties", {})}
        if address.member:
            properties["networkInterfaceIPConfiguration"] = {"id": address.member.id}
        if address.state != "None":
            properties["adminState"] = address.state
        if ranged:
            properties["inboundNatRulesPortMapping"] = [self.mapping(rule, address) for rule in ranged]
        return {
            "name": address.name,
            "id": f"{self._balancer.part_id(POOLS, pool)}/{ADDRESSES}/{address.name}",
            "etag": self._balancer.etag,
            "properties": properties,
            "type": f"{NETWORK}/loadBalancers/{POOLS}/{ADDRESSES}",
        }

    def mapping(self, rule: Json, address: Address) -> Json:
        """Return the port that a ranged rule gives to a backend."""
        return {
            "inboundNatRuleName": rule["name"],
            "frontendPort": self._balancer.port(rule["name"], address.key),
            "backendPort": rule["properties"].get("backendPort", 0),
        }

    @cached_property
    def _nat_rules(self) -> list[Json]:
        made = [
            self._nat_rule(pool, member)
            for pool in self._resource.children(NAT_POOLS)
            for member in self._balancer.nat_members[pool["name"]]
        ]
        return [*self._resource.children(NAT_RULES), *made]

    def _nat_rule(self, pool: Json, member: Member) -> Json:
        """Return the rule that a NAT pool makes for an instance; its name is POOL.ID."""
        kept = {key: value for key, value in pool["properties"].items() if not key.startswith("frontendPortRange")}
        port = self._balancer.port(pool["name"], member.id.lower())
        return {
            "name": f"{pool['name']}.{member.instance.id}",
            "properties": {**kept, "frontendPort": port, "backendIPConfiguration": {"id": member.id}},
        }


def public_ip(backend: Backend, address: PublicIp) -> Json:
    """Return a public IP address."""
    group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{address.group}/providers/{NETWORK}"
    id_ = f"{group}/publicIPAddresses/{address.name}"
    written: Json = address.body.get("properties", {})
    properties: Json = {
        "provisioningState": "Succeeded",
        "resourceGuid": address.guid,
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Static",
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
        **written,
    }
    frontend = _frontend_of(backend, id_)
    if frontend or properties["publicIPAllocationMethod"].lower() == "static":
        properties["ipAddress"] = address.address
    if frontend:
        properties["ipConfiguration"] = {"id": frontend}
    return {
        "name": address.name,
        "id": id_,
        "etag": _etag(f"{address.guid} {address.body}"),
        "location": address.location,
        "properties": properties,
        "type": f"{NETWORK}/publicIPAddresses",
        "sku": {"name": "Standard", "tier": "Regional", **address.body.get("sku", {})},
    } | {key: address.body[key] for key in ("tags", "zones") if key in address.body}


def _frontend_of(backend: Backend, public_ip_id: str) -> str | None:
    for load_balancer in backend.load_balancers.values():
        for part in load_balancer.children(FRONTENDS):
            if part["properties"].get("publicIPAddress", {}).get("id", "").lower() == public_ip_id.lower():
                return ResolvedLoadBalancer(backend, load_balancer).part_id(FRONTENDS, part["name"])
    return None


def instance_interfaces(backend: Backend, scale_set: ScaleSet, instance: Instance) -> list[Json]:
    """Return the network interfaces of an instance."""
    nics: dict[str, list[Member]] = {}
    for member in interfaces.of_instance(backend, scale_set, instance):
        nics.setdefault(member.nic_id, []).append(member)
    return [_interface(backend, nic_id, members) for nic_id, members in nics.items()]


def _interface(backend: Backend, nic_id: str, members: list[Member]) -> Json:
    scale_set, instance, nic = members[0].scale_set, members[0].instance, members[0].nic
    group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{scale_set.group}/providers"
    machine = nic_id.partition("/networkInterfaces/")[0]
    if not scale_set.uniform:
        machine = f"{group}/Microsoft.Compute/virtualMachines/{instance.name}"
    etag = _etag(f"{nic_id} {[member.configuration for member in members]}")
    body: Json = {
        "name": nic_id.rpartition("/")[2],
        "id": nic_id,
        "etag": etag,
        "properties": {
            "provisioningState": "Succeeded",
            "resourceGuid": str(uuid.uuid5(uuid.NAMESPACE_URL, nic_id)),
            "ipConfigurations": [_configuration(member, etag) for member in members],
            "dnsSettings": {"dnsServers": [], "appliedDnsServers": []},
            "enableAcceleratedNetworking": False,
            "enableIPForwarding": False,
            "primary": bool(nic.get("properties", {}).get("primary", True)),
            "virtualMachine": {"id": machine},
            "hostedWorkloads": [],
        },
    }
    if scale_set.uniform:
        return body
    return body | {"type": f"{NETWORK}/networkInterfaces", "location": scale_set.location, "tags": {}}


def _configuration(member: Member, etag: str) -> Json:
    written = member.configuration.get("properties", {})
    properties: Json = {
        "provisioningState": "Succeeded",
        "privateIPAddress": member.private_ip,
        "privateIPAllocationMethod": "Dynamic",
        "subnet": written.get("subnet", {}),
        "primary": bool(written.get("primary", True)),
        "privateIPAddressVersion": "IPv4",
    }
    if pools := member.pools(interfaces.POOLS):
        properties[interfaces.POOLS] = [{"id": pool} for pool in pools]
    if nat_pools := member.pools(interfaces.NAT_POOLS):
        rules = (f"{pool.replace(NAT_POOLS, NAT_RULES)}.{member.instance.id}" for pool in nat_pools)
        properties["loadBalancerInboundNatRules"] = [{"id": rule} for rule in rules]
    return {"name": member.configuration["name"], "id": member.id, "etag": etag, "properties": properties}


def _etag(of: str) -> str:
    return f'W/"{uuid.uuid5(uuid.NAMESPACE_URL, of)}"'
