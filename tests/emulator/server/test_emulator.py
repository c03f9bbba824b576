import socket
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests

from tests.emulator.conftest import EXACT, VERSION, Azure, Emulate
from vmss_jenkins.emulator import Emulator, ManualClock, Release, ScaledClock, Scenario, SetSpec, Timings

FAST = Timings(spread=0, model=0.1, accept=0.01, update=0.2, health=0.1)


def page(url: str) -> str:
    """The title of the page behind a load balancer; asks once more if the first instance is down."""
    try:
        answer = requests.get(url, timeout=10)
    except requests.ConnectionError:
        answer = requests.get(url, timeout=10)
    return answer.text.partition("<h1>")[2].partition("</h1>")[0]


def eventually(true: Callable[[], bool]) -> bool:
    """Whether a condition becomes true within seconds, for changes that take real time."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.01)
    return False


def send(emulator: Emulator, method: str, path: str, body: object) -> requests.Response:
    base = f"{emulator.endpoint}/subscriptions/{emulator.subscription_id}/resourceGroups/canary-rg/providers"
    url = f"{base}/Microsoft.Compute/virtualMachineScaleSets/{path}"
    return requests.request(method, url, json=body, params={"api-version": VERSION}, timeout=10)


def image(emulator: Emulator, name: str) -> dict[str, object]:
    reference = {"imageReference": {"id": emulator.scenario.image_id(name)}}
    return {"properties": {"virtualMachineProfile": {"storageProfile": reference}}}


def test_the_load_balancer_serves_what_a_canary_rollout_does() -> None:
    clock = ManualClock()
    with Emulator(clock=clock, timings=EXACT) as emulator:
        old, new = "Welcome to nginx!", "Welcome to nginx on Azure VMSS!"
        assert {page(emulator.frontend_url) for _ in range(6)} == {old}
        send(emulator, "PATCH", "web", image(emulator, "nginx-updated-image"))
        clock.advance(10)
        assert send(emulator, "POST", "web/manualupgrade", {"instanceIds": ["0"]}).status_code == 202
        assert {page(emulator.frontend_url) for _ in range(6)} == {old}
        clock.advance(EXACT.update)
        emulator.backend.advance()
        assert eventually(lambda: {page(emulator.frontend_url) for _ in range(6)} == {old, new})


def test_transitions_happen_on_time_without_requests() -> None:
    scenario = Scenario(instances=1)
    with Emulator(scenario, timings=FAST) as emulator:
        send(emulator, "PATCH", "web", image(emulator, "nginx-updated-image"))
        assert eventually(lambda: emulator.backend.next_due is None)
        send(emulator, "POST", "web/manualupgrade", {"instanceIds": ["*"]})
        assert eventually(lambda: emulator.backend.next_due is None)
        instance = emulator.backend.scale_set("canary-rg", "web").instances["0"]
        assert (instance.release.page, instance.power) == (
            scenario.releases["nginx-updated-image"].page,
            "running",
        )


def test_a_scaled_clock_makes_azure_faster_and_waits_shorter() -> None:
    with Emulator(time_scale=20, data_plane=False, timings=FAST) as emulator:
        answer = send(emulator, "PATCH", "web", image(emulator, "nginx-updated-image"))
        assert answer.headers["Retry-After"] == "1"


def test_the_load_balancer_of_a_deleted_set_has_no_backend() -> None:
    clock = ManualClock()
    with Emulator(clock=clock, timings=EXACT) as emulator:
        send(emulator, "DELETE", "web", None)
        clock.advance(1000)
        emulator.backend.advance()
        with pytest.raises(requests.ConnectionError):
            requests.get(emulator.frontend_url, timeout=10)


def test_a_bad_release_is_served_as_bad() -> None:
    releases = {"bad": Release("<h1>bad</h1>", status=500)}
    scenario = Scenario(image="bad", releases=releases, probe_path="/health")
    with Emulator(scenario, clock=ManualClock()) as emulator:
        answer = requests.get(emulator.frontend_url, timeout=10)
        assert (answer.status_code, answer.text) == (500, "<h1>bad</h1>")


def test_each_set_has_its_load_balancer() -> None:
    scenario = Scenario(more_sets=(SetSpec("second", image="nginx-updated-image"),))
    with Emulator(scenario, clock=ManualClock()) as emulator:
        assert page(emulator.frontend_urls["second"]) == "Welcome to nginx on Azure VMSS!"
        assert emulator.frontend_urls["web"] == emulator.frontend_url
        assert set(emulator.data_plane.backend_up("canary-rg/secondLB/secondRule")) == {
            f"canary-rg/second_{n}" for n in range(3)
        }


def test_the_environment_variables_point_to_the_emulator(emulate: Emulate) -> None:
    with Emulator(clock=ManualClock()) as emulator:
        assert emulator.environment == {
            "VMSS_JENKINS_ENDPOINT": emulator.endpoint,
            "AZURE_SUBSCRIPTION_ID": emulator.subscription_id,
            "VMSS_JENKINS_EMULATOR_CONTAINER": f"{emulator.endpoint}/_emulator/blobs/scripts/init",
            "VMSS_JENKINS_EMULATOR_FRONTEND": emulator.frontend_url,
        }
        assert emulator.endpoint.startswith("http://127.0.0.1:")
    with Emulator(tls=True, clock=ManualClock(), data_plane=False) as secure:
        assert {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"} < secure.environment.keys()
        assert secure.environment["AZURE_AUTHORITY_HOST"] == secure.endpoint
        assert "VMSS_JENKINS_EMULATOR_FRONTEND" not in secure.environment


def test_a_port_that_is_taken_is_an_error(azure: Azure) -> None:
    port = int(azure.emulator.endpoint.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Emulator(port=port, data_plane=False).start()


def test_after_stop_nothing_answers_and_a_second_stop_does_nothing(azure: Azure) -> None:
    emulator = azure.emulator
    endpoint = emulator.endpoint
    assert azure.session.get(f"{endpoint}/subscriptions?api-version={VERSION}", timeout=10).status_code == 200
    emulator.stop()
    emulator.stop()
    with pytest.raises(requests.ConnectionError):
        azure.session.get(f"{endpoint}/subscriptions?api-version={VERSION}", timeout=10)
    with pytest.raises(RuntimeError, match="does not run"):
        _ = emulator.endpoint
    with pytest.raises(RuntimeError, match="without a data plane"):
        _ = emulator.data_plane


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    with Emulator() as emulator:
        page(emulator.frontend_url)
    assert eventually(lambda: set(threading.enumerate()) <= before)


def test_it_listens_on_loopback_only(azure: Azure) -> None:
    port = int(azure.emulator.endpoint.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("::1", port), timeout=1)


def test_clocks_refuse_invalid_scales_and_steps() -> None:
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0)
    with pytest.raises(ValueError, match="cannot go back"):
        ManualClock().advance(-1)


def test_the_date_of_an_answer_is_the_time_in_which_clients_wait() -> None:
    """Clients measure their locks by it: with a manual clock they wait in its time, otherwise in real time."""
    clock = ManualClock()
    with Emulator(clock=clock, data_plane=False) as emulator:
        clock.advance(86_400)
        assert date(emulator) == int(clock.now())
    with Emulator(time_scale=1000, data_plane=False) as emulator:
        assert abs(date(emulator) - time.time()) < 60


def date(emulator: Emulator) -> float:
    answer = requests.get(f"{emulator.endpoint}/_emulator/endpoints", timeout=10)
    return parsedate_to_datetime(answer.headers["Date"]).timestamp()


def test_a_scaled_clock_runs_at_its_scale() -> None:
    clock = ScaledClock(1000)
    start = clock.now()
    assert eventually(lambda: clock.now() > start + 5)
    assert clock.real_seconds_until(start) == 0
    assert clock.real_seconds_until(clock.now() + 10_000) == pytest.approx(10, rel=0.1)


def test_the_same_seed_draws_the_same_times_and_ids(emulate: Emulate) -> None:
    answers = []
    for _ in range(2):
        azure = emulate(timings=Timings(), seed=7)
        azure.set_image()
        azure.ask("POST", "manualupgrade", {"instanceIds": ["*"]})
        answers.append((azure.backend.next_due, [i["properties"]["vmId"] for i in azure.instances().values()]))
    assert answers[0] == answers[1]
