"""The rules for what clients may write into load balancers.

**Administrative state.** A backend that is Down gets no new connections, one that is Up gets them, whatever the
health probe says; None leaves it to the probe. Established TCP connections stay
(https://learn.microsoft.com/azure/load-balancer/admin-state-overview). It is one state a backend and pool, for all
rules of the pool; rules without a probe and inbound NAT rules ignore it, and load balancers of the sku
Basic do not have it. Backends that are network interfaces, as the instances of Uniform sets always are, cannot be
given one when their pool is made; for existing ones Microsoft documents the portal's way, and users were refused a
PUT that adds, changes or removes such backends (https://github.com/Azure/bicep-registry-modules/issues/3457). Here
a PUT may change their state, unless the scenario says otherwise, and it never adds or removes one.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_content
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.network import health_probes
from vmss_jenkins.emulator.network.resolved_load_balancer import ADDRESSES, ResolvedLoadBalancer
from vmss_jenkins.emulator.state.network import (
    FRONTENDS,
    KINDS,
    NAT_POOLS,
    NAT_RULES,
    POOLS,
    PROBES,
    RULES,
    LoadBalancer,
)

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend

STATES = ("None", "Up", "Down")
_INTERFACE = "networkInterfaceIPConfiguration"
_TRANSPORT: Json = {
    "protocol": "Tcp",
    "enableFloatingIP": False,
    "idleTimeoutInMinutes": 4,
    "enableTcpReset": False,
    "enableDestinationServiceEndpoint": False,
    "allowBackendPortConflict": False,
}
_DEFAULTS: dict[str, Json] = {
    FRONTENDS: {"privateIPAllocationMethod": "Dynamic"},
    RULES: {**_TRANSPORT, "loadDistribution": "Default"},
    PROBES: {"intervalInSeconds": 15, "numberOfProbes": 2, "probeThreshold": 1},
    NAT_RULES: {**_TRANSPORT, "frontendPort": 0},
    NAT_POOLS: _TRANSPORT,
}
_REFERENCES = {
    "frontendIPConfiguration": FRONTENDS,
    "backendAddressPool": POOLS,
    "probe": PROBES,
}
_READ_ONLY = frozenset({"provisioningState", "backendIPConfigurations", "backendIPConfiguration", *KINDS} - {POOLS})
"""Properties that Azure adds to a part: its state, and which other parts refer to it."""
_READ_ONLY_OF_ADDRESSES = frozenset({"provisioningState", "adminState", "inboundNatRulesPortMapping"})

_PORTS = ("port", "frontendPort", "backendPort", "frontendPortRangeStart", "frontendPortRangeEnd")
_LAST_PORT = 65535

PART_SHAPE: Json = {
    "name": str,
    "properties": {**dict.fromkeys(_PORTS, int), **{key: {"id": str} for key in _REFERENCES}},
}
POOL_SHAPE: Json = {
    "name": str,
    "properties": {
        ADDRESSES: [{"name": str, "properties": {"ipAddress": str, "adminState": str, _INTERFACE: {"id": str}}}]
    },
}
BALANCER_SHAPE: Json = {
    "location": str,
    "tags": {},
    "sku": {"name": str},
    "properties": {
        **{kind: [PART_SHAPE] for kind in KINDS},
        FRONTENDS: [{"name": str, "properties": {"publicIPAddress": {"id": str}, "privateIPAddress": str}}],
        POOLS: [POOL_SHAPE],
        RULES: [{**PART_SHAPE, "properties": {**PART_SHAPE["properties"], POOLS: [{"id": str}]}}],
    },
}


def put(backend: Backend, load_balancer: LoadBalancer | None, group: str, name: str, body: Json) -> LoadBalancer:
    """Replace the body of a load balancer, or make one; raises ``ArmError`` for an invalid body."""
    made = load_balancer or LoadBalancer(name, backend.group(group).name, {}, backend.guid())
    properties = body.get("properties", {})
    cleaned = {kind: [_cleaned(kind, part) for part in properties.get(kind, [])] for kind in KINDS}
    draft = copy.copy(made)
    draft.body = {
        "location": body.get("location") or made.body.get("location"),
        "tags": body.get("tags", {}),
        "sku": {"name": "Standard", "tier": "Regional", **made.body.get("sku", {}), **body.get("sku", {})},
        "properties": cleaned,
    }
    draft.ports, draft.forced = dict(made.ports), dict(made.forced)
    balancer = ResolvedLoadBalancer(backend, draft)
    cleaned[NAT_RULES] = [rule for rule in cleaned[NAT_RULES] if not _is_generated(balancer, rule)]
    _check_numbers(balancer)
    _check_references(balancer)
    _check_rules(balancer)
    health_probes.check_rules_stay(made, balancer)
    for pool in properties.get(POOLS, []):
        _force(balancer, pool["name"], pool)
    return _changed(backend, made, draft)


def put_pool(backend: Backend, load_balancer: LoadBalancer, name: str, body: Json) -> None:
    """Replace the backend pool of that name, or add one; raises ``ArmError`` for an invalid body."""
    part = _cleaned(POOLS, {**body, "name": name})
    draft = copy.copy(load_balancer)
    pools = [pool for pool in load_balancer.children(POOLS) if pool["name"].lower() != name.lower()]
    draft.body = copy.deepcopy(load_balancer.body)
    draft.body["properties"][POOLS] = [*pools, part]
    if len(pools) < len(load_balancer.children(POOLS)):
        order = [pool["name"].lower() for pool in load_balancer.children(POOLS)]
        part["name"] = load_balancer.children(POOLS)[order.index(name.lower())]["name"]
        draft.body["properties"][POOLS].sort(key=lambda pool: order.index(pool["name"].lower()))
    draft.forced = dict(load_balancer.forced)
    _force(ResolvedLoadBalancer(backend, draft), name, body)
    _changed(backend, load_balancer, draft)


def put_part(backend: Backend, load_balancer: LoadBalancer, kind: str, part: Json) -> None:
    """Replace the part of the same name, or add it; raises ``ArmError`` for an invalid body."""
    body = copy.deepcopy(load_balancer.body)
    known = body["properties"].get(kind, [])
    at = next((i for i, one in enumerate(known) if one["name"].lower() == part["name"].lower()), len(known))
    body["properties"][kind] = [*known[:at], part, *known[at + 1 :]]
    put(backend, load_balancer, load_balancer.group, load_balancer.name, body)


def delete_part(backend: Backend, load_balancer: LoadBalancer, kind: str, name: str) -> None:
    """Delete a part; raises ``ArmError`` if another part refers to it."""
    body = copy.deepcopy(load_balancer.body)
    body["properties"][kind] = [one for one in body["properties"][kind] if one["name"].lower() != name.lower()]
    put(backend, load_balancer, load_balancer.group, load_balancer.name, body)


def delete(backend: Backend, load_balancer: LoadBalancer) -> None:
    """Delete a load balancer; raises ``ArmError`` if instances are behind it."""
    balancer = ResolvedLoadBalancer(backend, load_balancer)
    member = next((one.member for found in balancer.pools.values() for one in found if one.member), None)
    if member is not None:
        text = (
            f"Cannot delete load balancer {balancer.id} since its child resources are in use by virtual machine scale "
            f"set {member.scale_set.name}."
        )
        raise ArmError(400, "LoadBalancerInUseByVirtualMachineScaleSet", text)
    forget(backend, load_balancer)


def forget(backend: Backend, load_balancer: LoadBalancer) -> None:
    """Delete a load balancer with its frontends, even if instances are behind it."""
    load_balancer.body = {**load_balancer.body, "properties": {}}
    backend.on_balanced(load_balancer)
    del backend.load_balancers[load_balancer.group.lower(), load_balancer.name.lower()]


def _changed(backend: Backend, load_balancer: LoadBalancer, draft: LoadBalancer) -> LoadBalancer:
    if (load_balancer.body, load_balancer.forced) != (draft.body, draft.forced):
        load_balancer.version += 1
    load_balancer.body, load_balancer.forced, load_balancer.ports = draft.body, draft.forced, draft.ports
    backend.load_balancers[load_balancer.group.lower(), load_balancer.name.lower()] = load_balancer
    return load_balancer


def _cleaned(kind: str, part: Json) -> Json:
    """Return a part with Azure's defaults, and without what Azure adds to it."""
    if not part.get("name"):
        raise invalid_content(f"Required property 'name' of an entry of {kind} is missing.")
    written = {key: value for key, value in part.get("properties", {}).items() if key not in _READ_ONLY}
    properties = {**_DEFAULTS.get(kind, {}), **written}
    if kind == PROBES and isinstance(properties["intervalInSeconds"], float):
        properties["intervalInSeconds"] = _whole(properties["intervalInSeconds"])
    if "protocol" in properties:
        properties["protocol"] = str(properties["protocol"]).capitalize()
    if kind == RULES:
        pools = properties.get(POOLS) or [properties[key] for key in ("backendAddressPool",) if key in properties]
        properties |= {"backendAddressPool": pools[0], POOLS: pools} if pools else {}
    if kind == POOLS:
        addresses = [one for one in properties.get(ADDRESSES, []) if one.get("properties", {}).get("ipAddress")]
        properties[ADDRESSES] = [_cleaned_address(one) for one in addresses]
    return {"name": part["name"], "properties": properties} | {key: part[key] for key in ("zones",) if key in part}


