from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emulator.conftest import Azure, Emulate

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
ANYTHING = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(answer: requests.Response) -> None:
    """Whatever was asked: no fault of the emulator, and every error says its code and a message."""
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
