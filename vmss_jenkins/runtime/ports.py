"""What waiting needs from outside: a clock, and operations that can be polled."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> float:
        """Seconds since some moment; never goes backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Operation(Protocol):
    """A long-running operation that Azure has accepted."""

    @property
    def action(self) -> str:
        """What it does, as a phrase: "update instances of web"."""
        ...

    @property
    def request_id(self) -> str | None:
        """`x-ms-request-id` of the request that started it."""
        ...

    @property
    def done(self) -> bool:
        """Whether it succeeded; a failure is raised by `poll`."""
        ...

    @property
    def retry_after(self) -> float | None:
        """Seconds that Azure asked to wait before the next poll."""
        ...


OperationT = TypeVar("OperationT", bound=Operation)
OperationT_contra = TypeVar("OperationT_contra", bound=Operation, contravariant=True)


class Poller(Protocol[OperationT_contra]):
    """Polls operations; each call is made once and raises `AzureError`."""

    def poll(self, operation: OperationT_contra) -> None:
        """Ask Azure once for the state of an operation."""
        ...
