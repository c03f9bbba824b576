"""Answers about subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.resources import views

if TYPE_CHECKING:
    from vmss_jenkins.emulator.calls.call import Call


def list_subscriptions(call: Call) -> Reply:
    """The one subscription."""
    return Reply(200, {"value": [views.subscription(call.backend.scenario)], "count": {"type": "Total", "value": 1}})


def get_subscription(call: Call) -> Reply:
    """The one subscription."""
    return Reply(200, views.subscription(call.backend.scenario))
