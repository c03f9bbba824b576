"""One log line an event of governed OS upgrades."""

from __future__ import annotations

from functools import singledispatch

from vmss_jenkins.events import govern as events
from vmss_jenkins.model.os_upgrades.hook_events import without_answer
from vmss_jenkins.report.text import surge as surge_text
from vmss_jenkins.report.text.rollout import names


@singledispatch
def line(event: object) -> str:
    """Write an event as one line.

    Raises:
        TypeError: if the value is not an event.
    """
    return surge_text.line(event)


@line.register
def _(event: events.UpgradeAsked) -> str:
    if event.wait_until is None:
        return f"Azure waits for the approval of its OS upgrade of {event.scale_set}: {names(event.targets)}"
    return (
        f"Azure asks whether it may upgrade the operating system of {event.scale_set}: {names(event.targets)}; "
        f"{without_answer(event.default_action, event.wait_until)}"
    )


@line.register
def _(event: events.UpgradeApproved) -> str:
    if event.is_set:
        return f"approved: Azure may begin the OS upgrade of {names(event.targets)}"
    left = f"; {names(event.left_out)} rejected for now: not of the canary" if event.left_out else ""
    return f"approved: Azure may upgrade {names(event.targets)}{left}"


@line.register
def _(event: events.UpgradeRejected) -> str:
    return f"rejected: Azure must not upgrade {names(event.targets)}: {event.reason}"


@line.register
def _(event: events.UpgradePostponed) -> str:
    last = ", which is the latest time" if event.latest else ""
    return f"{event.reason}: {without_answer(event.default_action, event.wait_until)}{last}"


@line.register
def _(event: events.UpgradeCancelled) -> str:
    return f"the OS upgrade of {event.scale_set} is cancelled: {event.reason}"


@line.register
def _(event: events.UpgradePending) -> str:
    return f"{event.scale_set}: {event.reason}; a later run goes on"


@line.register
def _(event: events.NothingAsked) -> str:
    return f"{event.scale_set}: no OS upgrade waits for an answer"
