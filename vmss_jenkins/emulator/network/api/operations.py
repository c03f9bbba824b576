"""How the network provider answers writes: its operations have their own URLs and show only their status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, instance_not_found
from vmss_jenkins.emulator.arm.providers import NETWORK
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.operation import Operation


def written(call: Call, operation: Operation, body: Json, *, created: bool) -> Reply:
    """Answer a PUT with the resource as it is now and the operation to poll."""
    return Reply(201 if created else 200, body, _followed(call, operation), operation)


def accepted(call: Call, operation: Operation) -> Reply:
    """Answer a DELETE with the operation to poll and the URL of its result."""
    headers = _followed(call, operation)
    result = headers["Azure-AsyncOperation"].replace("/operations/", "/operationResults/")
    return Reply(202, headers=headers | {"Location": result}, operation=operation)


def get_operation(call: Call) -> Reply:
    """A long-running operation."""
    operation = _operation(call)
    body = {"status": operation.status} | ({"error": operation.error} if operation.error else {})
    return Reply(200, body, call.pacing(ended=operation.ended is not None))


def get_result(call: Call) -> Reply:
    """The result of a long-running operation: empty, as only a DELETE has a result URL."""
    operation = _operation(call)
    if operation.error:
        raise ArmError(409, operation.error["code"], operation.error["message"])
    ended = operation.ended is not None
    headers = _followed(call, operation) | {"Location": f"{call.base_url}{call.path}?api-version={call.api_version}"}
    return Reply(204 if ended else 202, headers=headers | call.pacing(ended=ended))


def _operation(call: Call) -> Operation:
    operation = call.backend.operations.get(call.params["operation"].lower())
    if operation is None:
        raise instance_not_found()
    return operation


def _followed(call: Call, operation: Operation) -> dict[str, str]:
    url = (
        f"{call.base_url}/subscriptions/{call.backend.scenario.subscription_id}/providers/{NETWORK}/locations/"
        f"{operation.location}/operations/{operation.id}?api-version={call.api_version}"
    )
    return {"Azure-AsyncOperation": url, "Azure-AsyncNotification": "Enabled"}
