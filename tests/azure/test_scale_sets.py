"""Single exchanges with Azure, through the real SDK."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from azure.core.credentials import AccessToken

from tests.support.fakes import NEW, OLD, SUBSCRIPTION, WEB
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.azure.scale_sets import AzureScaleSets
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import AzureCalled
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.automation.scale_in import ScaleInPolicy
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, OrchestrationMode, ScaleSet

ENDPOINT = "http://127.0.0.1:1"
GROUP = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/resourceGroups/canary-rg"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
OPERATION = f"{ENDPOINT}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/1"
MODEL = ScaleSet(WEB, OLD, etag='"7"', id=SET.removeprefix(ENDPOINT))
BODY = {
    "name": "web",
    "id": MODEL.id,
    "etag": '"7"',
    "sku": {"capacity": 3},
    "properties": {
        "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {"storageProfile": {"imageReference": {"id": OLD.id}}},
    },
}


@pytest.fixture
def azure() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


@pytest.fixture
def sets() -> Iterator[AzureScaleSets]:
    adapter = AzureScaleSets(Endpoint(SUBSCRIPTION, ENDPOINT), None)
    yield adapter
    adapter.close()


def asked(azure: responses.RequestsMock, number: int = -1) -> dict[str, list[str]]:
    return parse_qs(urlsplit(azure.calls[number].request.url or "").query)


def sent(azure: responses.RequestsMock, number: int = -1) -> Any:
    body = azure.calls[number].request.body
    return json.loads(body or "null")


def test_a_set_is_read_with_the_rate_limits_of_the_answer(azure: responses.RequestsMock, sets: AzureScaleSets) -> None:
    left = "Microsoft.Compute/GetVMScaleSetSubscriptionMaximum;2399,Microsoft.Compute/GetVMScaleSetResource;35"
    azure.get(SET, json=BODY, headers={"x-ms-ratelimit-remaining-resource": left})
    found = sets.get(WEB)
    assert (found.image, found.capacity, found.etag) == (OLD, 3, '"7"')
    assert sets.remaining == {"GetVMScaleSetSubscriptionMaximum": 2399, "GetVMScaleSetResource": 35}


@pytest.mark.parametrize(
    ("image", "storage"),
    [
        (NEW, {"imageReference": {"id": NEW.id}}),
        (
            ImageReference.parse_urn("Canonical:ubuntu:server:latest"),
            {"imageReference": {"publisher": "Canonical", "offer": "ubuntu", "sku": "server", "version": "latest"}},
        ),
        (
            ImageReference(id="/SharedGalleries/guid-apps/Images/web/Versions/1.2.3"),
            {"imageReference": {"sharedGalleryImageId": "/SharedGalleries/guid-apps/Images/web/Versions/1.2.3"}},
        ),
        (
            ImageReference(id="/CommunityGalleries/apps-1/Images/web/Versions/1.2.3"),
            {"imageReference": {"communityGalleryImageId": "/CommunityGalleries/apps-1/Images/web/Versions/1.2.3"}},
        ),
        (
            ImageReference(id="https://a.blob.core.windows.net/vhds/web.vhd"),
            {"osDisk": {"image": {"uri": "https://a.blob.core.windows.net/vhds/web.vhd"}}},
        ),
    ],
)
def test_setting_the_image_patches_the_image_alone_and_only_an_unchanged_model(
    azure: responses.RequestsMock, sets: AzureScaleSets, image: ImageReference, storage: dict[str, Any]
) -> None:
    headers = {"Azure-AsyncOperation": OPERATION, "Retry-After": "10", "x-ms-request-id": "request-1"}
    azure.patch(SET, json=BODY, headers=headers)
    operation = sets.begin_set_image(MODEL, image)
    assert sent(azure) == {"properties": {"virtualMachineProfile": {"storageProfile": storage}}}
    assert azure.calls[-1].request.headers["If-Match"] == '"7"'
    assert (operation.done, operation.retry_after, operation.request_id) == (False, 10.0, "request-1")


def test_a_model_without_an_etag_is_patched_without_a_condition(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.patch(SET, json={**BODY, "properties": {"provisioningState": "Succeeded"}})
    operation = sets.begin_set_image(ScaleSet(WEB, OLD), NEW)
    assert "If-Match" not in azure.calls[-1].request.headers
    assert operation.done


def test_an_operation_is_polled_until_its_end(azure: responses.RequestsMock, sets: AzureScaleSets) -> None:
    headers = {"Azure-AsyncOperation": OPERATION, "Location": f"{OPERATION}?monitor=true"}
    azure.post(f"{SET}/manualupgrade", status=202, headers=headers)
    azure.get(OPERATION, json={"status": "InProgress"})
    azure.get(OPERATION, json={"status": "Succeeded"})
    operation = sets.begin_update_instances(MODEL, ["1", "3"])
    assert sent(azure) == {"instanceIds": ["1", "3"]}
    assert (operation.done, operation.retry_after) == (False, None)
    sets.poll(operation)
    assert not operation.done
    sets.poll(operation)
    assert operation.done


def test_a_failed_operation_has_azures_reason(azure: responses.RequestsMock, sets: AzureScaleSets) -> None:
    error = {
        "code": "VMExtensionProvisioningError",
        "message": "Extension failed.",
        "details": [{"code": "VMExtensionProvisioningError", "message": "Exit code 1."}],
    }
    headers = {"Azure-AsyncOperation": OPERATION, "x-ms-request-id": "request-1"}
    azure.post(f"{SET}/manualupgrade", status=202, headers=headers)
    azure.get(OPERATION, json={"status": "Failed", "error": error})
    operation = sets.begin_update_instances(MODEL, ["1"])
    with pytest.raises(AzureError) as failed:
        sets.poll(operation)
    assert str(failed.value) == (
        "could not update instances 1 of canary-rg/web: VMExtensionProvisioningError: Extension failed. Exit code 1.\n"
        "  request id: request-1"
    )


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (403, "AuthorizationFailed", "give the identity a role with the action named above"),
        (404, "ResourceNotFound", "check the name in the message, --resource-group"),
        (404, "ResourceGroupNotFound", "check --resource-group"),
        (404, "SubscriptionNotFound", "check --subscription"),
        (412, "PreconditionFailed", "nothing was overwritten"),
    ],
)
def test_a_refusal_has_azures_message_the_request_id_and_the_next_step(
    azure: responses.RequestsMock, sets: AzureScaleSets, status: int, code: str, advice: str
) -> None:
    message = (
        "The client does not have authorization to perform action 'Microsoft.Compute/virtualMachineScaleSets/read'."
    )
    body = {"error": {"code": code, "message": message}}
    azure.get(SET, status=status, json=body, headers={"x-ms-request-id": "request-1"})
    with pytest.raises(AzureError) as failed:
        sets.get(WEB)
    assert f"could not read scale set canary-rg/web: {code}: {message}" in str(failed.value)
    assert "request id: request-1" in str(failed.value)
    assert advice in str(failed.value)
    assert failed.value.failure.status == status


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ({"Retry-After": "17"}, 17.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 01 Jan 2021 00:00:00 GMT"}, 0.0),
    ],
)
def test_throttling_has_the_wanted_wait_and_the_sdk_does_not_retry(
    azure: responses.RequestsMock, sets: AzureScaleSets, header: dict[str, str], wait: float | None
) -> None:
    details = [{"code": "TooManyRequests", "message": "30 were allowed, 31 were measured."}]
    body = {"error": {"code": "OperationNotAllowed", "message": "Too many requests.", "details": details}}
    azure.post(f"{SET}/manualupgrade", status=429, json=body, headers=header)
    with pytest.raises(AzureError) as failed:
        sets.begin_update_instances(MODEL, ["0"])
    assert failed.value.failure.retry_after == wait
    assert "30 were allowed, 31 were measured." in str(failed.value)
    assert len(azure.calls) == 1


@pytest.mark.parametrize("status", [200, 502])
def test_an_html_page_of_a_proxy_is_reported_as_such(
    azure: responses.RequestsMock, sets: AzureScaleSets, status: int
) -> None:
    azure.get(SET, status=status, body="<html><h1>Sign in</h1></html>", content_type="text/html")
    with pytest.raises(AzureError) as failed:
        sets.get(WEB)
    assert failed.value.code == "InvalidAnswer"
    assert "Sign in" in str(failed.value)
    assert "check the proxy" in str(failed.value)


@pytest.mark.parametrize(
    ("error", "sent_"),
    [
        (requests.exceptions.ConnectTimeout("no route"), False),
        (requests.exceptions.ReadTimeout("no answer in 60 s"), True),
        (requests.exceptions.ChunkedEncodingError("cut off"), True),
    ],
)
def test_no_answer_says_whether_the_request_may_have_arrived(
    azure: responses.RequestsMock, sets: AzureScaleSets, error: Exception, sent_: bool
) -> None:
    azure.post(f"{SET}/manualupgrade", body=error)
    with pytest.raises(AzureError) as failed:
        sets.begin_update_instances(MODEL, ["0"])
    assert failed.value.code == "NoAnswer"
    assert failed.value.failure.sent is sent_
    assert len(azure.calls) == 1


def test_an_untrusted_certificate_is_an_error_with_the_next_step(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.get(SET, body=requests.exceptions.SSLError("self-signed certificate"))
    with pytest.raises(AzureError, match="REQUESTS_CA_BUNDLE=FILE") as failed:
        sets.get(WEB)
    assert failed.value.code == "CertificateNotTrusted"


def test_an_error_without_arms_error_object_is_shown_as_it_is(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.get(SET, status=500, json={"oops": 1})
    with pytest.raises(AzureError, match=r"UnknownError: found no error object in the answer: \{'oops': 1\}"):
        sets.get(WEB)


def test_a_temporary_error_of_a_poll_keeps_its_status_so_that_the_poll_is_repeated(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.post(f"{SET}/manualupgrade", status=202, headers={"Azure-AsyncOperation": OPERATION})
    body = {"error": {"code": "ServerBusy", "message": "Later."}}
    azure.get(OPERATION, json=body, status=503, headers={"Retry-After": "3"})
    operation = sets.begin_update_instances(MODEL, ["0"])
    with pytest.raises(AzureError, match="ServerBusy: Later") as failed:
        sets.poll(operation)
    assert (failed.value.failure.status, failed.value.failure.retry_after) == (503, 3)


def test_a_poll_without_a_status_is_an_error(azure: responses.RequestsMock, sets: AzureScaleSets) -> None:
    azure.post(f"{SET}/manualupgrade", status=202, headers={"Azure-AsyncOperation": OPERATION})
    azure.get(OPERATION, json={"error": {}}, status=200)
    operation = sets.begin_update_instances(MODEL, ["0"])
    with pytest.raises(AzureError, match="could not poll the operation: update instances 0"):
        sets.poll(operation)


def test_an_operation_without_a_record_is_called_so_and_no_image_is_blamed(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.post(f"{SET}/manualupgrade", status=202, headers={"Azure-AsyncOperation": OPERATION})
    azure.get(OPERATION, json={"error": {"code": "NotFound", "message": "gone"}}, status=404)
    operation = sets.begin_update_instances(MODEL, ["0"])
    with pytest.raises(AzureError, match="Azure has no record of the operation") as failed:
        sets.poll(operation)
    assert (failed.value.code, failed.value.failure.status) == ("OperationNotFound", 404)
    assert "image" not in str(failed.value)


def test_a_plain_http_endpoint_that_wants_a_token_is_called_so(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.get(SET, json={"error": {"code": "ExpiredAuthenticationToken", "message": "expired"}}, status=401)
    with pytest.raises(
        AzureError, match=r"none was sent: ExpiredAuthenticationToken: expired\n.*https endpoint"
    ) as failed:
        sets.get(WEB)
    assert failed.value.code == "NoTokenSent"


def test_instances_are_listed_with_their_views_page_by_page(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    more = f"{SET}/virtualMachines?page=2"
    azure.get(f"{SET}/virtualMachines", json={"value": [{"instanceId": "1"}], "nextLink": more})
    azure.get(more, json={"value": [{"instanceId": "3"}]})
    assert [instance.id for instance in sets.instances(MODEL)] == ["1", "3"]
    assert asked(azure, 0)["$expand"] == ["instanceView"]


def test_the_instances_of_a_flexible_set_are_the_machines_that_belong_to_it(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    machines = {"value": [{"name": "web_1a", "properties": {}}]}
    azure.get(f"{GROUP}/providers/Microsoft.Compute/virtualMachines", json=machines)
    flexible = ScaleSet(WEB, OLD, orchestration_mode=OrchestrationMode.FLEXIBLE, id=MODEL.id)
    assert sets.instances(flexible) == (Instance("web_1a", name="web_1a"),)
    assert asked(azure)["$filter"] == [f"'virtualMachineScaleSet/id' eq '{MODEL.id}'"]


def setting(name: str, target: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"name": name, "properties": {"enabled": enabled, "targetResourceUri": target}}


def test_autoscale_settings_are_those_that_are_on_and_target_the_set(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    values = [setting("cpu", MODEL.id.upper()), setting("off", MODEL.id, enabled=False), setting("other", "/x")]
    azure.get(f"{GROUP}/providers/Microsoft.Insights/autoscalesettings", json={"value": values})
    assert sets.autoscale_settings(MODEL) == (AutoscaleSetting("cpu"),)


def test_autoscale_that_may_not_be_read_is_unknown(azure: responses.RequestsMock, sets: AzureScaleSets) -> None:
    azure.get(f"{GROUP}/providers/Microsoft.Insights/autoscalesettings", status=403, json={"error": {}})
    assert sets.autoscale_settings(MODEL) is None


def test_each_call_is_reported_with_its_request_id_and_without_its_token(azure: responses.RequestsMock) -> None:
    class Secret:
        def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
            return AccessToken("s3cret", 2**33)

    events: list[Event] = []
    endpoint = Endpoint(SUBSCRIPTION, "https://127.0.0.1:1")
    url = SET.replace("http://", "https://")
    azure.get(url, json=BODY, headers={"x-ms-request-id": "id-1"})
    azure.get(url, body=requests.ConnectionError("refused"))
    adapter = AzureScaleSets(endpoint, Secret(), events.append)
    adapter.get(WEB)
    with pytest.raises(AzureError):
        adapter.get(WEB)
    adapter.close()
    assert azure.calls[0].request.headers["Authorization"] == "Bearer s3cret"
    path = urlsplit(SET).path
    assert events == [AzureCalled("GET", path, 200, "id-1"), AzureCalled("GET", path, None, None)]


def test_the_capacity_is_patched_alone_and_only_in_an_unchanged_set(
    azure: responses.RequestsMock, sets: AzureScaleSets
) -> None:
    azure.patch(SET, json=BODY, headers={"Azure-AsyncOperation": OPERATION})
    operation = sets.begin_set_capacity(replace(MODEL, capacity=3), 4)
    assert sent(azure) == {"sku": {"capacity": 4}}
    assert azure.calls[-1].request.headers["If-Match"] == '"7"'
    assert operation.action == "set the capacity of canary-rg/web from 3 to 4"


@pytest.mark.parametrize(("forced", "parameter"), [(False, None), (True, ["true"])])
def test_instances_are_deleted_by_id_and_forced_only_by_the_sets_policy(
    azure: responses.RequestsMock, sets: AzureScaleSets, forced: bool, parameter: list[str] | None
) -> None:
    headers = {"Azure-AsyncOperation": OPERATION, "Location": f"{OPERATION}?monitor=true"}
    azure.post(f"{SET}/delete", status=202, headers=headers)
    sets.begin_delete_instances(replace(MODEL, scale_in=ScaleInPolicy(force_deletion=forced)), ["3", "5"])
    assert sent(azure) == {"instanceIds": ["3", "5"]}
    assert asked(azure).get("forceDeletion") == parameter
