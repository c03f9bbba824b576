"""The preview of a rollback, as a library: the dry run of `vmss-jenkins rollback`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import AzureClients, Connection
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.library import steps
from vmss_jenkins.library.application_releases import scripted_sets
from vmss_jenkins.library.image_checks import why_missing
from vmss_jenkins.library.releases import refuse_moving_target
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet, ScaleSetName
from vmss_jenkins.model.scripts import ScriptRollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.actors.table import other_actors
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.preview import Preview, preview_rollback
from vmss_jenkins.rollout.plan.protection.decision import as_planned
from vmss_jenkins.rollout.plan.rollback import missing_target, recorded_rollback
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets


def look_before_rollback(
    resource_group: str,
    name: str,
    spec: RolloutSpec,
    *,
    scripted: ScriptRollout | None = None,
    allow_automatic_rollout: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> Preview:
    """Find out what a rollback would do now and what prevents it; nothing is changed.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        spec: how; `rollback_to` is the release to roll back to.
        scripted: the release is a script; its `protected_before` are the protected settings to restore.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters.
        AzureError: if the set or the tags of its resource group cannot be read.
    """
    refuse_moving_target(spec)
    target = ScaleSetName(resource_group, name)
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    azure = (connection or Connection()).connect(on_event)
    with closing(azure.scale_sets()) as sets:
        seen, spec = _read(sets, target, spec, scripted, azure, waiter)
        listed, record = waiter.retry(lambda: sets.instances(seen)), sets.protected(target)
        scale_set, instances, protection = as_planned(
            seen, listed, lambda: waiter.retry(record.read), allowed=allow_automatic_rollout
        )
        known = waiter.retry(sets.log(target).read)
        autoscale = sets.autoscale_settings(scale_set)
    suspended = steps.suspended_services(scale_set, connection=connection) if scale_set.services else ()
    found, notes = recorded_rollback(spec, Observed(scale_set, instances, {}), known)
    plan, to = preview_rollback(found, scale_set, instances), found.rollback_to
    gone: tuple[Finding, ...] = ()
    if isinstance(to, ImageReference):
        missing = why_missing(to, scale_set.location, azure.image_versions(), waiter)
        gone = missing_target(to, missing, Observed(scale_set, instances, {}))
    actors = other_actors(
        spec, scale_set, instances, autoscale, suspended=suspended, allow_automatic_rollout=allow_automatic_rollout
    )
    findings = (*notes, *gone, *plan.findings, *(protection if plan.others else ()))
    return replace(plan, findings=findings, actors=actors if plan.others else ())


def _read(
    sets: AzureScaleSets,
    name: ScaleSetName,
    spec: RolloutSpec,
    scripted: ScriptRollout | None,
    azure: AzureClients,
    waiter: Waiter,
) -> tuple[ScaleSet, RolloutSpec]:
    """Read the set; of scripts and applications also the previous one, which tags of the resource group record."""
    if scripted is None:
        return waiter.retry(lambda: sets.get(name)), spec
    adapter, spec = scripted_sets(scripted, sets, name, spec, azure, waiter, rolling_back=True)
    waiter.retry(lambda: adapter.adopt(name))
    return waiter.retry(lambda: adapter.get(name)), spec
