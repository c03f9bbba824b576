"""The library: the two steps `vmss_jenkins.update` and `vmss_jenkins.update_instances` and `observe`.

The steps take the parameters of the retired plugin's `azureVMSSUpdate` and `azureVMSSUpdateInstances` in
Python's spelling, and connect the engine to Azure.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.library.application_releases import refuse_without_version, scripted_sets
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.model.applications import GalleryApplication
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, InstanceIds, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import Script
from vmss_jenkins.model.scripts import ScriptRollout
from vmss_jenkins.report.text import lines
from vmss_jenkins.rollout import instance_update, steps
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.model.network import Endpoints

TIMEOUT = 3600.0
"""Seconds that a step may take by default."""


def log(event: Event) -> None:
    """Write an event to the logger `vmss_jenkins`: the default listener of the library."""
    logging.getLogger("vmss_jenkins").info("%s", lines.line(event))


@checked
def update(
    resource_group: str,
    name: str,
    image_reference: ImageReference | Mapping[str, str] | str,
    *,
    connection: Connection | None = None,
    allow_automatic_rollout: bool = False,
    dry_run: bool = False,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> steps.UpdateResult:
    """Set the image of a scale set's model: the plugin's `azureVMSSUpdate`.

    With the upgrade mode Manual no instance changes; `update_instances` updates them.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image_reference: an id, `publisher:offer:sku:version`, `{"id": ...}`, a mapping with the keys publisher, offer,
            sku and version, or an `ImageReference`. A name that moves is sent even if the model has it: only then
            Azure looks for a newer version.
        connection: how to connect to Azure; from the environment by default.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        dry_run: report what would happen and what prevents it; change nothing.
        timeout: seconds to wait for Azure.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    target = ScaleSetName(resource_group, name)
    image = ImageReference.read(image_reference)
    options = steps.Options(dry_run=dry_run, allow_automatic_rollout=allow_automatic_rollout)
    waiter = Waiter.starting(SystemClock(), timeout, on_event)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        return steps.update(sets, target, image, options, waiter, again=image.moves)


