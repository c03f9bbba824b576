"""No page in a browser controls the emulator: foreign hosts and cross-origin writes are refused, everywhere."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.front import origin

WEB = "/subscriptions/{subscription}/resourceGroups/canary-rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
READS = ("/subscriptions", "/metadata/endpoints", "/_emulator/calls", "/_emulator/blobs/scripts/init/a.sh")
WRITES = (
    ("POST", f"{WEB}/manualupgrade"),
    ("DELETE", WEB),
    ("POST", "/{tenant}/oauth2/v2.0/token"),
    ("PUT", "/_emulator/blobs/scripts/init/a.sh"),
    ("POST", "/_emulator/faults"),
    ("DELETE", "/_emulator/faults"),
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(data_plane=False, throttling=False) as emulator:
        yield emulator


def ask(emulator: Emulator, method: str, path: str, headers: dict[str, str]) -> requests.Response:
    where = path.format(subscription=emulator.subscription_id, tenant=emulator.tenant_id)
    sent = {"Authorization": "Bearer any", **headers}
    return requests.request(
        method, f"{emulator.endpoint}{where}", params={"api-version": "2024-07-01"}, headers=sent, timeout=10
    )


def code_of(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "localhost.evil:1"]
)
@pytest.mark.parametrize(("method", "path"), [*(("GET", path) for path in READS), *WRITES])
def test_a_foreign_host_is_refused_everywhere(emulator: Emulator, method: str, path: str, host: str) -> None:
    port = emulator.endpoint.rpartition(":")[2]
    answer = ask(emulator, method, path, {"Host": host.format(port=port)})
    assert code_of(answer) == (421, "MisdirectedRequest")
    assert f"use 127.0.0.1:{port} or localhost:{port}" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_from_another_origin_is_refused_and_changes_nothing(
    emulator: Emulator, method: str, path: str, headers: dict[str, str]
) -> None:
    number, calls = emulator.inject("503 GET */never"), len(emulator.calls)
    port = emulator.endpoint.rpartition(":")[2]
    answer = ask(emulator, method, path, {key: value.format(port=port) for key, value in headers.items()})
    assert code_of(answer) == (403, "CrossOriginRequestRefused")
    assert number in [one.number for one in emulator.faults]
    assert emulator.backend.scale_set("canary-rg", "web").provisioning == "Succeeded"
    assert len(emulator.calls) == calls
    emulator.withdraw()


@pytest.mark.parametrize("headers", [{}, {"Origin": "{own}"}, {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}])
def test_a_program_and_a_page_of_the_emulator_itself_may_write(emulator: Emulator, headers: dict[str, str]) -> None:
    answer = ask(
        emulator,
        "PUT",
        "/_emulator/blobs/scripts/init/a.sh",
        {key: value.format(own=emulator.endpoint) for key, value in headers.items()},
    )
    assert answer.status_code == 201


def test_a_page_of_another_origin_may_send_a_read_whose_answer_its_browser_hides(emulator: Emulator) -> None:
    answer = ask(emulator, "GET", "/subscriptions", {"Origin": "https://evil.example"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_localhost_is_served_too(emulator: Emulator) -> None:
    port = emulator.endpoint.rpartition(":")[2]
    assert ask(emulator, "GET", "/subscriptions", {"Host": f"localhost:{port}"}).status_code == 200


@pytest.mark.parametrize(
    ("scheme", "port", "host", "served"),
    [
        ("http", 80, "127.0.0.1", True),
        ("https", 443, "localhost", True),
        ("https", 443, "127.0.0.1:443", True),
        ("http", 443, "127.0.0.1", False),
        ("http", 8080, "[::1]:8080", True),
        ("http", 8080, "127.9.8.7:8080", True),
        ("http", 8080, "10.0.0.4:8080", False),
        ("http", 8080, "user@127.0.0.1:8080", False),
        ("http", 8080, "127.0.0.1:port", False),
        ("http", 8080, "127.0.0.1:8080/x", False),
        ("http", 8080, "", False),
    ],
)
def test_a_host_must_be_loopback_with_the_right_port(scheme: str, port: int, host: str, served: bool) -> None:
    if served:
        origin.check("GET", scheme, port, {"Host": host}.get)
    else:
        with pytest.raises(ArmError) as refused:
            origin.check("GET", scheme, port, {"Host": host}.get)
        assert refused.value.status == 421


def test_a_client_without_a_host_header_is_no_browser() -> None:
    origin.check("POST", "http", 8080, lambda _: None)
