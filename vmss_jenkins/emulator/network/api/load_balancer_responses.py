"""Answers about load balancers and their parts, and network interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from vmss_jenkins.emulator.arm.bodies import TRACKED_SHAPE
from vmss_jenkins.emulator.arm.errors import (
    ArmError,
    instance_not_found,
    invalid_parameter,
    precondition_failed,
    resource_not_found,
)
from vmss_jenkins.emulator.arm.providers import NETWORK
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.network import load_balancer_changes
from vmss_jenkins.emulator.network.api import operations, views
from vmss_jenkins.emulator.network.api.views import LoadBalancerView
from vmss_jenkins.emulator.network.resolved_load_balancer import ResolvedLoadBalancer
from vmss_jenkins.emulator.state.network import NAT_RULES, POOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.network import LoadBalancer
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

T = TypeVar("T")

PAGE = 1000
QUERY_SHAPE: Json = {"ipAddress": str, "ipConfiguration": {"id": str}}


def list_load_balancers(call: Call) -> Reply:
    """The load balancers of a resource group, or of the subscription."""
    return _page(call, [_view(call, found).whole() for found in _in_group(call, call.backend.load_balancers)])


def get_load_balancer(call: Call) -> Reply:
    """A load balancer."""
    whole = _view(call, _load_balancer(call)).whole()
    return Reply(200, whole, {"ETag": whole["etag"]})


def put_load_balancer(call: Call) -> Reply:
    """Create a load balancer, or replace one: parts that the body leaves out are deleted."""
    body, backend = call.body(load_balancer_changes.BALANCER_SHAPE), call.backend
    group, name = call.params["group"], call.params["balancer"]
    backend.group(group)
    known = backend.load_balancers.get((group.lower(), name.lower()))
    if known is None and "location" not in body:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    _check(call, known)
    made = load_balancer_changes.put(backend, known, group, name, body)
    return _written(call, made, lambda: _view(call, made).whole(), created=known is None)


def patch_load_balancer(call: Call) -> Reply:
    """Replace a load balancer's tags; a PATCH changes nothing else."""
    body, found = call.body(TRACKED_SHAPE), _load_balancer(call)
    _check(call, found)
    if body.get("tags", found.body["tags"]) != found.body["tags"]:
        found.body = {**found.body, "tags": body["tags"]}
        found.version += 1
    return Reply(200, _view(call, found).whole())


def delete_load_balancer(call: Call) -> Reply:
    """Delete a load balancer; refused if instances are behind it, 204 if it does not exist."""
    backend = call.backend
    group = backend.group(call.params["group"]).name
    known = backend.load_balancers.get((group.lower(), call.params["balancer"].lower()))
    if known is None:
        return Reply(204)
    _check(call, known)
    load_balancer_changes.delete(backend, known)
    return operations.accepted(call, backend.begin(known.location, backend.timings.network))


def list_parts(kind: str, call: Call) -> Reply:
    """The parts of one kind of a load balancer."""
    return _page(call, _view(call, _load_balancer(call)).parts(kind))


def get_part(kind: str, call: Call) -> Reply:
    """A part of a load balancer."""
    part = _part(call, kind)
    return Reply(200, part, {"ETag": part["etag"]})


def put_pool(call: Call) -> Reply:
    """Add a backend pool to a load balancer, or replace one."""
    body, found, name = call.body(load_balancer_changes.POOL_SHAPE), _load_balancer(call), call.params["part"]
    _check(call, found)
    created = all(pool["name"].lower() != name.lower() for pool in found.children(POOLS))
    load_balancer_changes.put_pool(call.backend, found, name, body)
    return _written(call, found, lambda: _part(call, POOLS), created=created)


def put_nat_rule(call: Call) -> Reply:
    """Add an inbound NAT rule to a load balancer, or replace one."""
    body, found, name = call.body(load_balancer_changes.PART_SHAPE), _load_balancer(call), call.params["part"]
    _check(call, found)
    created = all(rule["name"].lower() != name.lower() for rule in found.children(NAT_RULES))
    load_balancer_changes.put_part(call.backend, found, NAT_RULES, {**body, "name": name})
    return _written(call, found, lambda: _part(call, NAT_RULES), created=created)


def delete_part(kind: str, call: Call) -> Reply:
    """Delete a part; refused if another part refers to it, 204 if it does not exist."""
    backend, found, name = call.backend, _load_balancer(call), call.params["part"]
    _check(call, found)
    if all(part["name"].lower() != name.lower() for part in found.children(kind)):
        return Reply(204)
    load_balancer_changes.delete_part(backend, found, kind, name)
    backend.on_balanced(found)
    return operations.accepted(call, backend.begin(found.location, backend.timings.network))


