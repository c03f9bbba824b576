"""Lifecycle hooks as a library: add them to a set, remove them, and see what waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.govern.plan.installation import HooksPlan, plan_install, plan_uninstall
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.instances import ScaleSet, ScaleSetName
from vmss_jenkins.model.os_upgrades.hook_events import HookEvent
from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, OsUpgradePolicy
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter, complete


@checked
def install_hooks(
    resource_group: str,
    name: str,
    *,
    default_action: DefaultAction = DefaultAction.REJECT,
    dry_run: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> HooksPlan:
    """Let Azure ask before an automatic OS upgrade of a set begins, and before each of its batches.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        default_action: what Azure does without an answer. Reject, so that nothing is upgraded unjudged while nobody
            governs; regions where hooks cannot reject yet refuse it.
        dry_run: return the plan; change nothing.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        AzureError: if Azure refuses, or cannot be reached.
    """
    target = ScaleSetName(resource_group, name)
    return _set(target, lambda policy: plan_install(policy, default_action), connection, on_event, dry_run=dry_run)


@checked
def uninstall_hooks(
    resource_group: str,
    name: str,
    *,
    dry_run: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> HooksPlan:
    """Remove these hooks: Azure then upgrades the set without asking.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        dry_run: return the plan; change nothing.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        AzureError: if Azure refuses, or cannot be reached.
    """
    return _set(ScaleSetName(resource_group, name), plan_uninstall, connection, on_event, dry_run=dry_run)


def _set(
    name: ScaleSetName,
    plan: Callable[[OsUpgradePolicy], HooksPlan],
    connection: Connection | None,
    on_event: OnEvent,
    *,
    dry_run: bool,
) -> HooksPlan:
    from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades  # noqa: PLC0415 - the SDK takes 0.3 s

    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        upgrades = AzureOsUpgrades(sets, name)
        first: list[HooksPlan] = []

        def attempt() -> None:
            policy = upgrades.policy()
            wanted = plan(policy)
            first.append(wanted)
            if wanted.changes and not dry_run:
                complete(upgrades, upgrades.begin_set_hooks(policy, wanted.after), waiter)

        waiter.retry(attempt)
        return first[0]


@checked
def waiting_events(scale_set: ScaleSet, *, connection: Connection | None = None) -> tuple[HookEvent, ...] | None:
    """Read the lifecycle hook events of a set that wait for an answer; None if they cannot be read."""
    from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades  # noqa: PLC0415 - as above

    waiter = Waiter.starting(SystemClock(), TIMEOUT, log)
    with closing((connection or Connection()).connect(log).scale_sets()) as sets:
        try:
            now, events = waiter.retry(AzureOsUpgrades(sets, scale_set.name).events)
        except AzureError:
            return None
    return tuple(event for event in events if event.waits and now < event.wait_until)
