"""Terminate notification: a deletion is held until the instance approves it, or its time is over.

Source: Microsoft's page "Terminate notification for Azure Virtual Machine Scale Set instances": the instances that one
call deletes wait for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute.rolling_batches import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.instance import Instance
    from vmss_jenkins.emulator.state.operation import ScheduledEvent

LONGEST = "PT15M"
DEFAULT = "PT5M"


def profile(model: Json) -> Json:
    """Return the ``terminateNotificationProfile`` of a ``virtualMachineProfile``, or nothing."""
    found: Json = model.get("scheduledEventsProfile", {}).get("terminateNotificationProfile", {})
    return found


def held_for(instance: Instance) -> float:
    """Return for how many seconds the deletion of an instance is held; 0 without the profile, or if it is stopped."""
    found = profile(instance.model.profile)
    if not found.get("enable") or instance.power != "running":
        return 0.0
    return seconds(found.get("notBeforeTimeout", DEFAULT)) or 0.0


def announce(backend: Backend, event: ScheduledEvent) -> None:
    """Tell an instance that it is to be deleted; that begins when it is approved, or in its time."""
    backend.scheduled_events[event.id] = event
    backend.after(event.not_before - backend.now, lambda: approve(backend, [event.id]))


def withdraw(backend: Backend, instance: Instance) -> ScheduledEvent | None:
    """Return and forget the notice to an instance, if any, because another deletion takes over."""
    event = next((one for one in backend.scheduled_events.values() if one.machine == instance.name), None)
    if event:
        del backend.scheduled_events[event.id]
        backend.end_part(event.operation)
    return event


def approve(backend: Backend, ids: Iterable[str]) -> None:
    """Approve deletions; one begins when all of the same call are approved. Unknown ids are passed over."""
    for key in ids:
        event = backend.scheduled_events.get(key)
        if event is None:
            continue
        event.approved = True
        together = [one for one in backend.scheduled_events.values() if one.operation is event.operation]
        if all(one.approved for one in together):
            for one in together:
                del backend.scheduled_events[one.id]
                one.begin()
