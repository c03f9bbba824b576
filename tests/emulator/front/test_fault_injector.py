"""The effects of faults: over HTTP, with the real SDK, and in the emulator's state."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, IncompleteReadError, ServiceResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

from tests.emulator.conftest import EXACT, Azure, Emulate, error_of
from vmss_jenkins.emulator import Emulator, ManualClock

UPGRADE = {"instanceIds": ["0", "1"]}


def states(azure: Azure, key: str = "provisioningState") -> dict[str, Any]:
    return {id_: item["properties"][key] for id_, item in azure.instances().items()}


def healths(azure: Azure) -> dict[str, str]:
    views = {id_: item["properties"]["instanceView"] for id_, item in azure.instances().items()}
    return {id_: view["vmHealth"]["status"]["code"].partition("/")[2] for id_, view in views.items()}


def test_a_429_has_a_retry_after_if_the_fault_has_one(azure: Azure) -> None:
    azure.emulator.inject("429 GET retry-after=7")
    azure.emulator.inject("429 GET")
    first, second, third = (azure.ask("GET") for _ in range(3))
    assert error_of(first) == error_of(second) == (429, "OperationNotAllowed")
    assert first.json()["error"]["details"][0]["code"] == "TooManyRequests"
    assert (first.headers["Retry-After"], second.headers.get("Retry-After")) == ("7", None)
    assert third.status_code == 200


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "Forbidden"),
        (409, "Conflict"),
        (418, "I'MATeapot"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (504, "GatewayTimeout"),
        (599, "EmulatedError"),
    ],
)
def test_a_burst_of_errors_ends(azure: Azure, status: int, code: str) -> None:
    azure.emulator.inject(f"{status} GET */web count=3")
    answers = [azure.ask("GET") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status, status, status, 200]
    assert error_of(answers[0]) == (status, code)
    assert answers[0].headers["x-ms-request-id"]


def test_a_request_that_gets_an_error_is_not_carried_out(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("503 POST */manualupgrade")
    assert azure.ask("POST", "manualupgrade", UPGRADE).status_code == 503
    assert set(states(azure).values()) == {"Succeeded"}


def test_a_reset_happens_before_the_request_is_carried_out(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("reset POST */manualupgrade")
    with pytest.raises(requests.ConnectionError, match="reset"):
        azure.ask("POST", "manualupgrade", UPGRADE)
    assert set(states(azure).values()) == {"Succeeded"}


def test_an_answer_is_lost_after_the_request_was_carried_out(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("lost-answer POST */manualupgrade")
    with pytest.raises(requests.ConnectionError, match="reset"):
        azure.ask("POST", "manualupgrade", UPGRADE)
    assert states(azure) == {"0": "Updating", "1": "Updating", "2": "Succeeded"}
    assert azure.emulator.calls[-2]["fault"] == "lost-answer POST '*/manualupgrade'"


def test_a_gateway_timeout_may_hide_that_the_request_was_carried_out(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("lost-answer POST */manualupgrade status=504")
    assert error_of(azure.ask("POST", "manualupgrade", UPGRADE)) == (504, "GatewayTimeout")
    assert states(azure)["0"] == "Updating"


def test_an_answer_is_cut_in_the_middle_of_its_body(azure: Azure) -> None:
    azure.emulator.inject("cut GET */virtualMachines")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        azure.ask("GET", "virtualMachines")
    assert len(azure.instances()) == 3


def test_the_sdk_sees_a_cut_answer_as_incomplete(azure: Azure) -> None:
    azure.emulator.inject("cut GET */web count=always")
    with pytest.raises(IncompleteReadError):
        azure.compute.virtual_machine_scale_sets.get("canary-rg", "web", retry_total=0)


def test_the_sdk_sees_a_lost_answer_as_an_error_of_the_service(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("lost-answer")
    with pytest.raises(ServiceResponseError, match="reset"):
        azure.compute.virtual_machine_scale_sets.begin_update_instances(
            "canary-rg", "web", {"instanceIds": ["1"]}, retry_total=0
        )
    assert states(azure)["1"] == "Updating"


def test_connections_are_refused_for_a_time_and_then_accepted_on_the_same_port(azure: Azure) -> None:
    azure.emulator.inject("refuse GET seconds=30")
    with pytest.raises(requests.ConnectionError):
        azure.ask("GET")
    for seconds in (0, 29):
        azure.settle(seconds)
        with pytest.raises(requests.ConnectionError, match="refused"):
            azure.ask("GET")
    azure.settle(1)
    assert azure.ask("GET").status_code == 200


def test_an_emulator_that_refuses_connections_can_be_stopped(azure: Azure) -> None:
    endpoint = azure.emulator.endpoint
    azure.emulator.inject("refuse")
    with pytest.raises(requests.ConnectionError):
        azure.ask("GET")
    azure.emulator.stop()
    azure.settle()
    with pytest.raises(requests.ConnectionError, match="refused"):
        azure.session.get(f"{endpoint}/", timeout=10)


def test_a_stuck_operation_stays_in_progress_after_its_instances_are_done(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("stuck POST */manualupgrade")
    stuck = azure.ask("POST", "manualupgrade", UPGRADE)
    azure.settle()
    assert azure.status(stuck) == "InProgress"
    assert azure.backend.next_due is None
    assert states(azure, "latestModelApplied") == {"0": True, "1": True, "2": False}
    ends = azure.ask("POST", "manualupgrade", {"instanceIds": ["2"]})
    azure.settle()
    assert azure.status(ends) == "Succeeded"


def test_a_stuck_operation_ends_after_the_seconds_of_its_fault(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("stuck POST */manualupgrade seconds=600")
    stuck = azure.ask("POST", "manualupgrade", UPGRADE)
    azure.settle(599)
    assert azure.status(stuck) == "InProgress"
    azure.settle(1)
    assert azure.status(stuck) == "Succeeded"


def test_one_instance_of_an_operation_is_stuck_and_down_while_the_others_are_done(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("stuck POST */manualupgrade instance=1")
    stuck = azure.ask("POST", "manualupgrade", UPGRADE)
    azure.settle()
    assert azure.status(stuck) == "InProgress"
    assert states(azure) == {"0": "Succeeded", "1": "Updating", "2": "Succeeded"}
    assert error_of(azure.ask("POST", "manualupgrade", {"instanceIds": ["1"]})) == (409, "Conflict")
    azure.emulator.inject("delete instance=1")
    azure.ask("GET")
    azure.settle()
    assert set(azure.instances()) == {"0", "2"}


def test_an_operation_fails_for_one_instance_of_ten(emulate: Emulate) -> None:
    azure = emulate(instances=10)
    azure.set_image()
    azure.emulator.inject("fail POST */manualupgrade instance=3")
    failing = azure.ask("POST", "manualupgrade", {"instanceIds": ["*"]})
    azure.settle()
    assert azure.status(failing) == "Failed"
    assert azure.ask("GET", failing.headers["Azure-AsyncOperation"]).json()["error"]["code"] == (
        "VMExtensionProvisioningError"
    )
    assert {id_ for id_, state in states(azure).items() if state == "Failed"} == {"3"}
    assert [i.id for i in azure.backend.scale_set("canary-rg", "web").instances.values() if not i.up] == ["3"]
    assert {id_ for id_, health in healths(azure).items() if health != "healthy"} == {"3"}


def test_an_instance_whose_deletion_fails_stays(azure: Azure) -> None:
    azure.emulator.inject("fail DELETE instance=1")
    failing = azure.ask("DELETE", "virtualMachines/1")
    azure.settle()
    assert azure.status(failing) == "Failed"
    assert states(azure)["1"] == "Failed"


def test_an_instance_never_gets_healthy_until_it_is_brought_up_again(emulate: Emulate) -> None:
    azure = emulate(data_plane=True)
    azure.set_image()
    azure.emulator.inject("never-healthy instance=1")
    azure.ask("POST", "manualupgrade", UPGRADE)
    azure.settle()
    assert healths(azure) == {"0": "healthy", "1": "unhealthy", "2": "healthy"}
    port = azure.emulator.data_plane.port("canary-rg/web_1")
    assert azure.session.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 503
    azure.ask("POST", "restart", {"instanceIds": ["1"]})
    azure.settle()
    assert healths(azure)["1"] == "healthy"
    assert azure.session.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200


def test_somebody_else_deletes_an_instance_during_an_update(azure: Azure) -> None:
    azure.set_image()
    azure.emulator.inject("delete GET */virtualMachines skip=1 instance=1")
    assert azure.ask("POST", "manualupgrade", UPGRADE).status_code == 202
    assert states(azure)["1"] == "Updating"
    assert states(azure)["1"] == "Deleting"
    azure.settle()
    assert set(azure.instances()) == {"0", "2"}
    assert azure.ask("GET").json()["sku"]["capacity"] == 2


def test_an_instance_that_is_being_deleted_is_not_deleted_again(azure: Azure) -> None:
    azure.emulator.inject("delete count=2 instance=1")
    azure.instances()
    azure.instances()
    azure.settle()
    assert azure.ask("GET").json()["sku"]["capacity"] == 2


def test_a_fault_that_deletes_an_unknown_instance_changes_nothing(azure: Azure) -> None:
    azure.emulator.inject("delete instance=77")
    assert set(azure.instances()) == {"0", "1", "2"}


@pytest.mark.parametrize(("by", "ids"), [(2, {"0", "1", "2", "3", "4"}), (-1, {"0", "1"}), (-9, set())])
def test_somebody_else_scales_the_set_during_an_update(azure: Azure, by: int, ids: set[str]) -> None:
    azure.emulator.inject(f"scale GET */virtualMachines by={by}")
    azure.instances()
    azure.settle()
    assert set(azure.instances()) == ids


def test_a_change_of_somebody_else_that_azure_refuses_is_repeated(azure: Azure) -> None:
    azure.emulator.inject("scale POST */manualupgrade by=1")
    azure.ask("PATCH", body=azure.image("nginx-updated-image"))
    azure.ask("POST", "manualupgrade", UPGRADE)
    assert len(azure.instances()) == 3
    azure.settle(10)
    assert len(azure.instances()) == 4
    assert azure.ask("GET").json()["properties"]["provisioningState"] == "Updating"


def test_somebody_else_changes_the_model_during_an_update(azure: Azure) -> None:
    azure.set_image()
    before = azure.ask("GET").headers["ETag"]
    azure.emulator.inject("set-image GET */virtualMachines image=nginx-broken-image")
    azure.instances()
    after = azure.ask("GET")
    image = after.json()["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]["id"]
    assert image.endswith("/nginx-broken-image")
    assert after.headers["ETag"] != before


def test_a_fault_with_an_image_that_does_not_exist_is_refused(azure: Azure) -> None:
    with pytest.raises(ValueError, match="no image 'nothing'"):
        azure.emulator.inject("set-image image=nothing")


def test_a_token_expires_during_a_session(azure: Azure) -> None:
    azure.emulator.inject("expired-token GET skip=1")
    answers = [azure.ask("GET") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 401, 200]
    assert error_of(answers[1]) == (401, "ExpiredAuthenticationToken")
    assert answers[1].headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.fixture
def secured() -> Iterator[Emulator]:
    with Emulator(clock=ManualClock(), timings=EXACT, data_plane=False, tls=True) as emulator:
        yield emulator


def test_the_fault_expires_every_issued_token(secured: Emulator) -> None:
    verify = secured.environment["REQUESTS_CA_BUNDLE"]
    credential = ClientSecretCredential(
        secured.tenant_id,
        secured.client_id,
        secured.client_secret,
        authority=secured.endpoint,
        disable_instance_discovery=True,
        connection_verify=verify,
    )
    with (
        credential,
        ComputeManagementClient(
            credential,
            secured.subscription_id,
            base_url=secured.endpoint,
            credential_scopes=[f"{secured.endpoint}/.default"],
            connection_verify=verify,
        ) as compute,
    ):
        sets = compute.virtual_machine_scale_sets
        assert sets.get("canary-rg", "web").name == "web"
        secured.inject("expired-token GET */web")
        for _ in range(2):
            with pytest.raises(HttpResponseError) as error:
                sets.get("canary-rg", "web")
            assert error.value.status_code == 401
            assert error.value.error is not None
            assert error.value.error.code == "ExpiredAuthenticationToken"


def test_the_control_endpoint_arms_shows_and_removes_faults(azure: Azure) -> None:
    url = f"{azure.emulator.endpoint}/_emulator/faults"
    made = azure.session.post(url, json={"kind": "error", "status": 503, "method": "GET", "count": 2}, timeout=10)
    assert made.status_code == 201
    assert made.json() == {
        "number": 1,
        "text": "503 GET count=2",
        "kind": "error",
        "method": "GET",
        "path": "*",
        "count": 2,
        "status": 503,
        "seen": 0,
        "struck": 0,
    }
    assert azure.session.post(url, json="stuck POST count=always", timeout=10).json()["count"] == "always"
    assert azure.ask("GET").status_code == 503
    shown = azure.session.get(url, timeout=10).json()
    assert [(fault["number"], fault["seen"], fault["struck"]) for fault in shown] == [(1, 1, 1), (2, 0, 0)]
    assert azure.session.delete(f"{url}/1", timeout=10).status_code == 204
    assert error_of(azure.session.delete(f"{url}/1", timeout=10)) == (404, "NotFound")
    assert [fault["number"] for fault in azure.session.get(url, timeout=10).json()] == [2]
    assert azure.session.delete(url, timeout=10).status_code == 204
    assert azure.session.get(url, timeout=10).json() == []
    assert azure.ask("GET").status_code == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'{"status": 500}', b'{"kind": "x"}', b'"x"', b'{"kind": 1}', b"nul"])
def test_the_control_endpoint_refuses_invalid_faults(azure: Azure, body: bytes) -> None:
    url = f"{azure.emulator.endpoint}/_emulator/faults"
    assert error_of(azure.session.post(url, data=body, timeout=10)) == (400, "InvalidFault")


@pytest.mark.parametrize("text", ["stuck POST count=always", "503", "publish image=nginx-base-image"])
def test_the_control_endpoint_takes_a_fault_as_it_is_typed(azure: Azure, text: str) -> None:
    made = azure.session.post(f"{azure.emulator.endpoint}/_emulator/faults", data=text, timeout=10)
    assert (made.status_code, made.json()["text"]) == (201, text)


def test_faults_and_the_record_of_calls_leave_out_the_control_endpoints(azure: Azure) -> None:
    azure.emulator.inject("503 count=always")
    for name in ("calls", "availability", "faults"):
        assert azure.session.get(f"{azure.emulator.endpoint}/_emulator/{name}", timeout=10).status_code == 200
    assert azure.emulator.calls == []


def test_faults_can_be_given_at_the_start_and_withdrawn() -> None:
    with Emulator(clock=ManualClock(), data_plane=False, faults=["503", "500 POST"]) as emulator:
        assert [str(armed.fault) for armed in emulator.faults] == ["503", "500 POST"]
        emulator.withdraw(1)
        assert [armed.number for armed in emulator.faults] == [2]
        emulator.withdraw()
        assert emulator.faults == []


def test_an_emulator_that_cannot_start_leaves_nothing_open() -> None:
    emulator = Emulator(faults=["set-image image=nothing"])
    with pytest.raises(ValueError, match="no image"):
        emulator.start()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = emulator.endpoint
    assert [t.name for t in threading.enumerate() if t.name in ("emulator", "data-plane", "ticker")] == []
