"""One log line an event of a switch."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import switch as events
from vmss_jenkins.report.text import rollout as rollout_text


@singledispatch
def line(event: object) -> str:
    """Say an event in one line.

    Raises:
        TypeError: for a value that is no event.
    """
    return rollout_text.line(event)


@line.register
def _(event: events.TestRuleOpened) -> str:
    return f"port {event.port} of {event.load_balancer} leads to {event.pool} for the check"


@line.register
def _(event: events.SwitchUnchanged) -> str:
    due = "; the run that switched did not end its watch, so it is done now" if event.watch_due else ""
    return f"rule {event.rule} leads to {event.pool} already: nothing changed{due}"


@line.register
def _(event: events.Switched) -> str:
    return f"rule {event.rule} leads to {event.pool_after} now, no longer to {event.pool_before}: open connections stay"


@line.register
def _(event: events.NotSwitched) -> str:
    return f"not switched: {event.reason}"


@line.register
def _(event: events.SwitchedBack) -> str:
    return f"switched back: rule {event.rule} leads to {event.pool} again: {event.reason}"


@line.register
def _(event: events.ReleaseThere) -> str:
    if event.serves:
        return f"{event.scale_set} serves {event.release} already: nothing is to be done"
    return f"{event.scale_set} has {event.release} on all its instances already: nothing is to be deployed"


@line.register
def _(event: events.SetScaled) -> str:
    way = "out" if event.after > event.before else "in"
    return f"{event.scale_set} is scaled {way} from {event.before} to {event.after} instances"
