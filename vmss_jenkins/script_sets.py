"""Scale sets whose release is the script of an extension: the adapter by which the same engine rolls those out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vmss_jenkins import events
from vmss_jenkins.azure_operations import AzureOperation
from vmss_jenkins.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.preflight import Finding, Severity
from vmss_jenkins.releases import ExtensionSettings, Release, Script, choose
from vmss_jenkins.scale_sets import AzureScaleSets
from vmss_jenkins.tag_claims import TagMemory


@dataclass
class ScriptSets:
    """A scale set seen by its CustomScript extension; satisfies `protocols.ScaleSets`.

    What the extension was told is written down in tags of the resource group before it is told something new, so
    that a rollback finds it.

    Args:
        sets: Azure.
        memory: where the script before is written down.
        on_event: told what a person must know before the way back is needed.
        extension: the extension's name; empty for the only one.
        script: the release with its secrets; None on a way back that needs none.
    """

    sets: AzureScaleSets
    memory: TagMemory
    on_event: events.OnEvent
    extension: str = ""
    script: Script | None = None

    def adopt(self, name: ScaleSetName) -> ExtensionSettings | None:
        """Give the release the name that the set's extension has, and return it; None where there is none.

        Raises:
            ConfigError: as `get`.
            AzureError: as `get`.
        """
        extension = self.get(name).extension
        self.extension = extension.name if extension else self.extension
        if self.script is None or self.script.release.absent:
            return None
        self.script = self.script.named(self.extension)
        if self.script.warning:
            self._warn(self.script.warning)
        return self.script.release

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left by token bucket, as the last answers told."""
        return self.sets.remaining

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read a set's model, and what its extension was told before.

        Raises:
            ConfigError: where the set has several such extensions and none was named.
            AzureError: where it cannot be read.
        """
        found = self.sets.get(name)
        extension = choose(found.scripts, self.extension)
        return replace(found, extension=extension, extension_before=self.memory.recall(extension.name))

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all its instances."""
        return self.sets.instances(scale_set)

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Read one of its instances."""
        return self.sets.instance(scale_set, instance_id)

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[str, ...] | None:
        """Name the enabled autoscale settings that target it; None where they cannot be read."""
        return self.sets.autoscale_settings(scale_set)

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> AzureOperation:
        """Tell the extension something else; what it was told is written down first, but on the way back to it.

        Raises:
            AzureError: where Azure refuses.
        """
        now, before = scale_set.extension, scale_set.extension_before
        if not isinstance(image, ExtensionSettings):
            raise TypeError(f"{image} is no script; images are set through `AzureScaleSets`")
        if now and not now.absent and not image.same_as(before) and not self.memory.remember(now):
            self._warn(
                "the settings before are too long to be written down in tags: a rollback finds them in this run only; "
                "keep them, and give them with --to-settings FILE later"
            )
        return self.sets.begin_set_script(scale_set, image, self._protected(image))

    def _warn(self, text: str) -> None:
        self.on_event(events.PreflightFound(Finding(Severity.WARNING, text)))

    def _protected(self, release: ExtensionSettings) -> Mapping[str, Any] | None:
        if self.script is None:
            return None
        mine = release.same_as(self.script.release)
        return self.script.protected if mine else self.script.protected_before

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> AzureOperation:
        """Bring instances to the latest model."""
        return self.sets.begin_update_instances(scale_set, ids)

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> AzureOperation:
        """Set the wanted number of instances."""
        return self.sets.begin_set_capacity(scale_set, capacity)

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> AzureOperation:
        """Delete instances; the wanted number is lowered by as many."""
        return self.sets.begin_delete_instances(scale_set, ids)

    def poll(self, operation: AzureOperation) -> None:
        """Ask once how an operation stands."""
        self.sets.poll(operation)
