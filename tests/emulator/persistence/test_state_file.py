"""`--state FILE`: after any requests, another emulator with the same file continues with the same state."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.emulator.conftest import EXACT, Azure, profile
from vmss_jenkins.emulator import Emulator, ManualClock, Release, Scenario, SetSpec
from vmss_jenkins.emulator.arm.disclosure import disclosed
from vmss_jenkins.emulator.persistence.journal import VERSION, StateFileError
from vmss_jenkins.emulator.scenario.release import nginx_releases

ROLLING = SetSpec("batch", instances=5, mode="Rolling", orchestration="Uniform")
FLEXIBLE = SetSpec("flex", instances=2, orchestration="Flexible", nat="rule", repairs="Replace")
FOLLOWING = SetSpec(
    "follow",
    instances=2,
    image="apps/nginx",
    nat="none",
    automatic_os_upgrade=True,
    hooks=({"type": "UpgradeAutoOSRollingBatchStarting"},),
    terminate_notification="PT5M",
    zone_balance=True,
)
VERSIONS = {f"apps/nginx/1.0.{patch}": Release(f"page {patch}") for patch in range(2)}
SCENARIO = Scenario(
    more_sets=(ROLLING, FLEXIBLE, FOLLOWING),
    releases={**nginx_releases(), **VERSIONS},
    unpublished=frozenset({"apps/nginx/1.0.1"}),
)


@contextmanager
def kept(
    state: Path, clock: ManualClock | None = None, scenario: Scenario = SCENARIO, **options: Any
) -> Iterator[Azure]:
    clock = clock or ManualClock()
    given = {"data_plane": False, "throttling": False} | options
    emulator = Emulator(scenario, clock=clock, state=state, **given)
    emulator.backend.download = lambda _: next(PAGES)
    with emulator:
        azure = Azure(emulator, clock)
        yield azure
        azure.compute.close()
        azure.session.close()


def shown(value: Any) -> Any:
    """Everything in a state except secrets, in all classes and fields, so that nobody has to keep a list of them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: shown(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in disclosed(value).items()}
    if isinstance(value, list | tuple | deque | set | frozenset):
        return [shown(item) for item in value]
    if isinstance(value, FunctionType | MethodType):
        return "code"
    return value


def everything(azure: Azure) -> dict[str, Any]:
    """The state of an emulator, the times of its next transitions, and its next random numbers."""
    backend = azure.backend
    backend.advance()
    with backend.lock:
        left_out = {"lock", "clock", "servers", "calls", "chance", "availability", "_schedule", "_standing"}
        found = {name: shown(value) for name, value in vars(backend).items() if name not in left_out}
        due = sorted(entry[0] for entry in backend._schedule._heap)
        changes = shown(backend.availability.changes())
        return found | {"due": due, "chance": backend.chance.getstate(), "changes": changes}


