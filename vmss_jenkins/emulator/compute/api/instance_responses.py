"""Answers about single instances of a set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import invalid_parameter, not_allowed
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import change_record, instances, scale_sets
from vmss_jenkins.emulator.compute.api.scale_set_responses import stop_action
from vmss_jenkins.emulator.compute.api.views import Views
from vmss_jenkins.emulator.compute.models import INSTANCE_SHAPE

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.compute.api.scale_set_responses import Act
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

VIEW = "instanceView"
_LATEST = re.compile(r"properties/latestModelApplied\s+eq\s+(true|false)", re.IGNORECASE)
_POWER = re.compile(r"startswith\(instanceView/statuses/code,\s*'(\w+)'\)\s+eq\s+true", re.IGNORECASE)


def list_instances(call: Call) -> Reply:
    """A page of a set's instances; ``$filter``, ``$select`` and ``$expand`` take what Azure documents for them."""
    scale_set = call.scale_set
    select, view = _one_of(call, "$select", ("", VIEW, f"{VIEW}/statuses")), wants_view(call)
    found, more = call.page(_filtered(call, scale_set), call.backend.page_size)
    call.charge(len(found))
    if not scale_set.uniform:
        return Reply(200, {"value": [Views(call.backend).flexible_entry(scale_set, i) for i in found], **more})
    items = [Views(call.backend).instance(scale_set, i, view=view or bool(select)) for i in found]
    return Reply(200, {"value": [_selected(item, select) for item in items], **more})


def _filtered(call: Call, scale_set: ScaleSet) -> list[Instance]:
    wanted, found = call.query.get("$filter", ""), list(scale_set.instances.values())
    if latest := _LATEST.fullmatch(wanted.strip()):
        return [i for i in found if (i.model is scale_set.model) == (latest[1].lower() == "true")]
    if not wanted or _POWER.fullmatch(wanted.strip()):
        # Every instance has a power state and a provisioning state, so the other documented filter keeps all of them.
        return found
    raise invalid_parameter(f"The filter '{wanted}' is not supported.", "$filter")


def _selected(item: Json, select: str) -> Json:
    if not select:
        return item
    view = item["properties"][VIEW]
    return {**item, "properties": {VIEW: view if select == VIEW else {"statuses": view["statuses"]}}}


def _one_of(call: Call, option: str, choices: tuple[str, ...]) -> str:
    value = call.query.get(option, "")
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    raise invalid_parameter(f"The value '{value}' of {option} is not supported.", option)


def wants_view(call: Call) -> bool:
    """Whether the call asks for instance views too."""
    return bool(_one_of(call, "$expand", ("", VIEW, "userData")) == VIEW)


def get_instance(call: Call) -> Reply:
    """An instance."""
    return Reply(200, Views(call.backend).instance(call.scale_set, call.instance, view=wants_view(call)))


def view_instance(call: Call) -> Reply:
    """An instance's view."""
    call.charge(1)
    return Reply(200, Views(call.backend).instance_view(call.scale_set, call.instance))


def put_instance(call: Call) -> Reply:
    """Change an instance's protection; the emulator lets clients write nothing else of it."""
    body, scale_set, instance = call.body(INSTANCE_SHAPE), call.scale_set, call.instance
    policy = body.get("properties", {}).get("protectionPolicy", {})
    scale_in, actions = (policy.get(key, False) for key in ("protectFromScaleIn", "protectFromScaleSetActions"))
    if actions and not scale_in:
        message = "protectFromScaleSetActions cannot be true while protectFromScaleIn is not."
        raise invalid_parameter(message, "protectionPolicy")
    instances.check_free(call.backend, scale_set, "write", [instance])
    instance.protected_from_scale_in, instance.protected_from_actions = scale_in, actions
    change_record.record(call.backend, scale_set, instance, "protect", "end")
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    return call.written(operation, Views(call.backend).instance(scale_set, instance, view=False), created=False)


def delete_instance(call: Call) -> Reply:
    """Delete an instance and lower the capacity by one."""
    scale_set, instance = call.scale_set, call.instance
    instances.check_free(call.backend, scale_set, "delete", [instance])
    call.charge(1)
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    scale_sets.delete_instances(call.backend, operation, scale_set, [instance])
    return call.accepted(operation)


def start(call: Call) -> Reply:
    """Start an instance."""
    return _act(call, "start", instances.start)


def restart(call: Call) -> Reply:
    """Restart an instance."""
    return _act(call, "restart", instances.restart)


def reimage(call: Call) -> Reply:
    """Reimage an instance: it gets a new disk."""
    return _act(call, "reimage", instances.reimage)


def power_off(call: Call) -> Reply:
    """Stop an instance; it stays allocated."""
    return _act(call, "poweroff", stop_action("stopped"))


def deallocate(call: Call) -> Reply:
    """Stop an instance and release its hardware."""
    return _act(call, "deallocate", stop_action("deallocated"))


def _act(call: Call, action: str, act: Act) -> Reply:
    return act_on_instance(call, call.scale_set, call.instance, action, act)


def act_on_instance(call: Call, scale_set: ScaleSet, instance: Instance, action: str, act: Act) -> Reply:
    """Begin an action on one instance; raises ``ArmError`` 409 if another operation works on it."""
    instances.check_free(call.backend, scale_set, action, [instance])
    call.charge(1)
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    act(call.backend, operation, scale_set, instance)
    return call.accepted(operation)


def simulate_eviction(call: Call) -> Reply:
    """Let Azure evict a spot instance soon."""
    return order_eviction(call, call.scale_set, call.instance)


def order_eviction(call: Call, scale_set: ScaleSet, instance: Instance) -> Reply:
    """Answer the request to evict an instance; raises ``ArmError`` 409 if it is no spot instance."""
    if not scale_sets.is_spot(instance):
        raise not_allowed("Operation 'simulateEviction' is allowed only for Spot Virtual Machines")
    backend = call.backend
    backend.after(backend.draw(backend.timings.evict), lambda: scale_sets.evict(backend, scale_set, instance))
    return Reply(204)
