"""The heartbeat of a long wait: after a minute without an event, an event says that the wait continues."""

from __future__ import annotations

from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.calls import StillWaiting
from vmss_jenkins.runtime.ports import Clock

BEAT = 60.0
"""Seconds without an event after which a wait reports itself."""


class Heartbeat:
    """A clock and a listener in one: code that waits with it reports itself once a minute.

    Args:
        clock: the clock to wait with.
        on_event: the listener.
    """

    def __init__(self, clock: Clock, on_event: OnEvent) -> None:
        self._clock, self._on_event = clock, on_event
        self._last_event = self._last_beat = clock.now()

    def on_event(self, event: Event) -> None:
        """Pass an event on; silence is counted from here."""
        self._last_event = self._last_beat = self._clock.now()
        self._on_event(event)

    def now(self) -> float:
        """The clock's time."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Wait, and report a long wait; with 0 only report, for callers that wait by other means."""
        end = self._clock.now() + seconds
        while True:
            now = self._clock.now()
            if now >= self._last_beat + BEAT:
                self._last_beat = now
                self._on_event(StillWaiting(now - self._last_event))
            if now >= end:
                return
            self._clock.sleep(min(end, self._last_beat + BEAT) - now)
