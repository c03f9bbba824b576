"""Looking at a blue-green pair: both sets with their instances, and the load balancer before them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.pair_plan import Member, Seen
from vmss_jenkins.protocols import OperationT, ScaleSets, Switchboard
from vmss_jenkins.switch_plan import SwitchOrder
from vmss_jenkins.waiting import Patience


def look(sets: ScaleSets[OperationT], board: Switchboard, order: SwitchOrder, patience: Patience) -> Seen:
    """Read a pair.

    Raises:
        AzureError: where something of it cannot be read.
    """
    to, away = _member(sets, board, order.to, patience), _member(sets, board, order.away, patience)
    group, name = order.to.resource_group, order.load_balancer
    body = patience.retry(lambda: board.read(group, name))
    return Seen(to, away, body, _skus(board, name, (to, away), patience))


def _member(sets: ScaleSets[OperationT], board: Switchboard, name: ScaleSetName, patience: Patience) -> Member:
    scale_set = patience.retry(lambda: sets.get(name))
    instances = patience.retry(lambda: sets.instances(scale_set))
    ids = tuple(instance.id for instance in instances)
    return Member(scale_set, instances, patience.retry(lambda: board.pools(scale_set, ids)) if ids else ())


def _skus(board: Switchboard, own: str, members: tuple[Member, Member], patience: Patience) -> Mapping[str, str]:
    """The sku of each other load balancer that a set stands behind: what a person needs to know of a wrong one."""
    ids = {pool.partition("/backendAddressPools/")[0] for member in members for pool in member.pools}
    named = {one.rpartition("/")[2]: one.partition("/resourceGroups/")[2].partition("/")[0] for one in ids}
    found = {}
    for name, group in named.items():
        if name.lower() != own.lower():
            body = patience.retry(partial(board.read, group, name))
            found[name] = str((body.get("sku") or {}).get("name", "Basic"))
    return found
