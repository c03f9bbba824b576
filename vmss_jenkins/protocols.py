"""What the engine needs of the world; adapters and fakes satisfy it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from vmss_jenkins.images import ImageReference
from vmss_jenkins.instances import Instance, ScaleSet, ScaleSetName


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


class ScaleSets(Protocol[OperationT]):
    """Reads and changes scale sets; each call is made once and raises `AzureError`."""

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left by token bucket, as the last answers told."""
        ...

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read a set's model."""
        ...

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all its instances."""
        ...

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[str, ...] | None:
        """Name the enabled autoscale settings that target it; None where they cannot be read."""
        ...

    def begin_set_image(self, scale_set: ScaleSet, image: ImageReference) -> OperationT:
        """Set the image of the model."""
        ...

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Bring instances to the latest model."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Ask once how an operation stands."""
        ...
