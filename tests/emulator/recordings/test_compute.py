"""Replays recorded exchanges of real Azure: same request, same status, headers that matter and body shape.

`VMSS_JENKINS_RECORDINGS` names a folder of JSON files, each with a list `exchanges` of `request` (method, path,
query, body) and `response` (status, headers, body).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.conftest import Azure, Emulate
from vmss_jenkins.emulator import Release
from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.image_reference import CUSTOM_KEYS, PLATFORM_KEYS
from vmss_jenkins.emulator.arm.values import Json
from vmss_jenkins.emulator.compute.placement import Place, new_instance
from vmss_jenkins.emulator.front.routes import resolve
from vmss_jenkins.emulator.galleries import references

FOLDER = Path(os.environ.get("VMSS_JENKINS_RECORDINGS", "../shared/azure-recordings"))
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
HEADERS = (
    "azure-asyncoperation",
    "azure-asyncnotification",
    "location",
    "x-ms-failure-cause",
    "x-ms-ratelimit-remaining-resource",
    "x-ms-request-charge",
)
SET = re.compile(r"/resourceGroups/([^/]+)/providers/Microsoft.Compute/virtualMachineScaleSets/([^/]+)", re.IGNORECASE)
VERSIONS = re.compile(r"/publishers/([^/]+)/artifacttypes/vmimage/offers/([^/]+)/skus/([^/]+)/versions(/.+)?$")
NOT_EMULATED = {
    r"PUT .*/virtualMachineScaleSets/[^/]+ 400": "generations of images are not emulated",
    r"[A-Z]+ .*/Microsoft.Compute/virtualMachines/": "virtual machines outside of scale sets are not emulated",
    r"GET .*/operations/.* 200 with output": "commands run on machines are not emulated",
    r"[A-Z]+ .*/Microsoft.Resources/deployments/": "deployments are tested by test_deployments.py",
    r"[A-Z]+ .*/Microsoft.Network/": "the network provider is tested by test_network_recordings.py",
}
"""Exchanges of paths that are served, in cases that are not."""
LACKING = {
    r"(value\[\]\.)?properties\.subnets\[\]\.properties\.ipConfigurations": "no instances are in these networks here",
}
"""Fields of real bodies that the emulator has not, with the reason."""
_OUTPUT = {"value", "properties"}
SPOT = {"priority": "Spot", "evictionPolicy": "Delete", "billingProfile": {"maxPrice": -1.0}}
READ_ONLY = ("name", "id", "type", "etag")


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer, with the set as the exchanges before it show it."""

    source: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    headers: dict[str, str]
    answer: Any
    known: Json | None
    """The set as the last answer before showed it, or the first one after."""

    def __str__(self) -> str:
        path = SET.sub("/SET", self.path.partition("/providers/")[2] or self.path)
        return f"{self.source} {self.method} {path[-60:]} {self.status}"


def exchanges() -> Iterator[Exchange]:
    for path in sorted(FOLDER.glob("*.json")):
        recorded = json.loads(path.read_text())["exchanges"]
        bodies = [(_set_of(e["request"]["path"]), e["response"]["body"]) for e in recorded]
        shown = [(key, body) for key, body in bodies if key and _is_set(body)]
        for index, exchange in enumerate(recorded):
            request, response = exchange["request"], exchange["response"]
            query = _query(request["query"])
            if not _served(request["method"], request["path"], response["status"], response["body"]):
                continue
            key = _set_of(request["path"])
            before = [body for k, body in bodies[:index] if k == key and _is_set(body)]
            known = before[-1] if before else next((body for k, body in shown if k == key), None)
            headers = {name.lower(): value for name, value in response["headers"].items()}
            status, answer = response["status"], response["body"]
            yield Exchange(
                path.stem, request["method"], request["path"], query, request["body"], status, headers, answer, known
            )


def _query(query: Any) -> dict[str, str]:
    pairs = (part.partition("=") for part in query.split("&")) if isinstance(query, str) else ()
    return {key: value for key, _, value in pairs if key} or (dict(query) if isinstance(query, dict) else {})


def _served(method: str, path: str, status: int, answer: Any) -> bool:
    try:
        resolve(method, path, "2024-07-01")
    except ArmError:
        return False
    output = " with output" if "/operations/" in path and isinstance(answer, dict) and _OUTPUT & answer.keys() else ""
    return not any(re.fullmatch(rf"{pattern}.*", f"{method} {path} {status}{output}") for pattern in NOT_EMULATED)