def _whole(seconds: float) -> float:
    """Return whole seconds as an integer, as Azure has them; a scenario may use fractions."""
    return int(seconds) if seconds.is_integer() else seconds


def _cleaned_address(entry: Json) -> Json:
    if not entry.get("name"):
        raise invalid_content(f"Required property 'name' of an entry of {ADDRESSES} is missing.")
    written = entry.get("properties", {})
    properties = {key: value for key, value in written.items() if key not in _READ_ONLY_OF_ADDRESSES}
    return {"name": entry["name"], "properties": properties}


def _interface(entry: Json) -> str:
    return str(entry.get("properties", {}).get(_INTERFACE, {}).get("id", "")).lower()


def _is_generated(balancer: ResolvedLoadBalancer, rule: Json) -> bool:
    """Whether a NAT pool made the rule (POOL.ID): clients send such rules back with all that they read."""
    pools = (pool["name"].lower() for pool in balancer.resource.children(NAT_POOLS))
    return any(rule["name"].lower().startswith(f"{pool}.") for pool in pools)


def _check_numbers(balancer: ResolvedLoadBalancer) -> None:
    for kind in (RULES, PROBES, NAT_RULES, NAT_POOLS):
        for part in balancer.resource.children(kind):
            values = {key: part["properties"].get(key, 0) for key in _PORTS}
            wrong = [key for key, value in values.items() if not 0 <= value <= _LAST_PORT]
            if kind == PROBES:
                probing = {key: part["properties"][key] for key in ("intervalInSeconds", "numberOfProbes")}
                wrong += [key for key, value in probing.items() if not isinstance(value, int | float) or value <= 0]
            if wrong:
                text = f"The value of '{wrong[0]}' of {balancer.part_id(kind, part['name'])} is out of range."
                raise ArmError(400, "InvalidRequestFormat", text)


