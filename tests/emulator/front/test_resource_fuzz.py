"""Any template or network resource gets an answer of ARM, and never an exception in the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emulator.conftest import Azure
from tests.emulator.front.test_fuzz import check

KEYS = st.sampled_from(
    [
        "location",
        "tags",
        "sku",
        "name",
        "id",
        "type",
        "apiVersion",
        "dependsOn",
        "properties",
        "subnets",
        "securityRules",
        "publicIPAllocationMethod",
        "backendAddressPool",
        "frontendPortRangeStart",
        "frontendPortRangeEnd",
        "template",
        "resources",
        "outputs",
        "parameters",
        "variables",
        "value",
        "defaultValue",
    ]
)
TEXTS = st.sampled_from(
    [
        "westeurope",
        "Microsoft.Network/publicIPAddresses",
        "Microsoft.Network/loadBalancers",
        "a",
        "2024-01-01",
        "[concat('a', parameters('a'))]",
        "[variables('a')]",
        "[resourceId('Microsoft.Network/publicIPAddresses', 'a')]",
        "[reference('a').x[0]]",
        "[",
        "7",
    ]
) | st.text(max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
RESOURCES = (
    "Microsoft.Network/virtualNetworks/x",
    "Microsoft.Network/networkSecurityGroups/x",
    "Microsoft.Network/publicIPAddresses/x",
    "Microsoft.Network/loadBalancers/x",
    "Microsoft.Network/loadBalancers/webLB/inboundNatRules/x",
    "Microsoft.Storage/storageAccounts/account",
)
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("path", RESOURCES)
@MANY
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_body_of_a_resource_gets_an_answer_of_arm(azure: Azure, path: str, body: Any) -> None:
    full = f"{azure.group}/providers/{path}"
    check(azure.ask("PUT", full, {"location": "x", **body}))
    for listed in (full, full.rpartition("/")[0], f"{azure.group}/resources"):
        check(azure.ask("GET", listed))


NAMED = st.dictionaries(KEYS, VALUES, max_size=3)
OUTPUTS = NAMED | st.dictionaries(KEYS, st.fixed_dictionaries({"value": VALUES}), max_size=2)
ENTRIES = st.fixed_dictionaries(
    {"type": TEXTS, "name": TEXTS, "apiVersion": TEXTS},
    optional={"dependsOn": VALUES, "properties": VALUES, "location": TEXTS, "tags": VALUES, "copy": VALUES},
)


@MANY
@given(st.lists(ENTRIES, max_size=3), NAMED, NAMED, OUTPUTS)
def test_any_template_gets_an_answer_of_arm(
    azure: Azure, resources: Any, variables: Any, parameters: Any, outputs: Any
) -> None:
    template = {"resources": resources, "variables": variables, "parameters": parameters, "outputs": outputs}
    path = f"{azure.group}/providers/Microsoft.Resources/deployments/x"
    check(azure.ask("PUT", path, {"properties": {"template": template}}))
    azure.settle()
    check(azure.ask("GET", path))
