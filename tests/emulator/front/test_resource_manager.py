import http.client
import json

import pytest
import requests

from tests.emulator.conftest import VERSION, Azure, error_of
from vmss_jenkins.emulator import Release, Scenario
from vmss_jenkins.emulator.front.routes import ROUTES

OPERATION = "/subscriptions/{}/providers/Microsoft.Compute/locations/westeurope/operations/"


def test_a_manualupgrade_answers_as_azure_does(azure: Azure) -> None:
    azure.set_image()
    answer = azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]})
    assert (answer.status_code, answer.content) == (202, b"")
    operation = answer.headers["Azure-AsyncOperation"]
    prefix = azure.emulator.endpoint + OPERATION.format(azure.emulator.subscription_id)
    assert operation.startswith(prefix)
    assert operation.endswith(f"&api-version={VERSION}")
    assert answer.headers["Location"] == operation.replace("&api-version", "&monitor=true&api-version")
    assert answer.headers["Azure-AsyncNotification"] == "Enabled"
    assert "Retry-After" not in answer.headers
    assert answer.headers["x-ms-ratelimit-remaining-resource"] == (
        "Microsoft.Compute/VMScaleSetActionsSubscriptionMaximum;1499,"
        "Microsoft.Compute/VMScaleSetBatchedVMRequestsSubscriptionMaximum;5999,"
        "Microsoft.Compute/VmssQueuedVMOperations;0"
    )
    during = azure.ask("GET", operation)
    assert list(during.json()) == ["startTime", "status", "name"]
    assert azure.ask("GET", answer.headers["Location"]).status_code == 202
    azure.settle()
    done = azure.ask("GET", operation).json()
    assert (list(done), done["status"]) == (["startTime", "endTime", "status", "name"], "Succeeded")
    end = azure.ask("GET", answer.headers["Location"])
    assert (end.status_code, end.content) == (200, b"")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_of_a_set_answers_the_set_and_a_retry_after(azure: Azure, method: str) -> None:
    answer = azure.ask(method, body={"location": "westeurope", "tags": {"a": "b"}})
    assert answer.status_code == 200
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    assert answer.headers["Retry-After"] == "10"
    assert "Location" not in answer.headers
    assert azure.status(answer) == "InProgress"


@pytest.mark.parametrize(
    "path",
    [
        OPERATION + "5ca1e5e7-0000-4000-8000-00000000dead",
        OPERATION.replace("westeurope", "eastus") + "known",
    ],
)
def test_an_unknown_operation_is_not_found(azure: Azure, path: str) -> None:
    known = azure.ask("PATCH", body={"tags": {}}).headers["Azure-AsyncOperation"].partition("?")[0]
    filled = path.format(azure.emulator.subscription_id).replace("known", known.rpartition("/")[2])
    assert error_of(azure.ask("GET", filled)) == (404, "NotFound")


def test_every_answer_has_a_request_id(azure: Azure) -> None:
    one, two = (azure.ask("GET", headers={"x-ms-correlation-request-id": "mine"}) for _ in range(2))
    assert one.headers["x-ms-request-id"] != two.headers["x-ms-request-id"]
    assert one.headers["x-ms-correlation-request-id"] == "mine"
    assert azure.ask("GET", "/nowhere").headers["x-ms-request-id"]


def test_subscriptions_are_listed(azure: Azure) -> None:
    found = azure.ask("GET", "/subscriptions").json()["value"]
    assert [(s["subscriptionId"], s["state"]) for s in found] == [(azure.emulator.subscription_id, "Enabled")]
    assert azure.ask("GET", found[0]["id"]).json() == found[0]


@pytest.mark.parametrize(
    ("method", "path", "error"),
    [
        ("GET", "/", (404, "MissingSubscription")),
        ("GET", "/subscriptions/none", (404, "SubscriptionNotFound")),
        ("GET", "{group}/providers/Microsoft.Other/things", (404, "InvalidResourceNamespace")),
        ("GET", "{group}/providers/Microsoft.Compute/disks", (404, "InvalidResourceType")),
        ("POST", "{set}/explode", (404, "InvalidResourceType")),
        ("POST", "{set}", (405, "MethodNotAllowed")),
        ("OPTIONS", "{set}", (405, "MethodNotAllowed")),
        ("TRACE", "{set}", (405, "MethodNotAllowed")),
        ("GET", "{set}/manualupgrade", (405, "MethodNotAllowed")),
        ("GET", "{set}2", (404, "ResourceNotFound")),
        ("GET", "{group}2/providers/Microsoft.Compute/virtualMachineScaleSets", (404, "ResourceGroupNotFound")),
        ("POST", "{group}2/providers/Microsoft.Compute/images", (405, "MethodNotAllowed")),
    ],
)
def test_a_request_that_is_not_served_gets_an_error_of_arm(
    azure: Azure, method: str, path: str, error: tuple[int, str]
) -> None:
    answer = azure.ask(method, path.format(set=azure.set, group=azure.group))
    assert error_of(answer) == error


