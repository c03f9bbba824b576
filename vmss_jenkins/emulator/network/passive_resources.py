"""Resources that are stored and shown, and have no effect on anything: virtual networks, security groups.

The emulator has one network for everything, this machine's loopback; a client's virtual networks are there so that
what it deploys and reads is whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.providers import NETWORK
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.state.network import PassiveResource

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.backend import Backend


@dataclass(frozen=True)
class Kind:
    """A type of resource that has no effect."""

    name: str
    """Such as virtualNetworks."""
    children: str
    """The parts that have ids of their own, such as subnets."""
    defaults: Json = field(default_factory=dict)
    """What Azure adds to its properties."""
    child_defaults: Json = field(default_factory=dict)
    """What Azure adds to those of a part."""

    @property
    def type(self) -> str:
        """The full type."""
        return f"{NETWORK}/{self.name}"

    @property
    def shape(self) -> Json:
        """What a body must look like."""
        return {"location": str, "tags": {}, "properties": {self.children: [{"name": str, "properties": {}}]}}


NETWORKS = Kind(
    "virtualNetworks",
    "subnets",
    {"virtualNetworkPeerings": [], "enableDdosProtection": False},
    {
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
    },
)
SECURITY_GROUPS = Kind("networkSecurityGroups", "securityRules", {"defaultSecurityRules": []})
KINDS = (NETWORKS, SECURITY_GROUPS)


def put(backend: Backend, kind: Kind, group: str, name: str, body: Json) -> PassiveResource:
    """Put a resource into the subscription, in the place of one of its name."""
    key = (kind.name.lower(), group.lower(), name.lower())
    known = backend.passive_resources.get(key)
    made = PassiveResource(kind.type, name, group, body, backend.guid())
    if known:
        made = PassiveResource(kind.type, known.name, known.group, body, known.guid, known.version + 1)
    backend.passive_resources[key] = made
    return made
