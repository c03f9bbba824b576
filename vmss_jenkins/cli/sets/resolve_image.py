"""`vmss-jenkins resolve-image`: which exact version an image means now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.exit_codes import PENDING
from vmss_jenkins.cli.options import (
    FILE,
    MOST_USED,
    azure_options,
    image_options,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
)
from vmss_jenkins.cli.sets.release_file import MOVING_IMAGE, WAIT_FOR_REPLICATION, write_release
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.model.images import ImageReference

EXAMPLES = """\
vmss-jenkins resolve-image -g canary-rg -n web --image-id "$IMAGE_ID"
# In a script that runs every night: is there something to roll out? Exits 4 if there is.
vmss-jenkins resolve-image -g canary-rg -n web --image-id "$IMAGE_ID" --check
"""


@make("resolve-image", examples=EXAMPLES)
@option_group(MOST_USED, resource_group(), name(), *image_options("the release, which may be named by its definition"))
@option_group(
    "Release",
    MOVING_IMAGE,
    WAIT_FOR_REPLICATION,
    click.option("--check", is_flag=True, help="Exit 4 if there is something to roll out."),
    click.option("--release-file", type=FILE, help="Write the exact version to this file, for `rollout`."),
    click.option("--name-file", type=FILE, help="Write the short name of the exact version to this file."),
    click.option("--unchanged-file", type=FILE, help="If there is nothing to roll out, write the reason to this file."),
)
@azure_options()
@output_options()
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    image_id: ImageReference | None,
    image: ImageReference | None,
    moving_image: str | None,
    wait_for_replication: float | None,
    check: bool,
    release_file: Path | None,
    name_file: Path | None,
    unchanged_file: Path | None,
    output: str,
) -> int:
    """Show which exact version an image means now, and which instances lack it.

    A definition of a gallery and `latest` name the newest version that can be used: one that is not excluded from
    latest, not past its end of life, and replicated to the region of the scale set. Nothing is changed.
    """
    if image_id and image:
        raise ConfigError("--image-id, --image", ["found both; give one of them, or none for what the model has"])
    from vmss_jenkins.library.releases import resolve_image  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.model.images import MovingImage  # noqa: PLC0415

    found = resolve_image(
        resource_group,
        name,
        image_id or image,
        moving_image=MovingImage(moving_image or MovingImage.PIN),
        wait_for_replication=wait_for_replication,
        connection=Connection(subscription, endpoint=endpoint),
        on_event=log_line,
    )
    if release_file:
        write_release(release_file, found.release)
    if name_file:
        name_file.write_text(f"{found.release.exact.short_name}\n", encoding="utf-8")
    if unchanged_file and not found.is_new:
        unchanged_file.write_text(f"Nothing to roll out: {found}.\n", encoding="utf-8")
    elif unchanged_file:
        unchanged_file.unlink(missing_ok=True)  # that of an earlier run would let a script do nothing
    if output == "json":
        print_json({**found.__dict__, "is_new": found.is_new})
    else:
        click.echo(str(found))
    return PENDING if check and found.is_new else 0
