"""What happens to calls: requests to Azure, the operations they begin, and the waits between them."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event


@dataclass(frozen=True)
class OperationAccepted(Event):
    """Azure took a long-running operation; it goes on even if this program ends."""

    action: str
    request_id: str | None


@dataclass(frozen=True)
class OperationProgress(Event):
    """The operation is still running."""

    action: str
    seconds: float


@dataclass(frozen=True)
class OperationSucceeded(Event):
    """The operation ended well."""

    action: str
    seconds: float


@dataclass(frozen=True)
class WaitingForInstances(Event):
    """Instances are awaited: another operation runs on them, or they are not healthy yet."""

    instance_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class CallRetried(Event):
    """A call failed in a way that passes; it is made again after a wait."""

    reason: str
    attempt: int
    """The attempt that failed, from 1."""
    wait: float
    """Seconds until the next one."""


@dataclass(frozen=True)
class AzureCalled(Event):
    """A request to Azure was made."""

    method: str
    path: str
    status: int | None
    """None where no answer came."""
    request_id: str | None


@dataclass(frozen=True)
class StillWaiting(Event):
    """Nothing was told for a while, and nothing is wrong."""

    seconds: float
    """Since the last event."""


@dataclass(frozen=True)
class CommandFailed(Event):
    """The command ended with an error."""

    error: str


@dataclass(frozen=True)
class Interrupted(Event):
    """Somebody stopped this program while Azure worked for it."""

    action: str
    request_id: str | None
