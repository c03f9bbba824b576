"""One log line an event of a rollout."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import rollout as events


@singledispatch
def line(event: object) -> str:
    """Say an event in one line.

    Raises:
        TypeError: for a value that is no event.
    """
    raise TypeError(f"no event: {event!r}")


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
    what = "roll back" if event.rolling_back else "roll out"
    image = event.image.short_name if event.image else "the model"
    if not event.pending:
        return f"{what} {image} on {event.scale_set}: all {event.have_it} instances have it"
    how = f"update, {event.have_it} have it, at most {event.max_unavailable} down at a time"
    if event.surge:
        how = f"replace, {event.have_it} have it, up to {event.surge} more and none down"
    return f"{what} {image} on {event.scale_set}: {count(len(event.pending))} to {how}"


@line.register
def _(event: events.NotDraining) -> str:
    return (
        f"{event.scale_set} is not drained: connections to an instance that goes down are refused until the load "
        "balancer's probe notices (--drain SECONDS takes it out before)"
    )


@line.register
def _(event: events.InstancesDraining) -> str:
    told = f"draining {names(event.instance_ids)}: their open connections get {event.seconds:.0f} s"
    reasons = "; ".join(sorted({f"{reason}" for reason in event.not_drained.values()}))
    return f"{told}; not drained: {names(tuple(event.not_drained))} ({reasons})" if event.not_drained else told


@line.register
def _(event: events.InstancesUpdating) -> str:
    if not event.answered:
        return f"updating {names(event.instance_ids)}: the answer was lost; looking whether Azure began"
    return f"updating {names(event.instance_ids)} (request id {event.request_id or 'not given'})"


@line.register
def _(event: events.InstanceDone) -> str:
    return f"instance {event.instance_id} is done after {event.seconds:.1f} s"


@line.register
def _(event: events.InstanceFailed) -> str:
    return f"instance {event.instance_id} failed: {event.reason}"


@line.register
def _(event: events.InstancesRestored) -> str:
    return f"back in the load balancer: {names(event.instance_ids)}"


@line.register
def _(event: events.CapacityChanged) -> str:
    parts = [f"{names(event.joined)} joined"] if event.joined else []
    return "instances changed: " + ", ".join([*parts, *([f"{names(event.gone)} went"] if event.gone else [])])


@line.register
def _(event: events.FellBackToWaves) -> str:
    return f"Azure refused overlapping operations, so it goes on in waves: {event.reason}"


@line.register
def _(event: events.RolloutWaiting) -> str:
    return f"waiting: {event.reason}{f': {names(event.instance_ids)}' if event.instance_ids else ''}"


@line.register
def _(event: events.ClaimAwaited) -> str:
    return f"an earlier run of {event.owner} ended without a word: waiting {event.seconds:.0f} s for its claim to lapse"


@line.register
def _(event: events.RollbackStarted) -> str:
    left = event.image_from.short_name if event.image_from else "unknown"
    return f"rolling back from {left} to {event.image_to.short_name}: {event.cause}"


@line.register
def _(event: events.RolloutInterrupted) -> str:
    going_on = (
        f"Azure goes on by itself with the work on {names(event.instance_ids)} "
        f"(request ids {', '.join(event.request_ids) or 'not given'})"
        if event.instance_ids
        else "Azure is at work on nothing of it"
    )
    return f"interrupted: {going_on}; run the same command again to go on with {event.scale_set}"


@line.register
def _(event: events.RolloutHalted) -> str:
    return f"halted, nothing more is touched on {event.scale_set}: {event.reason}"


@line.register
def _(event: events.InstanceLeft) -> str:
    return f"instance {event.instance_id} {event.state}"


@line.register
def _(event: events.RolloutFinished) -> str:
    image = event.image.short_name if event.image else "the model"
    updated = f"{count(len(event.updated))} updated" if event.updated else "no instance had to change"
    if event.removed:
        updated = f"{count(len(event.updated))} new, {len(event.removed)} removed"
    return f"{event.scale_set}: {event.outcome}: {image}, {updated} ({event.seconds:.1f} s)"


MANY = 12
"""Instances that a line names; more are counted."""


def names(instance_ids: tuple[str, ...]) -> str:
    """Name instances, or the first of many."""
    shown = ", ".join(instance_ids[:MANY])
    return shown if len(instance_ids) <= MANY else f"{shown} and {len(instance_ids) - MANY} more"


def count(number: int) -> str:
    """Count instances."""
    return "1 instance" if number == 1 else f"{number} instances"
