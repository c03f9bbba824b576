"""Resources that are stored and shown, and have no effect: virtual networks, security groups.

Everything in the emulator is on this machine's loopback network. Virtual networks exist so that a client can deploy
and read them.
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
    """The property with the parts that have ids, such as subnets."""
    defaults: Json = field(default_factory=dict)
    """What Azure adds to its properties."""
    child_defaults: Json = field(default_factory=dict)
    """What Azure adds to the properties of a part."""

    @property
    def type(self) -> str:
        """The full type."""
        return f"{NETWORK}/{self.name}"

    @property
    def shape(self) -> Json:
        """The shape of a body."""
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
    """Put a resource into the subscription; it replaces one of the same name."""
    key = (kind.name.lower(), group.lower(), name.lower())
    known = backend.passive_resources.get(key)
    made = PassiveResource(kind.type, name, group, body, backend.guid())
    if known:
        made = PassiveResource(kind.type, known.name, known.group, body, known.guid, known.version + 1)
    backend.passive_resources[key] = made
    return made
