"""The log of a scale set: its last ten releases, each with the one before it, and where it sends a rollback.

The log is kept in tags: a value holds 256 characters, and a resource has 50 tags. So it is written as compressed JSON
in up to `MOST_PARTS` texts. If they do not suffice, the oldest records are dropped.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import takewhile

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.releases import ExtensionSettings, Release

KEPT = 10
"""The most records of a set."""
PART = 256
"""The most characters of a tag's value."""
MOST_PARTS = 6
"""The most tags for the log of one set."""
LONGEST_RELEASE, LONGEST_NAME, LONGEST_BUILD = 400, 64, 200
"""The most characters of a release, of who ran it, and of a build."""
LONGEST_LOG = 65_536
"""The most bytes that are unpacked: anybody who may write tags can write a log."""
BEGUN = "begun"
"""The outcome of a run that has not ended, or that was killed."""
REFUSED = "refused"
"""The outcome of a run whose first change Azure refused: nothing changed, and no rollback looks at it."""
ROLLED_BACK = "rolled back"
"""The outcome of a run that went back to an earlier release."""
FULLY_OUT = "rolled out"
"""The outcome of a rollout whose release every wanted instance has."""
_END = "."
"""Ends the text, so that a part that is left of a longer log does no harm."""


@dataclass(frozen=True)
class Record:
    """One run that changed a scale set."""

    run: str
    """A unique name of the run; its second record replaces the first one."""
    at: float
    """When it ended, or began if it has not ended: seconds, UTC."""
    outcome: str
    release: str
    """The exact release that it ended on, as `text_of` writes it."""
    before: str
    """The exact release before it; for a rollback the one that was rolled back. Empty if it is not known."""
    by: str
    """Who ran it."""
    build: str = ""
    """The build in Jenkins; empty for none."""
    extension: str = ""
    """The extension whose script is the release; empty for an image."""
    back: bool = False
    """Whether the run went back to an earlier release."""

    @property
    def when(self) -> str:
        """The time, as ISO 8601 in UTC."""
        return f"{datetime.fromtimestamp(self.at, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"

    def short(self, text: str) -> str:
        """The name that people use for one of the two releases."""
        value = self._value(text)
        return value.short_name if value else text

    @property
    def is_image(self) -> bool:
        """Whether the release is an image."""
        return not self.extension

    def _value(self, text: str) -> Release | None:
        return image_of(text) if self.is_image else ExtensionSettings.parse(text)


def text_of(release: Release | None) -> str:
    """The exact release as a text; the name that people use for it, if that text is too long. Empty for none."""
    exact = "" if release is None else str(release)
    return exact if release is None or len(exact) <= LONGEST_RELEASE else release.short_name[:LONGEST_RELEASE]


def image_of(text: str) -> ImageReference | None:
    """The image that a text names; None if it names none."""
    try:
        return ImageReference.read(text)
    except ConfigError:
        return None


def added(records: Sequence[Record], new: Record) -> tuple[Record, ...]:
    """The log with a record, the newest first; it replaces the record of the same run."""
    return (new, *(one for one in records if one.run != new.run))[:KEPT]


def pack(records: Sequence[Record], parts: int = MOST_PARTS) -> tuple[tuple[str, ...], int]:
    """Write a log for so many tags.

    Returns:
        The values of the tags, and how many of the oldest records were dropped for lack of room.
    """
    for dropped in range(len(records)):
        text = _packed(records[: len(records) - dropped])
        if len(text) <= parts * PART:
            return tuple(text[at : at + PART] for at in range(0, len(text), PART)), dropped
    return (), len(records)


def unpack(text: str) -> tuple[Record, ...]:
    """Read a log; empty for a text of another kind."""
    packed, end, _ = text.partition(_END)
    try:
        opener = zlib.decompressobj()
        rows = json.loads(opener.decompress(base64.urlsafe_b64decode(packed), LONGEST_LOG))
        return tuple(_record(row) for row in rows) if end else ()
    except (ValueError, TypeError, OSError, OverflowError, zlib.error):
        return ()


def _packed(records: Iterable[Record]) -> str:
    rows = [_row(one) for one in records]
    plain = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(zlib.compress(plain, 9)).decode() + _END


