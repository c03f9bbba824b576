"""The paths and methods of the network provider that the emulator serves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vmss_jenkins.emulator.calls.route import INSTANCE, NETWORKS, SCALE_SET, Route
from vmss_jenkins.emulator.calls.route import NETWORKS_IN_GROUP as IN_GROUP
from vmss_jenkins.emulator.network.api import load_balancer_responses as network
from vmss_jenkins.emulator.network.api import operations
from vmss_jenkins.emulator.network.api import passive_resource_responses as passive
from vmss_jenkins.emulator.network.api import public_ip_responses as public_ips
from vmss_jenkins.emulator.network.passive_resources import KINDS as PASSIVE_KINDS
from vmss_jenkins.emulator.network.passive_resources import Kind
from vmss_jenkins.emulator.state.network import KINDS as PARTS
from vmss_jenkins.emulator.state.network import NAT_RULES, POOLS

_BALANCER = f"{IN_GROUP}/loadBalancers/{{balancer}}"
_ADDRESS = f"{IN_GROUP}/publicIPAddresses/{{address}}"


def _passive_routes(kind: Kind) -> Iterator[Route]:
    one = f"{IN_GROUP}/{kind.name}/{{resource}}"
    yield Route("GET", f"{NETWORKS}/{kind.name}", partial(passive.list_resources, kind))
    yield Route("GET", f"{IN_GROUP}/{kind.name}", partial(passive.list_resources, kind))
    yield Route("GET", one, partial(passive.get_resource, kind))
    yield Route("PUT", one, partial(passive.put_resource, kind))
    yield Route("DELETE", one, partial(passive.delete_resource, kind))
    yield Route("GET", f"{one}/{kind.children}", partial(passive.list_children, kind))
    yield Route("GET", f"{one}/{kind.children}/{{child}}", partial(passive.get_child, kind))


NETWORK_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{SCALE_SET}/networkInterfaces", network.list_set_interfaces),
    Route("GET", f"{SCALE_SET}/publicipaddresses", network.list_set_public_ips),
    Route("GET", f"{INSTANCE}/networkInterfaces", network.list_instance_interfaces),
    Route("GET", f"{INSTANCE}/networkInterfaces/{{interface}}", network.get_instance_interface),
    Route("GET", f"{NETWORKS}/locations/{{location}}/operations/{{operation}}", operations.get_operation),
    Route("GET", f"{NETWORKS}/locations/{{location}}/operationResults/{{operation}}", operations.get_result),
    Route("GET", f"{NETWORKS}/loadBalancers", network.list_load_balancers),
    Route("GET", f"{IN_GROUP}/loadBalancers", network.list_load_balancers),
    Route("GET", _BALANCER, network.get_load_balancer),
    Route("PUT", _BALANCER, network.put_load_balancer),
    Route("PATCH", _BALANCER, network.patch_load_balancer),
    Route("DELETE", _BALANCER, network.delete_load_balancer),
    *(Route("GET", f"{_BALANCER}/{kind}", partial(network.list_parts, kind)) for kind in PARTS),
    *(Route("GET", f"{_BALANCER}/{kind}/{{part}}", partial(network.get_part, kind)) for kind in PARTS),
    Route("PUT", f"{_BALANCER}/{POOLS}/{{part}}", network.put_pool),
    Route("PUT", f"{_BALANCER}/{NAT_RULES}/{{part}}", network.put_nat_rule),
    *(
        Route("DELETE", f"{_BALANCER}/{kind}/{{part}}", partial(network.delete_part, kind))
        for kind in (POOLS, NAT_RULES)
    ),
    Route("POST", f"{_BALANCER}/{POOLS}/{{part}}/queryInboundNatRulePortMapping", network.query_port_mapping),
    Route("GET", f"{NETWORKS}/publicIPAddresses", public_ips.list_public_ips),
    Route("GET", f"{IN_GROUP}/publicIPAddresses", public_ips.list_public_ips),
    Route("GET", _ADDRESS, public_ips.get_public_ip),
    Route("PUT", _ADDRESS, public_ips.put_public_ip),
    Route("DELETE", _ADDRESS, public_ips.delete_public_ip),
    *(route for kind in PASSIVE_KINDS for route in _passive_routes(kind)),
    Route("GET", f"{NETWORKS}/networkInterfaces", network.list_interfaces),
    Route("GET", f"{IN_GROUP}/networkInterfaces", network.list_interfaces),
    Route("GET", f"{IN_GROUP}/networkInterfaces/{{interface}}", network.get_interface),
)
