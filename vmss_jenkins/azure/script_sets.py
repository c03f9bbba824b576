"""Scale sets whose release is the script of an extension: the adapter by which the same engine rolls those out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmss_jenkins.azure import script_urls
from vmss_jenkins.azure.operations import AzureOperation
from vmss_jenkins.azure.scale_sets import AzureScaleSets
from vmss_jenkins.azure.tag_claims import TagMemory
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import ExtensionSettings, Release, Script, choose
from vmss_jenkins.rollout.plan.claims import FULLY_OUT


@dataclass
class ScriptSets:
    """A scale set seen by its CustomScript extension; satisfies `rollout.ports.ScaleSets`.

    What the extension was told is written down in tags of the resource group before it is told something new, so
    that a rollback finds it.

    Args:
        sets: Azure.
        memory: where the script before is written down.
        on_event: told what a person must know before the way back is needed.
        extension: the extension's name; empty for the only one.
        to_previous: whether the order is to go to the script before, whatever that is.
        script: the release with its secrets; of a way back, and of what the model has, the secrets alone.
    """

    sets: AzureScaleSets
    memory: TagMemory
    on_event: OnEvent
    extension: str = ""
    script: Script = field(default_factory=lambda: Script(ExtensionSettings()))
    to_previous: bool = False
    _incomplete: ExtensionSettings | None = None
    """What the model had when the release was adopted, where not every instance had got it."""

    def adopt(self, name: ScaleSetName) -> ExtensionSettings | None:
        """Give the release the name that the set's extension has, and return it; None where there is none.

        What a person must know of the way back is told now. Where the release is new, its script is looked at first.

        Raises:
            ConfigError: as `get`, and where nobody can read the script.
            AzureError: as `get`.
        """
        found = self.get(name)
        now = found.extension
        self.extension = now.name if now else self.extension
        script = self.script.named(self.extension)
        new = not script.release.absent and not script.release.same_as(now)
        for doubt in script_urls.warnings(script) if new else ():
            self._warn(doubt)
        if new and now and found.extension_before and not now.same_as(found.extension_before):
            self._incomplete = None if self._is_complete(found, now) else now
            found = self.get(name)
        self.script = script
        leads_to = found.script_before(found.release if script.release.absent else script.release)
        for text in script.warnings(now, leads_to):
            self._warn(text)
        if self.to_previous and now and now.same_as(found.extension_before):
            text = "again already, and one step back is all that is written down; --to-settings FILE names another one"
            self._warn(f"{name} has {now.short_name} {text}")
        return None if script.release.absent else script.release

    def _is_complete(self, found: ScaleSet, now: ExtensionSettings) -> bool:
        """Whether every instance got what the model has: by their flags, or by how the last rollout ended.

        A flag alone says too little: it turns false for other changes of the model too.
        """
        outdated = (one for one in self.sets.instances(found) if one.latest_model_applied is False)
        if all(one.protected_from_scale_set_actions for one in outdated):
            return True
        last = self.sets.claims(found.name).ends.read()
        return last is not None and (last.outcome, last.release) == (FULLY_OUT, now.short_name)

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
        before, settled = self.memory.recall(extension.name), not extension.same_as(self._incomplete)
        return replace(found, extension=extension, extension_before=before, extension_settled=settled)

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
            ConfigError: where instances could not read the script, since its signature is not known.
            AzureError: where Azure refuses.
        """
        if not isinstance(image, ExtensionSettings):
            raise TypeError(f"{image} is no script; images are set through `AzureScaleSets`")
        now = scale_set.extension
        protected = self.script.protection_of(image, now)
        leaves = now and not now.absent and not image.same_as(scale_set.extension_before)
        if now and leaves and scale_set.extension_settled and not self.memory.remember(now):
            self._warn(
                "the settings before are too long to be written down in tags: a rollback finds them in this run only; "
                "keep them, and give them with --to-settings FILE later"
            )
        return self.sets.begin_set_script(scale_set, image, protected)

    def _warn(self, text: str) -> None:
        self.on_event(PreflightFound(Finding(Severity.WARNING, text)))

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
