"""Answers about long-running operations of Microsoft.Compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, instance_not_found
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute.api.views import Views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.calls.call import Call


def get_operation(call: Call) -> Reply:
    """A long-running operation: its status, or with ``monitor=true`` its final answer."""
    operation = call.backend.operations.get(call.params["operation"].lower())
    if operation is None or operation.location.lower() != call.params["location"].lower():
        raise instance_not_found()
    if call.query.get("monitor", "").lower() != "true":
        return Reply(200, Views(call.backend).operation(operation), call.pacing(ended=operation.ended is not None))
    if operation.ended is None:
        return Reply(202, headers={"Location": f"{call.base_url}{call.path}?{_query(call)}"})
    if operation.error:
        raise ArmError(409, operation.error["code"], operation.error["message"])
    return Reply(200)


def _query(call: Call) -> str:
    known: Json = {key: call.query[key] for key in ("p", "monitor", "api-version") if key in call.query}
    return "&".join(f"{key}={value}" for key, value in known.items())