def _set_of(path: str) -> tuple[str, str] | None:
    found = SET.search(path)
    return (found[1].lower(), found[2].lower()) if found else None


def _is_set(body: Any) -> bool:
    return isinstance(body, dict) and body.get("type") == "Microsoft.Compute/virtualMachineScaleSets"


RECORDED = list(exchanges())
pytestmark = pytest.mark.skipif(
    not RECORDED, reason=f"no recordings in {FOLDER}; set VMSS_JENKINS_RECORDINGS to a folder that has them"
)


@pytest.mark.parametrize("exchange", RECORDED, ids=str)
def test_an_exchange_is_answered_as_azure_did(exchange: Exchange, emulate: Emulate) -> None:
    azure = prepared(exchange, emulate)
    path = _operation_path(azure, exchange) if "/operations/" in exchange.path else exchange.path
    answer = azure.ask(exchange.method, path, exchange.body, params=exchange.query)
    assert answer.status_code == exchange.status, answer.text
    assert list(differences(exchange.answer, answer.json() if answer.content else None)) == []
    if any(name.endswith("Min") for name in _buckets(exchange.headers)) and "/images" not in path:
        return  # Names with this ending belong to the rules before 2023.
    for name in HEADERS:
        assert (name in answer.headers) == (name in exchange.headers), name
    assert _buckets(answer.headers) == _buckets(exchange.headers)


def prepared(exchange: Exchange, emulate: Emulate) -> Azure:
    """An emulator in the state in which the exchange found Azure."""
    references = list(_image_references([exchange.known, exchange.body, exchange.answer]))
    releases = {_release_key(reference): Release("page") for reference in references}
    releases |= _platform_image(exchange)
    found = re.search(r"/resourceGroups/([^/]+)", exchange.path, re.IGNORECASE)
    group = found[1] if found else "some-group"
    azure = emulate(
        releases=releases | {"some:offer:of:images": Release("page")},
        image="some:offer:of:images",
        instances=0,
        resource_group=group,
        location=_location(exchange),
        subscription_id=SUBSCRIPTION,
        scale_set="other",
    )
    for reference in references:
        if "/images/" in reference.get("id", ""):
            azure.ask("PUT", reference["id"], {"location": _location(exchange)})
    azure.settle()
    scale_set = _set_of(exchange.path)
    if scale_set and not _gone(exchange):
        _add_set(azure, exchange)
    if exchange.path.endswith("/virtualMachineScaleSets"):
        for known in exchange.answer["value"]:
            _put_set(azure, known["id"].partition("/providers/")[0], known)
    if exchange.path.endswith("/images"):
        for known in exchange.answer["value"]:
            azure.ask("PUT", known["id"], {**known, "properties": _source(known)})
        azure.settle()
    if found and exchange.path.endswith(found[1]):
        azure.ask("PUT", exchange.path, {"tags": exchange.answer["tags"]})
    if "/images/" in exchange.path and exchange.status != 201:
        known = exchange.answer or {}
        body = {"location": _location(exchange), "tags": known.get("tags"), "properties": _source(known)}
        azure.ask("PUT", exchange.path, body)
        azure.settle()
    del azure.backend.scale_sets[group.lower(), "other"]
    return azure


def _source(image: Json) -> Json:
    """The source of a managed image in a client's request."""
    found = image.get("properties", {})
    return {key: found[key] for key in ("sourceVirtualMachine",) if key in found}


def _platform_image(exchange: Exchange) -> dict[str, Release]:
    image = VERSIONS.search(exchange.path)
    if image is None:
        return {}
    shown = exchange.answer if image[4] else exchange.answer[0]
    return {":".join([*image.groups()[:3], shown["name"]]): Release("page")}


def _location(exchange: Exchange) -> str:
    found = re.search(r"/locations/([^/]+)", exchange.path)
    return found[1] if found else str((exchange.known or {}).get("location", "westus"))


def _gone(exchange: Exchange) -> bool:
    return exchange.status == 404 and exchange.headers.get("x-ms-failure-cause") == "gateway"


def _put_set(azure: Azure, group: str, known: Json) -> str:
    """Create the set as the recording shows it, without instances."""
    body = {key: value for key, value in known.items() if key not in READ_ONLY}
    azure.ask("PUT", group, {"location": known["location"]})
    path = f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{known['name']}"
    answer = azure.ask("PUT", path, {**body, "sku": {**body["sku"], "capacity": 0}})
    assert answer.status_code == 201, answer.text
    azure.settle()
    return path


