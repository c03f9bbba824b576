import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import responses
import trustme

from tests.support.fakes import FakeClock
from vmss_jenkins.gates.specs import Expectation
from vmss_jenkins.gates.verdicts import Sample
from vmss_jenkins.measure.http_prober import MOST_BYTES, HttpProber
from vmss_jenkins.measure.ports import ProbeRequest
from vmss_jenkins.runtime.clock import SystemClock

PAGE = "Welcome to nginx on Azure VMSS!"


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[int, dict[str, str]]]

    def do_GET(self) -> None:
        self.seen.append((self.client_address[1], dict(self.headers)))
        answer = {"/": self.page, "/moved": self.moved, "/huge": self.huge, "/cut": self.cut, "/endless": self.endless}
        answer.get(self.path, self.broken)()

    def page(self) -> None:
        self.reply(200, PAGE.encode())

    def broken(self) -> None:
        self.reply(500, b"oops")

    def moved(self) -> None:
        self.reply(301, b"", Location="/")

    def huge(self) -> None:
        self.reply(200, b"x" * (4 * MOST_BYTES))

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b"Welcome" * 1000)

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"part")

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # the client has read enough
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        pass


Serve = Callable[..., tuple[str, list[tuple[int, dict[str, str]]]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; each returns its URL and the connections and headers that it received."""
    servers = []

    def start(context: ssl.SSLContext | None = None) -> tuple[str, list[tuple[int, dict[str, str]]]]:
        handler = type("OneServer", (Handler,), {"seen": []})
        server = Server(("127.0.0.1", 0), handler)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        scheme = "https" if context else "http"
        return f"{scheme}://127.0.0.1:{server.server_address[1]}", handler.seen  # type: ignore[attr-defined]

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def request(url: str, instance_id: str | None = None, **changes: object) -> ProbeRequest:
    values: dict[str, object] = {"expect": Expectation(text="Welcome", release_text="Azure VMSS"), "timeout": 5.0}
    return ProbeRequest(url, instance_id=instance_id, **{**values, **changes})  # type: ignore[arg-type]


def probe(*asked: ProbeRequest, ca_bundle: str | None = None) -> tuple[Sample, ...]:
    return HttpProber(SystemClock(), ca_bundle).probe(asked, 0)


def test_an_answer_is_measured(serve: Serve) -> None:
    url, _ = serve()
    (sample,) = probe(request(f"{url}/", "3"))
    assert (sample.instance_id, sample.status, sample.fault, sample.unmeasured) == ("3", 200, None, None)
    assert sample.new_release
    assert 0 < sample.seconds < 5


def test_each_sample_has_a_connection_of_its_own(serve: Serve) -> None:
    url, seen = serve()
    probe(*[request(f"{url}/")] * 20)
    assert len({port for port, _ in seen}) == 20


def test_samples_keep_the_order_of_the_requests(serve: Serve) -> None:
    url, _ = serve()
    samples = probe(*[request(f"{url}/{'' if n % 2 else 'broken'}", str(n)) for n in range(30)])
    assert [sample.instance_id for sample in samples] == [str(n) for n in range(30)]
    assert [sample.status for sample in samples] == [500, 200] * 15


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/broken", "status 500, wanted 200"),
        ("/moved", "status 301, wanted 200"),
        ("/huge", "the body does not contain 'Welcome'"),
    ],
)
def test_a_bad_answer_has_its_fault(serve: Serve, path: str, fault: str) -> None:
    url, _ = serve()
    (sample,) = probe(request(url + path))
    assert (sample.fault, sample.unmeasured) == (fault, None)


def test_a_body_that_is_cut_off_is_a_fault(serve: Serve) -> None:
    url, _ = serve()
    (sample,) = probe(request(f"{url}/cut"))
    assert sample.fault is not None
    assert "IncompleteRead" in sample.fault
    assert sample.unmeasured is None


def test_an_endless_body_is_read_up_to_the_limit(serve: Serve) -> None:
    url, _ = serve()
    (sample,) = probe(request(f"{url}/endless"))
    assert (sample.status, sample.fault) == (200, None)


def test_a_refused_connection_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (sample,) = probe(request(f"http://127.0.0.1:{port}/"))
    assert (sample.status, sample.fault, sample.unmeasured) == (None, "connection refused", None)


def test_no_answer_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (sample,) = probe(request(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.05))
    assert sample.fault == "no answer in time"


def test_a_late_answer_is_a_fault(serve: Serve) -> None:
    url, _ = serve()
    ticking = FakeClock()
    ticks = itertools.count()
    ticking.now = lambda: float(next(ticks))  # type: ignore[method-assign]
    (sample,) = HttpProber(ticking).probe([request(f"{url}/", timeout=0.5)], 0)
    assert sample.fault == "no whole answer within 0.5 s"


@responses.activate
@pytest.mark.parametrize(
    ("error", "unmeasured"),
    [
        (requests.exceptions.SSLError("certificate verify failed"), "TLS: certificate verify failed"),
        (requests.exceptions.ProxyError("407"), "proxy: 407"),
        (requests.exceptions.InvalidURL("bad"), "bad"),
    ],
)
def test_a_failure_on_our_side_is_unmeasured(error: Exception, unmeasured: str) -> None:
    responses.get("http://10.0.0.4/", body=error)
    (sample,) = probe(request("http://10.0.0.4/"))
    assert (sample.fault, sample.unmeasured) == (None, unmeasured)


def test_no_data_of_the_user_is_sent(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url, seen = serve()
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    probe(request(f"{url}/"))
    headers = seen[0][1]
    assert "Authorization" not in headers
    assert headers["Connection"] == "close"


def test_the_host_header_has_the_gates_host(serve: Serve) -> None:
    url, seen = serve()
    probe(request(f"{url}/", host="web.example.com"))
    assert seen[0][1]["Host"] == "web.example.com"


@pytest.mark.parametrize(
    ("trusted", "host", "problem"),
    [(True, "web.example.com", None), (False, "web.example.com", "TLS: "), (True, "other.example.com", "TLS: ")],
)
def test_a_certificate_is_verified_for_the_host(
    serve: Serve, tmp_path: Path, trusted: bool, host: str, problem: str | None
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("web.example.com").configure_cert(context)
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(tmp_path / "ca.pem")
    url, _ = serve(context)
    (sample,) = probe(request(f"{url}/", host=host), ca_bundle=str(tmp_path / "ca.pem"))
    if problem is None:
        assert (sample.fault, sample.unmeasured) == (None, None)
    else:
        assert str(sample.unmeasured).startswith(problem)


@responses.activate
def test_requests_start_at_their_rate() -> None:
    responses.get("http://10.0.0.4/", body=PAGE)
    clock = FakeClock()
    HttpProber(clock).probe([request("http://10.0.0.4/")] * 4, 0.5)
    assert sum(clock.slept) == pytest.approx(1.5)
