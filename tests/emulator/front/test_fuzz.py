import http.client
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emulator.conftest import VERSION, Azure, Emulate
from vmss_jenkins.emulator import Emulator, ManualClock
from vmss_jenkins.emulator.data_plane.data_plane import DataPlane, Page, Probe

SEGMENTS = st.sampled_from(
    [
        "subscriptions",
        "resourceGroups",
        "canary-rg",
        "providers",
        "Microsoft.Compute",
        "virtualMachineScaleSets",
        "web",
        "virtualMachines",
        "0",
        "images",
        "nginx-base-image",
        "instanceView",
        "manualupgrade",
        "..",
        "%00",
    ]
)
KEYS = st.sampled_from(
    [
        "location",
        "tags",
        "zones",
        "sku",
        "name",
        "capacity",
        "properties",
        "virtualMachineProfile",
        "storageProfile",
        "imageReference",
        "id",
        "osDisk",
        "upgradePolicy",
        "mode",
        "networkProfile",
        "extensionProfile",
        "extensions",
        "networkInterfaceConfigurations",
        "instanceIds",
        "protectionPolicy",
        "identity",
        "type",
        "orchestrationMode",
        "rollingUpgradePolicy",
        "osProfile",
    ]
)
WRITES = ("PUT ", "PATCH ", "POST /manualupgrade", "POST /delete", "POST /start", "PUT /virtualMachines/0", "PUT 2")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ANYTHING = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(answer: requests.Response) -> None:
    """Check an answer to any request: no exception in the emulator, and every error has a code and a message."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        error = answer.json()["error"]
        assert error["code"]
        assert error["message"]


@ANYTHING
@given(
    st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "FOO"]),
    st.lists(SEGMENTS | st.text(max_size=8), max_size=12),
    st.dictionaries(st.sampled_from(["api-version", "$filter", "$expand", "$skiptoken"]), st.text(max_size=12)),
)
def test_any_path_and_query_gets_an_answer_of_arm(
    azure: Azure, method: str, segments: list[str], query: dict[str, str]
) -> None:
    path = "/subscriptions/" + "/".join([azure.emulator.subscription_id, *segments])
    quoted = quote(path, safe="/")
    check(azure.session.request(method, azure.emulator.endpoint + quoted, params=query, timeout=10))


@pytest.fixture
def unthrottled(emulate: Emulate) -> Azure:
    return emulate(throttling=False)


@ANYTHING
@given(st.sampled_from(WRITES), st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_body_gets_an_answer_of_arm_and_the_state_stays_readable(
    unthrottled: Azure, call: str, body: dict[str, Any]
) -> None:
    method, _, path = call.partition(" ")
    check(unthrottled.ask(method, unthrottled.set + path, body))
    unthrottled.settle()
    for shown in ("", "virtualMachines", "instanceView"):
        check(unthrottled.ask("GET", shown))


@pytest.fixture(scope="module")
def served() -> Iterator[Emulator]:
    with Emulator(clock=ManualClock(), data_plane=False, throttling=False) as emulator:
        yield emulator


def port_of(emulator: Emulator) -> int:
    return int(emulator.endpoint.rpartition(":")[2])


LINE = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=12)
METHOD = st.sampled_from(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "get", ""]) | LINE
TARGET = (
    st.sampled_from(["/", "//", "*", "/subscriptions", "http://x/", "/%ff%fe", "/_emulator/faults", "/a?b=%"]) | LINE
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Content-Length", "Transfer-Encoding", "Host", "If-Match", "Content-Type", "Expect", "X"])
        | LINE,
        st.sampled_from(["0", "1", "-1", "99", "1e3", "chunked", "*", "100-continue", "application/json"]) | LINE,
    ),
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(METHOD, TARGET, HEADERS, st.binary(max_size=20))
def test_any_bytes_get_an_answer_or_a_closed_connection_and_never_a_traceback_or_a_hang(
    served: Emulator, method: str, target: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=10) as client:
        answer = b""
        with suppress(ConnectionError):  # a server that has answered with an error need not read the rest
            client.sendall(head.encode("latin-1") + body)
            client.shutdown(socket.SHUT_WR)
            while received := client.recv(65536):
                answer += received
    if not answer.startswith(b"HTTP/"):
        # A request line of HTTP/0.9 gets a body alone, one that is empty gets nothing.
        assert not answer or "error" in json.loads(answer)
        return
    status, text = int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]
    assert status < 500 or status in (501, 505), answer
    if status >= 400 and method != "HEAD":
        assert b'"code"' in text, answer


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=16)
    | st.sampled_from([VERSION, "2024-13-45", "9999-99-99-preview", "2024-07-01 ", "\u0662024-07-01"])
)
def test_any_text_is_an_api_version_or_is_refused(served: Emulator, version: str) -> None:
    url = f"{served.endpoint}/subscriptions/{served.subscription_id}/resourceGroups"
    answer = requests.get(url, params={"api-version": version}, timeout=10)
    check(answer)
    assert answer.status_code in (200, 400)


def test_two_hundred_connections_at_once_are_all_answered(served: Emulator) -> None:
    path = f"/subscriptions/{served.subscription_id}/resourceGroups?api-version={VERSION}"
    with ExitStack() as stack:
        clients = [http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=30) for _ in range(200)]
        for client in clients:
            stack.callback(client.close)
            client.connect()
        for client in clients:
            client.request("GET", path)
        answers = [client.getresponse() for client in clients]
        assert Counter(answer.status for answer in answers) == {200: 200}
        assert len({answer.read() for answer in answers}) == 1


@pytest.mark.parametrize("ending", ["closes", "resets", "waits"])
def test_a_client_that_stops_during_its_request_changes_nothing_and_delays_no_other(azure: Azure, ending: str) -> None:
    port = port_of(azure.emulator)
    request = f"PATCH {azure.set}?api-version={VERSION} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{"
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
        client.sendall(request.encode())
        if ending == "closes":
            client.close()
        elif ending == "resets":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.close()
        assert azure.ask("GET").json()["etag"] == '"1"'
        assert azure.ask("PATCH", body={"tags": {"a": "b"}}).status_code == 200
    assert [call["method"] for call in azure.emulator.calls if call["status"] == 200] == ["GET", "PATCH"]


def test_under_load_every_answer_is_whole_while_instances_go_down_and_up() -> None:
    """A client may get a refused or reset connection, but never half a page or a page of another release."""
    names = [f"i{number}" for number in range(4)]
    pages = {name: f"<title>{name}</title>" + "x" * 20_000 for name in names}
    over = threading.Event()
    seen: Counter[str] = Counter()

    def visit(port: int) -> None:
        while not over.is_set():
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            with closing(client):
                try:
                    for _ in range(5):
                        client.request("GET", "/")
                        answer = client.getresponse()
                        text = answer.read().decode()
                        seen["whole" if text in pages.values() and answer.status == 200 else text[:80]] += 1
                except (ConnectionError, http.client.RemoteDisconnected):
                    seen["refused"] += 1

    with DataPlane() as plane, ThreadPoolExecutor(8) as pool:
        for name in names:
            plane.serve(name, Page(pages[name]))
        port = plane.open_frontend("web", lambda: names, Probe(interval=60, threshold=1, path="/health"))
        visits = [pool.submit(visit, port) for _ in range(8)]
        try:
            for turn in range(12):
                name = names[turn % len(names)]
                plane.take_down(name)
                plane.probe_now()
                plane.serve(name, Page(pages[name]))
                plane.probe_now()
        finally:
            over.set()
        for one in visits:
            one.result(timeout=30)
    assert seen["whole"] > 50
    assert set(seen) <= {"whole", "refused"}
