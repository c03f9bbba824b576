"""What Azure remembers of its own services on a scale set, as plain state; ``compute.automation`` has the rules."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class OrchestrationService:
    """One of Azure's services that act on a set by themselves, such as automatic repairs."""

    suspended: bool = False
    """Whether a client, or Azure after repeated failures, has suspended it."""
    changed: float = 0.0
    """When that last changed."""
    failures: int = 0
    """How many times in a row it acted on an instance that it had repaired before, and that is still not healthy."""