SCRIPT: dict[str, Any] = {
    "properties": {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "settings": {"fileUris": ["http://127.0.0.1/page.sh"], "commandToExecute": "sh page.sh"},
    }
}
ALL = {"instanceIds": ["*"]}
APPS = "{group}/providers/Microsoft.Compute/galleries/apps"
PACKAGE: dict[str, Any] = {
    "location": "westeurope",
    "properties": {
        "publishingProfile": {
            "source": {"mediaLink": "http://127.0.0.1/page.sh"},
            "manageActions": {"install": "sh site", "remove": "true"},
        }
    },
}
APPLICATION = f"{SCENARIO.gallery_image_id('apps/x').replace('images/x', 'applications/site')}/versions/latest"
WITH_APPLICATION = profile({"applicationProfile": {"galleryApplications": [{"packageReferenceId": APPLICATION}]}})
REQUESTS = st.sampled_from(
    [
        ("PATCH", "", {"tags": {"a": "b"}}),
        ("PATCH", "", {"sku": {"capacity": 5}}),
        ("PATCH", "", {"sku": {"capacity": 1}}),
        ("PATCH", "image", "nginx-updated-image"),
        ("PATCH", "image of batch", "nginx-updated-image"),
        ("PATCH", "", {"properties": {"virtualMachineProfile": {"osProfile": {"adminPassword": "pass-word"}}}}),
        ("POST", "manualupgrade", {"instanceIds": ["0"]}),
        ("POST", "manualupgrade", {"instanceIds": ["*"]}),
        ("POST", "reimage", {"instanceIds": ["1"]}),
        ("POST", "deallocate", {"instanceIds": ["2"]}),
        ("POST", "start", {"instanceIds": ["2"]}),
        ("POST", "delete", {"instanceIds": ["1"]}),
        ("POST", "delete", {"instanceIds": ["77"]}),
        ("POST", "start", None),
        ("PUT", "virtualMachines/0", {"properties": {"protectionPolicy": {"protectFromScaleIn": True}}}),
        ("GET", "virtualMachines", None),
        ("GET", "", None),
        ("PUT", "{group}/providers/Microsoft.Compute/images/made", {"location": "westeurope"}),
        ("DELETE", "{group}/providers/Microsoft.Compute/images/made", None),
        ("PUT", "{group}/providers/Microsoft.Resources/tags/default", {"properties": {"tags": {"claim": "1"}}}),
        ("PUT", "/subscriptions/{sub}/resourceGroups/other", {"location": "westeurope", "tags": {"x": "y"}}),
        ("PATCH", "{group}/providers/Microsoft.Network/loadBalancers/webLB", {"tags": {"lb": "1"}}),
        ("POST", "/_emulator/faults", "fail instance=0"),
        ("POST", "/_emulator/faults", "503 GET */virtualMachines count=2"),
        ("POST", "/_emulator/faults", "scale GET */virtualMachines by=1"),
        ("POST", "/_emulator/faults", "publish image=apps/nginx/1.0.1"),
        ("POST", "/_emulator/faults", "withdraw image=apps/nginx/1.0.0"),
        ("POST", "/_emulator/faults", "stuck region=westeurope seconds=30"),
        ("PATCH", "image of follow", "apps/nginx"),
        ("POST", "{group}/providers/Microsoft.Compute/virtualMachineScaleSets/follow/manualupgrade", ALL),
        ("PUT", f"{APPS}/applications/site", {"location": "westeurope", "properties": {"supportedOSType": "Linux"}}),
        ("PUT", f"{APPS}/applications/site/versions/1.0.0", PACKAGE),
        ("PATCH", "", WITH_APPLICATION),
        ("DELETE", "/_emulator/faults", None),
        ("DELETE", "", None),
        ("PUT", "extensions/script", SCRIPT),
    ]
)


PAGES = (f"#!/bin/sh\necho page {number} > /var/www/html/index.html" for number in itertools.count())


def send(azure: Azure, request: tuple[str, str, Any]) -> None:
    method, path, body = request
    if path.startswith("image"):
        path, image = azure.set.replace("/web", f"/{path.split()[-1]}" if " " in path else "/web"), body
        body = profile({"storageProfile": {"imageReference": SCENARIO.reference(image)}})
    azure.ask(method, path.format(group=azure.group, sub=azure.emulator.subscription_id), body)


PUBLISHED = [
    (("POST", "/_emulator/faults", "publish image=apps/nginx/1.0.1"), 70.0),
    (("PATCH", "image of follow", "apps/nginx"), 70.0),
    (("PATCH", "image of follow", "apps/nginx"), 9.0),
    (("POST", f"{APPS.replace('galleries/apps', 'virtualMachineScaleSets/follow')}/manualupgrade", ALL), 9.0),
]
INSTALLED = [
    (("PUT", f"{APPS}/applications/site", {"location": "westeurope", "properties": {"supportedOSType": "Linux"}}), 0.0),
    (("PUT", f"{APPS}/applications/site/versions/1.0.0", PACKAGE), 100.0),
    (("PATCH", "", WITH_APPLICATION), 9.0),
    (("POST", "manualupgrade", ALL), 19.0),
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(("PUT", "extensions/script", SCRIPT), 5.0), (("POST", "manualupgrade", {"instanceIds": ["*"]}), 19.0)], 2)
@example(PUBLISHED, 3)
@example(INSTALLED, 2)
@given(st.lists(st.tuples(REQUESTS, st.floats(0, 60)), max_size=12), st.integers(0, 11))
def test_after_any_requests_the_state_is_the_same_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[Any, float]], stop: int
) -> None:
    state = tmp_path_factory.mktemp("state") / "azure.state"
    clock = ManualClock()
    with kept(state, clock) as azure:
        for request, seconds in asked[:stop]:
            send(azure, request)
            clock.advance(seconds)
        before = everything(azure)
    with kept(state, clock) as azure:
        assert everything(azure) == before
        for request, seconds in asked[stop:]:
            send(azure, request)
            clock.advance(seconds)
        after = everything(azure)
    with kept(state, clock) as azure:
        assert everything(azure) == after


