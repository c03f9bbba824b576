"""The network interfaces of instances, made from the model that each instance runs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.providers import COMPUTE, NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance, Model
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

POOLS, NAT_POOLS = "loadBalancerBackendAddressPools", "loadBalancerInboundNatPools"
"""The properties in which an IP configuration of a model names its pools."""

_FIRST_ADDRESS = ipaddress.IPv4Address("10.0.0.4")
"""Azure reserves the addresses before it; in the emulator every set has a network of its own."""


@dataclass(frozen=True)
class Member:
    """An IP configuration of an instance's network interface."""

    scale_set: ScaleSet
    instance: Instance
    nic: Json
    """The interface in the model."""
    configuration: Json
    """The IP configuration in the model."""
    nic_id: str

    @property
    def id(self) -> str:
        """The ARM id of the IP configuration."""
        return f"{self.nic_id}/ipConfigurations/{self.configuration['name']}"

    @property
    def name(self) -> str:
        """Its name as an entry of a backend pool."""
        return f"{self.scale_set.group}_{self.instance.name}_{self.nic['name']}_{self.configuration['name']}"

    @property
    def private_ip(self) -> str:
        """Its address, which nothing listens on."""
        return str(_FIRST_ADDRESS + self.instance.number)

    @property
    def server(self) -> str:
        """The name of its instance in the data plane."""
        return self.scale_set.server(self.instance)

    def pools(self, kind: str) -> list[str]:
        """Return the ids of the pools of one kind that it is in."""
        return _pools(self.configuration, kind)


def of_instance(backend: Backend, scale_set: ScaleSet, instance: Instance) -> list[Member]:
    """Return the IP configurations of an instance, interface by interface."""
    return [
        Member(scale_set, instance, nic, configuration, _nic_id(backend, scale_set, instance, nic))
        for nic, configuration in _configurations(instance.model)
    ]


def in_pool(backend: Backend, pool_id: str, kind: str = POOLS) -> list[Member]:
    """Return the members of a backend pool or NAT pool, set by set.

    It can be called without the backend's lock.
    """
    members: list[Member] = []
    for scale_set in list(backend.scale_sets.values()):
        known: dict[int, list[tuple[Json, Json]]] = {}
        for instance in list(scale_set.instances.values()):
            model = instance.model
            if id(model) not in known:
                known[id(model)] = [
                    (nic, configuration)
                    for nic, configuration in _configurations(model)
                    if pool_id.lower() in (pool.lower() for pool in _pools(configuration, kind))
                ]
            members += [
                Member(scale_set, instance, nic, configuration, _nic_id(backend, scale_set, instance, nic))
                for nic, configuration in known[id(model)]
            ]
    return members


def _configurations(model: Model) -> Iterator[tuple[Json, Json]]:
    for nic in model.profile.get("networkProfile", {}).get("networkInterfaceConfigurations", []):
        for configuration in nic.get("properties", {}).get("ipConfigurations", []):
            yield nic, configuration


def _pools(configuration: Json, kind: str) -> list[str]:
    return [str(pool.get("id", "")) for pool in configuration.get("properties", {}).get(kind, [])]


def _nic_id(backend: Backend, scale_set: ScaleSet, instance: Instance, nic: Json) -> str:
    group = f"/subscriptions/{backend.scenario.subscription_id}/resourceGroups/{scale_set.group}/providers"
    if not scale_set.uniform:
        return f"{group}/{NETWORK}/networkInterfaces/{instance.name}-nic"
    machine = f"{group}/{COMPUTE}/virtualMachineScaleSets/{scale_set.name}/virtualMachines/{instance.id}"
    return f"{machine}/networkInterfaces/{nic['name']}"
