"""Scale sets whose release is an application of a gallery: this adapter lets the same engine roll it out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_jenkins.azure.operations import AzureOperation
from vmss_jenkins.azure.scripts.script_sets import ScriptSets
from vmss_jenkins.model.extensions import application_of
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.model.scripts import ScriptRollout

if TYPE_CHECKING:
    from vmss_jenkins.azure.scale_sets import AzureScaleSets
    from vmss_jenkins.azure.tag_claims import TagMemory
    from vmss_jenkins.events.base import OnEvent


@dataclass
class ApplicationSets(ScriptSets):
    """A scale set seen through one application of its model; satisfies `rollout.ports.ScaleSets`.

    `ScriptSets.extension` is the application's key. The previous entry is recorded in tags of the
    resource group, as that of a script is; that there was none is recorded too, so that a rollback removes it.
    """

    def chosen(self, scale_set: ScaleSet) -> ExtensionSettings:
        """What the model has of the application."""
        return application_of(scale_set.applications, self.extension)

    def write(self, scale_set: ScaleSet, release: ExtensionSettings) -> AzureOperation:
        """Set the application's entry in the model, or remove it.

        Raises:
            AzureError: if Azure refuses.
        """
        return self.sets.begin_set_application(scale_set, release)


def sets_for(
    scripted: ScriptRollout,
    sets: AzureScaleSets,
    memory: TagMemory,
    on_event: OnEvent,
    chosen: ExtensionSettings | None = None,
    release: ExtensionSettings | None = None,
    *,
    to_previous: bool = False,
) -> ScriptSets:
    """The adapter for a release by script or by application.

    Args:
        scripted: what is rolled out or back.
        sets: Azure.
        memory: records the previous release.
        on_event: receives warnings.
        chosen: what the model has of the application; None for a script.
        release: the new release of an application; None if it is the one that the model has, or in a rollback.
        to_previous: as `ScriptSets`.
    """
    if chosen is None:
        return ScriptSets(sets, memory, on_event, scripted.extension, scripted.script, to_previous)
    script = replace(scripted.script, release=release or ExtensionSettings())
    return ApplicationSets(sets, memory, on_event, chosen.name, script, to_previous)
