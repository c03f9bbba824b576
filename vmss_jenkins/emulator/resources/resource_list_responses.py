"""Answers about resources of every type: ``az`` lists them to find whether one exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import gateway
from vmss_jenkins.emulator.arm.providers import COMPUTE, NETWORK
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.network import passive_resources
from vmss_jenkins.emulator.storage import account_responses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_jenkins.emulator.arm.values import Json

PAGE = 1000
_CONDITION = re.compile(r"(resourceType|name|resourceGroup)\s+eq\s+'([^']*)'", re.IGNORECASE)


def list_resources(call: Call) -> Reply:
    """The resources of a group or of the subscription; ``$filter`` takes equalities."""
    wanted = {"resourcegroup": call.backend.group(call.params["group"]).name} if "group" in call.params else {}
    written = call.query.get("$filter", "").strip()
    for condition in re.split(r"\s+and\s+", written) if written else ():
        found = _CONDITION.fullmatch(condition.strip())
        if found is None:
            raise gateway(400, "InvalidFilterInQueryString", f"Invalid $filter '{written}' specified in the query.")
        wanted[found[1].lower()] = found[2]
    kept = [one for one in _all(call) if all(_value(one, key) == value.lower() for key, value in wanted.items())]
    page, more = call.page(kept, PAGE)
    return Reply(200, {"value": page, **more})


def _value(resource: Json, key: str) -> str:
    group = resource["id"].split("/")[4]
    return str({"resourcetype": resource["type"], "name": resource["name"], "resourcegroup": group}[key]).lower()


def _all(call: Call) -> Iterator[Json]:
    backend = call.backend
    named = {kind.name.lower(): kind.type for kind in passive_resources.KINDS}
    named[account_responses.KIND.lower()] = f"Microsoft.Storage/{account_responses.KIND}"
    for scale_set in backend.scale_sets.values():
        yield _entry(call, f"{COMPUTE}/virtualMachineScaleSets", scale_set.group, scale_set.name, scale_set.body)
    for image in backend.images.values():
        yield _entry(call, f"{COMPUTE}/images", image.group, image.name, image.body)
    for gallery in backend.galleries.values():
        yield _entry(call, f"{COMPUTE}/galleries", gallery.group, gallery.name, gallery.body)
    for balancer in backend.load_balancers.values():
        yield _entry(call, f"{NETWORK}/loadBalancers", balancer.group, balancer.name, balancer.body)
    for address in backend.public_ips.values():
        body = {"location": address.location, **address.body}
        yield _entry(call, f"{NETWORK}/publicIPAddresses", address.group, address.name, body)
    for (kind, _, _), passive in backend.passive_resources.items():
        yield _entry(call, named[kind], passive.group, passive.name, passive.body)


def _entry(call: Call, kind: str, group: str, name: str, body: Json) -> Json:
    scope = f"/subscriptions/{call.backend.scenario.subscription_id}/resourceGroups/{group}"
    shown: Json = {key: body[key] for key in ("location", "tags", "sku", "zones") if key in body}
    return {"id": f"{scope}/providers/{kind}/{name}", "name": name, "type": kind, **shown}
