"""The network that a scenario starts with: before each set a load balancer with a public IP address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.providers import NETWORK
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.network import load_balancer_changes, passive_resources
from vmss_jenkins.emulator.network.passive_resources import NETWORKS
from vmss_jenkins.emulator.state.network import FRONTENDS, NAT_POOLS, NAT_RULES, POOLS, PROBES, RULES, PublicIp
from vmss_jenkins.emulator.state.servers import HOST

if TYPE_CHECKING:
    from vmss_jenkins.emulator.scenario.scenario import Scenario
    from vmss_jenkins.emulator.scenario.set_spec import SetSpec
    from vmss_jenkins.emulator.state.backend import Backend

PORT = 80
"""The port on which instances serve in ARM's view."""
FIRST_PORT, LAST_PORT = 1024, 65534
"""The range of NAT ports: every port on which an instance can listen is in it."""


def add_load_balancer(backend: Backend, spec: SetSpec, *, listens: bool) -> None:
    """Create the load balancer of a set; with ``listens`` its frontend gets a free port of this machine."""
    scenario, name = backend.scenario, spec.scale_set
    group = scenario.resource_group
    if spec.behind:
        shared = backend.load_balancer(group, f"{spec.behind}LB")
        load_balancer_changes.put_pool(backend, shared, f"{name}Pool", {})
        return
    address = PublicIp(f"{name}LBPublicIP", group, scenario.location, HOST, backend.guid(), {"tags": {}})
    backend.public_ips[group.lower(), address.name.lower()] = address
    network: Json = {
        "location": scenario.location,
        "tags": {},
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": f"{name}Subnet", "properties": {"addressPrefix": "10.0.0.0/24"}}],
        },
    }
    passive_resources.put(backend, NETWORKS, group, f"{name}VNET", network)
    body = _body(scenario, spec, 0 if listens else PORT)
    backend.on_balanced(load_balancer_changes.put(backend, None, group, f"{name}LB", body))


def ip_configuration(scenario: Scenario, spec: SetSpec) -> Json:
    """Return the IP configuration of the set's model."""
    name, balancer = spec.scale_set, _load_balancer(scenario, spec)
    properties: Json = {
        "subnet": {"id": f"{_network(scenario)}/virtualNetworks/{name}VNET/subnets/{name}Subnet"},
        "loadBalancerBackendAddressPools": [{"id": f"{balancer}/{POOLS}/{name}Pool"}],
    }
    if _nat(spec) == "pool":
        properties["loadBalancerInboundNatPools"] = [{"id": f"{balancer}/{NAT_POOLS}/{name}NatPool"}]
    return {"name": f"{name}IPConfig", "properties": properties}


def probe_id(scenario: Scenario, spec: SetSpec) -> str:
    """Return the ARM id of the load balancer's probe."""
    return f"{_load_balancer(scenario, spec)}/{PROBES}/{spec.behind or spec.scale_set}Probe"


def _body(scenario: Scenario, spec: SetSpec, port: int) -> Json:
    name, balancer = spec.scale_set, _load_balancer(scenario, spec)
    public_ip = {"publicIPAddress": {"id": f"{_network(scenario)}/publicIPAddresses/{name}LBPublicIP"}}
    frontend: Json = {"frontendIPConfiguration": {"id": f"{balancer}/{FRONTENDS}/loadBalancerFrontEnd"}}
    pool: Json = {"backendAddressPool": {"id": f"{balancer}/{POOLS}/{name}Pool"}}
    nat = frontend | {"frontendPortRangeStart": FIRST_PORT, "frontendPortRangeEnd": LAST_PORT, "backendPort": PORT}
    probe = {
        "protocol": "Http",
        "port": PORT,
        "requestPath": spec.probe_path,
        "intervalInSeconds": spec.probe_interval,
        "numberOfProbes": spec.probe_threshold,
    }
    rule = frontend | pool | {"probe": {"id": probe_id(scenario, spec)}, "frontendPort": port, "backendPort": PORT}
    kind = _nat(spec)
    return {
        "location": scenario.location,
        "sku": {"name": "Standard"},
        "properties": {
            FRONTENDS: [{"name": "loadBalancerFrontEnd", "properties": public_ip}],
            POOLS: [{"name": f"{name}Pool"}],
            RULES: [{"name": f"{name}Rule", "properties": rule}],
            PROBES: [{"name": f"{name}Probe", "properties": probe}],
            NAT_RULES: [{"name": f"{name}NatRule", "properties": nat | pool}] if kind == "rule" else [],
            NAT_POOLS: [{"name": f"{name}NatPool", "properties": nat}] if kind == "pool" else [],
        },
    }


def _nat(spec: SetSpec) -> str:
    if spec.behind:
        return "none"
    return "rule" if spec.nat == "pool" and spec.orchestration == "Flexible" else spec.nat


def _network(scenario: Scenario) -> str:
    return f"{scenario.image_id('').partition('/providers/')[0]}/providers/{NETWORK}"


def _load_balancer(scenario: Scenario, spec: SetSpec) -> str:
    return f"{_network(scenario)}/loadBalancers/{spec.behind or spec.scale_set}LB"