@checked
def update_extension(  # noqa: PLR0913 - the script and how to reach Azure, each by its name
    resource_group: str,
    name: str,
    script: Script,
    *,
    extension: str | None = None,
    connection: Connection | None = None,
    allow_automatic_rollout: bool = False,
    dry_run: bool = False,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> steps.UpdateResult:
    """Set the script of the CustomScript extension in a scale set's model; the extension is created if missing.

    With the upgrade mode Manual the script runs on no instance until `update_instances`. The previous settings are
    recorded in tags of the resource group first, for a rollback.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        script: as `scripts.from_url`, `scripts.inline` or `scripts.from_settings` make it.
        extension: the extension's name; None for the only one of the set.
        connection: how to connect to Azure; from the environment by default.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        dry_run: report what would happen and what prevents it; change nothing.
        timeout: seconds to wait for Azure.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    target = ScaleSetName(resource_group, name)
    options = steps.Options(dry_run=dry_run, allow_automatic_rollout=allow_automatic_rollout)
    waiter = Waiter.starting(SystemClock(), timeout, on_event)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        from vmss_jenkins.azure.scripts.script_sets import ScriptSets  # noqa: PLC0415 - the SDK takes 0.3 s

        script_sets = ScriptSets(sets, sets.memory(target), on_event, extension or "", script)
        release = waiter.retry(lambda: script_sets.adopt(target))
        return steps.update(script_sets, target, release or script.release, options, waiter)


@checked
def update_application(
    resource_group: str,
    name: str,
    application: GalleryApplication | str,
    *,
    connection: Connection | None = None,
    allow_automatic_rollout: bool = False,
    dry_run: bool = False,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> steps.UpdateResult:
    """Set the version of a gallery application in a scale set's model; the application is added if missing.

    With the upgrade mode Manual no instance installs it until `update_instances`. The previous version is recorded in
    tags of the resource group first, for a rollback.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        application: `GALLERY/APPLICATION/VERSION`, or the ARM id of a version.
        connection: how to connect to Azure; from the environment by default.
        allow_automatic_rollout: go on even if Azure updates every instance by itself.
        dry_run: report what would happen and what prevents it; change nothing.
        timeout: seconds to wait for Azure.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters, and a version that no instance can install; nothing was changed.
        UnsafeRollout: for a set whose upgrade policy leaves no canary; nothing was changed.
        AzureError: if Azure refuses, or cannot be reached.
    """
    target = ScaleSetName(resource_group, name)
    wanted = GalleryApplication.parse(application) if isinstance(application, str) else application
    scripted = ScriptRollout(application=wanted)
    refuse_without_version(scripted)
    options = steps.Options(dry_run=dry_run, allow_automatic_rollout=allow_automatic_rollout)
    waiter = Waiter.starting(SystemClock(), timeout, on_event)
    azure = (connection or Connection()).connect(on_event)
    with closing(azure.scale_sets()) as sets:
        adapter, _ = scripted_sets(scripted, sets, target, RolloutSpec(), azure, waiter, rolling_back=False)
        release = waiter.retry(lambda: adapter.adopt(target))
        return steps.update(adapter, target, release or adapter.script.release, options, waiter)


@checked
def update_instances(
    resource_group: str,
    name: str,
    instance_ids: str | Iterable[str],
    *,
    connection: Connection | None = None,
    await_healthy: bool = False,
    dry_run: bool = False,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> instance_update.UpdateInstancesResult:
    """Update chosen instances to the latest model: the plugin's `azureVMSSUpdateInstances`.

    All of them are updated at once.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        instance_ids: comma-separated ids, several texts, or `*` for all.
        connection: how to connect to Azure; from the environment by default.
        await_healthy: wait also until each instance is healthy by the set's own health check.
        dry_run: report what would happen and what prevents it; change nothing.
        timeout: seconds to wait for Azure.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for ids that no instance has, and other invalid parameters.
        AzureError: if Azure refuses, cannot be reached, or an instance did not get the model.
    """
    target = ScaleSetName(resource_group, name)
    chosen = InstanceIds.parse(instance_ids)
    options = steps.Options(dry_run=dry_run, await_healthy=await_healthy)
    waiter = Waiter.starting(SystemClock(), timeout, on_event)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        return instance_update.update_instances(sets, target, chosen, options, waiter)


@checked
def observe(
    resource_group: str,
    name: str,
    *,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> tuple[ScaleSet, tuple[Instance, ...]]:
    """Read a scale set and its instances, with their health and power.

    Raises:
        ConfigError: for invalid parameters.
        AzureError: if Azure refuses, or cannot be reached.
    """
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    with closing((connection or Connection()).connect(on_event).scale_sets()) as sets:
        scale_set = waiter.retry(lambda: sets.get(ScaleSetName(resource_group, name)))
        return scale_set, waiter.retry(lambda: sets.instances(scale_set))


@checked
def addresses(
    scale_set: ScaleSet,
    instances: Iterable[Instance],
    *,
    connection: Connection | None = None,
) -> Endpoints:
    """Find the addresses of a scale set, which `observe` read, on its load balancers.

    Raises:
        ConfigError: for invalid parameters.
        AzureError: if Azure refuses, or cannot be reached.
    """
    with closing((connection or Connection()).connect(log).load_balancers()) as balancers:
        return balancers.endpoints(scale_set, [instance.id for instance in instances])


@checked
def autoscale_settings(
    scale_set: ScaleSet, *, connection: Connection | None = None
) -> tuple[AutoscaleSetting, ...] | None:
    """Read the enabled autoscale settings of a scale set; None if they cannot be read.

    Raises:
        ConfigError: for invalid parameters.
    """
    with closing((connection or Connection()).connect(log).scale_sets()) as sets:
        return sets.autoscale_settings(scale_set)


@checked
def suspended_services(scale_set: ScaleSet, *, connection: Connection | None = None) -> tuple[str, ...] | None:
    """Read which services that replace instances of a scale set are suspended; None if they cannot be read.

    Raises:
        ConfigError: for invalid parameters.
    """
    waiter = Waiter.starting(SystemClock(), TIMEOUT, log)
    with closing((connection or Connection()).connect(log).scale_sets()) as sets:
        try:
            return waiter.retry(sets.services(scale_set.name).suspended)
        except AzureError:
            return None
