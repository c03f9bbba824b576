"""Releases by application of a gallery, looked up before a rollout or a rollback begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_jenkins.azure.connection import AzureClients
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import PACKAGE
from vmss_jenkins.model.instances import ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.model.scripts import ScriptRollout
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets
    from vmss_jenkins.azure.scripts.script_sets import ScriptSets


def refuse_without_version(scripted: ScriptRollout | None, present: ExtensionSettings | None = None) -> None:
    """Refuse to roll out an application without a version that the model does not have either.

    Args:
        scripted: what is rolled out.
        present: what the model has of it; None if the model does not matter.

    Raises:
        ConfigError: an exact version is wanted.
    """
    wanted = scripted.application if scripted else None
    if wanted and not wanted.version and not (present and present.values.get(PACKAGE)):
        lacking = ", and the model has no such application" if present else ""
        reason = (
            f"found {wanted.without_version!r} without a version{lacking}; give an exact one, such as apps/site/1.0.0"
        )
        raise ConfigError("application", [reason])


def look_up_application(
    scripted: ScriptRollout, scale_set: ScaleSet, azure: Callable[[], AzureClients], waiter: Waiter
) -> ExtensionSettings | None:
    """The exact release by script or application; None if it is the one that the model has.

    The version that the model has is looked up too, if it is to go to other instances.

    Args:
        scripted: what is rolled out or back.
        scale_set: the set, with its extension or application chosen.
        azure: connects to Azure, if a version must be looked up.
        waiter: clock and listener.

    Raises:
        ConfigError: no instance of the set can install the version; nothing was changed.
        AzureError: the version cannot be read.
    """
    release = scripted.release_for(scale_set.extension, scale_set.id)
    wanted = release or scale_set.extension
    if scripted.application is None or wanted is None:
        return release
    _refuse_missing(wanted, scripted.application.gallery, scale_set.location, azure(), waiter)
    return release


def _refuse_missing(wanted: ExtensionSettings, gallery: str, region: str, azure: AzureClients, waiter: Waiter) -> None:
    """Refuse a version that no instance can install; an entry without a package removes the application."""
    versions, package = azure.application_versions(), str(wanted.values[PACKAGE])
    if package and (why := waiter.retry(lambda: versions.why_missing(package, region))):
        shown = f"`az sig gallery-application version list --gallery-name {gallery}`"
        reason = f"version {wanted.short_name} {why} ({package}); {shown} lists the versions that exist"
        raise ConfigError("application", [reason])


def scripted_sets(
    scripted: ScriptRollout,
    sets: AzureScaleSets,
    name: ScaleSetName,
    spec: RolloutSpec,
    azure: AzureClients,
    waiter: Waiter,
    *,
    rolling_back: bool,
) -> tuple[ScriptSets, RolloutSpec]:
    """The adapter for a release by script or application, and the spec with the release that a rollback goes to.

    Raises:
        ConfigError: as `look_up_application`.
        AzureError: likewise.
    """
    from vmss_jenkins.azure.scripts.application_sets import sets_for  # noqa: PLC0415 - the SDK takes 0.3 s

    release = chosen = None
    memory = sets.memory(name)
    if scripted.application:
        scale_set = waiter.retry(lambda: sets.get(name)).for_rollout(scripted)
        chosen = scale_set.extension
        if not rolling_back:
            refuse_without_version(scripted, chosen)
        if scripted.application.version or not rolling_back:
            release = look_up_application(scripted, scale_set, lambda: azure, waiter)
        elif chosen and (before := waiter.retry(lambda: memory.recall(chosen.name))) and not before.same_as(chosen):
            _refuse_missing(before, scripted.application.gallery, scale_set.location, azure, waiter)
    if rolling_back and release:
        spec, release = replace(spec, rollback_to=release), None
    to_previous = rolling_back and spec.rollback_to is None
    return sets_for(scripted, sets, memory, waiter.on_event, chosen, release, to_previous=to_previous), spec
