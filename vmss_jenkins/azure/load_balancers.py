"""Addresses of a scale set's instances and of its load balancers, through azure-mgmt-network.

Imported only if an address is needed: the import of the SDK takes half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from azure.mgmt.network import NetworkManagementClient

from vmss_jenkins.azure.client_options import client_options
from vmss_jenkins.azure.credentials import Endpoint, is_loopback
from vmss_jenkins.azure.errors import translated
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.gates.specs import Via
from vmss_jenkins.model import network
from vmss_jenkins.model.instances import OrchestrationMode, ScaleSet
from vmss_jenkins.model.network import Address, Body, Endpoints, Interface, Unreachable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_Addresses = dict[str, Address | Unreachable]
_AddressFinder = Callable[[ScaleSet, Mapping[str, Interface], int], _Addresses]
"""Finds the addresses of some interfaces."""


class AzureLoadBalancers:
    """Finds addresses, and reads load balancers; satisfies `measure.ports.LoadBalancers`.

    Every call is made once: the engine decides whether to repeat it.

    Args:
        endpoint: subscription and URL.
        credential: None for an endpoint that takes no token.
        on_event: receives an event per call; None for nobody.
    """

    def __init__(self, endpoint: Endpoint, credential: TokenCredential | None, on_event: OnEvent | None = None) -> None:
        self._endpoint = endpoint
        self.client = NetworkManagementClient(**client_options(endpoint, credential, on_event))

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def interfaces(self, scale_set: ScaleSet, ids: Iterable[str]) -> dict[str, Interface]:
        """Read the primary interfaces of instances, by instance id (one call a page).

        Raises:
            AzureError: if they cannot be read.
        """
        name, operations = scale_set.name, self.client.network_interfaces
        with translated(f"list the network interfaces of {name}"):
            listed: Any
            if scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE:
                listed = operations.list(name.resource_group)
            else:
                listed = operations.list_virtual_machine_scale_set_network_interfaces(name.resource_group, name.name)
            found = [network.interface_from(body) for body in listed]
        wanted = {id_.lower(): id_ for id_ in ids}
        return {
            wanted[interface.instance_id.lower()]: interface
            for interface in found
            if interface is not None and interface.instance_id.lower() in wanted
        }

    def addresses(self, scale_set: ScaleSet, ids: Sequence[str], via: Via, port: int) -> _Addresses:
        """Find the address of a port of each instance.

        `private` takes only the list of interfaces; `public` one more list; `nat` one call per load balancer and per
        public address in front of the set. `ssh` uses the NAT rule, else the public, else the private address.

        Raises:
            AzureError: if Azure cannot be read.
        """
        interfaces = self.interfaces(scale_set, ids)
        finders: Mapping[Via, Sequence[_AddressFinder]] = {
            Via.PRIVATE: [self._private],
            Via.PUBLIC: [self._public],
            Via.NAT: [self._nat],
            Via.SSH: [self._nat, self._public, self._private],
        }
        found: _Addresses = {}
        for finder in finders[via]:
            left = {id_: one for id_, one in interfaces.items() if not isinstance(found.get(id_), Address)}
            found |= finder(scale_set, left, port) if left else {}
        unlisted = Unreachable("Azure lists no network interface of it", may_come=True)
        return {id_: self._checked(found.get(id_, unlisted)) for id_ in ids}

    def frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address | Unreachable, ...]:
        """Find the frontend addresses of the load balancers in front of instances, in Azure's order.

        If the endpoint is an emulator, an address that is not on this machine is unreachable.

        Raises:
            AzureError: if Azure cannot be read.
        """
        return tuple(self._checked(one, use="via=nat") for one in self._frontends(scale_set, ids))

    def _checked(
        self, address: Address | Unreachable, *, use: str = "via=nat or via=frontend"
    ) -> Address | Unreachable:
        """The address, unless a connection would leave an emulator's world for the network of this machine."""
        is_foreign = isinstance(address, Address) and self._endpoint.is_local and not is_loopback(address.host)
        if not is_foreign:
            return address
        return Unreachable(
            f"its address {address} is one of the emulator ({self._endpoint.url}) and exists nowhere else: use {use}"
        )

    def _frontends(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[Address, ...]:
        interfaces = self.interfaces(scale_set, ids).values()
        pools = [pool for interface in interfaces for pool in interface.pools]
        return tuple(
            dict.fromkeys(
                Address(host, rule.port)
                for body in self.load_balancers(interfaces)
                for rule in network.balancing_rules(body, pools)
                if (host := self._host(body, rule.frontend_id))
            )
        )

    def endpoints(self, scale_set: ScaleSet, ids: Sequence[str]) -> Endpoints:
        """Find every address of the load balancers that sends traffic to instances.

        Raises:
            AzureError: if Azure cannot be read.
        """
        interfaces = self.interfaces(scale_set, ids)
        bodies = list(self.load_balancers(interfaces.values()))
        ports = {
            id_: tuple(
                network.Port(Address(host, rule.port), rule.backend_port)
                for body in bodies
                for rule in network.nat_rules(body, one)
                if (host := self._host(body, rule.frontend_id))
            )
            for id_, one in interfaces.items()
        }
        return Endpoints(self._frontends(scale_set, ids), ports)

    def load_balancers(self, interfaces: Iterable[Interface]) -> Iterator[Body]:
        """Read each load balancer in front of some instances once.

        Raises:
            AzureError: if one cannot be read.
        """
        ids = {id_.lower(): id_ for interface in interfaces for id_ in interface.load_balancers}
        for id_ in ids.values():
            group, name = network.arm_names(id_)
            with translated(f"read load balancer {name}"):
                yield cast("Body", self.client.load_balancers.get(group, name))

    def _private(self, _: ScaleSet, interfaces: Mapping[str, Interface], port: int) -> _Addresses:
        return {
            id_: Address(one.private_ip, port) if one.private_ip else Unreachable("it has no private IP address")
            for id_, one in interfaces.items()
        }

    def _public(self, scale_set: ScaleSet, interfaces: Mapping[str, Interface], port: int) -> _Addresses:
        """Azure lists the addresses of a uniform set with the set; instances of a flexible set have ordinary ones."""
        name = scale_set.name
        if scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE:
            hosts = {one.id: self._public_ip(one.public_ip_id) for one in interfaces.values() if one.public_ip_id}
        else:
            with translated(f"list the public IP addresses of {name}"):
                listed: Any = self.client.public_ip_addresses.list_virtual_machine_scale_set_public_ip_addresses(
                    name.resource_group, name.name
                )
                hosts = {
                    body["id"].lower().partition("/publicipaddresses/")[0]: (body.get("properties") or {}).get(
                        "ipAddress"
                    )
                    for body in listed
                }
        hosts = {id_.lower(): host for id_, host in hosts.items()}
        return {
            id_: Address(host, port)
            if (host := hosts.get(one.id.lower()))
            else Unreachable("it has no public IP address")
            for id_, one in interfaces.items()
        }

    def _nat(self, _: ScaleSet, interfaces: Mapping[str, Interface], port: int) -> _Addresses:
        bodies = list(self.load_balancers(interfaces.values()))
        return {id_: self._nat_address(bodies, one, port) for id_, one in interfaces.items()}

    def _nat_address(self, bodies: Sequence[Body], interface: Interface, port: int) -> Address | Unreachable:
        """Most NAT rules forward to SSH, so the rule's backend port is checked."""
        rules = [(body, rule) for body in bodies for rule in network.nat_rules(body, interface)]
        for body, rule in rules:
            host = self._host(body, rule.frontend_id) if rule.backend_port == port else None
            if host:
                return Address(host, rule.port)
        if not rules:
            return Unreachable("no inbound NAT rule forwards to it")
        ports = ", ".join(f"{rule.name} to port {rule.backend_port}" for _, rule in rules)
        return Unreachable(f"no inbound NAT rule forwards to its port {port}; there are: {ports}")

    def _host(self, load_balancer: Body, frontend_id: str) -> str | None:
        public_ip_id, private_ip = network.frontend_public_ip(load_balancer, frontend_id)
        return self._public_ip(public_ip_id) if public_ip_id else private_ip

    def _public_ip(self, arm_id: str) -> str | None:
        group, name = network.arm_names(arm_id)
        with translated(f"read public IP address {name}"):
            body = cast("Body", self.client.public_ip_addresses.get(group, name))
        host = (body.get("properties") or {}).get("ipAddress")
        return str(host) if host else None
