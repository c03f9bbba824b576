"""The real `az` answers the events of lifecycle hooks, and the governor goes on from its answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import PYTHON, WITHOUT_AZ, Az, logged_in
from tests.support.fakes import WEB
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades
from vmss_jenkins.emulator import Release, Scenario
from vmss_jenkins.model.os_upgrades.hook_events import Answer

SCENARIO = Scenario(
    instances=10,
    zones=(),
    image="apps/nginx",
    releases={f"apps/nginx/1.0.{n}": Release("page") for n in range(2)},
    unpublished=frozenset({"apps/nginx/1.0.1"}),
    automatic_os_upgrade=True,
)
TARGET = "--resource-group canary-rg --vmss-name web"
KIND = "--type UpgradeAutoOSRollingBatchStarting"


@pytest.fixture
def az(tmp_path: Path) -> Iterator[Az]:
    if not PYTHON.exists():
        pytest.skip(WITHOUT_AZ)
    with logged_in(tmp_path, scenario=SCENARIO) as made:
        yield made


def waiting(az: Az) -> dict[str, Any]:
    """The event that waits, as soon as there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        events: list[dict[str, Any]] = json.loads(az(f"vmss lifecycle-hook-event list {TARGET}"))
        if found := [one for one in events if one["properties"]["state"] == "Active"]:
            return {"name": found[0]["name"], **found[0]["properties"]}
    raise AssertionError("Azure asked nothing")


def test_az_approves_rejects_and_postpones_events_and_our_adapter_reads_its_answers(
    az: Az, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in az.emulator.environment.items():
        monkeypatch.setenv(key, value)
    az(f"vmss lifecycle-hook add {TARGET} {KIND} --wait-duration PT4H --default-action Reject --output none")
    az.emulator.inject("publish image=apps/nginx/1.0.1")
    event = waiting(az)
    name, targets = event["name"], [one["resource"]["id"].rpartition("/")[2] for one in event["targetResources"]]
    assert (event["defaultAction"], len(targets)) == ("Reject", 2)
    one = f"{TARGET} --name {name}"
    az(f"vmss lifecycle-hook-event update {one} --wait-until {event['maxWaitUntil']} --output none")
    az(f"vmss lifecycle-hook-event update {one} --instance-ids {targets[0]} --action-state Approved --output none")
    az(f"vmss lifecycle-hook-event update {one} --instance-ids {targets[1]} --action-state Rejected --output none")
    second = waiting(az)
    assert second["name"] != name
    az(f"vmss lifecycle-hook-event reject {TARGET} --name {second['name']} --output none")
    third = waiting(az)
    az(f"vmss lifecycle-hook-event approve {TARGET} --name {third['name']} --output none")
    waiting(az)
    answers = [event.answered(answer) for event in ours(az)[:3] for answer in (Answer.APPROVED, Answer.REJECTED)]
    assert [len(names) for names in answers] == [1, 1, 0, 2, 2, 0]
    az("vmss rolling-upgrade cancel --resource-group canary-rg --name web --output none")
    exact = "--query '[].storageProfile.imageReference.exactVersion' --output tsv"
    versions = az(f"vmss list-instances --resource-group canary-rg --name web {exact}").split()
    assert sorted(versions) == ["1.0.0"] * 7 + ["1.0.1"] * 3


def ours(az: Az) -> Any:
    """The events as our adapter reads them."""
    clients = Connection(az.emulator.subscription_id, endpoint=az.emulator.endpoint).connect(lambda _: None)
    with closing(clients.scale_sets()) as sets:
        return AzureOsUpgrades(sets, WEB).events()[1]
