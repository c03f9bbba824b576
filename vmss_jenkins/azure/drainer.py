"""Draining: take instances out of a load balancer before they go down. What Azure offers, and what it costs.

**Administrative state.** Each entry of a backend pool has an `adminState`: with `Down` the load balancer sends it no
new connection, whatever the health probe says, and established TCP connections stay; `None` hands it back to the
probe (https://learn.microsoft.com/azure/load-balancer/admin-state-overview). It takes one GET of the load balancer,
and one GET and one PUT of each pool, for any number of instances at once, and nothing of the compute provider's
token buckets. It has no effect on rules without a health probe and is not supported with inbound NAT rules (ibid.);
basic load balancers do not have it. For pools made of network interfaces, as a scale set's are, it cannot be set
when the pool is created; for existing pools Microsoft documents the portal only
(https://learn.microsoft.com/azure/load-balancer/manage-admin-state-how-to), and Azure refused other people's PUT of
such a pool (https://github.com/Azure/bicep-registry-modules/issues/3395). So a refusal is expected here: it becomes
the reason for that instance, and the rollout goes on without draining.

**Per-instance network configuration**, the alternative, would take the instance out of the pool by a PUT of the
instance, as Kubernetes does (https://github.com/kubernetes/kubernetes/pull/76656): a long-running operation for each
instance and each direction, in the bucket of set actions (4 a minute), after which the instance's model is
no longer the set's. It is not done here.

**Without draining** new connections to an instance that goes down are refused until the health probe notices: its
interval times its number of failures, at least 10 s with Azure's defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, cast

from azure.mgmt.core.polling.arm_polling import ARMPolling

from vmss_jenkins.azure.errors import azure_error, translated
from vmss_jenkins.azure.load_balancers import AzureLoadBalancers
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.model import network
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.network import Body, Interface
from vmss_jenkins.runtime.ports import Clock

POLL_SECONDS = 1.0
"""Seconds between two polls of a change of a pool, if Azure sends no `Retry-After`."""


RESTORE_ATTEMPTS = 3
"""Attempts to put instances back while somebody else changes the load balancer."""


class _RaceError(AzureError):
    """Somebody else changed the load balancer between our read and our write."""


class ClockedPolling(ARMPolling):
    """The SDK's handling of long-running operations, waiting by our clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(POLL_SECONDS)
        self._clock = clock

    def _sleep(self, delay: float) -> None:
        self._clock.sleep(delay)


class AzureDrainer:
    """Takes instances out of their load balancers and puts them back; satisfies `rollout.ports.Drainer`.

    Args:
        balancers: reads the load balancers.
        clock: used to wait for a change to take effect.
    """

    def __init__(self, balancers: AzureLoadBalancers, clock: Clock) -> None:
        self._balancers = balancers
        self._clock = clock

    def drain(self, scale_set: ScaleSet, ids: Iterable[str]) -> dict[str, str]:
        """Let no new connection reach these instances; return the reason for each one that still gets connections.

        A refusal by Azure is a reason, not an error: an instance that was not drained can still be updated.
        """
        wanted = tuple(ids)
        try:
            return self._set(scale_set, wanted, "Down")
        except AzureError as error:
            return dict.fromkeys(wanted, f"{error.code}: {error.failure.message}")

    def restore(self, scale_set: ScaleSet, ids: Iterable[str]) -> None:
        """Let the health probes decide again; instances that were never drained stay as they are.

        Raises:
            AzureError: if Azure refuses: the instances get no new connections until their state is `None` again.
        """
        wanted = tuple(ids)
        for _ in range(RESTORE_ATTEMPTS - 1):
            with suppress(_RaceError):
                self._set(scale_set, wanted, "None")
                return
        self._set(scale_set, wanted, "None")

    def _set(self, scale_set: ScaleSet, ids: tuple[str, ...], state: str) -> dict[str, str]:
        interfaces = self._balancers.interfaces(scale_set, ids)
        reasons: dict[str, str] = {}
        pooled: set[str] = set()
        for load_balancer in self._balancers.load_balancers(interfaces.values()):
            for pool in (load_balancer.get("properties") or {}).get("backendAddressPools") or []:
                here = {id_: one for id_, one in interfaces.items() if _in_pool(pool, one)}
                pooled |= set(here)
                reasons |= self._set_in_pool(load_balancer, pool["id"], here, state) if here else {}
        return dict.fromkeys(set(ids) - pooled, "it is in no backend pool of a load balancer") | reasons

    def _set_in_pool(
        self, load_balancer: Body, pool_id: str, interfaces: Mapping[str, Interface], state: str
    ) -> dict[str, str]:
        """Change the entries of one pool with one PUT; return the reason for each instance that it cannot drain."""
        group, balancer, name = network.arm_names(pool_id)
        rules = network.balancing_rules(load_balancer, [pool_id])
        if state == "Down" and not all(rule.probed for rule in rules):
            return dict.fromkeys(interfaces, f"a rule of backend pool {name} has no health probe")
        with translated(f"read backend pool {name} of {balancer}"):
            # Read again for its etag: a change of another pool of the same load balancer changes it.
            pool = self._balancers.client.load_balancer_backend_address_pools.get(group, balancer, name).as_dict()
        entries = {
            id_: [entry for entry in network.addresses_of(pool) if network.is_address_of(entry, one)]
            for id_, one in interfaces.items()
        }
        differ = [
            entry
            for found in entries.values()
            for entry in found
            if (entry["properties"].get("adminState") or "None") != state
        ]
        for entry in differ:
            entry["properties"]["adminState"] = state
        if differ:
            self._put(pool_id, pool)
        reason = f"backend pool {name} does not list its address"
        return {id_: reason for id_, found in entries.items() if not found}

    def _put(self, pool_id: str, pool: Body) -> None:
        """Write a pool if nobody changed it since it was read, and check that no address was lost."""
        group, balancer, name = network.arm_names(pool_id)
        action = f"change the administrative state in backend pool {name} of {balancer}"
        with _races_raised(), translated(action):
            after = self._balancers.client.load_balancer_backend_address_pools.begin_create_or_update(
                group,
                balancer,
                name,
                cast("Any", pool),
                headers={"If-Match": pool["etag"]} if pool.get("etag") else {},
                polling=ClockedPolling(self._clock),
            ).result()
        names = {entry.get("name") for entry in network.addresses_of(cast("Body", after))}
        if lost := [entry["name"] for entry in network.addresses_of(pool) if entry["name"] not in names]:
            failure = Failure("AddressesLost", f"these are no longer in the pool: {', '.join(lost)}")
            raise azure_error(action, failure)


@contextmanager
def _races_raised() -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        if error.failure.status == HTTPStatus.PRECONDITION_FAILED:
            raise _RaceError(error.action, error.failure, error.next_step) from error
        raise


def _in_pool(pool: Body, interface: Interface) -> bool:
    by_interface = str(pool.get("id")).lower() in {id_.lower() for id_ in interface.pools}
    return by_interface or any(network.is_address_of(entry, interface) for entry in network.addresses_of(pool))
