"""Where a rollback goes to, and what is told where there is no way back."""

from __future__ import annotations

from collections.abc import Iterable

from vmss_jenkins.model.instances import Instance, ScaleSet, has_latest_model
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.claims import fingerprint
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.selection import Target

ASKED_FOR = "asked for"
RESUMED = "an earlier run that was stopped was going back"


def rollback_target(spec: RolloutSpec, observed: Observed, history: History) -> tuple[Release | None, str]:
    """The image to go back to, or None and what stands in the way of finding it."""
    if spec.rollback_to:
        return spec.rollback_to, ""
    left = history.target.image
    found = history.previous
    if not isinstance(left, ExtensionSettings):
        found = other_images(observed.instances, left) or found
    if len(found) == 1:
        return found[0], ""
    if isinstance(left, ExtensionSettings):
        return None, "the script before is not known: nobody wrote it down; name its settings with --to-settings FILE"
    if not found:
        return None, "no instance runs a previous image: name the one to go back to with --to"
    names = ", ".join(str(image) for image in found)
    return None, f"the instances run {len(found)} previous images ({names}): name the one to go back to with --to"


def other_images(instances: Iterable[Instance], image: Release | None) -> tuple[Release, ...]:
    """The different images that instances run beside one, in a stable order."""
    found: dict[str, Release] = {}
    for instance in instances:
        if instance.image and not (image and image.same_as(instance.image)):
            found.setdefault(str(instance.image).lower(), instance.image)
    return tuple(found[key] for key in sorted(found))


def previous_releases(observed: Observed, release: Release | None) -> tuple[Release, ...]:
    """What a rollback could go to: the other images that run, or the script that the model has or had."""
    if not isinstance(release, ExtensionSettings):
        return other_images(observed.instances, release)
    return tuple(filter(None, [observed.scale_set.script_before(release)]))


def start(observed: Observed, image: Release | None, to: Release | None, now: float, *, rolling_back: bool) -> History:
    """The history of a run that did nothing yet.

    Args:
        observed: the set.
        image: the release; None for what the model has.
        to: the image to go back to, where it is known.
        now: the time.
        rolling_back: whether it is to go back from what the model has.
    """
    model, before = observed.scale_set.release, observed.scale_set.extension_before
    if rolling_back and to is None and before and before.same_as(model):
        to = before
    if rolling_back and to and to.same_as(model):
        return History(now, Target(None)).begin_rollback(to, ASKED_FOR, now)
    target = Target(image or model)
    previous = previous_releases(observed, target.image)
    return History(now, target, previous=previous, cause=ASKED_FOR if rolling_back else None)


def resume_rollback(observed: Observed, was_rolling_back: str, image: Release | None, now: float) -> History | None:
    """The history of a run that goes on going back where a killed one left off; None where none was going back.

    Args:
        observed: the set.
        was_rolling_back: the fingerprints that the killed run's claim tells.
        image: the release that is to be rolled out now; None for what the model has.
        now: the time.
    """
    model, before = observed.scale_set.release, observed.scale_set.extension_before
    there = [*other_images(observed.instances, None), *(one for one in (model, before, image) if one)]
    for left in (image,) if image else there:
        for target in there:
            if was_rolling_back == fingerprint(left, target):
                return History(now, Target(left)).begin_rollback(target, RESUMED, now)
    return None


def state_of(instance: Instance, scale_set: ScaleSet) -> str:
    """How an instance is, for people."""
    latest = {True: "latest model", False: "not the latest model", None: "latest model unknown"}
    parts = [
        f"runs {instance.image.short_name if instance.image else 'an unknown image'}",
        latest[has_latest_model(instance, scale_set)],
        instance.provisioning_state,
        instance.power or "power unknown",
        f"health {instance.health.value}",
    ]
    return ", ".join([*parts, *([instance.error] if instance.error else [])])
