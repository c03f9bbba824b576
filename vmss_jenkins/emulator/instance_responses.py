"""Answers about single instances, and about the virtual machines of Flexible sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator import instances, scale_sets
from vmss_jenkins.emulator.calls import Call, Reply
from vmss_jenkins.emulator.errors import invalid_parameter, resource_not_found
from vmss_jenkins.emulator.models import INSTANCE_SHAPE
from vmss_jenkins.emulator.scenario import COMPUTE
from vmss_jenkins.emulator.set_responses import stopping

if TYPE_CHECKING:
    from vmss_jenkins.emulator.set_responses import Act
    from vmss_jenkins.emulator.state import Instance, Json, ScaleSet

VIEW = "instanceView"
_LATEST = re.compile(r"properties/latestModelApplied\s+eq\s+(true|false)", re.IGNORECASE)
_POWER = re.compile(r"startswith\(instanceView/statuses/code,\s*'(\w+)'\)\s+eq\s+true", re.IGNORECASE)
_OF_SET = re.compile(r"'?virtualMachineScaleSet/id'?\s+eq\s+'([^']+)'", re.IGNORECASE)


def list_instances(call: Call) -> Reply:
    """A page of a set's instances; ``$filter``, ``$select`` and ``$expand`` take what Azure documents for them."""
    scale_set = call.scale_set
    select, view = _one_of(call, "$select", ("", VIEW, f"{VIEW}/statuses")), _wants_view(call)
    found, more = call.page(_filtered(call, scale_set), call.backend.page_size)
    call.charge(len(found))
    if not scale_set.uniform:
        return Reply(200, {"value": [call.views.flexible_entry(scale_set, i) for i in found], **more})
    items = [call.views.instance(scale_set, i, view=view or bool(select)) for i in found]
    return Reply(200, {"value": [_selected(item, select) for item in items], **more})


def _filtered(call: Call, scale_set: ScaleSet) -> list[Instance]:
    wanted, found = call.query.get("$filter", ""), list(scale_set.instances.values())
    if latest := _LATEST.fullmatch(wanted.strip()):
        return [i for i in found if (i.model is scale_set.model) == (latest[1].lower() == "true")]
    if not wanted or _POWER.fullmatch(wanted.strip()):
        # Every instance has a power state and a provisioning state, so the other documented filter keeps all.
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


def _wants_view(call: Call) -> bool:
    return bool(_one_of(call, "$expand", ("", VIEW, "userData")) == VIEW)


def get_instance(call: Call) -> Reply:
    """An instance."""
    return Reply(200, call.views.instance(call.scale_set, call.instance, view=_wants_view(call)))


def view_instance(call: Call) -> Reply:
    """An instance's view."""
    call.charge(1)
    return Reply(200, call.views.instance_view(call.scale_set, call.instance))


def put_instance(call: Call) -> Reply:
    """Change an instance's protection, the one thing of it that the emulator lets clients write."""
    body, scale_set, instance = call.body(INSTANCE_SHAPE), call.scale_set, call.instance
    policy = body.get("properties", {}).get("protectionPolicy", {})
    scale_in, actions = (policy.get(key, False) for key in ("protectFromScaleIn", "protectFromScaleSetActions"))
    if actions and not scale_in:
        message = "protectFromScaleSetActions cannot be true while protectFromScaleIn is not."
        raise invalid_parameter(message, "protectionPolicy")
    instances.claim(call.backend, scale_set, "write", [instance])
    instance.protected_from_scale_in, instance.protected_from_actions = scale_in, actions
    instances.record(call.backend, scale_set, instance, "protect", "end")
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    return call.written(operation, call.views.instance(scale_set, instance, view=False), created=False)


def delete_instance(call: Call) -> Reply:
    """Delete an instance; the capacity goes down with it."""
    scale_set, instance = call.scale_set, call.instance
    instances.claim(call.backend, scale_set, "delete", [instance])
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
    """Make an instance's disk anew."""
    return _act(call, "reimage", instances.reimage)


def power_off(call: Call) -> Reply:
    """Stop an instance, which stays allocated."""
    return _act(call, "poweroff", stopping("stopped"))


def deallocate(call: Call) -> Reply:
    """Stop an instance and give its hardware back."""
    return _act(call, "deallocate", stopping("deallocated"))


def _act(call: Call, action: str, act: Act) -> Reply:
    scale_set, instance = call.scale_set, call.instance
    instances.claim(call.backend, scale_set, action, [instance])
    call.charge(1)
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    act(call.backend, operation, scale_set, instance)
    return call.accepted(operation)


def list_machines(call: Call) -> Reply:
    """The virtual machines of a resource group: the instances of its Flexible sets, or of one of them."""
    group, wanted = call.backend.group(call.params["group"]).name, call.query.get("$filter", "")
    of_set = _OF_SET.fullmatch(wanted.strip())
    if wanted and not of_set:
        raise invalid_parameter(f"The filter '{wanted}' is not supported.", "$filter")
    machines = [
        (scale_set, instance)
        for scale_set in _flexible_sets(call, group)
        if not of_set or of_set[1].lower().endswith(f"/virtualmachinescalesets/{scale_set.name.lower()}")
        for instance in scale_set.instances.values()
    ]
    found, more = call.page(machines, call.backend.page_size)
    view = _wants_view(call)
    return Reply(200, {"value": [call.views.virtual_machine(*machine, view=view) for machine in found], **more})


def get_machine(call: Call) -> Reply:
    """A virtual machine of a Flexible set."""
    return Reply(200, call.views.virtual_machine(*_machine(call), view=_wants_view(call)))


def view_machine(call: Call) -> Reply:
    """A virtual machine's instance view."""
    return Reply(200, call.views.instance_view(*_machine(call)))


def _flexible_sets(call: Call, group: str) -> list[ScaleSet]:
    return [s for s in call.backend.scale_sets.values() if s.group.lower() == group.lower() and not s.uniform]


def _machine(call: Call) -> tuple[ScaleSet, Instance]:
    group, name = call.params["group"], call.params["machine"]
    for scale_set in _flexible_sets(call, group):
        if name.lower() in (key.lower() for key in scale_set.instances):
            return scale_set, call.backend.instance(scale_set, name)
    raise resource_not_found(f"{COMPUTE}/virtualMachines", name, group)
