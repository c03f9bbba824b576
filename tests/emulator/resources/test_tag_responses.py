"""Tags of a resource group, over plain HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from vmss_jenkins.emulator import Emulator, ManualClock

Tags = dict[str, str]


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(clock=ManualClock(), data_plane=False) as running:
        yield running


def ask(emulator: Emulator, method: str, body: object = None, name: str = "default") -> tuple[int, Any]:
    group = f"{emulator.endpoint}/subscriptions/{emulator.subscription_id}/resourceGroups/canary-rg"
    url = f"{group}/providers/Microsoft.Resources/tags/{name}?api-version=2021-04-01"
    answer = requests.request(method, url, json=body, headers={"Connection": "close"}, timeout=10)
    return answer.status_code, answer.json() if answer.content else None


def patch(emulator: Emulator, operation: str, tags: Tags) -> tuple[int, Any]:
    return ask(emulator, "PATCH", {"operation": operation, "properties": {"tags": tags}})


@pytest.mark.parametrize(
    ("operation", "given", "left"),
    [
        ("Merge", {"b": "3", "c": "4"}, {"a": "1", "b": "3", "c": "4"}),
        ("merge", {"B": "3"}, {"a": "1", "B": "3"}),
        ("Replace", {"c": "4"}, {"c": "4"}),
        ("Delete", {"a": "1"}, {"b": "2"}),
        ("Delete", {"a": "other"}, {"a": "1", "b": "2"}),
    ],
)
def test_tags_are_merged_replaced_and_deleted(emulator: Emulator, operation: str, given: Tags, left: Tags) -> None:
    assert ask(emulator, "PUT", {"properties": {"tags": {"a": "1", "b": "2"}}})[0] == 200
    status, body = patch(emulator, operation, given)
    assert (status, body["properties"]["tags"]) == (200, left)
    assert ask(emulator, "GET") == (200, body)
    assert body["type"] == "Microsoft.Resources/tags"


def test_all_tags_can_be_removed(emulator: Emulator) -> None:
    patch(emulator, "Merge", {"a": "1"})
    assert ask(emulator, "DELETE") == (200, None)
    assert ask(emulator, "GET")[1]["properties"]["tags"] == {}


@pytest.mark.parametrize(
    ("operation", "tags", "code"),
    [("Add", {"a": "1"}, "InvalidParameter"), ("Merge", {str(n): "" for n in range(51)}, "InvalidTags")],
)
def test_tags_that_azure_refuses_are_refused(emulator: Emulator, operation: str, tags: Tags, code: str) -> None:
    status, body = patch(emulator, operation, tags)
    assert (status, body["error"]["code"]) == (400, code)


def test_there_is_one_tags_resource(emulator: Emulator) -> None:
    assert ask(emulator, "GET", name="mine")[0] == 404


def test_tags_of_the_group_make_no_instance_outdated(emulator: Emulator) -> None:
    patch(emulator, "Merge", {"vmss-jenkins.web": "1"})
    with emulator.backend.lock:
        (scale_set,) = emulator.backend.scale_sets.values()
        assert {instance.model == scale_set.model for instance in scale_set.instances.values()} == {True}