def test_only_its_owner_reads_the_file_and_it_has_no_secret_and_no_token(tmp_path: Path) -> None:
    state = tmp_path / "azure.state"
    secrets = {"osProfile": {"adminPassword": "pass-word-1", "customData": "custom-data-1"}}
    extension = {"name": "script", "properties": {"type": "CustomScript", "protectedSettings": {"key": "secret-key-1"}}}
    with kept(state) as azure:
        body = {"properties": {"virtualMachineProfile": secrets | {"extensionProfile": {"extensions": [extension]}}}}
        assert azure.ask("PATCH", body=body, headers={"Authorization": "Bearer token-1"}).status_code == 200
        azure.settle()
        before = [item["properties"]["latestModelApplied"] for item in azure.instances().values()]
    content = state.read_text()
    assert "CustomScript" in content
    for secret in ("pass-word-1", "custom-data-1", "secret-key-1", "token-1"):
        assert secret not in content
    assert state.stat().st_mode & 0o077 == 0
    with kept(state, ManualClock(2_000_000_000)) as azure:
        assert (
            [item["properties"]["latestModelApplied"] for item in azure.instances().values()] == before == [False] * 3
        )


def test_a_command_in_protected_settings_is_not_kept_and_its_instances_stay_healthy(tmp_path: Path) -> None:
    state, clock = tmp_path / "azure.state", ManualClock()
    protected = {"protectedSettings": {"commandToExecute": "echo hello > /var/www/html/index.html"}, "settings": {}}
    with kept(state, clock) as azure:
        answer = azure.ask("PUT", "extensions/script", {"properties": {**SCRIPT["properties"], **protected}})
        assert answer.status_code == 201, answer.text
        azure.settle()
        azure.ask("POST", "manualupgrade", {"instanceIds": ["*"]})
        azure.settle()
        states = [item["properties"]["provisioningState"] for item in azure.instances().values()]
    assert "hello" not in state.read_text()
    with kept(state, clock) as azure:
        assert [item["properties"]["provisioningState"] for item in azure.instances().values()] == states
        assert states == ["Succeeded"] * 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1 is not a line of a state file"),
        ("no JSON\n", "line 1 is not a line of a state file"),
        ("[]\n", "line 1 is not a line of a state file"),
        ('{"version": 4, "serial": 1, "resources": []}\n', "line 1 is not a line of a state file: format"),
        ('{"format": "other", "version": 1, "began": 1, "options": {}, "ports": {}}\n', "is not a state file of an"),
        ("{first}\n".replace('"version":1', '"version":0'), "version 0, wanted 1: another release"),
        ("{first}\n{}\n", "line 2 is not a line of a state file"),
        ('{first}\n{"time": 1, "wall": 1, "sca\n', "line 2 is not a line of a state file"),
    ],
)
def test_a_file_that_is_not_a_state_file_is_refused_before_anything_starts(
    tmp_path: Path, content: str, told: str
) -> None:
    state = tmp_path / "azure.state"
    with kept(state):
        first = json.loads(state.read_text())
    old = content.startswith("{first}") and "version 0" in told
    first["version"] = 0 if old else VERSION
    state.write_text(written := content.replace("{first}", json.dumps(first)))
    with pytest.raises(StateFileError, match=re.escape(told)) as refused:
        Emulator(SCENARIO, state=state, data_plane=False)
    assert str(state) in str(refused.value)
    assert state.read_text() == written


def test_a_file_with_other_options_is_refused_and_the_first_difference_named(tmp_path: Path) -> None:
    state = tmp_path / "azure.state"
    with kept(state):
        pass
    with pytest.raises(
        StateFileError, match=r"was made with scenario\.instances 3, and now it is 4: use the same options"
    ):
        Emulator(replace(SCENARIO, instances=4), state=state, data_plane=False)


