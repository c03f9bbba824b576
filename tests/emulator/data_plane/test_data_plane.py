import gc
import http.client
import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from vmss_jenkins.emulator.data_plane.data_plane import DataPlane, Page, Probe

NAMES = ["web_0", "web_1", "web_2"]
HOURLY = Probe(interval=3600.0)
BY_HAND = HOURLY
"""At a time scale of 1, a probe that comes only when a test says so."""
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def plane(caplog: pytest.LogCaptureFixture) -> Iterator[DataPlane]:
    """A data plane; at the end everything must be closed and no task may have an unhandled exception."""
    with DataPlane(seed=7) as running:
        yield running
    gc.collect()
    assert running._draining == {}
    assert [record.message for record in caplog.get_records("call") if record.name == "asyncio"] == []


@pytest.fixture
def frontend(plane: DataPlane) -> int:
    """The port of the load balancer `lb`, before three instances whose pages are their names."""
    for name in NAMES:
        plane.serve(name, Page(name))
    return plane.open_frontend("lb", lambda: NAMES, BY_HAND)


def get(port: int, path: str = "/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def bodies(port: int, count: int) -> list[str]:
    return [get(port)[1] for _ in range(count)]


def tries_until_answered(port: int) -> int:
    """Ask as a browser does: once more on a new connection if the first was reset."""
    try:
        get(port)
    except ConnectionResetError:
        get(port)
        return 2
    return 1


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def rest_of(connection: socket.socket) -> bytes:
    """Read to the end of the connection."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_an_instance_answers_with_its_page(plane: DataPlane) -> None:
    plane.serve("web_0", Page("<h1>Welcome to nginx!</h1>", status=404))
    assert get(plane.port("web_0"), "/anything") == (404, "<h1>Welcome to nginx!</h1>")


def test_a_page_is_sent_as_html(plane: DataPlane) -> None:
    plane.serve("web_0", Page("<p>é</p>"))
    with connect(plane.port("web_0")) as client:
        client.sendall(REQUEST)
        answer = client.recv(65536)
    assert b"Content-Type: text/html; charset=utf-8\r\n" in answer
    assert answer.endswith("<p>é</p>".encode())


def test_serving_again_replaces_the_page_and_keeps_the_port(plane: DataPlane) -> None:
    plane.serve("web_0", Page("old"))
    port = plane.port("web_0")
    plane.serve("web_0", Page("new"))
    assert plane.port("web_0") == port
    assert get(port)[1] == "new"


def test_an_instance_that_is_down_refuses_connections_and_comes_up_on_the_same_port(plane: DataPlane) -> None:
    plane.serve("web_0", Page("old"))
    port = plane.port("web_0")
    plane.take_down("web_0")
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    plane.serve("web_0", Page("new"))
    assert plane.port("web_0") == port
    assert get(port)[1] == "new"


def test_nobody_can_take_the_port_of_an_instance_that_is_down(plane: DataPlane) -> None:
    plane.serve("web_0", Page("old"))
    plane.take_down("web_0")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", plane.port("web_0")))


def test_a_request_in_flight_finishes_when_its_instance_goes_down(plane: DataPlane) -> None:
    plane.serve("web_0", Page("slow", latency=0.2))
    port = plane.port("web_0")
    with connect(port) as client:
        client.sendall(REQUEST)
        get(port, "/health")  # the loop has read the first request by now
        plane.take_down("web_0")
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        assert rest_of(client).endswith(b"slow")


def test_a_request_that_outlasts_the_grace_is_cut_off(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmss_jenkins.emulator.data_plane.web_instance.GRACE", 0.05)
    plane.serve("web_0", Page("slow", latency=3600.0))
    with connect(plane.port("web_0")) as client:
        client.sendall(REQUEST)
        get(plane.port("web_0"), "/health")
        plane.take_down("web_0")
        assert rest_of(client) == b""


def test_an_answer_that_its_client_does_not_read_is_cut_off(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmss_jenkins.emulator.data_plane.web_instance.GRACE", 0.05)
    plane.serve("web_0", Page("x" * 20_000_000))
    with connect(plane.port("web_0")) as client:
        client.sendall(REQUEST)
        client.recv(1)
        plane.take_down("web_0")
        plane.serve("web_1", Page("slow", latency=0.2))
        get(plane.port("web_1"))
        assert len(rest_of(client)) < 20_000_000


def test_an_instance_comes_up_with_the_new_page_while_a_request_to_the_old_one_finishes(
    plane: DataPlane,
) -> None:
    plane.serve("web_0", Page("old", latency=0.2))
    port = plane.port("web_0")
    with connect(port) as client:
        client.sendall(REQUEST)
        get(port, "/health")
        plane.take_down("web_0")
        plane.serve("web_0", Page("new"))
        assert get(port)[1] == "new"
        assert rest_of(client).endswith(b"old")


def test_idle_keep_alive_connections_are_closed_when_an_instance_goes_down(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    with connect(plane.port("web_0")) as client:
        client.sendall(REQUEST)
        assert client.recv(65536).endswith(b"page")
        plane.take_down("web_0")
        assert rest_of(client) == b""


def test_idle_connections_do_not_wait_for_requests_in_flight(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmss_jenkins.emulator.data_plane.web_instance.GRACE", 3600.0)
    plane.serve("web_0", Page("slow", latency=3600.0))
    port = plane.port("web_0")
    with connect(port) as busy, connect(port) as idle:
        busy.sendall(REQUEST)
        get(port, "/health")
        plane.take_down("web_0")
        assert rest_of(idle) == b""


def test_a_connection_that_is_made_while_an_instance_goes_down_is_closed(
    plane: DataPlane,
) -> None:
    for _ in range(20):
        plane.serve("web_0", Page("page"))
        with connect(plane.port("web_0")) as client:
            plane.take_down("web_0")
            assert is_closed(client)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_client_that_stops_during_its_request_delays_no_other_client(plane: DataPlane, begun: bytes) -> None:
    plane.serve("web_0", Page("page"))
    port = plane.port("web_0")
    with connect(port) as client:
        client.sendall(begun)
        assert get(port)[1] == "page"
        plane.take_down("web_0")
        rest_of(client)


def test_a_malformed_request_gets_400_and_affects_no_other_client(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    with connect(plane.port("web_0")) as client:
        client.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.0 400")
    assert get(plane.port("web_0"))[1] == "page"


def test_the_health_path_answers_the_health_status_with_no_latency_and_no_errors(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page", latency=3600.0, error_rate=1.0, health_status=503))
    assert get(plane.port("web_0"), "/health") == (503, '{"ApplicationHealthState": "Healthy"}')


def test_the_latency_is_what_a_client_measures_whatever_the_time_scale() -> None:
    with DataPlane(time_scale=1000.0) as fast:
        fast.serve("web_0", Page("slow", latency=0.1))
        started = time.monotonic()
        get(fast.port("web_0"))
        assert time.monotonic() - started >= 0.1


def test_the_error_rate_is_the_share_of_requests_that_answer_500(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page", error_rate=0.25))
    statuses = Counter(get(plane.port("web_0"))[0] for _ in range(400))
    assert statuses.keys() == {200, 500}
    assert 70 <= statuses[500] <= 130


def statuses(seed: int) -> list[int]:
    with DataPlane(seed=seed) as plane:
        plane.serve("web_0", Page("page", error_rate=0.5))
        return [get(plane.port("web_0"))[0] for _ in range(64)]


def test_the_seed_decides_which_requests_fail() -> None:
    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)


def test_a_removed_instance_refuses_connections_and_is_forgotten(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    port = plane.port("web_0")
    plane.remove("web_0")
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    with pytest.raises(LookupError, match="no instance 'web_0'; there are: none"):
        plane.port("web_0")


def test_an_instance_can_be_removed_while_it_is_down(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    port = plane.port("web_0")
    plane.take_down("web_0")
    plane.remove("web_0")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        assert other.getsockname()[1] == port, "nobody has it any more"


def test_taking_down_removing_and_closing_twice_does_nothing(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    for _ in range(2):
        plane.take_down("web_0")
    for _ in range(2):
        plane.remove("web_0")
        plane.close_frontend("lb")
    with pytest.raises(LookupError, match="no instance 'web_0'; there are: none"):
        plane.port("web_0")


def test_the_error_of_an_unknown_name_lists_the_known_names(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    with pytest.raises(LookupError, match="there is no instance 'web_9'; there are: web_0"):
        plane.take_down("web_9")
    with pytest.raises(LookupError, match="there is no load balancer 'web_0'; there are: none"):
        plane.backend_up("web_0")


def test_connections_go_to_the_backends_in_turn(frontend: int) -> None:
    first, again = bodies(frontend, 3), bodies(frontend, 3)
    assert sorted(first) == NAMES
    assert again == first


def test_the_order_of_backends_does_not_follow_their_ids(plane: DataPlane) -> None:
    """So a client that retries does not meet the next instance of the same batch, as in Azure."""
    names = [f"web_{number}" for number in range(12)]
    for name in names:
        plane.serve(name, Page(name))
    port = plane.open_frontend("many", lambda: names, BY_HAND)
    turns = bodies(port, 12)
    assert sorted(turns) == sorted(names)
    steps = [int(after[4:]) - int(before[4:]) for before, after in itertools.pairwise(turns)]
    assert steps.count(1) < 6


def test_a_keep_alive_connection_stays_with_its_backend(frontend: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", frontend, timeout=10)
    seen = []
    for _ in range(3):
        connection.request("GET", "/")
        seen.append(connection.getresponse().read().decode())
    connection.close()
    assert seen == [seen[0]] * 3


def test_a_dead_backend_resets_its_share_of_connections_until_the_probe_notices(
    plane: DataPlane, frontend: int
) -> None:
    before, dead, after = bodies(frontend, 3)
    plane.take_down(dead)
    assert get(frontend)[1] == before
    with pytest.raises(ConnectionResetError):
        get(frontend)
    assert get(frontend)[1] == after
    plane.probe_now()
    plane.probe_now()
    assert set(bodies(frontend, 6)) == {before, after}


def test_a_client_is_reset_before_it_sends_anything(plane: DataPlane, frontend: int) -> None:
    for name in NAMES:
        plane.take_down(name)
    for _ in range(2):
        with pytest.raises(ConnectionResetError), connect(frontend) as to_a_dead_backend:
            to_a_dead_backend.recv(1)
        plane.probe_now()
    with pytest.raises(ConnectionResetError), connect(frontend) as to_none:
        to_none.recv(1)


def test_backends_are_listed_in_the_pools_order_whichever_answers_first(plane: DataPlane, frontend: int) -> None:
    plane.serve("web_0", Page("slow", latency=0.1))
    plane.probe_now()
    assert list(plane.backend_up("lb")) == NAMES


def test_a_backend_is_down_after_threshold_failures_in_a_row(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    plane.open_frontend("lb", lambda: ["web_0"], Probe(interval=3600.0, threshold=3))
    seen = []
    for page in [None, None, Page("page"), None, None, None]:
        if page is None:
            plane.take_down("web_0")
        else:
            plane.serve("web_0", page)
        plane.probe_now()
        seen.append(plane.backend_up("lb")["web_0"])
    assert seen == [True, True, True, True, True, False]


def test_a_backend_is_up_after_recovery_successes_in_a_row(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    plane.open_frontend("lb", lambda: ["web_0"], Probe(interval=3600.0, threshold=2, recovery=2))
    seen = [plane.backend_up("lb")["web_0"]]
    for page in [Page("page"), None, None, Page("page"), None, Page("page"), Page("page")]:
        if page is None:
            plane.take_down("web_0")
        else:
            plane.serve("web_0", page)
        plane.probe_now()
        seen.append(plane.backend_up("lb")["web_0"])
    assert seen == [False, True, True, False, False, False, False, True]


def test_by_default_one_success_brings_a_backend_up(plane: DataPlane, frontend: int) -> None:
    plane.take_down("web_1")
    plane.probe_now()
    plane.probe_now()
    assert plane.backend_up("lb") == {"web_0": True, "web_1": False, "web_2": True}
    plane.serve("web_1", Page("new"))
    assert "new" not in bodies(frontend, 4)
    plane.probe_now()
    assert plane.backend_up("lb")["web_1"]
    assert "new" in bodies(frontend, 3)


def test_connections_are_reset_while_no_backend_is_up(plane: DataPlane) -> None:
    port = plane.open_frontend("lb", lambda: ["web_0"], BY_HAND)
    plane.serve("web_0", Page("page"))
    assert plane.backend_up("lb") == {"web_0": False}
    with pytest.raises(ConnectionResetError):
        get(port)
    plane.probe_now()
    assert get(port)[1] == "page"


@pytest.mark.parametrize("page", [Page("", status=503), Page("", status=204), Page("", status=302)])
def test_only_200_is_healthy(plane: DataPlane, page: Page) -> None:
    plane.serve("web_0", page)
    plane.open_frontend("lb", lambda: ["web_0"], BY_HAND)
    assert plane.backend_up("lb") == {"web_0": False}


@pytest.mark.parametrize(("path", "healthy"), [("/", True), ("/health", False)])
def test_the_probe_asks_for_its_own_path(plane: DataPlane, path: str, healthy: bool) -> None:
    plane.serve("web_0", Page("page", health_status=500))
    plane.open_frontend("lb", lambda: ["web_0"], Probe(interval=3600.0, path=path))
    assert plane.backend_up("lb") == {"web_0": healthy}


def test_a_backend_that_does_not_answer_in_time_is_down(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vmss_jenkins.emulator.data_plane.frontend.PROBE_TIMEOUT", 0.0)
    monkeypatch.setattr("vmss_jenkins.emulator.data_plane.frontend.LEAST_TIMEOUT", 0.05)
    plane.serve("web_0", Page("slow", latency=3600.0))
    plane.open_frontend("lb", lambda: ["web_0"], BY_HAND)
    assert plane.backend_up("lb") == {"web_0": False}


def test_a_removed_instance_is_skipped_before_the_next_probe(plane: DataPlane, frontend: int) -> None:
    plane.remove("web_1")
    assert sorted(bodies(frontend, 4)) == ["web_0", "web_0", "web_2", "web_2"]


def test_connections_are_reset_when_every_backend_is_removed(plane: DataPlane, frontend: int) -> None:
    for name in NAMES:
        plane.remove(name)
    with pytest.raises(ConnectionResetError):
        get(frontend)


def test_a_change_of_the_pool_takes_effect_with_the_next_round_of_probes(plane: DataPlane) -> None:
    members = ["web_0"]
    for name in NAMES:
        plane.serve(name, Page(name))
    port = plane.open_frontend("lb", lambda: members, BY_HAND)
    members[:] = ["web_1", "web_2", "web_1"]
    assert bodies(port, 2) == ["web_0", "web_0"]
    plane.probe_now()
    assert plane.backend_up("lb") == {"web_1": True, "web_2": True}
    assert set(bodies(port, 4)) == {"web_1", "web_2"}


def test_a_request_in_flight_through_the_load_balancer_finishes_when_its_instance_goes_down(
    plane: DataPlane,
) -> None:
    plane.serve("web_0", Page("slow", latency=0.2))
    port = plane.open_frontend("lb", lambda: ["web_0"], BY_HAND)
    with connect(port) as client:
        client.sendall(REQUEST)
        get(port, "/health")
        plane.take_down("web_0")
        assert rest_of(client).endswith(b"slow")


def test_a_client_that_retries_once_never_fails_while_instances_go_down_in_turn(
    plane: DataPlane, frontend: int
) -> None:
    tries = Counter[int]()
    for name in NAMES:
        plane.take_down(name)
        for _ in range(4):
            tries[tries_until_answered(frontend)] += 1
        plane.probe_now()
        plane.probe_now()
        for _ in range(4):
            tries[tries_until_answered(frontend)] += 1
        plane.serve(name, Page(name))
        plane.probe_now()
    assert tries.keys() == {1, 2}
    assert 3 <= tries[2] <= 6


def test_each_load_balancer_has_its_own_pool_and_probe(plane: DataPlane, frontend: int) -> None:
    other = plane.open_frontend("other", lambda: ["web_2"], Probe(interval=3600.0, path="/health"))
    plane.serve("web_2", Page("web_2", health_status=500))
    plane.probe_now()
    plane.probe_now()
    assert plane.backend_up("other") == {"web_2": False}
    assert plane.backend_up("lb")["web_2"]
    with pytest.raises(ConnectionResetError):
        get(other)
    assert get(frontend)[0] == 200


def test_a_closed_load_balancer_refuses_new_connections_and_resets_open_ones(plane: DataPlane, frontend: int) -> None:
    with connect(frontend) as client:
        client.sendall(REQUEST)
        client.recv(65536)
        plane.close_frontend("lb")
        with pytest.raises(ConnectionResetError):
            rest_of(client)
    with pytest.raises(ConnectionRefusedError):
        connect(frontend)
    plane.open_frontend("lb", lambda: NAMES, BY_HAND)


def test_a_load_balancer_cannot_be_opened_twice(plane: DataPlane, frontend: int) -> None:
    with pytest.raises(ValueError, match="'lb' is open already; close it first"):
        plane.open_frontend("lb", lambda: NAMES, BY_HAND)
    assert get(frontend)[0] == 200


def test_two_hundred_connections_at_once_are_all_answered(frontend: int) -> None:
    together = threading.Barrier(200)

    def one(_: int) -> str:
        with connect(frontend) as client:
            together.wait(timeout=10)
            client.sendall(REQUEST)
            return client.recv(65536)[-5:].decode()

    with ThreadPoolExecutor(200) as clients:
        seen = Counter(clients.map(one, range(200)))
    assert sorted(seen.values()) == [66, 67, 67]


def test_a_page_larger_than_every_buffer_reaches_a_slow_reader_whole(plane: DataPlane) -> None:
    plane.serve("web_0", Page("x" * 20_000_000))
    port = plane.open_frontend("lb", lambda: ["web_0"], BY_HAND)
    with connect(port) as client:
        client.sendall(REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert get(port, "/health")[0] == 200
        assert len(rest_of(client).partition(b"\r\n\r\n")[2]) == 20_000_000


class Pool:
    """A backend pool that counts how often it was read."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.error: Exception | None = None
        self._asked = threading.Semaphore(0)

    def __call__(self) -> tuple[str, ...]:
        self._asked.release()
        if self.error is not None:
            raise self.error
        return self.names

    def wait_for_rounds(self, count: int) -> None:
        """Return when this many rounds of probes have begun and ended."""
        while self._asked.acquire(blocking=False):
            pass
        for _ in range(count + 2):  # one may be in progress, and the last has ended when the next begins
            assert self._asked.acquire(timeout=10)


@pytest.fixture
def fast() -> Iterator[DataPlane]:
    """A data plane on which an hour takes four milliseconds."""
    with DataPlane(time_scale=900_000.0) as running:
        yield running


def test_probes_are_sent_at_the_interval_of_the_emulated_clock(fast: DataPlane) -> None:
    fast.serve("web_0", Page("page"))
    pool = Pool("web_0")
    fast.open_frontend("lb", pool, HOURLY)
    fast.take_down("web_0")
    pool.wait_for_rounds(2)
    assert fast.backend_up("lb") == {"web_0": False}
    fast.serve("web_0", Page("page"))
    pool.wait_for_rounds(1)
    assert fast.backend_up("lb") == {"web_0": True}


def test_probing_continues_with_the_old_pool_if_the_pool_cannot_be_read(
    fast: DataPlane, caplog: pytest.LogCaptureFixture
) -> None:
    fast.serve("web_0", Page("page"))
    pool = Pool("web_0")
    fast.open_frontend("lb", pool, HOURLY)
    pool.error = OSError("no pool")
    fast.take_down("web_0")
    pool.wait_for_rounds(2)
    assert fast.backend_up("lb") == {"web_0": False}
    assert "the backend pool could not be read; it stays as it was" in caplog.messages


def test_the_pool_may_take_a_lock_that_the_caller_of_the_data_plane_holds(fast: DataPlane) -> None:
    lock = threading.RLock()
    asked = threading.Event()

    def backends() -> list[str]:
        asked.set()
        with lock:
            return ["web_0"]

    fast.open_frontend("lb", backends, HOURLY)
    with lock:
        asked.clear()
        assert asked.wait(timeout=10)
        fast.serve("web_0", Page("page"))
        fast.take_down("web_0")


def test_stopping_closes_everything_at_once_even_requests_in_flight() -> None:
    plane = DataPlane()
    plane.start()
    plane.serve("web_0", Page("slow", latency=3600.0))
    front = plane.open_frontend("lb", lambda: ["web_0"], Probe(interval=3600.0, path="/health"))
    own = plane.port("web_0")
    threads = threading.active_count()
    with connect(own) as direct, connect(front) as balanced:
        direct.sendall(REQUEST)
        balanced.sendall(REQUEST)
        get(front, "/health")
        plane.stop()
        assert is_closed(direct)
        with pytest.raises(ConnectionResetError):
            rest_of(balanced)
    assert threading.active_count() < threads
    for port in (own, front):
        with pytest.raises(ConnectionRefusedError):
            connect(port)
    plane.stop()


def test_stopping_does_not_wait_for_a_client_that_does_not_read_its_answer() -> None:
    with DataPlane() as plane:
        plane.serve("web_0", Page("x" * 20_000_000))
        client = connect(plane.port("web_0"))
        client.sendall(REQUEST)
        client.recv(1)
    gc.collect()
    assert len(rest_of(client)) < 20_000_000
    client.close()


def test_a_stopped_data_plane_starts_again_empty() -> None:
    plane = DataPlane()
    for _ in range(2):
        with plane:
            with pytest.raises(LookupError):
                plane.port("web_0")
            plane.serve("web_0", Page("page"))
            assert get(plane.port("web_0"))[1] == "page"


def test_starting_twice_has_no_effect(plane: DataPlane) -> None:
    plane.serve("web_0", Page("page"))
    threads = threading.active_count()
    plane.start()
    assert threading.active_count() == threads
    assert get(plane.port("web_0"))[1] == "page"


def test_a_call_to_a_data_plane_that_does_not_run_is_an_error() -> None:
    with pytest.raises(RuntimeError, match=r"does not run; call start\(\) first"):
        DataPlane().serve("web_0", Page("page"))


def test_its_methods_may_be_called_from_many_threads_at_once(plane: DataPlane, frontend: int) -> None:
    def work(number: int) -> str:
        name = f"web_{number % 8}"
        plane.serve(name, Page(name))
        plane.probe_now()
        if number % 3 == 0:
            plane.take_down(name)
        plane.serve(name, Page(name))
        return get(plane.port(name))[1]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [f"web_{number}" for number in range(8)]
    plane.probe_now()
    assert sorted(bodies(frontend, 3)) == NAMES


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"status": 99}, "status is 99"),
        ({"health_status": 600}, "status is 600"),
        ({"latency": -1.0}, "latency is -1.0 s"),
        ({"error_rate": 1.5}, "error rate is 1.5"),
    ],
)
def test_an_invalid_page_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Page("page", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"interval": 0.0}, "interval is 0.0 s"),
        ({"threshold": 0}, "threshold is 0"),
        ({"recovery": 0}, "threshold is 0"),
        ({"path": "health"}, "path is 'health'"),
    ],
)
def test_an_invalid_probe_is_refused(values: dict[str, float | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Probe(**values)  # type: ignore[arg-type]


def test_an_invalid_time_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="time scale is 0"):
        DataPlane(time_scale=0)
