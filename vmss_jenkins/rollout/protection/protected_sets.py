"""Scale sets whose instances are protected from Azure's own upgrades while a run changes the model.

The engine sees a set in which Azure upgrades nothing by itself, as with the upgrade policy Manual. So all that it
promises holds here too: a canary first, gates, at most so many down, a rollback of those that must go back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Generic

from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.final_state import counted, names
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName, UpgradeMode
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.protection.decision import (
    PROTECTED,
    RELEASED,
    as_before,
    as_protected,
    protects,
    refusal,
    to_protect,
    to_put_back,
)
from vmss_jenkins.rollout.plan.protection.protected import Protected
from vmss_jenkins.rollout.ports import ProtectedRecord, Protector, ScaleSets
from vmss_jenkins.rollout.protection.policy_writer import PolicyWriter
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter

PATIENCE, PATIENCE_SHORT = 600.0, 60.0
"""Seconds to wait for instances on which Azure works, so that their protection cannot be changed yet: before a new
release is in the model, and at other times."""


class ProtectedSets(Generic[OperationT]):
    """Satisfies `ports.ScaleSets` and `ports.Protection` for the one set of a run.

    Args:
        sets: Azure.
        protector: sets the protection of the set's instances.
        record: what the protection was before, for whoever takes over.
        waiter: clock and listener.
        active: false to protect nothing, and only to put back what an earlier run protects.
    """

    def __init__(
        self,
        sets: ScaleSets[OperationT],
        protector: Protector[OperationT],
        record: ProtectedRecord,
        waiter: Waiter,
        *,
        active: bool = True,
    ) -> None:
        self._sets, self._record, self._waiter = sets, record, waiter
        self._writer = PolicyWriter(protector, waiter)
        self._active, self._going_back = active, False
        self._scale_set: ScaleSet | None = None
        self._protected: Protected | None = None
        self._shown: dict[str, Instance] = {}

    # -- what the engine reads and changes ----------------------------------------------------------------------------

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left by token bucket, from the last responses."""
        return self._sets.remaining

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read the set's model, with the upgrade policy that the protection leaves."""
        self._scale_set = self._sets.get(name)
        return as_protected(self._scale_set) if self._active else self._scale_set

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all its instances, with the protection of before."""
        return as_before(self._list(scale_set), self._known())

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Read one of its instances, with the protection of before."""
        found = self._sets.instance(scale_set, instance_id)
        self._shown[found.id] = found
        return as_before([found], self._known())[0]

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[AutoscaleSetting, ...] | None:
        """Read the enabled autoscale settings that target it; None if they cannot be read."""
        return self._sets.autoscale_settings(scale_set)

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> OperationT:
        """Protect every instance, then set the image of the model."""
        if self._protects:
            self._protect_all(scale_set)
        return self._sets.begin_set_image(scale_set, image)

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Release these instances, then bring them to the latest model."""
        known = {key: self._shown[key] for key in ids if key in self._known().before and key in self._shown}
        held = [key for key, one in known.items() if one.protected_from_scale_set_actions]
        if refused := self._writer.write(dict.fromkeys(held, RELEASED), PATIENCE_SHORT):
            raise refused.error
        self._shown |= {key: replace(known[key], protected_from_scale_set_actions=False) for key in held}
        return self._sets.begin_update_instances(scale_set, ids)

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> OperationT:
        """Set the capacity; new instances get the current model."""
        return self._sets.begin_set_capacity(scale_set, capacity)

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> OperationT:
        """Delete instances: their protection does not prevent it."""
        return self._sets.begin_delete_instances(scale_set, ids)

    def poll(self, operation: OperationT) -> None:
        """Read the state of an operation once."""
        self._sets.poll(operation)

    # -- the protection -----------------------------------------------------------------------------------------------

    @property
    def holds(self) -> bool:
        """Whether instances are protected by this run or an earlier one."""
        return self._protected is not None and bool(self._protected.before)

    def begin(self, beat: Callable[[], None]) -> None:
        """Begin a run; `beat` is called in each wait, to renew its lock."""
        self._writer.beat = beat

    def go_back(self) -> None:
        """From now on the model is changed to the release of before."""
        self._going_back = True

    def end(self, stays: Collection[str]) -> None:
        """Put the protection back as it was, unless instances are named for which it stays; a failure is told."""
        try:
            if not self._known().before:
                return
            if stays:
                self._keep(stays)
            else:
                self._put_back()
        except (AzureError, ConfigError) as error:
            self._not_put_back(str(error).splitlines()[0])

    def _keep(self, stays: Collection[str]) -> None:
        there = self._waiter.retry(lambda: self._list(self._set))
        kept = Protected({key: was for key, was in self._known().before.items() if key in stays})
        self._writer.write(dict.fromkeys(to_protect(there, kept, going_back=True), PROTECTED), PATIENCE_SHORT)
        release = self._set.release.short_name if self._set.release else "a release"
        text = (
            f"{names(list(stays))} stay protected from scale set actions: Azure would bring {release} to them at the "
            "next change of the set; the next rollout or rollback puts their protection back as it was"
        )
        self._tell(Severity.NOTE, text)

    def _put_back(self) -> None:
        there = self._waiter.retry(lambda: self._list(self._set))
        back = to_put_back(there, self._known())
        if refused := self._writer.write(back, PATIENCE_SHORT):
            self._not_put_back(f"{names(list(refused.left))}: {str(refused.error).splitlines()[0]}")
            return
        self._write(Protected())
        if back:
            self._tell(Severity.NOTE, f"protection of {counted(back)} put back as it was")

    def _not_put_back(self, why: str) -> None:
        text = f"the protection of instances could not be put back: {why}; the next rollout or rollback does it"
        self._tell(Severity.WARNING, text)

    def _protect_all(self, scale_set: ScaleSet) -> None:
        """Record what is protected before it is, and protect all before the model is changed.

        The change of the model is conditional on the version of the set that was read before the instances were
        listed: an instance that is added in between makes Azure refuse it.
        """
        there, before = self._list(scale_set), self._known()
        protected = before.adding(there)
        if too_many := refusal(protected):
            raise ConfigError(f"scale set {scale_set.name}", [too_many])
        if protected != before:
            self._write(protected)
        wanted = to_protect(there, protected, going_back=self._going_back)
        if wanted:
            mode = self._set.upgrade_mode.value
            self._tell(Severity.NOTE, f"upgrade policy {mode}: protecting {counted(wanted)} from Azure's upgrades")
        policies = dict.fromkeys(wanted, PROTECTED)
        refused = self._writer.write(policies, PATIENCE_SHORT if self._going_back else PATIENCE)
        if refused and not self._going_back:
            raise refused.error
        if refused:  # what Azure may bring to them by itself is the release of before
            text = f"{names(list(refused.left))} could not be protected: Azure may roll them back by itself"
            self._tell(Severity.WARNING, text)

    def _known(self) -> Protected:
        """What rollouts protect, read once a run, if anything shows that there may be a record."""
        if self._protected is None:
            shown = self._shown.values()
            marked = any(one.protected_from_scale_in or one.protected_from_scale_set_actions for one in shown)
            follows = self._scale_set is not None and self._scale_set.upgrade_mode is not UpgradeMode.MANUAL
            self._protected = self._waiter.retry(self._record.read) if marked or follows else Protected()
        return self._protected

    def _write(self, protected: Protected) -> None:
        self._waiter.retry(lambda: self._record.write(protected))
        self._protected = protected

    def _list(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        found = self._sets.instances(scale_set)
        self._shown = {one.id: one for one in found}
        return found

    def _tell(self, severity: Severity, text: str) -> None:
        self._waiter.on_event(PreflightFound(Finding(severity, text)))

    @property
    def _protects(self) -> bool:
        return self._active and self._scale_set is not None and protects(self._scale_set)

    @property
    def _set(self) -> ScaleSet:
        if self._scale_set is None:
            raise RuntimeError("the set was not read")
        return self._scale_set
