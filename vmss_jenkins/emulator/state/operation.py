"""A long-running operation, and the notice of a deletion that is part of one, as plain state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.state.availability import Cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_jenkins.emulator.arm.values import Json


@dataclass
class Operation:
    """A long-running operation: it ends when the last of its ``pending`` parts has ended."""

    id: str
    location: str
    started: float
    on_end: Callable[[Operation], None]
    cause: Cause = field(default_factory=Cause)
    ended: float | None = None
    pending: int = 0
    error: Json | None = None

    @property
    def status(self) -> str:
        """InProgress, Succeeded, Failed or Canceled."""
        if self.ended is None:
            return "InProgress"
        if self.error and self.error["code"] in ("OperationCanceled", "OperationPreempted"):
            return "Canceled"
        return "Failed" if self.error else "Succeeded"

    def then(self, follow: Callable[[Operation], None]) -> None:
        """Also call ``follow`` at the end."""
        before = self.on_end

        def both(operation: Operation) -> None:
            before(operation)
            follow(operation)

        self.on_end = both


@dataclass
class ScheduledEvent:
    """The notice to an instance that it is to be deleted."""

    id: str
    machine: str
    """The name of the instance's virtual machine."""
    operation: Operation
    """What deletes; its instances are deleted together."""
    not_before: float
    """When the deletion begins without an approval."""
    begin: Callable[[], None]
    """Begins the deletion."""
    approved: bool = False
