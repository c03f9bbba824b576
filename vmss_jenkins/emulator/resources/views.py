"""Subscriptions and resource groups as the JSON that Azure shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.scenario.scenario import Scenario
    from vmss_jenkins.emulator.state.resource_group import ResourceGroup


def subscription(scenario: Scenario) -> Json:
    """Return the one subscription."""
    return {
        "id": f"/subscriptions/{scenario.subscription_id}",
        "authorizationSource": "RoleBased",
        "subscriptionId": scenario.subscription_id,
        "tenantId": scenario.tenant_id,
        "displayName": "vmss-jenkins emulator",
        "state": "Enabled",
        "subscriptionPolicies": {"spendingLimit": "Off"},
    }


def group(scenario: Scenario, shown: ResourceGroup) -> Json:
    """Return a resource group."""
    return {
        "id": f"/subscriptions/{scenario.subscription_id}/resourceGroups/{shown.name}",
        "name": shown.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": shown.location,
        "tags": shown.tags,
        "properties": {"provisioningState": shown.provisioning},
    }
