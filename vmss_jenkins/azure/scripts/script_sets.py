"""Scale sets whose release is the script of an extension: this adapter lets the same engine roll scripts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmss_jenkins.azure.operations import AzureOperation
from vmss_jenkins.azure.scale_sets import AzureScaleSets
from vmss_jenkins.azure.scripts import script_urls
from vmss_jenkins.azure.tag_claims import TagMemory
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.extensions import choose
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.release_log import FULLY_OUT
from vmss_jenkins.model.releases import SOURCE, ExtensionSettings, Release, Script
from vmss_jenkins.model.scripts import platform_faults


@dataclass
class ScriptSets:
    """A scale set seen through its CustomScript extension; satisfies `rollout.ports.ScaleSets`.

    The current settings of the extension are recorded in tags of the resource group before new ones are set, so that a
    rollback finds them.

    Args:
        sets: Azure.
        memory: records the previous script.
        on_event: receives the warnings about a later rollback.
        extension: the extension's name; empty for the only one.
        to_previous: whether to roll back to the recorded previous script, whichever that is.
        script: the release with its secrets; for a rollback and for the model's release, the secrets alone.
    """

    sets: AzureScaleSets
    memory: TagMemory
    on_event: OnEvent
    extension: str = ""
    script: Script = field(default_factory=lambda: Script(ExtensionSettings()))
    to_previous: bool = False
    _incomplete: ExtensionSettings | None = None
    """The model's settings when the release was adopted, if not every instance had them."""

    def adopt(self, name: ScaleSetName) -> ExtensionSettings | None:
        """Give the release the name of the set's extension, and return it; None if no release was given.

        Warnings about a later rollback are reported here. The script of a new release is read first.

        Raises:
            ConfigError: as `get`, if the script cannot be read, if the set's handler does not know the settings, and if
                Azure shows nothing of the present script and it is not given.
            AzureError: as `get`.
        """
        found = self.get(name)
        now = found.extension
        self.extension = now.name if now else self.extension
        script = self.script.with_extension_name(self.extension)
        new = not script.release.absent and not script.release.same_as(now)
        if new and (faults := [*platform_faults(script, windows=found.windows), *script.hidden_faults(now)]):
            raise ConfigError(SOURCE, faults)
        for doubt in script_urls.warnings(script) if new else ():
            self._warn(doubt)
        if new and now and found.extension_before and not now.same_as(found.extension_before):
            self._incomplete = None if self._is_complete(found, now) else now
            found = self.get(name)
        self.script = script
        previous = found.script_before(found.release if script.release.absent else script.release)
        for text in script.warnings(now, previous):
            self._warn(text)
        if self.to_previous and now and now.same_as(found.extension_before):
            option = "--application GALLERY/APPLICATION/VERSION" if now.is_application else "--to-settings FILE"
            text = f"already, and only one previous {now.kind} is recorded; give an older one with {option}"
            self._warn(f"{name} has {now.short_name} {text}")
        return None if script.release.absent else script.release

    def _is_complete(self, found: ScaleSet, now: ExtensionSettings) -> bool:
        """Whether every instance has the model's script: by their flags, or by the end of the last rollout.

        A flag alone is not enough: it turns false after other changes of the model too.
        """
        outdated = (one for one in self.sets.instances(found) if one.latest_model_applied is False)
        if all(one.protected_from_scale_set_actions for one in outdated):
            return True
        last = self.sets.claims(found.name).ends.read()
        return last is not None and (last.outcome, last.release) == (FULLY_OUT, now.short_name)

    @property
    def remaining(self) -> Mapping[str, int]:
        """Requests left in each token bucket, by the last answers."""
        return self.sets.remaining

    def get(self, name: ScaleSetName) -> ScaleSet:
        """Read a set's model and the previous settings of its extension.

        Raises:
            ConfigError: if the set has several such extensions and --extension names none.
            AzureError: if the set or the tags cannot be read.
        """
        found = self.sets.get(name)
        extension = self.chosen(found)
        before, settled = self.memory.recall(extension.name), not extension.same_as(self._incomplete)
        return replace(found, extension=extension, extension_before=before, extension_settled=settled)

    def chosen(self, scale_set: ScaleSet) -> ExtensionSettings:
        """What the model has of the release's extension.

        Raises:
            ConfigError: as `get`.
        """
        return choose(scale_set.scripts, self.extension)

    def write(self, scale_set: ScaleSet, release: ExtensionSettings) -> AzureOperation:
        """Write the release to the model.

        Raises:
            ConfigError: as `begin_set_image`.
            AzureError: if Azure refuses.
        """
        protected = self.script.protected_settings_for(release, scale_set.extension)
        return self.sets.begin_set_script(scale_set, release, protected)

    def instances(self, scale_set: ScaleSet) -> tuple[Instance, ...]:
        """Read all its instances."""
        return self.sets.instances(scale_set)

    def instance(self, scale_set: ScaleSet, instance_id: str) -> Instance:
        """Read one of its instances."""
        return self.sets.instance(scale_set, instance_id)

    def autoscale_settings(self, scale_set: ScaleSet) -> tuple[AutoscaleSetting, ...] | None:
        """Name the enabled autoscale settings that target the set; None if they cannot be read."""
        return self.sets.autoscale_settings(scale_set)

    def begin_set_image(self, scale_set: ScaleSet, image: Release) -> AzureOperation:
        """Set the extension's settings; the current ones are recorded first, except in a rollback to the previous ones.

        Raises:
            ConfigError: if instances could not read the script, since its SAS token is missing.
            AzureError: if Azure refuses.
        """
        if not isinstance(image, ExtensionSettings):
            raise TypeError(f"{image} is not a script; `AzureScaleSets` sets images")
        now = scale_set.extension
        self.script.protected_settings_for(image, now)  # refuses before anything is recorded
        replaces = now and not now.absent and not image.same_as(scale_set.extension_before)
        if now and replaces and scale_set.extension_settled and not self.memory.remember(now):
            self._warn(
                "the previous settings are too long for tags: only this run can roll back to them; keep a copy, and "
                "give them later with --to-settings FILE"
            )
        return self.write(scale_set, image)

    def _warn(self, text: str) -> None:
        self.on_event(PreflightFound(Finding(Severity.WARNING, text)))

    def begin_update_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> AzureOperation:
        """Update instances to the latest model."""
        return self.sets.begin_update_instances(scale_set, ids)

    def begin_set_capacity(self, scale_set: ScaleSet, capacity: int) -> AzureOperation:
        """Set the capacity."""
        return self.sets.begin_set_capacity(scale_set, capacity)

    def begin_delete_instances(self, scale_set: ScaleSet, ids: Sequence[str]) -> AzureOperation:
        """Delete instances, which lowers the capacity."""
        return self.sets.begin_delete_instances(scale_set, ids)

    def poll(self, operation: AzureOperation) -> None:
        """Poll an operation once."""
        self.sets.poll(operation)
