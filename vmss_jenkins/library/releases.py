"""The exact release of a rollout, looked up before it begins: the version that a moving name means now."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.library.image_checks import await_newest, fit, refuse_missing, why_missing
from vmss_jenkins.library.steps import TIMEOUT, log
from vmss_jenkins.model.final_state import grouped
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.galleries.image_versions import resolved
from vmss_jenkins.model.image_ids import IN_GALLERIES, ImageKind
from vmss_jenkins.model.images import ImageReference, MovingImage, ResolvedImage
from vmss_jenkins.model.instances import ScaleSet, ScaleSetName
from vmss_jenkins.model.release_log import Record, rolled_back
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.rollback import missing_release
from vmss_jenkins.rollout.plan.selection import Scope, Target, select
from vmss_jenkins.rollout.ports import ImageVersions
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter


@dataclass(frozen=True)
class Found:
    """The exact release of a rollout."""

    image: ImageReference | None
    """None for the image of the model."""
    spec: RolloutSpec
    newest: Callable[[], ImageReference] | None = None
    """Looks up what the moving name means later; None if the model does not keep it."""
    misfits: tuple[Finding, ...] = ()
    """Why Azure would not let the set use the image."""


def look_up(
    image: ImageReference | None,
    spec: RolloutSpec,
    read: Callable[[], ScaleSet],
    connected: Callable[[], ImageVersions],
    waiter: Waiter,
) -> Found:
    """Find the exact release that an image means now, and refuse one that no instance can be made of.

    Args:
        image: the release as it was named; None for the image of the model.
        spec: how.
        read: reads the scale set.
        connected: connects to the versions of images, if they are needed.
        waiter: clock and listener.

    Raises:
        ConfigError: no version can be used in the region of the set; nothing was changed.
        AzureError: the versions cannot be read.
    """
    refuse_moving_target(spec)
    image = image or (spec.resolved.named if spec.resolved else None)
    if image and not image.moves:
        spec = replace(spec, resolved=None)
    if image and not image.moves and image.kind not in IN_GALLERIES:
        return Found(image, spec)
    scale_set = read()
    named = image or scale_set.image
    if named is None or (image is None and not named.moves):
        return Found(image, spec)
    versions = connected()
    if not named.moves:
        refuse_missing(named, scale_set.location, versions, waiter, spec.wait_for_replication)
        return Found(named, spec, misfits=fit(named, scale_set, versions, waiter))
    found = spec.resolved if spec.resolved and spec.resolved.named.same_as(named) else None
    found = found or _resolve(named, spec, scale_set.location, versions, waiter)

    def newest() -> ImageReference:
        return named.at_version(versions.newest(named, scale_set.location, time.time()).chosen_by_azure)

    misfits = fit(found.exact, scale_set, versions, waiter)
    return Found(found.exact, replace(spec, resolved=found), newest if found.floats else None, misfits)


@dataclass(frozen=True)
class Lookup:
    """What an image means now for a scale set."""

    release: ResolvedImage
    have_it: tuple[str, ...]
    """Ids of the instances that run that version."""
    pending: tuple[str, ...]
    """Ids of the instances that a rollout would update."""
    left_out: Mapping[str, str]
    """Ids of the instances that it would not update, with the reason."""
    rolled_back: Record | None = None
    """The rollback from that version, if nothing was rolled out since."""

    @property
    def is_new(self) -> bool:
        """Whether there is something to roll out: an instance lacks the version, and nobody rolled it back."""
        return bool(self.pending) and not (self.release.named.moves and self.rolled_back)

    def __str__(self) -> str:
        named, name, back = self.release.named, self.release.exact.short_name, self.rolled_back
        newer = f"; newer, but passed over: {self.release.passed_over}" if self.release.passed_over else ""
        means = f"{named.short_name} means {name} now{newer}" if named.moves else name
        total = len(self.have_it) + len(self.pending) + len(self.left_out)
        there = f"{means}: {len(self.have_it)} of {total} instances have it, {len(self.pending)} can get it"
        there += "".join(f"; left out: {ids} ({reason})" for reason, ids in grouped(self.left_out))
        if not self.pending or self.is_new or back is None:
            return there
        why = f"it was rolled back {back.when} by {back.by}"
        return f"{there}, but {why}: to roll it out again, name its exact version {self.release.exact}"


@checked
def resolve_image(
    resource_group: str,
    name: str,
    image: ImageReference | None = None,
    *,
    moving_image: MovingImage = MovingImage.PIN,
    wait_for_replication: float | None = None,
    connection: Connection | None = None,
    on_event: OnEvent = log,
) -> Lookup:
    """Find the exact version that an image means now, and which instances lack it; nothing is changed.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image: the image; None for the image of the model.
        moving_image: what the model is to get, if the image moves.
        wait_for_replication: seconds to wait for a copy in the region of the set that is on its way.
        connection: how to connect to Azure; from the environment by default.
        on_event: receives each event; by default events are logged.

    Raises:
        ConfigError: for invalid parameters, and if no version can be used.
        AzureError: if the set, the versions or the tags cannot be read.
    """
    target, azure = ScaleSetName(resource_group, name), (connection or Connection()).connect(on_event)
    waiter = Waiter.starting(SystemClock(), TIMEOUT, on_event)
    with closing(azure.scale_sets()) as sets:
        scale_set = waiter.retry(lambda: sets.get(target))
        instances = waiter.retry(lambda: sets.instances(scale_set))
        named = image or scale_set.image
        if named is None:
            raise ConfigError(f"scale set {target}", ["its model names no image that is known; give --image-id"])
        spec = RolloutSpec(moving_image=moving_image, wait_for_replication=wait_for_replication)
        found = look_up(named, spec, lambda: scale_set, azure.image_versions, waiter)
        release = found.spec.resolved or ResolvedImage(named, named)
        if release.exact.kind is ImageKind.MANAGED:
            why = why_missing(release.exact, scale_set.location, azure.image_versions(), waiter)
            if missing := missing_release(release.exact, why):
                raise ConfigError(f"image {release.exact}", [one.text for one in missing])
        known = waiter.retry(sets.log(target).read)
    chosen = select(Scope(), Target(release.exact, by_image=True), scale_set, instances)
    have_it, pending = (tuple(one.id for one in part) for part in (chosen.have_it, chosen.pending))
    return Lookup(release, have_it, pending, chosen.skipped, rolled_back(known, release.exact))


def refuse_moving_target(spec: RolloutSpec) -> None:
    """Refuse to roll back to a name that moves: it means the newest version, not the one before.

    Raises:
        ConfigError: wanted is an exact version.
    """
    to = spec.rollback_to
    if isinstance(to, ImageReference) and to.moves:
        reason = f"{to.short_name} names the newest version; give the exact one, as `vmss-jenkins history` shows it"
        raise ConfigError("--to", [reason])


def _resolve(
    named: ImageReference, spec: RolloutSpec, region: str, versions: ImageVersions, waiter: Waiter
) -> ResolvedImage:
    choice = waiter.retry(lambda: versions.newest(named, region, time.time()))
    if spec.wait_for_replication and choice.coming:
        await_newest(named.at_version(choice.coming), region, versions, waiter, spec.wait_for_replication)
        choice = waiter.retry(lambda: versions.newest(named, region, time.time()))
    return resolved(named, choice, region, spec.moving_image)