def test_arm_itself_answers_for_a_missing_resource(azure: Azure) -> None:
    answer = azure.ask("GET", azure.set + "2")
    assert answer.headers["x-ms-failure-cause"] == "gateway"
    assert answer.json()["error"]["message"] == (
        "The Resource 'Microsoft.Compute/virtualMachineScaleSets/web2' under resource group 'canary-rg' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )


@pytest.mark.parametrize(
    ("version", "code"), [("", "MissingApiVersionParameter"), ("newest", "InvalidApiVersionParameter")]
)
def test_a_request_without_a_valid_api_version_is_refused(azure: Azure, version: str, code: str) -> None:
    assert error_of(azure.ask("GET", params={"api-version": version})) == (400, code)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"sku": 3}',
        b'{"sku": {"capacity": "three"}}',
        b'{"sku": {"capacity": true}}',
        b'{"zones": [1]}',
        b'{"properties": {"virtualMachineProfile": {"extensionProfile": {"extensions": [7]}}}}',
        b"[" * 100_000,
        b'{"tags": ' * 65 + b"{}" + b"}" * 65,
        b'{"tags": {"a": "\\ud800"}}',
    ],
)
def test_an_invalid_body_is_refused(azure: Azure, content: bytes) -> None:
    answer = azure.session.patch(
        azure.emulator.endpoint + azure.set, data=content, params={"api-version": VERSION}, timeout=10
    )
    assert error_of(answer) == (400, "InvalidRequestContent")
    assert azure.ask("GET").json()["etag"] == '"1"'


def test_a_body_that_is_too_large_ends_the_connection_with_an_error(azure: Azure) -> None:
    answer = azure.session.patch(azure.emulator.endpoint + azure.set, data=b" " * 5_000_000, timeout=10)
    assert error_of(answer) == (413, "RequestEntityTooLarge")
    assert answer.headers["Connection"] == "close"


def test_null_is_the_same_as_a_missing_field(azure: Azure) -> None:
    assert azure.ask("PATCH", body={"tags": {"a": None}, "sku": None, "zones": None}).json()["tags"] == {}


def test_an_exception_in_the_emulator_is_an_error_of_arm_too(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azure.backend, "advance", lambda: 1 / 0)
    assert error_of(azure.ask("GET")) == (500, "InternalServerError")


def test_connections_are_kept_over_requests_with_unread_bodies(azure: Azure) -> None:
    port = int(azure.emulator.endpoint.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for method in ("POST", "TRACE", "GET", "HEAD", "DELETE"):
        connection.request(method, "/nowhere?api-version=2024-07-01", body=json.dumps({"a": 1}))
        answer = connection.getresponse()
        assert answer.status in (404, 405)
        answer.read()
        assert connection.sock is not None
    connection.close()


def test_a_request_that_is_not_http_gets_an_error_body(azure: Azure) -> None:
    port = int(azure.emulator.endpoint.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/")
    connection.putheader("X" * 70_000, "y")
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]["code"]) == (431, "BadRequest")
    connection.close()


def test_calls_are_recorded_outside_of_arms_paths(azure: Azure) -> None:
    azure.ask("GET")
    azure.ask("GET", azure.set + "2")
    recorded = requests.get(f"{azure.emulator.endpoint}/_emulator/calls", timeout=10).json()
    assert recorded == [
        {"method": "GET", "path": azure.set, "status": 200},
        {"method": "GET", "path": azure.set + "2", "status": 404},
    ]
    assert list(azure.emulator.calls) == recorded


def test_every_route_names_the_action_that_a_role_must_allow() -> None:
    actions = {route.action for route in ROUTES}
    assert "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/instanceView/read" in actions
    assert "Microsoft.Compute/virtualMachineScaleSets/write" in actions
    assert "Microsoft.Resources/subscriptions/resourceGroups/read" in actions
    assert "Microsoft.Compute/virtualMachineScaleSets/rollingUpgrades/cancel/action" in actions


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("mine", {"id": Scenario().image_id("mine")}),
        ("a:b:c:1", {"publisher": "a", "offer": "b", "sku": "c", "version": "1"}),
        ("/subscriptions/s/galleries/g", {"id": "/subscriptions/s/galleries/g"}),
        ("/CommunityGalleries/g", {"communityGalleryImageId": "/CommunityGalleries/g"}),
        ("/SharedGalleries/g", {"sharedGalleryImageId": "/SharedGalleries/g"}),
        ("https://a/b.vhd", {"uri": "https://a/b.vhd"}),
    ],
)
def test_every_kind_of_image_can_have_a_release(key: str, reference: dict[str, str]) -> None:
    scenario = Scenario(releases={key: Release("page")})
    assert scenario.reference(key) == reference
