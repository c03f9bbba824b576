"""One log line an event of a switch."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import switch as events
from vmss_jenkins.report.text import rollout as rollout_text


@singledispatch
def line(event: object) -> str:
    """Write an event as one line.

    Raises:
        TypeError: if the value is not an event.
    """
    return rollout_text.line(event)


@line.register
def _(event: events.TestRuleOpened) -> str:
    return f"port {event.port} of {event.load_balancer} sends traffic to {event.pool} for the check"


@line.register
def _(event: events.SwitchUnchanged) -> str:
    due = "; an earlier run was killed after the switch, so the gates in production run now" if event.watch_due else ""
    return f"rule {event.rule} already sends traffic to {event.pool}: nothing changed{due}"


@line.register
def _(event: events.Switched) -> str:
    return (
        f"rule {event.rule} now sends new connections to {event.pool_after}; connections that are open to "
        f"{event.pool_before} stay open"
    )


@line.register
def _(event: events.NotSwitched) -> str:
    return f"not switched: {event.reason}"


@line.register
def _(event: events.SwitchedBack) -> str:
    return f"switched back: rule {event.rule} sends traffic to {event.pool} again: {event.reason}"


@line.register
def _(event: events.AlreadyReleased) -> str:
    if event.serves:
        return f"{event.scale_set} already serves {event.release}: nothing to do; {event.final}"
    return f"{event.scale_set} already has {event.release}: nothing to deploy; {event.final}"


@line.register
def _(event: events.SetScaled) -> str:
    direction = "out" if event.after > event.before else "in"
    return f"{event.scale_set} is scaled {direction} from {event.before} to {event.after} instances"
