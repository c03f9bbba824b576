"""What a step would do, and what forbids it: the plan before anything is changed.

A dry run and a real run make the same plan; only the real one carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vmss_jenkins.model.applications import PACKAGE, short_key
from vmss_jenkins.model.final_state import grouped
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import (
    Instance,
    InstanceIds,
    OrchestrationMode,
    ScaleSet,
    UpgradeMode,
    has_latest_model,
    running_images,
)
from vmss_jenkins.model.releases import ExtensionSettings, Release

MODEL_LIMIT = 10
"""Models that the instances of one set may run at a time; Azure refuses the next one."""

ALLOW_AUTOMATIC = "--allow-automatic-rollout"


@dataclass(frozen=True)
class Surroundings:
    """What a dry run reads beside the set itself; None if it was not read or cannot be read."""

    autoscale: tuple[str, ...] | None = None
    """The names of enabled autoscale settings that target the set."""
    remaining: Mapping[str, int] = field(default_factory=dict)
    """Requests left by token bucket, from the header `x-ms-ratelimit-remaining-resource`."""


@dataclass(frozen=True)
class UpdatePlan:
    """What `update` would do to the model."""

    image_before: Release | None
    image_after: Release
    findings: tuple[Finding, ...]

    @property
    def changes(self) -> bool:
        """False if the model has that release already."""
        return not self.image_after.same_as(self.image_before)


@dataclass(frozen=True)
class InstancesPlan:
    """What `update_instances` would do to the chosen instances."""

    update: tuple[str, ...]
    """Ids to update to the latest model."""
    up_to_date: tuple[str, ...]
    """Ids that have the latest model."""
    skipped: Mapping[str, str]
    """Ids that Azure does not update, with the reason."""
    busy: tuple[str, ...]
    """Ids in `update` on which an operation runs."""
    findings: tuple[Finding, ...]


def plan_update(
    scale_set: ScaleSet,
    image: Release,
    instances: Sequence[Instance] = (),
    surroundings: Surroundings | None = None,
    *,
    again: bool = False,
) -> UpdatePlan:
    """Plan a change of the model.

    Args:
        scale_set: the set as observed.
        image: the wanted image.
        instances: its instances, for the count of models in use.
        surroundings: None if they were not read, as in a real run.
        again: the image is sent even if the model names it already.
    """
    plan = UpdatePlan(scale_set.release, image, ())
    findings = list(_deletion(scale_set))
    if plan.changes or again:
        findings += _followers(scale_set)
        findings += (
            _image(scale_set, image, instances) if isinstance(image, ImageReference) else _script(scale_set, image)
        )
    else:
        findings += same_script(image)
    if surroundings:
        findings += [*_autoscale(surroundings), *_throttling(surroundings)]
    return UpdatePlan(scale_set.release, image, tuple(findings))


def plan_update_instances(
    scale_set: ScaleSet,
    instances: Sequence[Instance],
    chosen: InstanceIds,
    surroundings: Surroundings | None = None,
    *,
    some_gone: bool = False,
) -> InstancesPlan:
    """Plan which of the chosen instances are updated.

    Args:
        scale_set: the set as observed.
        instances: all instances of the set.
        chosen: the ids that the caller gave.
        surroundings: None if they were not read, as in a real run.

        some_gone: drop ids that no instance has any more: an earlier read showed them.

    Raises:
        ConfigError: no instance has one of the ids.
    """
    wanted = chosen.among(instances) if some_gone else chosen.choose(instances)
    outdated = [instance for instance in wanted if not has_latest_model(instance, scale_set)]
    up_to_date = tuple(instance.id for instance in wanted if instance not in outdated)
    skipped = {i.id: reason for i in outdated if (reason := _reason_to_skip(i))}
    update = [instance for instance in outdated if instance.id not in skipped]
    idle = () if update or up_to_date or some_gone else _nothing_to_update(skipped)
    findings = [*_deletion(scale_set), *idle, *_down_at_once(update, instances), *_not_running(update)]
    if surroundings:
        findings += [*_autoscale(surroundings), *_throttling(surroundings)]
    return InstancesPlan(
        update=tuple(instance.id for instance in update),
        up_to_date=up_to_date,
        skipped=skipped,
        busy=tuple(instance.id for instance in update if instance.is_updating),
        findings=tuple(findings),
    )


def _reason_to_skip(instance: Instance) -> str | None:
    """Why Azure does not update an instance; None if it does."""
    if instance.provisioning_state == "Deleting":
        return "is being deleted"
    return "protected from scale set actions" if instance.protected_from_scale_set_actions else None


def _nothing_to_update(skipped: Mapping[str, str]) -> Iterable[Finding]:
    """A set without instances has nothing to refuse."""
    if skipped:
        reasons = "; ".join(f"{ids}: {reason}" for reason, ids in grouped(skipped))
        yield Finding(Severity.IMPOSSIBLE, f"no chosen instance can be updated: {reasons}")


def _deletion(scale_set: ScaleSet) -> Iterable[Finding]:
    if scale_set.provisioning_state == "Deleting":
        yield Finding(Severity.IMPOSSIBLE, f"scale set {scale_set.name} is being deleted")


def _image(scale_set: ScaleSet, image: ImageReference, instances: Sequence[Instance]) -> Iterable[Finding]:
    yield from _image_kind(scale_set, image)
    yield from _models(instances, image)


def _script(scale_set: ScaleSet, script: Release) -> Iterable[Finding]:
    """A script runs on the existing disk: what an older script did stays there."""
    is_application = isinstance(script, ExtensionSettings) and script.is_application
    noun = "an application" if is_application else "a script"
    if isinstance(script, ExtensionSettings) and script.failure_is_ignored:
        text = "an instance on which the installation fails counts as updated: only a gate sees that"
        yield Finding(Severity.WARNING, f"{text}; --application-failure fail makes the instance fail")
    if scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE:
        text = (
            f"{scale_set.name} is in Flexible orchestration mode: its instances do not show whether they have the "
            f"latest model, so {noun} cannot be rolled out; roll out an image, or create a Uniform set"
        )
        yield Finding(Severity.IMPOSSIBLE, text)
    before = scale_set.script_before(script)
    if scale_set.extension and scale_set.extension.absent:
        yield Finding(
            Severity.WARNING, "the set had no CustomScript extension before: there is no script to roll back to"
        )
    elif before and not script.same_as(scale_set.extension_before):
        yield Finding(Severity.NOTE, _rollback_note(before))
    name = scale_set.extension.name if scale_set.extension else ""
    if after := [one for one, first in scale_set.sequence if first.lower() == name.lower()]:
        text = (
            f"{', '.join(after)} is provisioned after {name} (provisionAfterExtensions): if the script fails, that "
            "extension does not run either, and an instance may report no health"
        )
        yield Finding(Severity.WARNING, text)


def _rollback_note(before: ExtensionSettings) -> str:
    """What a rollback does on the instances."""
    if before.is_application:
        removed = not before.values.get(PACKAGE)
        return f"a rollback removes {short_key(before.name)}" if removed else f"a rollback installs {before.short_name}"
    return (
        f"a rollback runs {before.short_name} again, on disks on which the new script ran: it must undo what the "
        "new script does, or the instances must be reimaged"
    )


def same_script(script: Release) -> Iterable[Finding]:
    """The warning about a script that the model has already: what is at its URL may have changed, unseen by Azure."""
    if isinstance(script, ExtensionSettings) and script.files:
        text = (
            f"the model already has {script.short_name}, and Azure runs a script again only if its URL, its command or "
            "its force-update tag changes: if the file at the URL changed, give --force-update-tag TAG"
        )
        yield Finding(Severity.WARNING, text)


def _image_kind(scale_set: ScaleSet, image: ImageReference) -> Iterable[Finding]:
    """Azure says "The Image type for a Virtual Machine Scale Set may not be changed."."""
    if scale_set.image and scale_set.image.is_custom != image.is_custom:
        yield Finding(
            Severity.IMPOSSIBLE,
            f"the set runs a {scale_set.image.kind.value} and a {image.kind.value} was given; Azure never changes a "
            "set between marketplace and custom images: give an image of the same kind, or create a new set",
        )


def _followers(scale_set: ScaleSet) -> Iterable[Finding]:
    """In these modes Azure updates all instances by itself, so there is no canary."""
    if scale_set.upgrade_mode is not UpgradeMode.MANUAL:
        mode = scale_set.upgrade_mode.value
        how = "in batches by itself" if scale_set.upgrade_mode is UpgradeMode.ROLLING else "at once"
        yield Finding(
            Severity.UNSAFE,
            f"the upgrade policy of {scale_set.name} is {mode}, wanted Manual: Azure would update every "
            f"instance {how}, without a canary.",
            ALLOW_AUTOMATIC,
        )
    elif scale_set.automatic_os_upgrade:
        yield Finding(
            Severity.UNSAFE,
            f"automatic OS image upgrade is on for {scale_set.name}: Azure would roll out the new image by itself, "
            "whatever the upgrade policy is.",
            ALLOW_AUTOMATIC,
        )


def _models(instances: Sequence[Instance], image: ImageReference) -> Iterable[Finding]:
    """Distinct images are a lower bound of the models in use."""
    images = {text.lower() for text in running_images(instances)} | {str(image).lower()}
    if len(images) > MODEL_LIMIT:
        yield Finding(
            Severity.IMPOSSIBLE,
            f"the instances would run {len(images)} different images and Azure allows {MODEL_LIMIT} models a set: "
            "update the instances with old images first",
        )
    elif len(images) >= MODEL_LIMIT - 2:
        yield Finding(
            Severity.WARNING,
            f"the instances would run {len(images)} different images; at {MODEL_LIMIT} models Azure refuses the next",
        )


def _autoscale(surroundings: Surroundings) -> Iterable[Finding]:
    if surroundings.autoscale is None:
        yield Finding(Severity.NOTE, "autoscale settings could not be read (Microsoft.Insights/autoscaleSettings/read)")
    elif surroundings.autoscale:
        names = ", ".join(surroundings.autoscale)
        yield Finding(
            Severity.WARNING,
            f"autoscale ({names}) is on: an instance that it adds gets the new model at once, so the canary "
            "may grow by itself",
        )


def _throttling(surroundings: Surroundings) -> Iterable[Finding]:
    if surroundings.remaining:
        left = ", ".join(f"{bucket} {count}" for bucket, count in sorted(surroundings.remaining.items()))
        yield Finding(Severity.NOTE, f"requests left before Azure throttles: {left}")


def _down_at_once(update: Sequence[Instance], instances: Sequence[Instance]) -> Iterable[Finding]:
    serving = [instance for instance in instances if instance.is_healthy]
    down = [instance for instance in serving if instance in update]
    if len(down) > 1 and len(down) == len(serving):
        yield Finding(
            Severity.WARNING, f"all {len(down)} healthy instances go down at once: update them in smaller steps"
        )
    elif down:
        yield Finding(Severity.NOTE, f"{len(down)} of {len(serving)} healthy instances go down at once")


def _not_running(update: Sequence[Instance]) -> Iterable[Finding]:
    for instance in update:
        if instance.power not in {None, "running"} and not instance.is_updating:
            yield Finding(Severity.NOTE, f"instance {instance.id} is {instance.power}: it gets the model anyway")
