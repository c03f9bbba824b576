"""Answers about the events of lifecycle hooks."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, invalid_parameter
from vmss_jenkins.emulator.arm.values import Json, timestamp
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute.api.views import Views
from vmss_jenkins.emulator.compute.automation import hooks
from vmss_jenkins.emulator.state.automation.hook_event import Answer, HookEvent

if TYPE_CHECKING:
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

_PAGE = 100
_SHAPE: Json = {
    "properties": {"waitUntil": str, "targetResources": [{"resource": {"id": str}, "actionState": str}]},
}
_FRACTION = re.compile(r"(\.\d{6})\d+")


def list_events(call: Call) -> Reply:
    """The events of the set's lifecycle hooks, completed ones too, the oldest first."""
    found, more = call.page(list(call.scale_set.hook_events.values()), _PAGE)
    return Reply(200, {"value": [_shown(call, call.scale_set, event) for event in found], **more})


def get_event(call: Call) -> Reply:
    """An event of a lifecycle hook."""
    return Reply(200, _shown(call, call.scale_set, _event(call)))


def answer_event(call: Call) -> Reply:
    """Approve or reject targets of an event, or move the time until which it waits."""
    body, event = call.body(_SHAPE).get("properties", {}), _event(call)
    answers = {} if "targetResources" not in body else _answers(call, event, body["targetResources"])
    hooks.check_rejection(call.backend, rejects="Rejected" in answers.values())
    if "waitUntil" in body:
        hooks.postpone(call.backend, event, _time(body["waitUntil"]))
    if answers:
        hooks.answer(event, answers)
    return Reply(200, _shown(call, call.scale_set, event))


def _event(call: Call) -> HookEvent:
    name = call.params["event"].lower()
    try:
        return call.scale_set.hook_events[name]
    except KeyError:
        raise ArmError(404, "NotFound", f"The lifecycle hook event '{name}' was not found.") from None


def _answers(call: Call, event: HookEvent, targets: list[Json]) -> dict[str, Answer]:
    """Return the answers in a body, by target; an answer ``Waiting`` changes nothing."""
    known = {_target_id(call, call.scale_set, key).lower(): key for key in event.targets}
    found: dict[str, Answer] = {}
    for target in targets:
        name, state = str(target.get("resource", {}).get("id", "")), str(target.get("actionState", "")).lower()
        if name.lower() not in known:
            raise invalid_parameter(f"'{name}' is not a target resource of the event.", "targetResources")
        answer = next((one for one in hooks.ANSWERS if one.lower() == state), None)
        if answer is None and state != "waiting":
            raise invalid_parameter(f"The actionState '{state}' is not one of Approved, Rejected.", "actionState")
        if answer:
            found[known[name.lower()]] = answer
    return found


def _time(text: str) -> float:
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", text).replace("Z", "+00:00"))
    except ValueError:
        raise invalid_parameter(f"The value '{text}' of 'waitUntil' is not an ISO 8601 time.", "waitUntil") from None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def _shown(call: Call, scale_set: ScaleSet, event: HookEvent) -> Json:
    targets = [
        {"resource": {"id": _target_id(call, scale_set, key)}, "actionState": answer}
        for key, answer in event.targets.items()
    ]
    owner = _target_id(call, scale_set, "")
    return {
        "name": event.name,
        "id": f"{owner}/lifecycleHookEvents/{event.name}",
        "type": "Microsoft.Compute/virtualMachineScaleSets/lifecycleHookEvents",
        "properties": {
            "type": event.kind,
            "waitUntil": timestamp(event.wait_until),
            "maxWaitUntil": timestamp(event.max_wait_until),
            "timeCreated": timestamp(event.created),
            "defaultAction": event.default_action,
            "targetResources": targets,
            "state": "Active" if event.waits else "Completed",
        },
    }


def _target_id(call: Call, scale_set: ScaleSet, instance: str) -> str:
    """Return the resource id of an instance, or of the set."""
    views, owner = Views(call.backend), f"virtualMachineScaleSets/{scale_set.name}"
    if instance and not scale_set.uniform:
        return views.resource_id(scale_set.group, f"virtualMachines/{instance}")
    return views.resource_id(scale_set.group, f"{owner}/virtualMachines/{instance}" if instance else owner)
