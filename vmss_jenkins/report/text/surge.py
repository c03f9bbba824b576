"""One log line an event of a surge."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import surge as events
from vmss_jenkins.report.text import switch as switch_text
from vmss_jenkins.report.text.rollout import names


@singledispatch
def line(event: object) -> str:
    """Say an event in one line.

    Raises:
        TypeError: for a value that is no event.
    """
    return switch_text.line(event)


@line.register
def _(event: events.SurgeResumed) -> str:
    return (
        f"an earlier run surged {event.scale_set}: its capacity is {event.capacity}, and {event.wanted} is what it "
        "ends with"
    )


@line.register
def _(event: events.ScaledByOthers) -> str:
    return (
        f"somebody else set the capacity of {event.scale_set} to {event.capacity}: it ends with {event.wanted} "
        "instances now"
    )


@line.register
def _(event: events.ScalingOut) -> str:
    told = f"scaling out from {event.capacity_before} to {event.capacity} instances"
    if not event.answered:
        return f"{told}: the answer was lost; looking whether Azure began"
    return f"{told} (request id {event.request_id or 'not given'})"


@line.register
def _(event: events.CapacityGivenUp) -> str:
    count = event.capacity_before - event.capacity
    what = "1 instance that Azure did not make is" if count == 1 else f"{count} instances that Azure did not make are"
    return f"{what} wanted no longer: the capacity goes from {event.capacity_before} back to {event.capacity}"


@line.register
def _(event: events.InstancesRemoving) -> str:
    if not event.answered:
        return f"removing {names(event.instance_ids)}: the answer was lost; looking whether Azure began"
    return f"removing {names(event.instance_ids)} (request id {event.request_id or 'not given'})"


@line.register
def _(event: events.InstanceRemoved) -> str:
    return f"instance {event.instance_id} is removed"
