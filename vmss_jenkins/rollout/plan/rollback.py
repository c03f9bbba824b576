"""The release that a rollback goes to, and why there may be none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from vmss_jenkins.model.final_state import grouped, names, run
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference, version_key
from vmss_jenkins.model.instances import Instance, ScaleSet, has_latest_model
from vmss_jenkins.model.release_log import Record, explained, recorded_target, rolled_back
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.claims import fingerprint
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.selection import Target

REQUESTED = "requested"
RESUMED = "continues the rollback of an earlier run that was killed"


def rollback_target(spec: RolloutSpec, observed: Observed, history: History) -> tuple[Release | None, str]:
    """The release to roll back to, or None and why none is known."""
    if spec.rollback_to:
        return spec.rollback_to, ""
    bad = history.target.image
    found = history.previous
    if not isinstance(bad, ExtensionSettings):
        found = other_images(observed.instances, bad) or found
    if len(found) == 1:
        return found[0], ""
    if isinstance(bad, ExtensionSettings):
        option = "it with --application GALLERY/APPLICATION/VERSION" if bad.is_application else None
        return None, f"the previous {bad.kind} is not recorded: give {option or 'its settings with --to-settings FILE'}"
    if not found:
        others = "".join(_other_release(observed.scale_set))
        return None, f"no instance runs another image: give the image to roll back to with --to IMAGE_ID{others}"
    names = ", ".join(str(image) for image in found)
    return (
        None,
        f"the instances run {len(found)} other images ({names}): give the one wanted with --to IMAGE_ID",
    )


def _other_release(scale_set: ScaleSet) -> Iterable[str]:
    """How to roll back what the set has beside its image."""
    for one in (*scale_set.scripts[:1], *scale_set.applications):
        option = "--application" if one.is_application else "--extension"
        yield f"; to roll back its {one.kind}, add {option} {one.name}"


def recorded_rollback(
    spec: RolloutSpec, observed: Observed, known: Sequence[Record]
) -> tuple[RolloutSpec, tuple[Finding, ...]]:
    """A requested rollback with the release that the log names, if none was given, and what to tell of it first.

    Args:
        spec: how.
        observed: the set.
        known: the log of the set, the newest record first.
    """
    notes, scale_set = [], observed.scale_set
    if spec.rollback_to is None and scale_set.extension is None and (to := recorded_target(known, scale_set.image)):
        spec = replace(spec, rollback_to=to)
        notes.append(explained(known, to))
    others = other_images(observed.instances, spec.rollback_to)
    if len(others) > 1 and isinstance(spec.rollback_to, ImageReference):
        runs = {one.id: one.image.short_name for one in observed.instances if one.image}
        notes.append("; ".join(f"{run(ids)} {release}" for release, ids in grouped(runs)))
    return spec, tuple(Finding(Severity.NOTE, text) for text in notes)


def missing_target(to: Release, missing: str | None, observed: Observed, *, wanted: bool = True) -> tuple[Finding, ...]:
    """What a version that is gone means for a rollback to it: also where instances still run it.

    Args:
        to: the release to roll back to.
        missing: why no instance can be made of it; None if one can.
        observed: the set.
        wanted: whether the run rolls back, or somebody named the release; if not, or if the whole set has it already, a
            warning suffices.
    """
    if not missing:
        return ()
    there = [observed.scale_set.release, *(one.image for one in observed.instances)]
    wanted = wanted and not all(image and to.same_as(image) for image in there)
    ids = names([one.id for one in observed.instances if one.image and to.same_as(one.image)])
    still = f"; it still runs on {ids}" if ids else ""
    text = (
        f"no instance can go back to {to.short_name}: it {missing if missing.startswith('does') else f'is {missing}'}"
        f"{still}; `vmss-jenkins history` shows earlier releases, give one with --to IMAGE_ID"
    )
    return (Finding(Severity.IMPOSSIBLE if wanted else Severity.WARNING, text),)


def missing_release(release: Release | None, missing: str | None) -> tuple[Finding, ...]:
    """What a version that is gone means for a rollout of it: each instance that is updated to it would be lost.

    Args:
        release: the release to roll out.
        missing: why no instance can be made of it; None if one can.
    """
    if not missing or release is None:
        return ()
    why = missing if missing.startswith("does") else f"is {missing}"
    text = f"no instance can get {release.short_name}: it {why}; roll out another image with --image-id, or roll back"
    return (Finding(Severity.IMPOSSIBLE, text),)


def rolled_back_before(known: Sequence[Record], release: Release | None) -> tuple[Finding, ...]:
    """The warning of a rollout of an image that was rolled back, with nothing rolled out since.

    Args:
        known: the records of earlier runs, the newest first.
        release: the release to roll out.
    """
    back = rolled_back(known, release) if isinstance(release, ImageReference) else None
    if back is None or release is None:
        return ()
    return (Finding(Severity.WARNING, f"{release.short_name} was rolled back {back.when} by {back.by}"),)


def other_images(instances: Iterable[Instance], image: Release | None) -> tuple[Release, ...]:
    """The images that instances run other than this one, in a stable order."""
    found: dict[str, Release] = {}
    for instance in instances:
        if instance.image and not (image and image.same_as(instance.image)):
            found.setdefault(str(instance.image).lower(), instance.image)
    return tuple(found[key] for key in sorted(found))


def previous_releases(observed: Observed, release: Release | None) -> tuple[Release, ...]:
    """The releases that a rollback could go to: the other images that run, or the script that the model has or had."""
    if not isinstance(release, ExtensionSettings):
        return other_images(observed.instances, release)
    return tuple(filter(None, [observed.scale_set.script_before(release)]))


def start(observed: Observed, spec: RolloutSpec, image: Release | None, now: float, *, rolling_back: bool) -> History:
    """The first history of a run.

    Args:
        observed: the set.
        spec: how; of a rollback `rollback_to` is the release to roll back to, if it is known.
        image: the release; None for the release of the model.
        now: the time.
        rolling_back: whether the run rolls back from the release of the model.
    """
    model, before = observed.scale_set.release, observed.scale_set.extension_before
    to = spec.rollback_to
    if rolling_back and to is None and before and before.same_as(model):
        to = before
    if rolling_back and to and to.same_as(model):
        return History(now, Target(None)).begin_rollback(to, REQUESTED, now)
    release = image or model
    target = _left(release, observed.instances) if rolling_back else spec.target_of(image, model)
    previous = previous_releases(observed, target.image)
    return History(now, target, previous=previous, cause=REQUESTED if rolling_back else None)


def _left(release: Release | None, instances: Iterable[Instance]) -> Target:
    """The release that a rollback leaves: of a name that moves, which stays in the model, the newest version that runs.

    The model is not given that version: the first change of a rollback is the release that it goes to.
    """
    images = [one.image for one in instances if one.image and one.image.is_version_of(release)]
    newest = max(images, key=lambda image: version_key(image.exact_version or ""), default=None)
    return Target(newest or release, floats_as=release if newest and isinstance(release, ImageReference) else None)


def resume_rollback(observed: Observed, was_rolling_back: str, image: Release | None, now: float) -> History | None:
    """The history of a run that continues the rollback of a killed one; None if none was rolling back.

    Args:
        observed: the set.
        was_rolling_back: the fingerprints in the claim of the killed run.
        image: the release to roll out now; None for the release of the model.
        now: the time.
    """
    model, before = observed.scale_set.release, observed.scale_set.extension_before
    there = [*other_images(observed.instances, None), *(one for one in (model, before, image) if one)]
    for bad in (image,) if image else there:
        for target in there:
            if was_rolling_back == fingerprint(bad, target):
                return History(now, Target(bad)).begin_rollback(target, RESUMED, now)
    return None


def from_and_to(observed: Observed, history: History, spec: RolloutSpec) -> tuple[Release | None, Release | None]:
    """The release that a run that begins leaves, and the one that it goes to; None for an unknown one."""
    found, to = observed.scale_set.release, history.target.image
    if history.cause is not None and not history.rolling_back:
        to = spec.rollback_to or (history.previous[0] if len(history.previous) == 1 else None)
    moves = isinstance(found, ImageReference) and found.moves and history.previous
    known = history.previous if moves else (found, *history.previous)
    others = [image for image in known if image and not (to and to.same_as(image))]
    return (others[0] if others else None), to


def state_of(instance: Instance, scale_set: ScaleSet) -> str:
    """The state of an instance, for people."""
    latest = {True: "latest model", False: "not the latest model", None: "latest model unknown"}
    parts = [
        f"runs {instance.image.short_name if instance.image else 'an unknown image'}",
        latest[has_latest_model(instance, scale_set)],
        instance.provisioning_state,
        instance.power or "power unknown",
        f"health {instance.health.value}",
    ]
    return ", ".join([*parts, *([instance.error] if instance.error else [])])