def _check_references(balancer: ResolvedLoadBalancer) -> None:
    known = {
        balancer.part_id(kind, part["name"]).lower()
        for kind in _REFERENCES.values()
        for part in balancer.resource.children(kind)
    }
    for kind in (RULES, NAT_RULES, NAT_POOLS):
        for part in balancer.resource.children(kind):
            found = (part["properties"].get(key, {}).get("id") for key in _REFERENCES)
            lost = next((one for one in found if one is not None and one.lower() not in known), None)
            if lost is not None:
                raise ArmError(
                    400,
                    "InvalidResourceReference",
                    f"Resource {lost} referenced by resource {balancer.part_id(kind, part['name'])} was not found. "
                    "Please make sure that the referenced resource exists, and that both resources are in the same "
                    "region.",
                )


def _check_rules(balancer: ResolvedLoadBalancer) -> None:
    """Refuse two rules with the same pool and backend port, or the same frontend and frontend port."""
    seen: dict[tuple[str, ...], str] = {}
    for rule in balancer.resource.children(RULES):
        found, own = rule["properties"], balancer.part_id(RULES, rule["name"])
        protocol, port = str(found["protocol"]), found.get("backendPort", 0)
        pool, front = (found.get(key, {}).get("id", "") for key in ("backendAddressPool", "frontendIPConfiguration"))
        begins = (front.lower(), protocol, str(found.get("frontendPort", 0)), "frontend")
        ends = (pool.lower(), protocol, str(port), "pool")
        if pool and ends in seen and not found["enableFloatingIP"]:
            text = (
                f"Load balancing rules {seen[ends]} and {own} with floating IP disabled use the same protocol "
                f"{protocol} and backend port {port}, and must not be used with the same backend address pool {pool}."
            )
            raise ArmError(400, "RulesUseSameBackendPortProtocolAndPool", text)
        if begins in seen:
            text = (
                f"Load balancing rules {seen[begins]} and {own} use the same protocol {protocol} and frontend port "
                f"{begins[2]}, and must not be used with the same frontend IP configuration {front}."
            )
            raise ArmError(400, "RulesUseSameFrontendPortProtocolAndIPConfig", text)
        seen |= {ends: own, begins: own}


def _force(balancer: ResolvedLoadBalancer, pool: str, body: Json) -> None:
    """Set the administrative states in the body of a pool; backends without one keep theirs."""
    addresses = next((found for name, found in balancer.pools.items() if name.lower() == pool.lower()), [])
    known = {address.name.lower(): address for address in addresses} | {address.key: address for address in addresses}
    for entry in body.get("properties", {}).get(ADDRESSES, []):
        address = known.get(_interface(entry) or str(entry.get("name", "")).lower())
        if address is None:
            raise _unchangeable(balancer, pool)
        state = entry.get("properties", {}).get("adminState", address.state)
        if state not in STATES:
            raise invalid_content(f"Error converting value '{state}' to type 'adminState': None, Up or Down.")
        refused = address.member is not None and not balancer.backend.scenario.admin_state
        if state != address.state and (refused or not balancer.resource.standard):
            raise _unchangeable(balancer, pool)
        forced = balancer.resource.forced
        forced.pop((pool.lower(), address.key), None)
        forced |= {(pool.lower(), address.key): state} if state != "None" else {}


def _unchangeable(balancer: ResolvedLoadBalancer, pool: str) -> ArmError:
    # The message is Azure's as far as users quote it; its code is not known.
    return ArmError(
        400,
        "InvalidRequest",
        f"The request on {balancer.part_id(POOLS, pool)} is not allowed since it adds/modifies/deletes backend address "
        "pool members that are specified with a network interface IP configuration.",
    )
