"""`vmss-jenkins update`: set the image of a scale set's model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    MOST_USED,
    azure_options,
    dry_run,
    image_options,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
    timeout,
)
from vmss_jenkins.cli.sets.release_file import RELEASE_FILE, read_release
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.model.images import ImageReference
    from vmss_jenkins.rollout.steps import UpdateResult

EXAMPLES = """\
vmss-jenkins update -g canary-rg -n web --image-id "$IMAGE_ID"
vmss-jenkins update -g canary-rg -n web --image Canonical:ubuntu-24_04-lts:server:latest --dry-run
"""
allow_automatic_rollout = click.option(
    "--allow-automatic-rollout",
    is_flag=True,
    help="Go on although the upgrade policy of the scale set updates every instance at once.",
)
"""Adds the option that the steps which change the model have."""


@make("update", examples=EXAMPLES, changes=True)
@option_group(MOST_USED, resource_group(), name(), *image_options(), dry_run)
@option_group("Release", RELEASE_FILE)
@azure_options(allow_automatic_rollout, timeout(3600.0, "Longest time to wait for Azure."))
@output_options()
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    image_id: ImageReference | None,
    image: ImageReference | None,
    release_file: Path | None,
    allow_automatic_rollout: bool,
    dry_run: bool,
    timeout: float,
    output: str,
) -> int:
    """Set the image of a scale set's model.

    No instance changes until `update-instances` or `rollout` updates it. Exits 1 if a dry run finds something that
    blocks the update.
    """
    wanted = _one_image(image_id, image)
    found = read_release(release_file, wanted)
    if found and not found.floats:
        wanted = found.exact
    from vmss_jenkins.library.steps import update  # noqa: PLC0415 - bad input is refused before it is loaded

    result = update(
        resource_group,
        name,
        wanted,
        connection=Connection(subscription, endpoint=endpoint),
        allow_automatic_rollout=allow_automatic_rollout,
        dry_run=dry_run,
        timeout=timeout,
        on_event=log_line,
    )
    return show(result, "image", output, dry_run=dry_run, allow_automatic_rollout=allow_automatic_rollout)


def show(result: UpdateResult, part: str, output: str, *, dry_run: bool, allow_automatic_rollout: bool) -> int:
    """Print a result and return the exit code: 1 for a dry run whose update would be refused.

    Args:
        result: of the update of a model.
        part: what of the model it changes.
        output: text or json.
        dry_run: whether it was one.
        allow_automatic_rollout: whether the upgrade policy may update every instance.
    """
    from vmss_jenkins.model.findings import Severity  # noqa: PLC0415 - not loaded for --help

    stops = {Severity.IMPOSSIBLE} if allow_automatic_rollout else {Severity.IMPOSSIBLE, Severity.UNSAFE}
    refused = dry_run and any(finding.severity in stops for finding in result.findings)
    if output == "json":
        print_json(result)
    elif dry_run:
        same = result.image_after.same_as(result.image_before)
        change = "change nothing" if same else f"change the model's {part}"
        click.echo(f"dry run: would {'be refused' if refused else change}", err=True)
    return int(refused)


def _one_image(image_id: ImageReference | None, image: ImageReference | None) -> ImageReference:
    found = image_id or image
    if found is None or (image_id and image):
        raise ConfigError("--image-id, --image", [f"found {'both' if found else 'neither'}; give one of them"])
    return found
