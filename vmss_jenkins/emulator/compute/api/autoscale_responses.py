"""Answers about the autoscale settings of scale sets, a resource of Microsoft.Insights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute.api.views import Views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.calls.call import Call


def list_autoscale(call: Call) -> Reply:
    """The autoscale settings of a resource group, or of the subscription: those of the scenario's sets."""
    scenario = call.backend.scenario
    if "group" in call.params and call.backend.group(call.params["group"]).name != scenario.resource_group:
        return Reply(200, {"value": []})
    return Reply(
        200, {"value": [Views(call.backend).autoscale(name, spec) for spec in scenario.sets for name in spec.autoscale]}
    )
