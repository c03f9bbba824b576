"""One log line an event of a rollout."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import rollout as events


@singledispatch
def line(event: object) -> str:
    """Write an event as one line.

    Raises:
        TypeError: if the value is not an event.
    """
    raise TypeError(f"not an event: {event!r}")


@line.register
def _(event: events.RolloutPlanned) -> str:
    left, to = (image.short_name if image else None for image in (event.image_from, event.image_to))
    change = f"{left} -> {to or 'the model'}" if left else to or "the model"
    canary = f", {event.canary} first" if event.canary else ""
    build = f"; {event.build}" if event.build else ""
    limit = (
        f"up to {event.max_surge} more at a time"
        if event.max_surge
        else f"at most {event.max_unavailable} down at a time"
    )
    how = f"{event.strategy}{canary}, {limit}"
    return f"{event.owner}: {event.scale_set}, {count(len(event.instances))}, {change}: {how}{build}"


@line.register
def _(event: events.InstanceChanged) -> str:
    return f"instance {event.instance_id} is {event.state.value}"


@line.register
def _(event: events.RolloutStarted) -> str:
    what = "roll back to" if event.rolling_back else "roll out"
    image = event.image.short_name if event.image else "the model"
    if not event.pending:
        return f"{what} {image} on {event.scale_set}: all {event.have_it} instances already have it"
    how = f"update, {event.have_it} already have it, at most {event.max_unavailable} down at a time"
    if event.surge:
        how = f"replace, {event.have_it} already have it, up to {event.surge} more at a time, none down"
    return f"{what} {image} on {event.scale_set}: {count(len(event.pending))} to {how}"


@line.register
def _(event: events.OtherActorsFound) -> str:
    return f"also act on {event.scale_set}: {'; '.join(f'{one.name}: {one.handling}' for one in event.actors)}"


@line.register
def _(event: events.NotDraining) -> str:
    return (
        f"{event.scale_set} is not drained: connections to an instance that goes down are refused until the load "
        "balancer's probe fails; --drain SECONDS takes the instance out of the load balancer first"
    )


@line.register
def _(event: events.InstancesDraining) -> str:
    text = f"draining {names(event.instance_ids)}: open connections have {event.seconds:.0f} s to end"
    reasons = "; ".join(sorted({f"{reason}" for reason in event.not_drained.values()}))
    return f"{text}; not drained: {names(tuple(event.not_drained))} ({reasons})" if event.not_drained else text


@line.register
def _(event: events.InstancesUpdating) -> str:
    if not event.answered:
        return f"updating {names(event.instance_ids)}: Azure's answer was lost; checking whether the update began"
    return f"updating {names(event.instance_ids)} (request id {event.request_id or 'not given'})"


@line.register
def _(event: events.InstanceDone) -> str:
    return f"instance {event.instance_id} is healthy on the release after {event.seconds:.1f} s"


@line.register
def _(event: events.InstanceFailed) -> str:
    return f"instance {event.instance_id} failed: {event.reason}"


@line.register
def _(event: events.InstancesRestored) -> str:
    return f"back in the load balancer: {names(event.instance_ids)}"


@line.register
def _(event: events.CapacityChanged) -> str:
    new = [f"new: {names(event.joined)}"] if event.joined else []
    gone = [f"gone: {names(event.gone)}"] if event.gone else []
    return f"somebody else changed the instances: {'; '.join([*new, *gone])}"


@line.register
def _(event: events.CanaryLost) -> str:
    return f"the canary is gone: {names(event.instance_ids)}; another one is updated and judged"


@line.register
def _(event: events.FellBackToWaves) -> str:
    return f"Azure refused overlapping operations, so the rollout continues in waves: {event.reason}"


@line.register
def _(event: events.RolloutWaiting) -> str:
    return f"waiting: {event.reason}{f': {names(event.instance_ids)}' if event.instance_ids else ''}"


@line.register
def _(event: events.LockAwaited) -> str:
    return (
        f"an earlier run of {event.owner} holds the lock and does not renew it: waiting at most {event.seconds:.0f} s "
        "until the lock expires"
    )


@line.register
def _(event: events.LockTakenOver) -> str:
    return f"an earlier run was killed on this machine, and its lock is taken over at once: {event.owner}"


@line.register
def _(event: events.RollbackStarted) -> str:
    left = event.image_from.short_name if event.image_from else "unknown"
    return f"rolling back from {left} to {event.image_to.short_name}: {event.cause}"


@line.register
def _(event: events.RolloutInterrupted) -> str:
    still_running = (
        f"Azure still updates {names(event.instance_ids)} (request ids {', '.join(event.request_ids) or 'not given'})"
        if event.instance_ids
        else "no operation is running in Azure"
    )
    return f"interrupted: {still_running}; run the same command again to continue with {event.scale_set}"


@line.register
def _(event: events.RolloutHalted) -> str:
    return f"{event.scale_set}: halted, no further changes: {event.reason}"


@line.register
def _(event: events.InstanceLeft) -> str:
    return f"instance {event.instance_id} {event.state}"


@line.register
def _(event: events.RolloutFinished) -> str:
    image = event.image.short_name if event.image else "the model"
    updated = f"{count(len(event.updated))} updated" if event.updated else "no instance had to change"
    if event.removed:
        updated = f"{count(len(event.updated))} new, {len(event.removed)} removed"
    return f"{event.scale_set}: {event.outcome}: {image}, {updated}; {event.final} ({event.seconds:.1f} s)"


MANY = 12
"""How many instances a line names; the others are counted."""


def names(instance_ids: tuple[str, ...]) -> str:
    """Name instances, or the first of many."""
    shown = ", ".join(instance_ids[:MANY])
    return shown if len(instance_ids) <= MANY else f"{shown} and {len(instance_ids) - MANY} more"


def count(number: int) -> str:
    """Count instances."""
    return "1 instance" if number == 1 else f"{number} instances"
