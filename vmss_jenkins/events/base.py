"""What every event is: a frozen dataclass of facts, never of sentences.

One stream of them tells what happened, in order; every log, progress display and report is a renderer of it. The rooms
that act have the events of their own story beside this file, and need no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened."""


OnEvent = Callable[[Event], None]
"""Receives each event when it happens."""
