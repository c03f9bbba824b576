"""Bodies of answers against Azure's OpenAPI documents, which are older: later additions are listed."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from tests.emulator.conftest import Azure, Emulate
from tests.emulator.recordings import openapi
from vmss_jenkins.emulator import SetSpec
from vmss_jenkins.emulator.calls.route import Route
from vmss_jenkins.emulator.front.routes import ROUTES

pytestmark = pytest.mark.skipif(
    not list(openapi.FOLDER.glob("*.json")),
    reason=f"no OpenAPI documents in {openapi.FOLDER}; set VMSS_JENKINS_SPECS to a folder that has them",
)

_ADDRESS = r"loadBalancerBackendAddresses\[\]"
ADDED = {
    r"(^|value\[\]\.)etag": "scale sets from 2024 on",
    r"timeCreated": "sets, their profile and instances: from 2021-11-01 on, and recorded",
    r"orchestrationMode": "from 2020-12-01 on, and recorded",
    r"osProfile\.allowExtensionOperations": "from 2022 on, and recorded",
    r"(rollingUpgradePolicy|policy)\.(maxSurge|rollbackFailedInstancesOnPolicyBreach)": "from 2022-11-01 on, recorded",
    r"hyperVGeneration": "of an instance's view: recorded",
    r"placementGroupId": "of an instance's view: recorded",
    r"probeThreshold": "of probes: from 2022-11-01 on, and recorded",
    r"enableDestinationServiceEndpoint": "of rules and NAT: recorded, in no document",
    r"allowBackendPortConflict": "of rules and NAT: recorded, in no document",
    r"properties\.backendAddressPools": "of a rule, several pools: from 2021 on, and recorded",
    rf"{_ADDRESS}\.(id|type|etag|properties\.provisioningState)": "of a backend address: recorded",
    rf"{_ADDRESS}\.properties\.(inboundNatRulesPortMapping|adminState)": "from 2021-03-01 and 2022-11-01 on",
    r"properties\.(inboundNatRules|backendAddressPool|frontendPortRange(Start|End))": "NAT rules of pools: recorded",
}
"""What bodies have that the documents of 2020-06-01 (compute) and 2020-07-01 (network) do not, by the end of a path."""
READ = [route for route in ROUTES if route.method == "GET" and openapi.schema_of("GET", route.template, 200)]


@pytest.fixture
def filled(emulate: Emulate) -> Azure:
    """Sets of each kind, one of them in a rolling upgrade, with every resource that a route may name."""
    flexible = SetSpec("flex", instances=2, orchestration="Flexible", nat="rule")
    azure = emulate(more_sets=(flexible, SetSpec("rolling", instances=3, mode="Rolling")), throttling=False)
    azure.ask("PATCH", azure.set.replace("/web", "/rolling"), azure.image("nginx-updated-image"))
    return azure


def filled_in(azure: Azure, template: str) -> str:
    """The path of a route with the names of existing resources; x if there is none of the kind."""
    machine = next(iter(azure.backend.scale_sets["canary-rg", "flex"].instances))
    named = {
        "subscription": azure.emulator.subscription_id,
        "group": "canary-rg",
        "set": "rolling" if "rollingUpgrades" in template or "UpgradeHistory" in template else "web",
        "instance": "0",
        "image": "nginx-base-image",
        "balancer": "webLB",
        "address": "webLBPublicIP",
        "machine": machine,
        "extension": "healthExtension",
        "interface": "webNic" if "virtualMachineScaleSets" in template else f"{machine}-nic",
        "part": {
            "frontendIPConfigurations/{part}": "loadBalancerFrontEnd",
            "backendAddressPools/{part}": "webPool",
            "loadBalancingRules/{part}": "webRule",
            "probes/{part}": "webProbe",
            "inboundNatRules/{part}": "webNatPool.0",
        }.get("/".join(template.split("/")[-2:]), "x"),
    }
    return re.sub(r"\{(\w+)\}", lambda part: named.get(part[1], "x"), template)


def new(answer: requests.Response, template: str, method: str) -> list[str]:
    """The fields of an answer's body that are neither in the documents nor listed."""
    schema = openapi.schema_of(method, template, answer.status_code)
    found = openapi.faults(answer.json(), schema) if schema else ()
    return sorted({fault for fault in found if not any(is_known(fault, known) for known in ADDED)})


def is_known(fault: str, known: str) -> bool:
    return bool(re.search(rf"{known}: not in the document", fault))


def views_of(route: Route) -> dict[str, str]:
    """The query with which a route also shows instance views, if it can."""
    shows = ("virtualMachines", "virtualMachines/{instance}", "{machine}")
    return {"$expand": "instanceView"} if route.template.endswith(shows) else {}


@pytest.mark.parametrize("route", READ, ids=lambda route: route.template[-70:])
def test_answers_to_reads_match_azures_documents(route: Route, filled: Azure) -> None:
    path = filled_in(filled, route.template)
    answer = filled.ask("GET", path, params=views_of(route))
    assert answer.status_code in ((200, 404) if "x" in path.split("/") else (200,)), answer.text
    assert new(answer, route.template, "GET") == []


SET = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Compute/virtualMachineScaleSets/{v}"
BALANCER = "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Network/loadBalancers/{l}"


@pytest.mark.parametrize(
    ("method", "template", "path"),
    [
        ("PUT", SET, ""),
        ("PATCH", SET, ""),
        ("PUT", f"{SET}/virtualMachines/{{i}}", "virtualMachines/0"),
        ("PUT", BALANCER, "{group}/providers/Microsoft.Network/loadBalancers/webLB"),
        ("PATCH", BALANCER, "{group}/providers/Microsoft.Network/loadBalancers/webLB"),
    ],
)
def test_answers_to_writes_match_azures_documents(method: str, template: str, path: str, filled: Azure) -> None:
    path = path.format(group=filled.group)
    body = filled.ask("GET", path).json() if method == "PUT" else {"tags": {"a": "b"}}
    answer = filled.ask(method, path, body)
    assert answer.status_code == 200, answer.text
    assert openapi.schema_of(method, template, 200)
    assert new(answer, template, method) == []


def test_a_body_of_another_type_or_with_another_name_is_found(filled: Azure) -> None:
    body: Any = filled.ask("GET").json()
    schema = openapi.schema_of("GET", SET, 200)
    assert schema
    body["sku"]["capacity"] = "three"
    body["properties"]["virtualMachineProfile"]["osProfile"]["computerName"] = "x"
    found = list(openapi.faults(body, schema))
    assert "sku.capacity: 'three' is not of type 'integer'" in found
    assert "properties.virtualMachineProfile.osProfile.computerName: not in the document" in found


def test_every_listed_addition_is_in_some_body(filled: Azure) -> None:
    """An addition that is in no body would hide a mistake."""
    found = set()
    for route in READ:
        answer = filled.ask("GET", filled_in(filled, route.template), params=views_of(route))
        schema = openapi.schema_of("GET", route.template, answer.status_code)
        found |= set(openapi.faults(answer.json(), schema)) if schema else set()
    assert [known for known in ADDED if not any(is_known(fault, known) for fault in found)] == []
