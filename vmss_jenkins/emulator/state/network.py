"""The network resources of the subscription, as plain state; the room ``network`` has the rules that change them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

FRONTENDS, POOLS, RULES = "frontendIPConfigurations", "backendAddressPools", "loadBalancingRules"
PROBES, NAT_RULES, NAT_POOLS = "probes", "inboundNatRules", "inboundNatPools"
KINDS = (FRONTENDS, POOLS, RULES, PROBES, NAT_RULES, "outboundRules", NAT_POOLS)
"""The parts of a load balancer, in the order in which Azure shows them."""


@dataclass
class PassiveResource:
    """A resource that is stored and shown and has no effect: a virtual network, a security group."""

    kind: str
    """Its type, such as Microsoft.Network/virtualNetworks."""
    name: str
    group: str
    body: Json
    guid: str
    version: int = 1


@dataclass
class PublicIp:
    """A public IP address: in the emulator always an address of this machine."""

    name: str
    group: str
    location: str
    address: str
    guid: str
    body: Json = field(default_factory=dict)
    """What the client wrote."""


@dataclass
class LoadBalancer:
    """A load balancer: ``body`` is the resource as clients write it; views add what Azure adds."""

    name: str
    group: str
    body: Json
    guid: str
    version: int = 1
    """Counts the changes of the body; the etag shows it."""
    ready_at: float = 0.0
    """The time when its last change is done."""
    forced: dict[tuple[str, str], str] = field(default_factory=dict)
    """Administrative states, Up or Down, by the name of a pool and the id of a backend, both in lower case."""
    ports: dict[tuple[str, str], int] = field(default_factory=dict)
    """Frontend ports, by the name of a NAT pool or rule and the id of a backend, both in lower case."""

    @property
    def location(self) -> str:
        """The Azure region."""
        return str(self.body["location"])

    @property
    def standard(self) -> bool:
        """Whether its sku is Standard, not Basic."""
        return str(self.body.get("sku", {}).get("name", "Standard")).lower() != "basic"

    def children(self, kind: str) -> list[Json]:
        """Return its parts of one kind, such as ``probes``."""
        found: list[Json] = self.body["properties"].get(kind, [])
        return found
