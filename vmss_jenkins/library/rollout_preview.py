"""The previews of a rollout, as a library: the dry run of `vmss-jenkins rollout`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import AzureClients, Connection
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.library import steps
from vmss_jenkins.library.application_releases import look_up_application, refuse_without_version
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.image_checks import why_missing
from vmss_jenkins.library.releases import look_up
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.automation.autoscale import names
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.model.scripts import ScriptRollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.actors.table import other_actors
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import Observed
from vmss_jenkins.rollout.plan.preview import Preview, preview
from vmss_jenkins.rollout.plan.protection.decision import as_planned
from vmss_jenkins.rollout.plan.rollback import missing_release, missing_target, previous_releases, rolled_back_before
from vmss_jenkins.rollout.plan.surge.preview import SurgePreview, preview_surge
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets


@checked
def look_before_rollout(
    resource_group: str,
    name: str,
    image: ImageReference | None,
    spec: RolloutSpec,
    *,
    scripted: ScriptRollout | None = None,
    allow_automatic_rollout: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> Preview:
    """Find out what a rollout would do now and what prevents it; nothing is changed.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image: the release; None for the image of the model.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script; no image is given then.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters.
        AzureError: if the set, the versions of its image, or the tags of its resource group cannot be read.
    """
    target, azure = ScaleSetName(resource_group, name), (connection or Connection()).connect(on_event)
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    with closing(azure.scale_sets()) as sets:
        scale_set, instances, notes = _read(sets, target, scripted, waiter, allowed=allow_automatic_rollout)
        release, spec, misfits = _look_up(image, spec, scripted, scale_set, azure, waiter)
        planned = preview(spec, release, scale_set, instances)
        if not (planned.canary or planned.others or planned.down):
            return replace(planned, findings=(*misfits, *planned.findings))
        wanted = release or (None if scripted else scale_set.image)
        found = _doubts(wanted, spec, Observed(scale_set, instances, {}), sets, azure, waiter)
        autoscale = sets.autoscale_settings(scale_set)
        suspended = steps.suspended_services(scale_set, connection=connection) if scale_set.services else ()
    actors = other_actors(
        spec, scale_set, instances, autoscale, suspended=suspended, allow_automatic_rollout=allow_automatic_rollout
    )
    return replace(planned, findings=(*found, *misfits, *planned.findings, *notes), actors=actors)


@checked
def look_before_surge(
    resource_group: str,
    name: str,
    image: ImageReference | None,
    spec: RolloutSpec,
    *,
    scripted: ScriptRollout | None = None,
    allow_automatic_rollout: bool = False,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> SurgePreview:
    """Find out what a surge would do now and what prevents it; nothing is changed.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image: the release; None for the image of the model.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script; no image is given then.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters.
        AzureError: if the set, the versions of its image, or the tags of its resource group cannot be read.
    """
    target, azure = ScaleSetName(resource_group, name), (connection or Connection()).connect(on_event)
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    with closing(azure.scale_sets()) as sets:
        scale_set, instances, notes = _read(sets, target, scripted, waiter, allowed=allow_automatic_rollout)
        headcount = waiter.retry(sets.headcounts(target).read) or Headcount.of(scale_set.capacity)
        autoscale = sets.autoscale_settings(scale_set)
        release, spec, misfits = _look_up(image, spec, scripted, scale_set, azure, waiter)
        planned = preview_surge(spec, release, Observed(scale_set, instances, {}), headcount, names(autoscale))
        if not planned.replaced:
            return replace(planned, findings=(*misfits, *planned.findings))
        wanted = release or (None if scripted else scale_set.image)
        found = _doubts(wanted, spec, Observed(scale_set, instances, {}), sets, azure, waiter)
        suspended = steps.suspended_services(scale_set, connection=connection) if scale_set.services else ()
    actors = other_actors(
        spec, scale_set, instances, autoscale, suspended=suspended, allow_automatic_rollout=allow_automatic_rollout
    )
    return replace(planned, findings=(*found, *misfits, *planned.findings, *notes), actors=actors)


def _read(
    sets: AzureScaleSets, name: ScaleSetName, scripted: ScriptRollout | None, waiter: Waiter, *, allowed: bool
) -> tuple[ScaleSet, tuple[Instance, ...], tuple[Finding, ...]]:
    """The set and its instances as the rollout sees them, and how it protects them from Azure's own upgrades."""
    scale_set = waiter.retry(lambda: sets.get(name)).for_rollout(scripted)
    refuse_without_version(scripted, scale_set.extension)
    instances = waiter.retry(lambda: sets.instances(scale_set))
    return as_planned(scale_set, instances, lambda: waiter.retry(sets.protected(name).read), allowed=allowed)


def _look_up(
    image: ImageReference | None,
    spec: RolloutSpec,
    scripted: ScriptRollout | None,
    scale_set: ScaleSet,
    azure: AzureClients,
    waiter: Waiter,
) -> tuple[Release | None, RolloutSpec, tuple[Finding, ...]]:
    """The exact release, the specification that names it, and why Azure would not let the set use it."""
    if scripted:
        return look_up_application(scripted, scale_set, lambda: azure, waiter), spec, ()
    at_once = replace(spec, wait_for_replication=None)
    found = look_up(image, at_once, lambda: scale_set, azure.image_versions, waiter)
    return found.image, found.spec, found.misfits


def _doubts(
    wanted: Release | None,
    spec: RolloutSpec,
    observed: Observed,
    sets: AzureScaleSets,
    azure: AzureClients,
    waiter: Waiter,
) -> tuple[Finding, ...]:
    """Why no instance can get an image or go back to the one before, and whether the image was rolled back before."""
    if not isinstance(wanted, ImageReference):
        return ()
    scale_set, versions = observed.scale_set, azure.image_versions()
    missing = why_missing(wanted, scale_set.location, versions, waiter)
    known, found = waiter.retry(sets.log(scale_set.name).read), list[Finding]()
    for to in [spec.rollback_to] if spec.rollback_to else previous_releases(observed, wanted):
        if isinstance(to, ImageReference):
            gone = why_missing(to, scale_set.location, versions, waiter)
            found += missing_target(to, gone, observed, wanted=spec.rollback_to is not None)
    return (*missing_release(wanted, missing), *rolled_back_before(known, wanted), *found)
