"""The thread that advances the backend while no request comes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmss_jenkins.emulator.runtime.clock import ScaledClock
    from vmss_jenkins.emulator.state.backend import Backend


class Ticker:
    """Advances a backend by its clock."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._thread: threading.Thread | None = None
        self._wake, self._stopping = threading.Event(), threading.Event()

    def start(self, clock: ScaledClock) -> None:
        """Start the thread; each new scheduled transition wakes it."""
        self._backend.on_scheduled = self._wake.set
        self._thread = threading.Thread(target=self._tick, args=(clock,), daemon=True, name="ticker")
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread for good; do nothing if it was not started."""
        self._stopping.set()
        self._wake.set()
        if self._thread:
            self._thread.join()

    def _tick(self, clock: ScaledClock) -> None:
        while not self._stopping.is_set():
            self._backend.advance()
            due = self._backend.next_due
            self._wake.wait(None if due is None else clock.real_seconds_until(due))
            self._wake.clear()
