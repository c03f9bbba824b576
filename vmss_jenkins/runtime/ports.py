"""What waiting needs of the world: a clock, and operations that can be asked how they stand."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds since some moment; never runs backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Operation(Protocol):
    """A long-running operation that Azure accepted."""

    @property
    def action(self) -> str:
        """What it does, as a phrase."""
        ...

    @property
    def request_id(self) -> str | None:
        """`x-ms-request-id` of the request that began it."""
        ...

    @property
    def done(self) -> bool:
        """Whether it ended well; a bad end is raised."""
        ...

    @property
    def retry_after(self) -> float | None:
        """Seconds that Azure asked to wait before it is asked again."""
        ...


OperationT = TypeVar("OperationT", bound=Operation)
OperationT_contra = TypeVar("OperationT_contra", bound=Operation, contravariant=True)


class Poller(Protocol[OperationT_contra]):
    """Asks how operations stand; each call is made once and raises `AzureError`."""

    def poll(self, operation: OperationT_contra) -> None:
        """Ask once how an operation stands."""
        ...
