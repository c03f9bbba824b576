"""What a rollout needs of the world; adapters and fakes satisfy it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.claims import Claim, Ended
from vmss_jenkins.runtime.ports import OperationT


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

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> OperationT:
        """Set the image of the model."""
        ...

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Bring instances to the latest model."""
        ...

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> OperationT:
        """Set the wanted number of instances; new ones come with the model of this moment."""
        ...

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Delete instances; the wanted number is lowered by as many."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Ask once how an operation stands."""
        ...


class Drainer(Protocol):
    """Takes instances out of their load balancers."""

    def drain(self, scale_set: ScaleSet, ids: Sequence[str]) -> Mapping[str, str]:
        """Let no new connection reach instances; give the reason for each that still gets them."""
        ...

    def restore(self, scale_set: ScaleSet, ids: Sequence[str]) -> None:
        """Leave instances to the health probes again; raises `AzureError`."""
        ...


class Judgement(Protocol):
    """What the gates came to."""

    @property
    def consequence(self) -> Consequence:
        """Whether the rollout goes on, has failed, or halts."""
        ...

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """What each gate said."""
        ...


class Gates(Protocol):
    """Judges a release."""

    def assess(self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = ...) -> Judgement:
        """Measure the new release on these instances.

        Args:
            stage: what is judged.
            instance_ids: the instances.
            before: told before each measurement how many seconds it takes at the most.
        """
        ...


class Ends(Protocol):
    """How the last rollout of a scale set ended; each call raises `AzureError`."""

    def write(self, ended: Ended) -> None:
        """Write down how one ended."""
        ...


class Processes(Protocol):
    """The processes of this machine, by names that no other process has."""

    @property
    def own(self) -> str:
        """The name of this process; empty if it is not known."""
        ...

    def is_gone(self, name: str) -> bool:
        """Whether a process has certainly ended; false for one of another machine, or in doubt."""
        ...


class Claims(Protocol):
    """The marks in Azure by which rollouts of one scale set see each other; each call raises `AzureError`."""

    @property
    def ends(self) -> Ends:
        """Where the end of a rollout is written down."""
        ...

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time (seconds, UTC) and the claims there are, lapsed ones too."""
        ...

    def write(self, claim: Claim) -> None:
        """Add a claim, or replace the one of the same run; the others stay."""
        ...

    def remove(self, runs: Sequence[str]) -> None:
        """Take away the claims of these runs."""
        ...
