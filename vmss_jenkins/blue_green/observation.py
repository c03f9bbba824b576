"""Read a blue-green pair: both sets with their instances, and the load balancer in front of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from vmss_jenkins.blue_green.plan.release import Member, PairState
from vmss_jenkins.blue_green.plan.switch import SwitchOrder
from vmss_jenkins.blue_green.ports import LoadBalancerStore
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter


def observe_pair(
    sets: ScaleSets[OperationT], store: LoadBalancerStore, order: SwitchOrder, waiter: Waiter
) -> PairState:
    """Read a pair.

    Raises:
        AzureError: if a part of it cannot be read.
    """
    to, other = _member(sets, store, order.to, waiter), _member(sets, store, order.other, waiter)
    group, name = order.balancer
    body = waiter.retry(lambda: store.read(group, name))
    return PairState(to, other, body, _skus(store, str(body.get("id")), (to, other), waiter))


def _member(sets: ScaleSets[OperationT], store: LoadBalancerStore, name: ScaleSetName, waiter: Waiter) -> Member:
    scale_set = waiter.retry(lambda: sets.get(name))
    instances = waiter.retry(lambda: sets.instances(scale_set))
    ids = tuple(instance.id for instance in instances)
    return Member(scale_set, instances, waiter.retry(lambda: store.pools(scale_set, ids)) if ids else ())


def _skus(store: LoadBalancerStore, own: str, members: tuple[Member, Member], waiter: Waiter) -> Mapping[str, str]:
    """The SKU of each other load balancer in front of a set: an operator needs it to correct a wrong setup."""
    ids = {pool.partition("/backendAddressPools/")[0] for member in members for pool in member.pools}
    named = {one.rpartition("/")[2]: one.partition("/resourceGroups/")[2].partition("/")[0] for one in ids}
    found = {}
    for name, group in named.items():
        if name.lower() != own.rpartition("/")[2].lower():
            body = waiter.retry(partial(store.read, group, name))
            found[name] = str((body.get("sku") or {}).get("name", "Basic"))
    return found
