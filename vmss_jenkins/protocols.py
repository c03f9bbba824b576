"""What the engine needs of the world; adapters and fakes satisfy it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from vmss_jenkins.claims import Claim
from vmss_jenkins.history import Stage
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

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Read one of its instances."""
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


class Judgement(Protocol):
    """What a gate came to."""

    @property
    def passed(self) -> bool:
        """Whether the rollout goes on."""
        ...

    @property
    def reason(self) -> str:
        """What was measured, for people."""
        ...


class Gates(Protocol):
    """Judges a release."""

    def assess(self, stage: Stage, instance_ids: Sequence[str]) -> Judgement:
        """Measure the new release on these instances; takes as long as it takes."""
        ...


class Drainer(Protocol):
    """Takes instances out of the load balancer and puts them back; each call may be repeated."""

    def drained(self) -> Iterable[str]:
        """The ids of the instances that are out of it by us, also by an earlier run that was killed."""
        ...

    def drain(self, instance_ids: Sequence[str]) -> None:
        """Let no new connection reach them; those that are open get the time until the update."""
        ...

    def restore(self, instance_ids: Sequence[str]) -> None:
        """Let connections reach them again."""
        ...


class Claims(Protocol):
    """The marks in Azure by which rollouts of one scale set see each other."""

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time (seconds, UTC) and the claims there are, lapsed ones too."""
        ...

    def write(self, claim: Claim) -> None:
        """Add a claim, or replace the one of the same run; the others stay."""
        ...

    def remove(self, runs: Sequence[str]) -> None:
        """Take away the claims of these runs."""
        ...
