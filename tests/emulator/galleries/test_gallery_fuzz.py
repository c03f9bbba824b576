"""Any gallery, definition, version or application gets an answer of ARM, and never an exception in the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emulator.conftest import Azure, Emulate, profile
from tests.emulator.front.test_fuzz import check
from vmss_jenkins.emulator import Release

KEYS = st.sampled_from(
    [
        "location",
        "tags",
        "properties",
        "osType",
        "osState",
        "supportedOSType",
        "identifier",
        "publisher",
        "offer",
        "sku",
        "features",
        "name",
        "value",
        "publishingProfile",
        "targetRegions",
        "endOfLifeDate",
        "excludeFromLatest",
        "storageProfile",
        "safetyProfile",
        "source",
        "id",
        "mediaLink",
        "manageActions",
        "install",
        "remove",
        "settings",
        "packageReferenceId",
        "order",
        "galleryApplications",
    ]
)
TEXTS = st.sampled_from(
    [
        "westeurope",
        "Linux",
        "Generalized",
        "0001-01-01T00:00:00+23:59",
        "2030-01-01",
        "http://127.0.0.1:9/x",
        "{group}/providers/Microsoft.Compute/images/base",
        "{group}/providers/Microsoft.Compute/galleries/apps/images/nginx",
        "{group}/providers/Microsoft.Compute/galleries/apps/applications/site/versions/latest",
    ]
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
GALLERY = "providers/Microsoft.Compute/galleries/apps"
PATHS = (
    "providers/Microsoft.Compute/galleries/x",
    f"{GALLERY}/images/x",
    f"{GALLERY}/images/nginx",
    f"{GALLERY}/images/nginx/versions/1.0.0",
    f"{GALLERY}/images/nginx/versions/2.0.0",
    f"{GALLERY}/applications/site",
    f"{GALLERY}/applications/site/versions/1.0.0",
)
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def apps(emulate: Emulate) -> Azure:
    """A set that follows a definition, and an application without a version."""
    releases = {"base": Release("base"), "apps/nginx/1.0.0": Release("one")}
    azure = emulate(image="apps/nginx", releases=releases, throttling=False)
    body = {"location": "westeurope", "properties": {"supportedOSType": "Linux"}}
    azure.ask("PUT", f"{azure.group}/{GALLERY}/applications/site", body)
    return azure


def filled(value: Any, group: str) -> Any:
    """A value with the resource group in its ids."""
    if isinstance(value, dict):
        return {key: filled(item, group) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, group) for item in value]
    return value.replace("{group}", group) if isinstance(value, str) else value


@pytest.mark.parametrize("path", PATHS)
@MANY
@given(
    st.sampled_from(["PUT", "PATCH", "DELETE"]),
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.dictionaries(KEYS, VALUES, max_size=6),
)
def test_any_body_gets_an_answer_of_arm(apps: Azure, path: str, method: str, top: Any, properties: Any) -> None:
    full = f"{apps.group}/{path}"
    body = filled({"location": "westeurope", "properties": properties, **top}, apps.group)
    check(apps.ask(method, full, body))
    apps.settle(5)
    for listed in (full, full.rpartition("/")[0], f"{apps.group}/resources", apps.set):
        check(apps.ask("GET", listed, params={"$expand": "ReplicationStatus"}))
    check(apps.ask("PATCH", body={"sku": {"capacity": 3}}))


@MANY
@given(st.dictionaries(KEYS, VALUES, max_size=3) | st.fixed_dictionaries({"galleryApplications": st.lists(VALUES)}))
def test_any_application_of_a_model_gets_an_answer_of_arm(apps: Azure, wanted: Any) -> None:
    check(apps.ask("PATCH", body=profile({"applicationProfile": filled(wanted, apps.group)})))
    apps.settle()
    assert len(apps.instances()) == 3
