"""A scale set by the virtual clock, in which Azure brings the model to every unprotected instance by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.support.cloud import Cloud, CloudOperation, refusal
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet, UpgradeMode
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.protection.decision import RELEASED, Policy, policy_of
from vmss_jenkins.rollout.plan.protection.protected import Protected


@dataclass
class CloudRecord:
    """The record of what rollouts protect, as tags hold it."""

    cloud: Cloud
    texts: Sequence[str] = ()

    def read(self) -> Protected:
        self.cloud._call("read the record")
        return Protected.parse(self.texts)

    def write(self, protected: Protected) -> None:
        self.cloud._call("write the record")
        self.texts = protected.texts()
        self.cloud._fault("write the record answer")


@dataclass
class FollowingCloud(Cloud):
    """Azure looks at each change of the set, whoever makes it, and then updates all that lack the model at once.

    That is the mode Automatic; the mode Rolling does less at a time.
    """

    record: CloudRecord = field(init=False)
    followed: list[tuple[float, str, ImageReference | None]] = field(default_factory=list)
    """What Azure updated by itself."""
    released: set[str] = field(default_factory=set)
    """Instances that a run released: Azure may update them before the run asks it to."""

    def __post_init__(self) -> None:
        self.record = CloudRecord(self)
        self.scale_set = replace(self.scale_set, upgrade_mode=UpgradeMode.AUTOMATIC)

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> CloudOperation:
        if scale_set.etag != self.scale_set.etag:
            raise refusal(412, "PreconditionFailed", "The condition was not met.")
        try:
            return super().begin_set_image(scale_set, image)
        finally:
            self.look()

    def begin_protect(self, instance_id: str, policy: Policy) -> CloudOperation:
        self._call("begin_protect", ("update", "", 1))
        if instance_id not in self.there:
            raise refusal(404, "NotFound", "The entity was not found in this Azure location.")
        if self.there[instance_id].is_updating:
            raise refusal(409, "Conflict", "The request failed due to conflict with a concurrent request.")
        if policy == RELEASED:
            self.released.add(instance_id)
        operation = CloudOperation(f"protect {instance_id}", None, f"op{next(self.number)}")
        self.change(
            instance_id,
            protected_from_scale_in=policy.scale_in,
            protected_from_scale_set_actions=policy.actions,
        )
        self.clock.after(1.0, lambda: setattr(operation, "ended", True))
        self._fault("begin_protect answer")
        return operation

    def look(self) -> None:
        """What Azure does at each change of the set."""
        for key, found in list(self.there.items()):
            free = not (found.protected_from_scale_set_actions or found.is_updating)
            if free and found.latest_model_applied is False:
                self.followed.append((self.clock.time, key, self.scale_set.image))
                self._begin_update(key, CloudOperation("Azure's own upgrade", None, "own"))

    def touch(self) -> None:
        """Somebody changes the set in another respect, as autoscale does."""
        self.scale_set = replace(self.scale_set, etag=f"W/{next(self.number)}")
        self.look()

    def policies(self) -> dict[str, Policy]:
        return {key: policy_of(found) for key, found in self.there.items()}
