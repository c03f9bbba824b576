"""Where a rollback goes to, and what is told where there is no way back."""

from __future__ import annotations

from collections.abc import Iterable

from vmss_jenkins.actions import RolloutSpec
from vmss_jenkins.history import History, Observed
from vmss_jenkins.images import ImageReference
from vmss_jenkins.instances import Instance, ScaleSet, has_latest_model


def way_back(spec: RolloutSpec, observed: Observed, history: History) -> tuple[ImageReference | None, str]:
    """The image to go back to, or None and what stands in the way of finding it."""
    if spec.rollback_to:
        return spec.rollback_to, ""
    found = other_images(observed.instances, history.target.image) or history.previous
    if len(found) == 1:
        return found[0], ""
    if not found:
        return None, "no instance runs a previous image: name the one to go back to with --to"
    names = ", ".join(str(image) for image in found)
    return None, f"the instances run {len(found)} previous images ({names}): name the one to go back to with --to"


def other_images(instances: Iterable[Instance], image: ImageReference | None) -> tuple[ImageReference, ...]:
    """The different images that instances run beside one, in a stable order."""
    found: dict[str, ImageReference] = {}
    for instance in instances:
        if instance.image and not (image and image.same_as(instance.image)):
            found.setdefault(str(instance.image).lower(), instance.image)
    return tuple(found[key] for key in sorted(found))


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