def _add_set(azure: Azure, exchange: Exchange) -> None:
    found = SET.search(exchange.path)
    assert found
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{found[1]}"
    default = azure.ask("GET", f"{group}/providers/Microsoft.Compute/virtualMachineScaleSets/other").json()
    if isinstance(exchange.answer, dict) and exchange.path.endswith("/virtualMachines"):
        default["properties"]["virtualMachineProfile"] |= _profile_of(exchange.answer["value"][0]["properties"])
    default["properties"]["virtualMachineProfile"] |= _priority(exchange)
    path = _put_set(azure, group, exchange.known or {**default, "name": found[2]})
    scale_set = azure.backend.scale_set(found[1], found[2])
    image = references.check(azure.backend, scale_set.model.image, scale_set.location)
    for instance_id in _instance_ids(exchange):
        instance = new_instance(azure.backend, scale_set, Place(int(instance_id), None), image)
        instance.provisioning, instance.power = "Succeeded", "running"
        if exchange.headers.get("x-ms-request-charge", "0") != "0":
            instance.model = type(instance.model)({**instance.model.profile, "old": True}, instance.model.size)
    scale_set.body["sku"]["capacity"] = len(scale_set.instances)
    if exchange.path.endswith("/rollingUpgrades/latest"):
        scale_set.body["properties"]["upgradePolicy"]["mode"] = "Rolling"
        size = {"sku": {"name": "Standard_Other"}}
        assert azure.ask("PATCH", path, size).status_code == 200
        azure.settle()


def _priority(exchange: Exchange) -> Json:
    if exchange.path.endswith("/simulateEviction"):
        return SPOT if exchange.status == 204 else {}
    listed = exchange.answer["value"] if exchange.path.endswith("/virtualMachines") else []
    return {key: item["properties"][key] for item in listed for key in SPOT if key in item["properties"]}


def _profile_of(instance: Json) -> Json:
    """The model that an instance was made from, as far as the instance shows it."""
    kept = {key: instance[key] for key in ("osProfile", "storageProfile")}
    return kept | {"networkProfile": instance["networkProfileConfiguration"]}


def _instance_ids(exchange: Exchange) -> list[str]:
    if isinstance(exchange.body, dict) and exchange.body.get("instanceIds", ["*"]) != ["*"]:
        return list(exchange.body["instanceIds"])
    if exchange.status == 404:
        return []
    if exchange.path.endswith("/virtualMachines") and isinstance(exchange.answer, dict):
        return [item["instanceId"] for item in exchange.answer["value"]]
    one = re.search(r"/virtualMachines/(\d+)", exchange.path)
    if one:
        return [one[1]]
    capacity = int((exchange.known or {}).get("sku", {}).get("capacity", 1))
    return [str(number) for number in range(capacity)]


def _operation_path(azure: Azure, exchange: Exchange) -> str:
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/some-group/providers/Microsoft.Compute/images/made"
    answer = azure.ask("PUT", group, {"location": _location(exchange)})
    if exchange.answer is None or exchange.answer.get("status") != "InProgress":
        azure.settle()
    path = answer.headers["Azure-AsyncOperation"].removeprefix(azure.emulator.endpoint)
    return path.partition("?")[0]


def _image_references(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if "imageReference" in value:
            yield value["imageReference"]
        for item in value.values():
            yield from _image_references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _image_references(item)


def _release_key(reference: Json) -> str:
    custom = next((reference[key] for key in CUSTOM_KEYS if key in reference), None)
    return str(custom) if custom else ":".join(reference[key] for key in PLATFORM_KEYS)


def _buckets(headers: Any) -> list[str]:
    return [part.partition(";")[0] for part in headers.get("x-ms-ratelimit-remaining-resource", "").split(",")]


def differences(real: Any, ours: Any, path: str = "") -> Iterator[str]:
    """The fields of the recorded body that ours lacks, or has with another type."""
    if any(re.fullmatch(pattern, path) for pattern in LACKING):
        return
    if type(real) is not type(ours):
        yield f"{path}: {type(real).__name__} in Azure, {type(ours).__name__} here"
    elif isinstance(real, dict):
        for key in real:
            if key in ours:
                yield from differences(real[key], ours[key], f"{path}.{key}".lstrip("."))
            elif not any(re.fullmatch(pattern, f"{path}.{key}".lstrip(".")) for pattern in LACKING):
                yield f"{path}.{key}: missing here"
    elif isinstance(real, list) and real:
        if not ours:
            yield f"{path}: empty here"
        else:
            yield from differences(real[0], ours[0], f"{path}[]")
