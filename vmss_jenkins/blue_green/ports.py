"""The ports of a blue-green switch, in addition to those of a rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.network import Body


class LoadBalancerStore(Protocol):
    """Reads and writes load balancers whole; each call is made once and raises `AzureError`."""

    def read(self, resource_group: str, name: str) -> Body:
        """Read a load balancer."""
        ...

    def write(self, body: Mapping[str, Any]) -> None:
        """Replace it, if nobody changed it since it was read; else the status is 412."""
        ...

    def pools(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[str, ...]:
        """The ARM ids of the backend pools that instances are in."""
        ...
