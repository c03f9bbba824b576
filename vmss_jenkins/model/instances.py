"""A scale set and its instances as Azure shows them, and which instances a caller chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.automation.policies import Automation
from vmss_jenkins.model.automation.scale_in import ScaleInPolicy
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.machines import Machine, Settings
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.model.scripts import ScriptRollout

PARKED = frozenset({"deallocating", "deallocated"})
"""Power states of an instance without hardware: somebody deallocated it, or Azure evicted a spot instance."""


class OrchestrationMode(Enum):
    """How a set holds its instances; in FLEXIBLE an instance id is a VM name."""

    UNIFORM = "Uniform"
    FLEXIBLE = "Flexible"


class UpgradeMode(Enum):
    """What Azure does by itself after the model changed; only MANUAL does not touch the instances."""

    MANUAL = "Manual"
    AUTOMATIC = "Automatic"
    ROLLING = "Rolling"


class Health(Enum):
    """The application health of an instance, as `vmHealth.status.code` has it."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INITIALIZING = "initializing"
    UNKNOWN = "unknown"
    NOT_REPORTED = "not reported"
    """The set has neither a health extension nor a health probe."""


@dataclass(frozen=True)
class ScaleSetName:
    """Which scale set: the plugin's `resourceGroup` and `name`.

    Raises:
        ConfigError: if either is empty.
    """

    resource_group: str
    name: str

    def __post_init__(self) -> None:
        given = {"resource group": self.resource_group, "scale set name": self.name}
        if empty := [f"the {what} is empty" for what, value in given.items() if not value.strip()]:
            raise ConfigError("scale set", empty)

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.name}"


@dataclass(frozen=True)
class ScaleSet:
    """The model of a scale set, as far as a rollout needs it."""

    name: ScaleSetName
    image: ImageReference | None
    """The image of the model; None if it has no image, or one of an unknown kind."""
    capacity: int = 0
    """The wanted number of instances."""
    orchestration_mode: OrchestrationMode = OrchestrationMode.UNIFORM
    upgrade_mode: UpgradeMode = UpgradeMode.MANUAL
    automatic_os_upgrade: bool = False
    """Azure installs new OS images by itself, whatever the upgrade mode."""
    provisioning_state: str = "Succeeded"
    etag: str | None = None
    """The model's version, if the server gives one."""
    id: str = ""
    """The ARM resource id."""
    location: str = ""
    """Its region, as Azure writes it."""
    profile: str = ""
    """Digest of the machine profile beside its image; empty if it is not known."""
    windows: bool = False
    """Whether its instances run Windows."""
    scripts: tuple[ExtensionSettings, ...] = ()
    """The settings of the model's CustomScript extensions."""
    applications: tuple[ExtensionSettings, ...] = ()
    """The applications of galleries in the model, in the order of the model."""
    handlers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, compare=False)
    """The other properties of the model's extensions, such as publisher and type, by name in lower case."""
    extension: ExtensionSettings | None = None
    """The extension whose settings are the release, in a rollout of scripts; None in a rollout of images."""
    extension_before: ExtensionSettings | None = None
    """The settings that this extension had before; None if nobody recorded them."""
    extension_settled: bool = True
    """Whether every instance ran the present settings; if not, a rollback goes to the settings before."""
    sequence: tuple[tuple[str, str], ...] = ()
    """Pairs of extensions: the first is provisioned after the second (`provisionAfterExtensions`)."""

    def script_before(self, release: Release | None) -> ExtensionSettings | None:
        """The script that a rollback from a release goes to: what the model has, or had; None if it is not known."""
        known = (self.extension, self.extension_before)
        ordered = known if self.extension_settled else known[::-1]
        return next((one for one in ordered if one and not one.absent and not one.same_as(release)), None)

    def for_rollout(self, scripted: ScriptRollout | None) -> ScaleSet:
        """The set for a rollout of scripts, with the extension chosen; unchanged for a rollout of images.

        Raises:
            ConfigError: if the set has several CustomScript extensions and none is named.
        """
        return replace(self, extension=scripted.chosen(self.scripts, self.applications, self.id)) if scripted else self

    @property
    def release(self) -> Release | None:
        """The release that the model has: its script or its image."""
        return self.extension or self.image

    load_balanced: bool = False
    """The model puts instances into backend pools of load balancers."""
    scale_in: ScaleInPolicy = field(default_factory=ScaleInPolicy)
    """Which instances Azure deletes first when the set is scaled in."""
    zones: tuple[str, ...] = ()
    """The zones that Azure spreads the instances over."""
    single_placement_group: bool = True
    """One placement group holds all instances, at most 100."""
    machine: Machine | None = None
    """What an image must fit; None if the model does not tell."""
    settings: Settings = field(default_factory=dict)
    """What the model gives its instances beside the image."""
    services: tuple[str, ...] = ()
    """The services by which Azure replaces instances by itself, as its API names them; suspended ones too."""
    automation: Automation = field(default_factory=Automation)
    """The policies by which Azure acts on it."""


