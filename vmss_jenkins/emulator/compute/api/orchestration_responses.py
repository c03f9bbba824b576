"""Answers about the services with which Azure acts on a set by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import invalid_parameter, marked_for_deletion
from vmss_jenkins.emulator.compute.automation import services

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.calls.call import Call
    from vmss_jenkins.emulator.calls.reply import Reply

_SHAPE: Json = {"serviceName": str, "action": str}


def set_state(call: Call) -> Reply:
    """Suspend or resume automatic repairs; the set's instance view shows the state."""
    body, scale_set = call.body(_SHAPE), call.scale_set
    for name in _SHAPE:
        if name not in body:
            raise invalid_parameter(f"Required parameter '{name}' is missing (null).", name)
    if scale_set.provisioning == "Deleting":
        raise marked_for_deletion("setOrchestrationServiceState", scale_set.name)
    services.set_state(call.backend, scale_set, body["serviceName"], body["action"])
    return call.accepted(call.backend.begin(scale_set.location, call.backend.timings.accept))
