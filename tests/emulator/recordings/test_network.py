"""Replays recorded exchanges with Azure's network provider: the same status and the same shape of the body.

The recordings are in the folder VMSS_JENKINS_RECORDINGS, as for `test_compute`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate
from tests.emulator.recordings.test_compute import FOLDER, SUBSCRIPTION, differences
from vmss_jenkins.emulator import Release
from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.front.routes import resolve

BALANCER = re.compile(r"(/subscriptions/.*/Microsoft.Network/loadBalancers/[^/]+)(/.*)?")
INTERFACE = re.compile(
    r"/virtualMachineScaleSets/([^/]+)/virtualMachines/(\d+)/networkInterfaces/([^/]+)/ipConfigurations/([^/]+)"
)
IMAGE = "some:offer:of:images"
NOT_EMULATED = {"vm1VMNic": "interfaces outside of scale sets", "vm1PublicIP": "addresses that are made alone"}
HEADERS = ("azure-asyncoperation", "location", "retry-after", "etag")


@dataclass(frozen=True)
class Exchange:
    """One recorded request about a load balancer, with the load balancer before and after it."""

    source: str
    method: str
    path: str
    version: str
    body: Any
    status: int
    headers: frozenset[str]
    answer: Any
    before: Any

    def __str__(self) -> str:
        return f"{self.source} {self.method} {self.path.partition('/providers/')[2][-60:]} {self.status}"


def exchanges() -> Iterator[Exchange]:
    for path in sorted(FOLDER.glob("*.json")):
        shown: dict[str, Any] = {}
        for exchange in json.loads(path.read_text())["exchanges"]:
            request, response = exchange["request"], exchange["response"]
            if is_served(request["method"], request["path"]):
                found = BALANCER.fullmatch(request["path"])
                before = shown.get(found[1]) if found else None
                yield Exchange(
                    path.stem,
                    request["method"],
                    request["path"],
                    str(request["query"]).rpartition("=")[2],
                    request["body"],
                    response["status"],
                    frozenset(name.lower() for name in response["headers"]),
                    response["body"],
                    before,
                )
                if found and not found[2] and request["method"] != "DELETE":
                    shown[found[1]] = response["body"]


def is_served(method: str, path: str) -> bool:
    if "/Microsoft.Network/" not in path or any(path.endswith(f"/{name}") for name in NOT_EMULATED):
        return False
    try:
        resolve(method, path, "2024-07-01")
    except ArmError:
        return False
    return True


RECORDED = list(exchanges())
pytestmark = pytest.mark.skipif(
    not RECORDED, reason=f"no recordings in {FOLDER}; set VMSS_JENKINS_RECORDINGS to a folder that has them"
)


@pytest.mark.parametrize("exchange", RECORDED, ids=str)
def test_an_exchange_is_answered_as_azures_network_provider_did(exchange: Exchange, emulate: Emulate) -> None:
    azure = prepared(exchange, emulate)
    path = exchange.path
    if "/operations/" in path:
        made = azure.ask("PUT", f"{group_of(azure)}/providers/Microsoft.Network/loadBalancers/x", {"location": "x"})
        path = made.headers["Azure-AsyncOperation"].removeprefix(azure.emulator.endpoint).partition("?")[0]
    if "/operationResults/" in path:
        azure.ask("PUT", f"{group_of(azure)}/providers/Microsoft.Network/loadBalancers/x", {"location": "x"})
        gone = azure.ask("DELETE", f"{group_of(azure)}/providers/Microsoft.Network/loadBalancers/x")
        path = gone.headers["Location"].removeprefix(azure.emulator.endpoint).partition("?")[0]
    answer = azure.ask(exchange.method, path, exchange.body, params={"api-version": exchange.version})
    assert answer.status_code == exchange.status, answer.text
    if exchange.answer is not None:
        assert list(differences(exchange.answer, answer.json())) == []
    for name in HEADERS:
        assert (name in answer.headers) == (name in exchange.headers), name


def group_of(azure: Azure) -> str:
    return azure.group.replace("canary-rg", azure.emulator.scenario.resource_group)


def prepared(exchange: Exchange, emulate: Emulate) -> Azure:
    """An emulator in the state in which the exchange found Azure."""
    found = re.search(r"/resourceGroups/([^/]+)", exchange.path)
    azure = emulate(
        releases={IMAGE: Release("page")},
        image=IMAGE,
        instances=0,
        resource_group=found[1] if found else "some-group",
        subscription_id=SUBSCRIPTION,
        scale_set=set_of(exchange),
    )
    if exchange.method == "GET":
        add_instances(azure, exchange.answer)
    known = exchange.answer if exchange.method == "GET" else exchange.before
    balancer = BALANCER.fullmatch(exchange.path)
    if balancer and known:
        whole = known if "sku" in known else exchange.before
        # A pool was read after the whole: what its recorded answer has must be in what is written.
        if whole is not known:
            pools = [p for p in whole["properties"]["backendAddressPools"] if p["name"] != known["name"]]
            whole = {**whole, "properties": {**whole["properties"], "backendAddressPools": [*pools, known]}}
        made = azure.ask("PUT", balancer[1], without_instances(whole))
        assert made.status_code == 201, made.text
    if "/virtualNetworks" in exchange.path and exchange.method == "GET":
        for network in exchange.answer.get("value", [exchange.answer]):
            assert azure.ask("PUT", network["id"], network).status_code == 201
    elif "/publicIPAddresses/" in exchange.path and exchange.method == "GET" and "ipConfiguration" not in str(known):
        assert azure.ask("PUT", exchange.path, known).status_code == 201
    elif "/publicIPAddresses/" in exchange.path and exchange.method == "GET":
        address = azure.backend.public_ips.popitem()[1]
        address.name = exchange.path.rpartition("/")[2]
        azure.backend.public_ips[address.group.lower(), address.name.lower()] = address
        name = f"{azure.emulator.scenario.scale_set}LB".lower()
        frontend = azure.backend.load_balancers[address.group.lower(), name].children("frontendIPConfigurations")[0]
        frontend["properties"]["publicIPAddress"]["id"] = exchange.path
    return azure


def set_of(exchange: Exchange) -> str:
    found = INTERFACE.search(json.dumps(exchange.answer))
    return found[1] if found else "other"


def add_instances(azure: Azure, answer: Any) -> None:
    """Add the instances that the answer names to the set, with interfaces of those names in its pools."""
    named = {found.groups() for found in INTERFACE.finditer(json.dumps(answer))}
    if not named:
        return
    name, _, nic, configuration = next(iter(named))
    base = azure.backend.scale_set(azure.emulator.scenario.resource_group, name)
    parts = answer["properties"]
    properties = {
        "loadBalancerBackendAddressPools": [{"id": pool["id"]} for pool in parts["backendAddressPools"]],
        "loadBalancerInboundNatPools": [{"id": pool["id"]} for pool in parts["inboundNatPools"]],
    }
    configurations = [{"name": configuration, "properties": properties}]
    profile = base.model.profile | {
        "networkProfile": {
            "networkInterfaceConfigurations": [{"name": nic, "properties": {"ipConfigurations": configurations}}]
        }
    }
    path = f"{group_of(azure)}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    assert azure.ask("PATCH", path, {"properties": {"virtualMachineProfile": profile}}).status_code == 200
    azure.settle()
    for id_ in sorted(int(found[1]) for found in named):
        base.next_id = id_
        azure.ask("PATCH", path, {"sku": {"capacity": len(base.instances) + 1}})
        azure.settle()


def without_instances(body: Any) -> Any:
    """The body without instances, as a client sends it."""
    rules = [
        rule for rule in body["properties"]["inboundNatRules"] if "backendIPConfiguration" not in rule["properties"]
    ]
    return {**body, "properties": {**body["properties"], "inboundNatRules": rules}}