@dataclass(frozen=True)
class Instance:
    """One instance of a scale set."""

    id: str
    """The instance id of a uniform set, or the VM's name in a flexible one."""
    name: str = ""
    zone: str | None = None
    fault_domain: int | None = None
    """Its rack, `platformFaultDomain`; None if no instance view was read."""
    image: ImageReference | None = None
    """The image that the instance runs: its exact version, as far as Azure shows it."""
    latest_model_applied: bool | None = None
    """None if Azure does not say (flexible sets)."""
    provisioning_state: str = "Succeeded"
    power: str | None = None
    """`running`, `stopped`, `deallocated`, ...; None if no instance view was read."""
    health: Health = Health.NOT_REPORTED
    protected_from_scale_in: bool = False
    protected_from_scale_set_actions: bool = False
    """Azure leaves such an instance out of every update."""
    model_definition_applied: str = "VirtualMachineScaleSet"
    """`VirtualMachine` if somebody changed this instance alone."""
    error: str | None = None
    """Azure's message about the last operation that failed on it."""
    created: float | None = None
    """When it was created, in seconds UTC; None if Azure does not say."""
    settings: Settings = field(default_factory=dict)
    """What it has beside its image, as far as Azure shows it."""
    maintenance: str = ""
    """Until when Azure leaves the time of a restart for maintenance to the owner; empty if none is planned."""

    @property
    def is_updating(self) -> bool:
        """Whether an operation is running on it now."""
        return self.provisioning_state in {"Updating", "Creating", "Deleting", "Migrating"}

    @cached_property
    def is_healthy(self) -> bool:
        """Whether it runs, is provisioned, and is healthy by the set's health probe or extension, if it has one."""
        return (
            self.provisioning_state == "Succeeded"
            and self.power in {None, "running"}
            and self.health in {Health.HEALTHY, Health.NOT_REPORTED}
        )


def has_latest_model(instance: Instance, scale_set: ScaleSet) -> bool | None:
    """Whether an instance has the latest model, by its flag or, in flexible sets, its image; None if unknown."""
    if instance.latest_model_applied is not None:
        return instance.latest_model_applied
    if instance.image is None or scale_set.image is None or instance.image.is_version_of(scale_set.image):
        return None  # whether a version is the newest one is not known from the model
    return instance.image.same_as(scale_set.image)


ALL = "*"


@dataclass(frozen=True)
class InstanceIds:
    """The instances that a caller chose: some ids in their order, or all (`*`)."""

    ids: tuple[str, ...]
    """Empty for all."""

    @property
    def is_all(self) -> bool:
        """Whether `*` was given."""
        return not self.ids

    @classmethod
    def parse(cls, given: str | Iterable[str]) -> InstanceIds:
        """Read the step's `instanceIds`: a comma-separated text, or several texts; `*` for all.

        Blanks around ids and duplicates are dropped; the order is kept.

        Raises:
            ConfigError: if no id is left, or `*` is given together with ids.
        """
        texts = [given] if isinstance(given, str) else list(given)
        found = list(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))
        if not found:
            shown = given if isinstance(given, str) else ", ".join(texts)
            raise ConfigError("instance ids", [f"found no id in {shown!r}; give ids such as '0,1', or '*' for all"])
        if ALL in found and len(found) > 1:
            others = ", ".join(value for value in found if value != ALL)
            raise ConfigError("instance ids", [f"found '*' together with {others}; give either ids or '*'"])
        return cls(() if found == [ALL] else tuple(found))

    def choose(self, instances: Iterable[Instance]) -> tuple[Instance, ...]:
        """The chosen instances, in the order given.

        Raises:
            ConfigError: if no instance has one of the ids; the message names the ids that exist.
        """
        present = {instance.id.lower(): instance for instance in instances}
        if self.is_all:
            return tuple(present.values())
        if unknown := [value for value in self.ids if value.lower() not in present]:
            there = ", ".join(instance.id for instance in present.values()) or "none"
            raise ConfigError(
                "instance ids", [f"no instance has the id {value!r}; ids that exist: {there}" for value in unknown]
            )
        return tuple(present[value.lower()] for value in self.ids)

    def among(self, instances: Iterable[Instance]) -> tuple[Instance, ...]:
        """The chosen ones of the instances that exist; ids that no instance has any more are dropped."""
        present = {instance.id.lower(): instance for instance in instances}
        ids = present if self.is_all else [value.lower() for value in self.ids]
        return tuple(present[value] for value in ids if value in present)

    def __str__(self) -> str:
        return ", ".join(self.ids) or ALL


def running_images(instances: Iterable[Instance]) -> Counter[str]:
    """How many instances run each image; `most_common()` gives the most used first."""
    return Counter(str(instance.image) for instance in instances if instance.image)


def disagreement(instance: Instance, model: ImageReference | None) -> str | None:
    """Why an instance's image and its latest-model flag contradict each other; None if they agree.

    The flag also turns false for other reasons than the image, and flexible sets have none: only the image, the flag
    and the health together describe an instance.
    """
    if instance.latest_model_applied is None or instance.image is None or model is None:
        return None
    if instance.image.is_version_of(model):
        sent = f"the model names the newest version of {model.short_name}, and was changed or sent again since"
        return None if instance.latest_model_applied else sent
    same = instance.image.same_as(model)
    if same and not instance.latest_model_applied:
        return "runs the model's image, but something else in the model has changed since"
    if not same and instance.latest_model_applied:
        if instance.model_definition_applied == "VirtualMachine":
            return "somebody changed this instance alone: its model is not the set's"
        return "has the latest model by its flag, but runs another image than the model's"
    return None