def _row(one: Record) -> list[object]:
    who, build = one.by[:LONGEST_NAME], one.build[:LONGEST_BUILD]
    return [one.run, round(one.at), one.outcome, one.release, one.before, who, build, one.extension, int(one.back)]


def _record(row: Sequence[object]) -> Record:
    run, at, outcome, release, before, by, build, extension, back = row
    texts = (run, outcome, release, before, by, build, extension)
    if not (isinstance(at, (int, float)) and all(isinstance(one, str) for one in texts)):
        raise ValueError(row)
    words = tuple(map(str, texts))
    found = Record(words[0], float(at), words[1], words[2], words[3], words[4], words[5], words[6], bool(back))
    datetime.fromtimestamp(found.at, timezone.utc)
    return found


def newest_image(records: Iterable[Record]) -> Record | None:
    """The newest record of an image that Azure did not refuse; None if there is none."""
    return next((one for one in records if one.is_image and one.outcome != REFUSED), None)


def release_before(
    records: Sequence[Record], new: ImageReference, model: ImageReference | None, running: Sequence[Release]
) -> ImageReference | None:
    """The image that was there before a new one: what a rollback from the new one goes to.

    Args:
        records: the log.
        new: the new image.
        model: the image of the model.
        running: the other images that instances run, each once.

    Returns:
        None if it is not known; never a name that moves, since that means the newest version, not the one before.
    """
    newest = newest_image(records)
    continued = newest is not None and not newest.back and new.same_as(image_of(newest.release))
    found: Release | None
    if len(running) == 1:
        found = running[0]
    elif newest and (continued or running):
        ended_there = newest.back or (newest.outcome == FULLY_OUT and not continued)
        found = image_of(newest.release if ended_there else newest.before)
    else:
        found = None if running else model
    known = isinstance(found, ImageReference) and not found.moves and not found.same_as(new)
    return found if isinstance(found, ImageReference) and known else None


def recorded_target(records: Sequence[Record], model: Release | None) -> ImageReference | None:
    """The image that the newest record sends a rollback to; None if the record does not concern the model.

    After a rollout: the image before it. After a rollback: the image that it went to, so that the same command again
    changes nothing, and continues what was interrupted.
    """
    newest = newest_image(records)
    if newest is None or model is None:
        return None
    known = [image for text in (newest.release, newest.before) if (image := image_of(text))]
    if not any(model.same_as(image) or image.is_version_of(model) for image in known):
        return None
    return image_of(newest.release if newest.back else newest.before)


def rolled_back(records: Sequence[Record], image: ImageReference) -> Record | None:
    """The record of the rollback from an image, if nothing was rolled out since; a schedule leaves that image alone.

    A rollback also leaves what the runs just before it began and did not roll out fully: a canary, or what was halted
    because a newer version was published.
    """
    images = [one for one in records if one.is_image and one.outcome != REFUSED]
    if not images or not images[0].back:
        return None
    unfinished = takewhile(lambda one: not one.back and one.outcome != FULLY_OUT, images[1:])
    left = [images[0].before, *(one.release for one in unfinished)]
    known = not image.same_as(image_of(images[0].release)) and any(image.same_as(image_of(text)) for text in left)
    return images[0] if known else None


def explained(records: Sequence[Record], target: Release) -> str:
    """Why a rollback goes to a recorded image, for people, and how to go further back."""
    newest = newest_image(records)
    if newest is None:
        return ""
    name, bad = (
        target.short_name,
        newest.short(newest.release if not newest.back else newest.before) or "another release",
    )
    told = f"({newest.outcome} {newest.when} by {newest.by}{f', {newest.build}' if newest.build else ''})"
    if not newest.back:
        return f"the release before {bad} was {name} {told}"
    if newest.outcome != ROLLED_BACK:
        return f"the rollback from {bad} to {name} is unfinished {told}"
    older = (one for one in records if one.is_image and not one.back and target.same_as(image_of(one.release)))
    before = next((one.before for one in older if one.before), "IMAGE_ID")
    return f"{bad} was rolled back to {name} already {told}; to go further back, give --to {before}"
