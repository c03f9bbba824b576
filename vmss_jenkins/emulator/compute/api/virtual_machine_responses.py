"""Answers about the virtual machines of Flexible sets, whose instances are resources of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import invalid_parameter, resource_not_found
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.compute import instances, scale_sets
from vmss_jenkins.emulator.compute.api.instance_responses import act_on_instance, order_eviction, wants_view
from vmss_jenkins.emulator.compute.api.scale_set_responses import stop_action
from vmss_jenkins.emulator.compute.api.views import Views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.compute.api.scale_set_responses import Act
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

_OF_SET = re.compile(r"'?virtualMachineScaleSet/id'?\s+eq\s+'([^']+)'", re.IGNORECASE)


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
    view = wants_view(call)
    return Reply(
        200, {"value": [Views(call.backend).virtual_machine(*machine, view=view) for machine in found], **more}
    )


def get_machine(call: Call) -> Reply:
    """A virtual machine of a Flexible set."""
    return Reply(200, Views(call.backend).virtual_machine(*_machine(call), view=wants_view(call)))


def view_machine(call: Call) -> Reply:
    """A virtual machine's instance view."""
    return Reply(200, Views(call.backend).instance_view(*_machine(call)))


def _flexible_sets(call: Call, group: str) -> list[ScaleSet]:
    return [s for s in call.backend.scale_sets.values() if s.group.lower() == group.lower() and not s.uniform]


def _machine(call: Call) -> tuple[ScaleSet, Instance]:
    group, name = call.params["group"], call.params["machine"]
    for scale_set in _flexible_sets(call, group):
        if name.lower() in (key.lower() for key in scale_set.instances):
            return scale_set, call.backend.instance(scale_set, name)
    raise resource_not_found(f"{COMPUTE}/virtualMachines", name, group)


def delete(call: Call) -> Reply:
    """Delete a virtual machine and lower the capacity of its set by one."""
    scale_set, instance = _machine(call)
    instances.check_free(call.backend, scale_set, "delete", [instance])
    operation = call.backend.begin(scale_set.location, call.backend.timings.accept)
    scale_sets.delete_instances(call.backend, operation, scale_set, [instance])
    return call.accepted(operation)


def start(call: Call) -> Reply:
    """Start a virtual machine."""
    return _act(call, "start", instances.start)


def restart(call: Call) -> Reply:
    """Restart a virtual machine."""
    return _act(call, "restart", instances.restart)


def reimage(call: Call) -> Reply:
    """Reimage a virtual machine: it gets a new disk."""
    return _act(call, "reimage", instances.reimage)


def power_off(call: Call) -> Reply:
    """Stop a virtual machine; it stays allocated."""
    return _act(call, "poweroff", stop_action("stopped"))


def deallocate(call: Call) -> Reply:
    """Stop a virtual machine and release its hardware."""
    return _act(call, "deallocate", stop_action("deallocated"))


def simulate_eviction(call: Call) -> Reply:
    """Let Azure evict a spot machine soon."""
    return order_eviction(call, *_machine(call))


def _act(call: Call, action: str, act: Act) -> Reply:
    return act_on_instance(call, *_machine(call), action, act)
