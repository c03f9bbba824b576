"""The automatic OS upgrades of one scale set: hooks, their events, deferral, and the rolling upgrade itself.

Shapes: the compute API's lifecycle hook events (https://learn.microsoft.com/rest/api/compute) and
`approveRollingUpgrade`, `rollingUpgrades/latest`, `rollingUpgrades/cancel`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from azure.core import MatchConditions

from vmss_jenkins.azure.errors import translated
from vmss_jenkins.azure.operations import AzureOperation
from vmss_jenkins.errors import AzureError
from vmss_jenkins.model.os_upgrades import hook_events, hooks
from vmss_jenkins.model.os_upgrades.hook_events import Answer, HookEvent
from vmss_jenkins.model.os_upgrades.hooks import Hook, OsUpgradePolicy
from vmss_jenkins.model.os_upgrades.rolling_upgrade import RollingUpgrade, upgrade_from

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets
    from vmss_jenkins.model.instances import ScaleSetName


class AzureOsUpgrades:
    """Reads and answers; satisfies `govern.ports.OsUpgrades`. Each call is made once.

    Args:
        sets: the adapter to scale sets.
        name: the set.
    """

    def __init__(self, sets: AzureScaleSets, name: ScaleSetName) -> None:
        self._sets, self._name, self._client, self.poll = sets, name, sets.client, sets.poll
        self._of = (name.resource_group, name.name)

    def policy(self) -> OsUpgradePolicy:
        """Read how the set gets new OS images, and its hooks.

        Raises:
            AzureError: if the set cannot be read.
        """
        with translated(f"read scale set {self._name}"):
            return hooks.policy_from(cast("Any", self._client.virtual_machine_scale_sets.get(*self._of)))

    def events(self) -> tuple[float, tuple[HookEvent, ...]]:
        """Read the server's time and the events of lifecycle hooks, answered ones too, the oldest first.

        Raises:
            AzureError: if they cannot be read.
        """
        with translated(f"list the lifecycle hook events of {self._name}"):
            listed = self._client.virtual_machine_scale_set_life_cycle_hook_events.list(*self._of)
            found = hook_events.events_from([cast("Any", one) for one in listed])
            return self._sets.server_time, found

    def upgrade(self) -> RollingUpgrade | None:
        """Read the latest rolling upgrade; None if there never was one.

        Raises:
            AzureError: if it cannot be read.
        """
        try:
            with translated(f"read the latest rolling upgrade of {self._name}"):
                found = self._client.virtual_machine_scale_set_rolling_upgrades.get_latest(*self._of)
                return upgrade_from(cast("Any", found))
        except AzureError as error:
            if error.failure.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def answer(self, event: HookEvent, answers: Mapping[str, Answer]) -> None:
        """Answer for some targets of an event, given by their names.

        Raises:
            AzureError: if Azure refuses: the event is completed, or hooks cannot reject in this region.
        """
        what = ", ".join(f"{name}: {answer.value}" for name, answer in answers.items())
        self._update(f"answer the lifecycle hook event {event.name} of {self._name} ({what})", event,
                     hook_events.answer_body(event, answers))  # fmt: skip

    def postpone(self, event: HookEvent, until: float) -> None:
        """Move the time until which an event waits.

        Args:
            event: the event.
            until: seconds UTC, at most its `max_wait_until`.

        Raises:
            AzureError: if Azure refuses.
        """
        action = f"postpone the lifecycle hook event {event.name} of {self._name}"
        self._update(action, event, hook_events.postponement_body(until))

    def _update(self, action: str, event: HookEvent, body: dict[str, Any]) -> None:
        with translated(action):
            self._client.virtual_machine_scale_set_life_cycle_hook_events.update(
                *self._of, event.name, cast("Any", body)
            )

    def begin_approve(self, ids: Sequence[str]) -> AzureOperation:
        """Approve the deferred upgrade of some instances.

        Raises:
            AzureError: if Azure refuses: no upgrade waits for approval.
        """
        return self._sets.begin(
            f"approve the OS upgrade of instances {', '.join(ids)} of {self._name}",
            lambda polling: self._client.virtual_machine_scale_sets.begin_approve_rolling_upgrade(
                *self._of, cast("Any", {"instanceIds": list(ids)}), polling=polling
            ),
        )

    def begin_cancel(self) -> AzureOperation:
        """Cancel the rolling upgrade after its current batch.

        Raises:
            AzureError: if Azure refuses: none is in progress.
        """
        return self._sets.begin(
            f"cancel the rolling upgrade of {self._name}",
            lambda polling: self._client.virtual_machine_scale_set_rolling_upgrades.begin_cancel(
                *self._of, polling=polling
            ),
        )

    def begin_set_hooks(self, policy: OsUpgradePolicy, wanted: tuple[Hook, ...]) -> AzureOperation:
        """Replace the hooks of the set: a PATCH of them alone, conditional on the etag of `policy`.

        Raises:
            AzureError: if Azure refuses, or the set changed since `policy` was read.
        """
        unchanged: dict[str, Any] = (
            {"etag": policy.etag, "match_condition": MatchConditions.IfNotModified} if policy.etag else {}
        )
        return self._sets.begin(
            f"set the lifecycle hooks of {self._name}",
            lambda polling: self._client.virtual_machine_scale_sets.begin_update(
                *self._of, cast("Any", hooks.hooks_patch(wanted)), polling=polling, **unchanged
            ),
        )
