"""The base of all events: a frozen dataclass of facts, never of sentences.

One stream of events says what happened, in order; each log, progress display and report renders this stream. Each room
that acts has a file of its own events beside this one and imports no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened."""


OnEvent = Callable[[Event], None]
"""Receives each event when it happens."""
