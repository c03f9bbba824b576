"""What governing needs of Azure beside `rollout.ports`; the adapter and the fakes of the tests satisfy it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from vmss_jenkins.model.os_upgrades.hook_events import Answer, HookEvent
from vmss_jenkins.model.os_upgrades.hooks import Hook, OsUpgradePolicy
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade
from vmss_jenkins.runtime.ports import OperationT


class OsUpgrades(Protocol[OperationT]):
    """The automatic OS upgrades of one scale set; each call is made once and raises `AzureError`."""

    def policy(self) -> OsUpgradePolicy:
        """Read how the set gets new OS images, and its hooks."""
        ...

    def events(self) -> tuple[float, tuple[HookEvent, ...]]:
        """Read the server's time (seconds, UTC) and the events of hooks, the oldest first."""
        ...

    def upgrade(self) -> RollingUpgrade | None:
        """Read the latest rolling upgrade; None if there never was one."""
        ...

    def answer(self, event: HookEvent, answers: Mapping[str, Answer]) -> None:
        """Answer for some targets, given by their names."""
        ...

    def postpone(self, event: HookEvent, until: float) -> None:
        """Move the time until which an event waits, to seconds UTC."""
        ...

    def begin_approve(self, ids: Sequence[str]) -> OperationT:
        """Approve the deferred upgrade of some instances."""
        ...

    def begin_cancel(self) -> OperationT:
        """Cancel the rolling upgrade after its current batch."""
        ...

    def begin_set_hooks(self, policy: OsUpgradePolicy, wanted: tuple[Hook, ...]) -> OperationT:
        """Replace the hooks of the set."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Read the state of an operation once."""
        ...