def query_port_mapping(call: Call) -> Reply:
    """The ports that the inbound NAT rules of a pool give to one of its backends."""
    body, found, pool = call.body(QUERY_SHAPE), _load_balancer(call), _part(call, POOLS)["name"]
    balancer = ResolvedLoadBalancer(call.backend, found)
    wanted = (body.get("ipAddress"), body.get("ipConfiguration", {}).get("id", "").lower())
    for address in balancer.pools[pool]:
        ip = address.member.private_ip if address.member else address.written["properties"].get("ipAddress")
        if ip == wanted[0] or address.key == wanted[1]:
            view = LoadBalancerView(balancer)
            mappings = [
                {"protocol": rule["properties"]["protocol"], **view.mapping(rule, address)}
                for rule in balancer.ranged_rules(pool)
            ]
            return Reply(200, {"inboundNatRulePortMappings": mappings})
    raise invalid_parameter("The backend pool has no such address.", "ipAddress")


def list_set_public_ips(call: Call) -> Reply:
    """The public IP addresses of a set's instances: always none."""
    _ = call.scale_set
    return Reply(200, {"value": []})


def list_set_interfaces(call: Call) -> Reply:
    """The network interfaces of a Uniform set's instances."""
    return _page(call, _interfaces(call, call.scale_set) if call.scale_set.uniform else [])


def list_instance_interfaces(call: Call) -> Reply:
    """The network interfaces of an instance."""
    return _page(call, views.instance_interfaces(call.backend, call.scale_set, call.instance))


def get_instance_interface(call: Call) -> Reply:
    """A network interface of an instance."""
    found = views.instance_interfaces(call.backend, call.scale_set, call.instance)
    return _named(found, call.params["interface"])


def list_interfaces(call: Call) -> Reply:
    """The network interfaces of the Flexible sets of a resource group, or of the subscription."""
    found = _in_group(call, call.backend.scale_sets)
    return _page(call, [nic for scale_set in found if not scale_set.uniform for nic in _interfaces(call, scale_set)])


def get_interface(call: Call) -> Reply:
    """The network interface of a Flexible set's instance."""
    group, name = call.params["group"], call.params["interface"]
    found = (s for s in _in_group(call, call.backend.scale_sets) if not s.uniform)
    nics = [nic for scale_set in found for nic in _interfaces(call, scale_set)]
    if all(nic["name"].lower() != name.lower() for nic in nics):
        raise resource_not_found(f"{NETWORK}/networkInterfaces", name, group)
    return _named(nics, name)


def _load_balancer(call: Call) -> LoadBalancer:
    return call.backend.load_balancer(call.params["group"], call.params["balancer"])


def _view(call: Call, load_balancer: LoadBalancer) -> LoadBalancerView:
    return LoadBalancerView(ResolvedLoadBalancer(call.backend, load_balancer))


def _part(call: Call, kind: str) -> Json:
    found, name = _load_balancer(call), call.params["part"]
    part = _view(call, found).part(kind, name)
    if part is None:
        raise resource_not_found(f"{NETWORK}/loadBalancers/{kind}", f"{found.name}/{name}", found.group)
    return part


def _in_group(call: Call, resources: dict[tuple[str, str], T]) -> list[T]:
    if "group" not in call.params:
        return list(resources.values())
    group = call.backend.group(call.params["group"]).name.lower()
    return [found for key, found in resources.items() if key[0] == group]


def _interfaces(call: Call, scale_set: ScaleSet) -> list[Json]:
    instances = scale_set.instances.values()
    return [nic for one in instances for nic in views.instance_interfaces(call.backend, scale_set, one)]


def _page(call: Call, items: list[Json]) -> Reply:
    found, more = call.page(items, PAGE)
    return Reply(200, {"value": found, **more})


def _named(items: list[Json], name: str) -> Reply:
    for item in items:
        if item["name"].lower() == name.lower():
            return Reply(200, item, {"ETag": item["etag"]})
    raise instance_not_found()


def _check(call: Call, load_balancer: LoadBalancer | None) -> None:
    """Check the request's condition, and refuse a change while another one is in progress."""
    etag = ResolvedLoadBalancer(call.backend, load_balancer).etag if load_balancer else ""
    if_match = call.headers.get("if-match")
    if if_match is not None and (load_balancer is None or if_match not in ("*", etag)):
        raise precondition_failed(f"If-Match: {if_match}", etag)
    if load_balancer and call.backend.now < load_balancer.ready_at:
        message = f"Another operation on this or dependent resource is in progress: {load_balancer.name}."
        raise ArmError(409, "AnotherOperationInProgress", message)


def _written(call: Call, load_balancer: LoadBalancer, view: Callable[[], Json], *, created: bool) -> Reply:
    backend = call.backend
    seconds = backend.draw(backend.timings.network)
    load_balancer.ready_at = backend.now + seconds
    operation = backend.begin(load_balancer.location, seconds)
    if seconds:
        operation.then(lambda _: backend.on_balanced(load_balancer))
    else:
        backend.on_balanced(load_balancer)
    return operations.written(call, operation, view(), created=created)
