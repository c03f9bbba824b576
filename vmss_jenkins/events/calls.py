"""Events of calls: requests to Azure, the operations that they start, and the waits between them."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event


@dataclass(frozen=True)
class OperationAccepted(Event):
    """Azure accepted a long-running operation; it continues even if this program ends."""

    action: str
    request_id: str | None


@dataclass(frozen=True)
class OperationProgress(Event):
    """The operation is still running."""

    action: str
    seconds: float


@dataclass(frozen=True)
class OperationSucceeded(Event):
    """The operation succeeded."""

    action: str
    seconds: float


@dataclass(frozen=True)
class WaitingForInstances(Event):
    """The command waits for instances: another operation runs on them, or they are not healthy yet."""

    instance_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class CallRetried(Event):
    """A call failed with a transient error; it is retried after a wait."""

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
    """None if no answer came."""
    request_id: str | None


@dataclass(frozen=True)
class StillWaiting(Event):
    """There was no event for a while, and nothing is wrong."""

    seconds: float
    """Since the last event."""


@dataclass(frozen=True)
class CommandFailed(Event):
    """The command ended with an error."""

    error: str


@dataclass(frozen=True)
class Interrupted(Event):
    """Somebody stopped this program while an Azure operation was running."""

    action: str
    request_id: str | None
