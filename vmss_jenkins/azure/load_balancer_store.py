"""The load balancer of a blue-green pair, read and written whole; satisfies `blue_green.ports.LoadBalancerStore`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from vmss_jenkins.azure.drainer import ClockedPolling
from vmss_jenkins.azure.errors import translated
from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.network import Body, arm_names
from vmss_jenkins.runtime.ports import Clock


class AzureLoadBalancerStore:
    """Reads and writes load balancers.

    Args:
        balancers: the adapter that reads them.
        clock: used to wait for a change to take effect.
    """

    def __init__(self, balancers: AzureLoadBalancers, clock: Clock) -> None:
        self._balancers = balancers
        self._clock = clock

    def read(self, resource_group: str, name: str) -> Body:
        """Read a load balancer.

        Raises:
            AzureError: if it cannot be read.
        """
        with translated(f"read load balancer {name}"):
            found = self._balancers.client.load_balancers.get(resource_group, name)
            return cast("Body", found.as_dict())

    def write(self, body: Mapping[str, Any]) -> None:
        """Replace a load balancer, if nobody changed it since it was read.

        Raises:
            AzureError: if Azure refuses, with the status 412 if somebody changed it.
        """
        group, name = arm_names(str(body["id"]))
        with translated(f"change load balancer {name}"):
            self._balancers.client.load_balancers.begin_create_or_update(
                group,
                name,
                cast("Any", body),
                headers={"If-Match": body["etag"]} if body.get("etag") else {},
                polling=ClockedPolling(self._clock),
            ).result()

    def pools(self, scale_set: ScaleSet, ids: Sequence[str]) -> tuple[str, ...]:
        """The ARM ids of the backend pools that instances are in.

        Raises:
            AzureError: if their interfaces cannot be read.
        """
        interfaces = self._balancers.interfaces(scale_set, ids).values()
        return tuple(dict.fromkeys(pool for interface in interfaces for pool in interface.pools))
