"""What a rollout needs of the world; adapters and fakes satisfy it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.galleries.image_fit import ImageDefinition
from vmss_jenkins.model.galleries.image_versions import Choice, ImageVersion
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.release_log import Record
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.protection.decision import Policy
from vmss_jenkins.rollout.plan.protection.protected import Protected
from vmss_jenkins.runtime.ports import OperationT


class ScaleSets(Protocol[OperationT]):
    """Reads and changes scale sets; each call is made once and raises `AzureError`."""

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left by token bucket, from the last responses."""
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

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[AutoscaleSetting, ...] | None:
        """Read the enabled autoscale settings that target it; None if they cannot be read."""
        ...

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> OperationT:
        """Set the image of the model."""
        ...

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Bring instances to the latest model."""
        ...

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> OperationT:
        """Set the capacity; new instances get the current model."""
        ...

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Delete instances; the capacity shrinks by as many."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Read the state of an operation once."""
        ...


class Protector(Protocol[OperationT]):
    """Sets the protection of instances of one scale set; each call raises `AzureError`."""

    def begin_protect(self, instance_id: str, policy: Policy) -> OperationT:
        """Set the protection of one instance."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Read the state of an operation once."""
        ...


class ProtectedRecord(Protocol):
    """The record of the instances that rollouts protect; each call raises `AzureError`."""

    def read(self) -> Protected:
        """Read it; empty if there is none."""
        ...

    def write(self, protected: Protected) -> None:
        """Record them; an empty one removes the record."""
        ...


class Protection(Protocol):
    """Keeps instances from Azure's own upgrades during a run."""

    @property
    def holds(self) -> bool:
        """Whether instances are protected by this run or an earlier one."""
        ...

    def begin(self, beat: Callable[[], None]) -> None:
        """Begin a run; `beat` is called in each wait, to renew its lock."""
        ...

    def go_back(self) -> None:
        """From now on the model is changed to the release of before."""
        ...

    def end(self, stays: Collection[str]) -> None:
        """Put the protection back as it was, unless instances are named for which it stays; a failure is told."""
        ...


class ImageVersions(Protocol):
    """Reads the versions of images; each call raises `AzureError`."""

    def newest(self, image: ImageReference, region: str, now: float) -> Choice:
        """Choose what an image that moves means now, at so many seconds UTC."""
        ...

    def version(self, image: ImageReference, region: str) -> ImageVersion | None:
        """Read an exact version, or a managed image, with its copies; None if Azure tells no copies."""
        ...

    def definition(self, image: ImageReference, region: str) -> ImageDefinition | None:
        """Read what all versions of an image have in common; None for an image that is in no gallery."""
        ...


class Drainer(Protocol):
    """Takes instances out of their load balancers."""

    def drain(self, scale_set: ScaleSet, ids: Sequence[str]) -> Mapping[str, str]:
        """Stop new connections to instances; return the reason for each instance that still gets them."""
        ...

    def restore(self, scale_set: ScaleSet, ids: Sequence[str]) -> None:
        """Let the health probes decide about instances again; raises `AzureError`."""
        ...


class Judgement(Protocol):
    """The result of the gates."""

    @property
    def consequence(self) -> Consequence:
        """Whether the rollout goes on, has failed, or halts."""
        ...

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """The verdict of each gate."""
        ...


class Gates(Protocol):
    """Judges a release."""

    def assess(self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = ...) -> Judgement:
        """Measure the new release on these instances.

        Args:
            stage: what is judged.
            instance_ids: the instances.
            before: called before each measurement with the most seconds that it takes.
        """
        ...


class ReleaseLog(Protocol):
    """The log of the releases of a scale set; each call raises `AzureError`."""

    def read(self) -> tuple[Record, ...]:
        """The records, the newest first."""
        ...

    def write(self, record: Record) -> int:
        """Add a record with the time, or replace the one of the same run; return how many old ones had no room."""
        ...
