"""Deployments of templates: the order of dependencies, failures, and recorded deployments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate, error_of
from tests.emulator.recordings.test_compute import FOLDER, SUBSCRIPTION, differences
from vmss_jenkins.emulator import Release

KINDS = ("virtualNetworks", "publicIPAddresses", "loadBalancers", "networkSecurityGroups", "virtualMachineScaleSets")
NETWORK = "Microsoft.Network"


def resource(kind: str, name: str, **parts: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "apiVersion": "2024-01-01", "location": "westeurope", **parts}


def address(name: str = "ip", **parts: Any) -> dict[str, Any]:
    return resource(f"{NETWORK}/publicIPAddresses", name, properties={"publicIPAllocationMethod": "Static"}, **parts)


def deploy(azure: Azure, *resources: Any, name: str = "d", **parts: Any) -> Any:
    template = {"resources": list(resources), **parts}
    body = {"properties": {"mode": "incremental", "template": template, "parameters": {}}}
    return azure.ask("PUT", f"{azure.group}/providers/Microsoft.Resources/deployments/{name}", body)


def shown(azure: Azure, name: str = "d") -> Any:
    return azure.ask("GET", f"{azure.group}/providers/Microsoft.Resources/deployments/{name}").json()["properties"]


def test_a_deployment_is_accepted_runs_and_succeeds(azure: Azure) -> None:
    answer = deploy(azure, address(), outputs={"Ip": {"type": "string", "value": "[reference('ip').ipAddress]"}})
    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Accepted"
    assert azure.status(answer) == "Accepted"
    azure.settle(1)
    assert azure.status(answer) == "Succeeded"
    assert shown(azure)["outputs"] == {"ip": {"type": "String", "value": "127.0.0.1"}}
    assert deploy(azure, address()).status_code == 200


def test_a_resource_waits_for_those_that_it_depends_on(azure: Azure) -> None:
    image = resource("Microsoft.Compute/images", "made", properties={})
    answer = deploy(azure, address(dependsOn=["made"]), image)
    azure.settle(1)
    assert azure.status(answer) == "Running"
    ips = f"{azure.group}/providers/{NETWORK}/publicIPAddresses/ip"
    assert azure.ask("GET", ips).status_code == 404
    azure.settle()
    assert azure.ask("GET", ips).status_code == 200
    assert azure.status(answer) == "Succeeded"


def test_a_failed_resource_ends_the_deployment_and_its_dependents_are_not_begun(azure: Azure) -> None:
    balancer = resource(
        f"{NETWORK}/loadBalancers",
        "lb",
        properties={"loadBalancingRules": [{"name": "r", "properties": {"probe": {"id": "/nowhere"}}}]},
    )
    answer = deploy(azure, balancer, address(dependsOn=["lb"]))
    azure.settle()
    status = azure.ask("GET", answer.headers["Azure-AsyncOperation"]).json()
    assert (status["status"], status["error"]["code"]) == ("Failed", "DeploymentFailed")
    assert [fault["code"] for fault in status["error"]["details"]] == ["InvalidResourceReference"]
    assert azure.ask("GET", f"{azure.group}/providers/{NETWORK}/publicIPAddresses/ip").status_code == 404


@pytest.mark.parametrize(
    ("resources", "code"),
    [
        ([address(condition=True)], "InvalidTemplate"),
        ([resource("Microsoft.Web/sites", "x")], "InvalidResourceNamespace"),
        ([resource(f"{NETWORK}/routeTables", "x")], "InvalidResourceType"),
    ],
)
def test_a_template_that_cannot_be_deployed_is_refused_before_anything_is_made(
    azure: Azure, resources: Any, code: str
) -> None:
    answer = deploy(azure, address("first"), *resources)
    assert answer.status_code in (400, 404)
    assert error_of(answer)[1] == code
    azure.settle()
    assert azure.ask("GET", f"{azure.group}/providers/{NETWORK}/publicIPAddresses/first").status_code == 404


def test_a_deployment_in_progress_is_not_replaced(azure: Azure) -> None:
    deploy(azure, address())
    assert error_of(deploy(azure, address())) == (409, "DeploymentActive")


def test_deployments_are_found_listed_and_validated(azure: Azure) -> None:
    base = f"{azure.group}/providers/Microsoft.Resources/deployments"
    deploy(azure, address())
    assert azure.ask("HEAD", f"{base}/d").status_code == 204
    assert [one["name"] for one in azure.ask("GET", base).json()["value"]] == ["d"]
    assert error_of(azure.ask("GET", f"{base}/other")) == (404, "DeploymentNotFound")
    body = {"properties": {"template": {"resources": [address("v")]}}}
    validated = azure.ask("POST", f"{base}/other/validate", body).json()["properties"]
    assert [one["id"] for one in validated["validatedResources"]] == [
        f"{azure.group}/providers/{NETWORK}/publicIPAddresses/v"
    ]
    for wrong in ({"mode": "complete", "template": {}}, {}):
        assert error_of(azure.ask("PUT", f"{base}/x", {"properties": wrong})) == (400, "InvalidTemplate")


def recorded() -> Iterator[tuple[str, Any, Any]]:
    """Recorded deployments of scale sets: the request, and the deployment after it succeeded."""
    for path in sorted(FOLDER.glob("vmss_*.json")):
        exchanges = json.loads(path.read_text())["exchanges"]
        for index, exchange in enumerate(exchanges):
            request, answer = exchange["request"], exchange["response"]
            if request["method"] == "PUT" and "/deployments/" in request["path"] and _supported(request["body"]):
                later = (e for e in exchanges[index + 1 :] if e["request"]["path"] == request["path"])
                yield f"{path.stem} {index}", (request, answer["body"]), next(later)["response"]["body"]


def _supported(body: Any) -> bool:
    """Whether the body is JSON: in some recordings the replacement of names has broken it."""
    return isinstance(body, dict) and all(
        one["type"].split("/")[1] in KINDS for one in body["properties"]["template"]["resources"]
    )


@pytest.mark.skipif(not list(recorded()), reason=f"no recordings in {FOLDER}")
@pytest.mark.parametrize(("name", "began", "ended"), list(recorded()), ids=lambda it: it if isinstance(it, str) else "")
def test_a_recorded_deployment_is_answered_as_azure_did(emulate: Emulate, name: str, began: Any, ended: Any) -> None:
    request, accepted = began
    text = json.dumps(request["body"])
    group = re.findall("/resource[gG]roups/([^/]+)/", request["path"])[0]
    urns = re.findall(r'"publisher": "([^"]+)", "offer": "([^"]+)", "sku": "([^"]+)", "version": "([^"]+)"', text)
    ids = re.findall(r'"imageReference": {"id": "([^"]+)"', text)
    releases = {name: Release("page") for name in ["a:b:c:d", *ids, *(":".join(urn) for urn in urns)]}
    azure = emulate(releases=releases, image="a:b:c:d", resource_group=group, subscription_id=SUBSCRIPTION, instances=0)
    for managed in (one for one in ids if "/images/" in one):
        azure.ask("PUT", managed, {"location": "westus"})
    azure.settle()
    answer = azure.ask("PUT", request["path"], request["body"])
    assert answer.status_code == 201, answer.text
    assert list(differences(accepted, answer.json())) == []
    azure.settle()
    found = azure.ask("GET", request["path"]).json()
    assert found["properties"]["provisioningState"] == "Succeeded", (name, found["properties"].get("error"))
    lacking = [one for one in differences(ended, found) if "outputs" not in one]
    assert lacking == []