def test_a_request_that_a_crash_cut_off_is_dropped_and_the_others_are_kept(tmp_path: Path) -> None:
    state, clock = tmp_path / "azure.state", ManualClock()
    with kept(state, clock) as azure:
        azure.ask("PATCH", body={"tags": {"a": "b"}})
        whole = state.read_bytes()
        azure.ask("PATCH", body={"tags": {"a": "c"}})
    for length in (len(whole) + 1, len(state.read_bytes()) - 1):
        state.write_bytes(state.read_bytes()[:length])
        with kept(state, clock) as azure:
            assert azure.ask("GET").json()["tags"] == {"a": "b"}
        assert state.read_bytes() == whole
        state.write_bytes(whole + b'{"time":')


def test_a_request_that_gets_another_answer_is_an_error(tmp_path: Path) -> None:
    state = tmp_path / "azure.state"
    with kept(state) as azure:
        azure.ask("PATCH", body={"tags": {"a": "b"}})
    state.write_text(state.read_text().replace('"status":200,"request"', '"status":409,"request"'))
    with pytest.raises(StateFileError, match=r"line 2: PATCH .* was answered 409 and would be 200 now"), kept(state):
        pass


def test_operations_continue_while_no_emulator_runs(tmp_path: Path) -> None:
    state, clock = tmp_path / "azure.state", ManualClock()
    with kept(state, clock, timings=EXACT) as azure:
        azure.set_image()
        operation = azure.ask("POST", "manualupgrade", {"instanceIds": ["0"]}).headers["Azure-AsyncOperation"]
        path = operation.removeprefix(azure.emulator.endpoint)
        clock.advance(1)
    with kept(state, clock, timings=EXACT) as azure:
        assert azure.ask("GET", path).json()["status"] == "InProgress"
        assert azure.instances()["0"]["properties"]["provisioningState"] == "Updating"
    clock.advance(600)
    with kept(state, clock, timings=EXACT) as azure:
        assert azure.ask("GET", path).json()["status"] == "Succeeded"
        changed = [change for change in azure.emulator.availability.changes("web") if change.act == "update"]
        assert [(change.instance, change.phase) for change in changed] == [("0", "begin"), ("0", "end")]
        assert changed[1].time - changed[0].time == EXACT.update


@contextmanager
def served(state: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The command itself, with the variables that it prints."""
    command = [sys.executable, "-m", "vmss_jenkins", "emulator", "--state", str(state), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        try:
            assert run.stdout
            variables: dict[str, str] = {}
            while "VMSS_JENKINS_EMULATOR_FRONTEND" not in variables:
                name, _, value = run.stdout.readline().removeprefix("export ").strip().partition("=")
                assert name, "it ended before it served"
                variables[name] = value
            yield run, variables
        finally:
            run.kill()


def test_a_rollout_continues_after_its_emulator_was_killed_and_restarted(tmp_path: Path) -> None:
    state, options = tmp_path / "azure.state", ("--time-scale", "20", "--instances", "4")
    rollout = [sys.executable, "-m", "vmss_jenkins", "rollout", "-g", "canary-rg", "-n", "web", "--canary", "1"]
    rollout += ["--image-id", Scenario().image_id("nginx-updated-image")]
    with ExitStack() as stack:
        killed, variables = stack.enter_context(served(state, *options))
        endpoint, environment = variables["VMSS_JENKINS_ENDPOINT"], {**os.environ, **variables}
        run = stack.enter_context(
            subprocess.Popen(rollout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        stack.callback(run.kill)
        while "/manualupgrade" not in state.read_text():
            assert run.poll() is None
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        _, again = stack.enter_context(served(state, *options, "--port", endpoint.rpartition(":")[2]))
        assert again == variables
        told, _ = run.communicate(timeout=120)
        assert run.returncode == 0, told
        shown = requests.get(f"{endpoint}/_emulator/availability", timeout=10).json()
        assert shown["summary"]["updates"] == {f"web/{number}": 1 for number in range(4)}
        page = requests.get(variables["VMSS_JENKINS_EMULATOR_FRONTEND"], timeout=10).text
        assert "Welcome to nginx on Azure VMSS!" in page
