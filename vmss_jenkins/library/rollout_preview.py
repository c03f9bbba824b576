"""The preview of a rollout, as a library: the dry run of `vmss-jenkins rollout`."""

from __future__ import annotations

from dataclasses import replace

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.library import steps
from vmss_jenkins.library.application_releases import look_up_application, refuse_without_version
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.image_checks import why_missing
from vmss_jenkins.library.releases import look_up
from vmss_jenkins.library.steps import log
from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.image_ids import IN_GALLERIES
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, ScaleSet
from vmss_jenkins.model.releases import Release
from vmss_jenkins.model.scripts import ScriptRollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.actors.table import other_actors
from vmss_jenkins.rollout.plan.preview import Preview, preview
from vmss_jenkins.rollout.plan.rollback import missing_release
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter


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
        AzureError: if the set, or the versions of its image, cannot be read.
    """
    seen, instances = steps.observe(resource_group, name, connection=connection, on_event=on_event)
    scale_set = seen.for_rollout(scripted)
    refuse_without_version(scripted, scale_set.extension)
    misfits: tuple[Finding, ...] = ()
    waiter = Waiter.starting(SystemClock(), steps.TIMEOUT, on_event)
    if scripted:
        release: Release | None = look_up_application(
            scripted, scale_set, lambda: (connection or Connection()).connect(on_event), waiter
        )
    else:
        found = look_up(
            image,
            replace(spec, wait_for_replication=None),
            lambda: scale_set,
            lambda: (connection or Connection()).connect(on_event).image_versions(),
            waiter,
        )
        release, spec, misfits = found.image, found.spec, found.misfits
    planned = preview(spec, release, scale_set, instances)
    wanted = release or (None if scripted else scale_set.image)
    gone: tuple[Finding, ...] = ()
    if (planned.canary or planned.others) and isinstance(wanted, ImageReference) and wanted.kind in IN_GALLERIES:
        versions = (connection or Connection()).connect(on_event).image_versions()
        gone = missing_release(wanted, why_missing(wanted, scale_set.location, versions, waiter))
    changes = planned.canary or planned.others or planned.down
    actors = _actors(spec, scale_set, instances, connection, allowed=allow_automatic_rollout) if changes else ()
    return replace(planned, findings=(*gone, *misfits, *planned.findings), actors=actors)


def _actors(
    spec: RolloutSpec,
    scale_set: ScaleSet,
    instances: tuple[Instance, ...],
    connection: Connection | None,
    *,
    allowed: bool,
) -> tuple[OtherActor, ...]:
    """Look who else may act on the set in the middle of the rollout."""
    suspended = steps.suspended_services(scale_set, connection=connection) if scale_set.services else ()
    autoscale = steps.autoscale_settings(scale_set, connection=connection)
    return other_actors(spec, scale_set, instances, autoscale, suspended=suspended, allow_automatic_rollout=allowed)
