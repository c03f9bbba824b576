"""A scale set and its instances as Azure shows them, and which instances a caller chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.releases import ExtensionSettings, Release, Scripted, choose

PARKED = frozenset({"deallocating", "deallocated"})
"""Power states of an instance without hardware: parked by somebody, or a spot one that was evicted."""


class OrchestrationMode(Enum):
    """How a set keeps its instances; in FLEXIBLE an instance id is a VM name."""

    UNIFORM = "Uniform"
    FLEXIBLE = "Flexible"


class UpgradeMode(Enum):
    """What Azure does by itself after the model changed; only MANUAL leaves the instances alone."""

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


class ScaleInRule(Enum):
    """Which instances Azure takes away first; a set with zones is balanced over them before anything else."""

    DEFAULT = "Default"
    """The newest of the fullest fault domain."""
    OLDEST = "OldestVM"
    NEWEST = "NewestVM"


@dataclass(frozen=True)
class ScaleInPolicy:
    """How a set is made smaller (the compute API's `ScaleInPolicy`)."""

    rule: ScaleInRule = ScaleInRule.DEFAULT
    force_deletion: bool = False
    """Instances are deleted without being shut down."""
    prioritize_unhealthy: bool = False
    """Those that are unhealthy or do not run go before the others."""


@dataclass(frozen=True)
class ScaleSetName:
    """Which scale set: the plugin's `resourceGroup` and `name`.

    Raises:
        ConfigError: where one of them is empty.
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
    """The image of the model; None where the set was made without one that we know."""
    capacity: int = 0
    """The wanted number of instances."""
    orchestration_mode: OrchestrationMode = OrchestrationMode.UNIFORM
    upgrade_mode: UpgradeMode = UpgradeMode.MANUAL
    automatic_os_upgrade: bool = False
    """Azure installs new OS images by itself, whatever the upgrade mode."""
    provisioning_state: str = "Succeeded"
    etag: str | None = None
    """The model's version, where the server gives one."""
    id: str = ""
    """The ARM resource id."""
    profile: str = ""
    """Digest of the machine profile beside its image; empty where it is not known."""
    scripts: tuple[ExtensionSettings, ...] = ()
    """What the model tells its CustomScript extensions."""
    extension: ExtensionSettings | None = None
    """The one of them that is the release, where releases are scripts; None where they are images."""
    extension_before: ExtensionSettings | None = None
    """What that one was told before; None where nobody wrote it down."""
    extension_settled: bool = True
    """Whether every instance got what it is told now: else what it was told before is the way back."""
    sequence: tuple[tuple[str, str], ...] = ()
    """Pairs of extensions of which the first is provisioned after the second (`provisionAfterExtensions`)."""

    def script_before(self, release: Release | None) -> ExtensionSettings | None:
        """What a rollback from a script leads to: what the model has, or had; None where that is not known."""
        known = (self.extension, self.extension_before)
        ordered = known if self.extension_settled else known[::-1]
        return next((one for one in ordered if one and not one.absent and not one.same_as(release)), None)

    def seen_by(self, scripted: Scripted | None) -> ScaleSet:
        """The set as a rollout of scripts sees it; itself for one of images.

        Raises:
            ConfigError: where it has several CustomScript extensions and none is named.
        """
        return replace(self, extension=choose(self.scripts, scripted.extension)) if scripted else self

    @property
    def release(self) -> Release | None:
        """What the model has of what a rollout changes: its script or its image."""
        return self.extension or self.image

    load_balanced: bool = False
    """Its model puts instances into backend pools of load balancers."""
    scale_in: ScaleInPolicy = ScaleInPolicy()
    """Which instances go first where the set is made smaller."""
    zones: tuple[str, ...] = ()
    """Those that Azure spreads its instances over."""
    single_placement_group: bool = True
    """One placement group holds its instances, which is 100 of them at the most."""


@dataclass(frozen=True)
class Instance:
    """One instance of a scale set."""

    id: str
    """The instance id of a uniform set, or the VM's name in a flexible one."""
    name: str = ""
    zone: str | None = None
    fault_domain: int | None = None
    """The rack that it stands in, `platformFaultDomain`; None where no instance view was read."""
    image: ImageReference | None = None
    """The image that the instance runs."""
    exact_version: str | None = None
    """The marketplace version that `latest` stood for when the instance was made."""
    latest_model_applied: bool | None = None
    """None where Azure does not tell (flexible sets)."""
    provisioning_state: str = "Succeeded"
    power: str | None = None
    """`running`, `stopped`, `deallocated`, ...; None where no instance view was read."""
    health: Health = Health.NOT_REPORTED
    protected_from_scale_in: bool = False
    protected_from_scale_set_actions: bool = False
    """Azure keeps such an instance out of every update."""
    model_definition_applied: str = "VirtualMachineScaleSet"
    """`VirtualMachine` where the instance was changed on its own."""
    error: str | None = None
    """Azure's message on the last operation that failed on it."""
    created: float | None = None
    """When it was made, in seconds UTC; None where Azure does not tell."""

    @property
    def is_updating(self) -> bool:
        """Whether an operation runs on it at this moment."""
        return self.provisioning_state in {"Updating", "Creating", "Deleting", "Migrating"}

    @cached_property
    def is_healthy(self) -> bool:
        """Runs, provisioned without failure, and healthy by what the set has to tell it."""
        return (
            self.provisioning_state == "Succeeded"
            and self.power in {None, "running"}
            and self.health in {Health.HEALTHY, Health.NOT_REPORTED}
        )


def has_latest_model(instance: Instance, scale_set: ScaleSet) -> bool | None:
    """Whether an instance needs no update: by its flag or, in flexible sets, by its image; None where neither tells."""
    if instance.latest_model_applied is not None:
        return instance.latest_model_applied
    if instance.image is None or scale_set.image is None:
        return None
    return instance.image.same_as(scale_set.image)


ALL = "*"


@dataclass(frozen=True)
class InstanceIds:
    """The instances that a caller chose: some ids in their order, or all of them (`*`)."""

    ids: tuple[str, ...]
    """Empty for all."""

    @property
    def is_all(self) -> bool:
        """Whether `*` was given."""
        return not self.ids

    @classmethod
    def parse(cls, given: str | Iterable[str]) -> InstanceIds:
        """Read the step's `instanceIds`: a comma-separated text, or several texts; `*` for all.

        Blanks around ids are dropped, doubles too; the order stays.

        Raises:
            ConfigError: where nothing is left, or `*` stands beside ids.
        """
        texts = [given] if isinstance(given, str) else list(given)
        found = list(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))
        if not found:
            shown = given if isinstance(given, str) else ", ".join(texts)
            raise ConfigError("instance ids", [f"found none in {shown!r}; give ids such as '0,1', or '*' for all"])
        if ALL in found and len(found) > 1:
            others = ", ".join(value for value in found if value != ALL)
            raise ConfigError("instance ids", [f"found '*' beside {others}; give either ids or '*'"])
        return cls(() if found == [ALL] else tuple(found))

    def choose(self, instances: Iterable[Instance]) -> tuple[Instance, ...]:
        """The chosen ones of the instances that exist, in the order given.

        Raises:
            ConfigError: for ids that no instance has, naming the ids that there are.
        """
        present = {instance.id.lower(): instance for instance in instances}
        if self.is_all:
            return tuple(present.values())
        if unknown := [value for value in self.ids if value.lower() not in present]:
            there = ", ".join(instance.id for instance in present.values()) or "none"
            raise ConfigError(
                "instance ids", [f"no instance has the id {value!r}; instances there are: {there}" for value in unknown]
            )
        return tuple(present[value.lower()] for value in self.ids)

    def __str__(self) -> str:
        return ", ".join(self.ids) or ALL


def running_images(instances: Iterable[Instance]) -> Counter[str]:
    """How many instances run which image, most used first in `most_common()`."""
    return Counter(str(instance.image) for instance in instances if instance.image)


def disagreement(instance: Instance, model: ImageReference | None) -> str | None:
    """Why an instance's image and its latest-model flag do not tell the same; None where they do.

    The flag turns false for other reasons than the image, and is missing in flexible sets: the
    truth about an instance is its image, the flag and its health together.
    """
    if instance.latest_model_applied is None or instance.image is None or model is None:
        return None
    same = instance.image.same_as(model)
    if same and not instance.latest_model_applied:
        return "runs the model's image, but something else of the model changed since"
    if not same and instance.latest_model_applied:
        if instance.model_definition_applied == "VirtualMachine":
            return "was changed on its own: its model is not the set's"
        return "counts as up to date, but runs another image than the model's"
    return None
