"""What Azure would refuse of an exact image, found before anything is changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TypeVar

from vmss_jenkins.azure.connection import AzureClients
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.galleries.image_fit import misfits
from vmss_jenkins.model.galleries.image_versions import ImageVersion, canonical
from vmss_jenkins.model.image_ids import IN_GALLERIES, ImageKind
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.rollout.ports import ImageVersions
from vmss_jenkins.runtime.waiting import Waiter

T = TypeVar("T")
_STEP = 10
"""Percent between two notes of a copy's progress."""


def fit(image: ImageReference, scale_set: ScaleSet, versions: ImageVersions, waiter: Waiter) -> tuple[Finding, ...]:
    """What Azure would refuse, by the definition of an image and the model of a set; a warning if it cannot be read.

    Args:
        image: the image; one that is in no gallery has no definition, and no findings.
        scale_set: the set as observed; of a flexible set without a profile nothing is known.
        versions: reads the definition.
        waiter: clock and listener.

    Raises:
        AzureError: the definition does not exist, or Azure cannot be reached.
    """
    machine = scale_set.machine
    if machine is None:
        return ()
    doubt = f"whether {image.short_name} fits the set"
    definition = _unless_forbidden(doubt, waiter, lambda: versions.definition(image, scale_set.location))
    return misfits(image.short_name, definition, machine) if definition else ()


def refuse_missing(
    image: ImageReference, region: str, versions: ImageVersions, waiter: Waiter, wait: float | None = None
) -> None:
    """Refuse an exact version that is not in the region; warn if that cannot be read, and of a report on its safety.

    Args:
        image: the exact version.
        region: where the instances are.
        versions: reads it.
        waiter: clock and listener.
        wait: seconds to wait for its copy, if that is on its way; None to refuse it at once.

    Raises:
        ConfigError: what is missing; nothing was changed.
        AzureError: the version does not exist, or Azure cannot be reached.
    """
    doubt = f"whether {image.short_name} is in {canonical(region)}"
    found = _unless_forbidden(doubt, waiter, lambda: versions.version(image, region))
    if found and wait and found.is_coming_to(region):
        found = _await_copy(image, found, region, versions, waiter, wait)
    if found is None:
        return
    if missing := found.missing_in(region):
        step = ""
        if found.is_coming_to(region):
            step = "; wait for it with --wait-for-replication 30m"
        reason = f"{image.short_name} is {missing}: no instance can be made of it there{step}"
        raise ConfigError(f"image {image}", [reason])
    if found.reported:
        _note(waiter, Severity.WARNING, f"{image.short_name} was {found.reported}")


def why_missing(image: ImageReference, region: str, versions: ImageVersions, waiter: Waiter) -> str | None:
    """Why no instance can be made of an exact version now; None if one can, or if the role may not read it.

    Args:
        image: the exact version, or a managed image; of others Azure tells nothing: None.
        region: where the instances are.
        versions: reads it.
        waiter: clock and listener.

    Raises:
        AzureError: Azure cannot be reached.
    """
    if image.moves or image.kind not in {*IN_GALLERIES, ImageKind.MANAGED}:
        return None
    try:
        found = waiter.retry(lambda: versions.version(image, region))
        return found.missing_in(region) if found else None
    except AzureError as error:
        if error.failure.status == HTTPStatus.NOT_FOUND:
            return "does not exist"
        if error.failure.status == HTTPStatus.FORBIDDEN:
            return None
        raise


def await_newest(image: ImageReference, region: str, versions: ImageVersions, waiter: Waiter, wait: float) -> None:
    """Wait until the copy of the newest version is ready, failed or gone, or the time is over; report its progress.

    Args:
        image: the exact version.
        region: where the instances are.
        versions: reads it.
        waiter: clock and listener.
        wait: seconds.

    Raises:
        AzureError: Azure cannot be reached.
    """
    try:
        found = waiter.retry(lambda: versions.version(image, region))
        if found and found.is_coming_to(region):
            _await_copy(image, found, region, versions, waiter, wait)
    except AzureError as error:
        if error.failure.status != HTTPStatus.NOT_FOUND:
            raise


def _await_copy(
    image: ImageReference, found: ImageVersion, region: str, versions: ImageVersions, waiter: Waiter, wait: float
) -> ImageVersion:
    """Wait for a copy that is on its way; return what is known of the version then."""
    latest, told = found, -1

    def arrived() -> bool:
        nonlocal latest, told
        latest = waiter.retry(lambda: versions.version(image, region)) or latest
        copy = latest.copy_in(region)
        if copy and copy.percent // _STEP != told:
            told = copy.percent // _STEP
            _note(waiter, Severity.NOTE, f"waiting for the copy of {image.short_name} in {copy}")
        return not latest.is_coming_to(region)

    patient = replace(waiter, deadline=waiter.clock.now() + wait, timeout=wait)
    try:
        patient.until(f"wait for {image.short_name} in {canonical(region)}", arrived)
    except AzureError as error:
        if error.code != "TimedOut":
            raise
        text = f"waited {wait:.0f} s for the copy of {image.short_name}, which is {latest.missing_in(region)}"
        _note(waiter, Severity.WARNING, text)
    return latest


def _unless_forbidden(doubt: str, waiter: Waiter, read: Callable[[], T]) -> T | None:
    """What a call reads; a warning if the role does not allow it."""
    try:
        return waiter.retry(read)
    except AzureError as error:
        if error.failure.status != HTTPStatus.FORBIDDEN:
            raise
        _note(waiter, Severity.WARNING, f"{doubt} is not known: {str(error).splitlines()[0]}")
        return None


def _note(waiter: Waiter, severity: Severity, text: str) -> None:
    waiter.on_event(PreflightFound(Finding(severity, text)))


def newest_of(azure: AzureClients, scale_set: ScaleSet) -> Callable[[], ImageReference | None]:
    """Make the look-up of what the image of the model means now: None if that cannot be read."""
    image = scale_set.image

    def newest() -> ImageReference | None:
        if image is None or not image.moves:
            return image
        try:
            choice = azure.image_versions().newest(image, scale_set.location, time.time())
        except AzureError:
            return None
        return image.at_version(choice.chosen_by_azure) if choice.chosen_by_azure else None

    return newest
