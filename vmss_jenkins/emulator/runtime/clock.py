"""The emulator's time: seconds since the epoch, real, scaled, or moved by hand in tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.state.clock import Clock


class ScaledClock:
    """Starts at the real time, or at ``start``, and runs ``scale`` times as fast."""

    def __init__(self, scale: float = 1.0, start: float | None = None) -> None:
        if scale <= 0:
            raise ValueError(f"a clock's scale must be above 0, not {scale}")
        self.scale = scale
        self._epoch = time.time() if start is None else start
        self._started = time.monotonic()

    def now(self) -> float:
        """Return the emulated time in seconds since the epoch."""
        return self._epoch + (time.monotonic() - self._started) * self.scale

    def real_seconds_until(self, when: float) -> float:
        """Return how many real seconds pass until the emulated time ``when``, never below 0."""
        return max(0.0, (when - self.now()) / self.scale)


class ManualClock:
    """Shows the same time until a test moves it."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Return the emulated time in seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time on by ``seconds``."""
        if seconds < 0:
            raise ValueError(f"the clock cannot go back: {seconds} s")
        self._now += seconds


def date_of(clock: Clock) -> Callable[[], float]:
    """Return what gives the ``Date`` header of an answer.

    Clients measure their locks by it and renew them in their own time. With a scaled clock they wait in real time, with
    any other clock in its time.
    """
    return time.time if isinstance(clock, ScaledClock) else clock.now
