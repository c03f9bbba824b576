"""The file in which the commands of one job share the exact release, so that all of them mean the same version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmss_jenkins.cli.options import GIVEN_FILE
from vmss_jenkins.cli.parameter_types import DURATION
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.model.images import ImageReference, ResolvedImage

MOVING_IMAGES = ("pin", "float")
"""The values of `MovingImage`, which is not loaded for --help."""
MOVING_IMAGE = click.option(
    "--moving-image",
    type=click.Choice(MOVING_IMAGES),
    help="If the image is named by its definition or by latest: pin gives the model the exact version; float keeps "
    "the name in the model, and halts if a newer version is published meanwhile.  "
    "[default: pin, or as --release-file says]",
)
"""Adds the option that says what the model gets."""
RELEASE_FILE = click.option(
    "--release-file", type=GIVEN_FILE, help="Roll out the exact version that `resolve-image` wrote to this file."
)
"""Adds the option of a file that `resolve-image` wrote."""

WAIT_FOR_REPLICATION = click.option(
    "--wait-for-replication",
    type=DURATION,
    help="How long to wait for the copy of a gallery's version in the region of the scale set, such as 30m.  "
    "[default: refuse a version that is not there]",
)
"""Adds the option of how long a version may take to come to the region."""


def write_release(file: Path, found: ResolvedImage) -> None:
    """Write the release to a file, for the next commands of a job."""
    values = {"named": str(found.named), "exact": str(found.exact), "floats": found.floats}
    file.write_text(json.dumps(values) + "\n", encoding="utf-8")


def read_release(
    file: Path | None, image: ImageReference | None, moving_image: str | None = None
) -> ResolvedImage | None:
    """Read a file that `resolve-image` wrote; None for no file.

    Args:
        file: the file.
        image: the image that this command was given: the file's name, or what it means; None if none was given.
        moving_image: what the command says of the model, one of `MOVING_IMAGES`; None if it says nothing.

    Raises:
        ConfigError: for another file, for the release of another image, and for one that says otherwise of the model.
    """
    if file is None:
        return None
    from vmss_jenkins.model.images import ImageReference, ResolvedImage  # noqa: PLC0415 - not loaded for --help

    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        texts, floats = (values["named"], values["exact"]), values["floats"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(str(file), [f"is not a file that `vmss-jenkins resolve-image` wrote: {error}"]) from error
    found = ResolvedImage(ImageReference.read(texts[0]), ImageReference.read(texts[1]), floats is True)
    if not (found.exact.is_version_of(found.named) or found.exact.same_as(found.named)):
        reason = f"{found.exact} is no version of {found.named}; run `vmss-jenkins resolve-image`"
        raise ConfigError(str(file), [reason])
    if image and not (image.same_as(found.named) or image.same_as(found.exact)):
        raise ConfigError(str(file), [f"is of {found.named}, but {image} is given; run `vmss-jenkins resolve-image`"])
    says = MOVING_IMAGES[found.floats]
    if moving_image and found.named.moves and moving_image != says:
        reason = (
            f"found {moving_image}, and {file} says {says}; leave it out, or run `vmss-jenkins resolve-image` with it"
        )
        raise ConfigError("--moving-image", [reason])
    return found
