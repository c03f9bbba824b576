"""A sign of life: a wait that says nothing for a minute says that it goes on."""

from __future__ import annotations

from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.calls import StillWaiting
from vmss_jenkins.runtime.ports import Clock

BEAT = 60.0
"""Seconds without a word after which a wait says that it goes on."""


class Heartbeat:
    """A clock and a listener in one: whoever waits by it for long is heard once a minute.

    Args:
        clock: by which it is waited.
        on_event: who is told.
    """

    def __init__(self, clock: Clock, on_event: OnEvent) -> None:
        self._clock, self._on_event = clock, on_event
        self._heard = self._told = clock.now()

    def on_event(self, event: Event) -> None:
        """Hand an event on; a wait has been silent since the last one."""
        self._heard = self._told = self._clock.now()
        self._on_event(event)

    def now(self) -> float:
        """The clock's time."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Wait, saying so where it takes long; 0 only says so, for who waits otherwise."""
        end = self._clock.now() + seconds
        while True:
            now = self._clock.now()
            if now >= self._told + BEAT:
                self._told = now
                self._on_event(StillWaiting(now - self._heard))
            if now >= end:
                return
            self._clock.sleep(min(end, self._told + BEAT) - now)
