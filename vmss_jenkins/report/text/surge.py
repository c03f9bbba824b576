"""One log line an event of a surge."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import surge as events
from vmss_jenkins.report.text import switch as switch_text
from vmss_jenkins.report.text.rollout import names


@singledispatch
def line(event: object) -> str:
    """Write an event as one line.

    Raises:
        TypeError: if the value is not an event.
    """
    return switch_text.line(event)


@line.register
def _(event: events.SurgeResumed) -> str:
    return (
        f"an earlier run left {event.scale_set} with capacity {event.capacity}: this run brings it back to "
        f"{event.wanted}"
    )


@line.register
def _(event: events.ScaledByOthers) -> str:
    return (
        f"somebody else set the capacity of {event.scale_set} to {event.capacity}: the run now ends with "
        f"{event.wanted} instances"
    )


@line.register
def _(event: events.ScalingOut) -> str:
    start = f"scaling out from {event.capacity_before} to {event.capacity} instances"
    if not event.answered:
        return f"{start}: Azure's answer was lost; checking whether the scale-out began"
    return f"{start} (request id {event.request_id or 'not given'})"


@line.register
def _(event: events.CapacityGivenUp) -> str:
    count = event.capacity_before - event.capacity
    what = "1 instance" if count == 1 else f"{count} instances"
    return f"Azure did not create {what}: reducing the capacity from {event.capacity_before} to {event.capacity}"


@line.register
def _(event: events.InstancesRemoving) -> str:
    if not event.answered:
        return f"removing {names(event.instance_ids)}: Azure's answer was lost; checking whether the deletion began"
    return f"removing {names(event.instance_ids)} (request id {event.request_id or 'not given'})"


@line.register
def _(event: events.InstanceRemoved) -> str:
    return f"instance {event.instance_id} is removed"
