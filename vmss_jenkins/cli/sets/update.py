"""`vmss-jenkins update`: set the image, or an application, of a scale set's model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.application_options import INSTALLATION, application_from
from vmss_jenkins.cli.application_options import application as application_option
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
    from vmss_jenkins.model.applications import GalleryApplication
    from vmss_jenkins.model.images import ImageReference
    from vmss_jenkins.rollout.steps import UpdateResult

EXAMPLES = """\
vmss-jenkins update -g canary-rg -n web --image-id "$IMAGE_ID"
vmss-jenkins update -g canary-rg -n web --image Canonical:ubuntu-24_04-lts:server:latest --dry-run
vmss-jenkins update -g canary-rg -n web --application apps/site/1.1.0
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
@option_group("Application", application_option(), *INSTALLATION)
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
    application: str | None,
    application_order: int | None,
    application_failure: str | None,
    allow_automatic_rollout: bool,
    dry_run: bool,
    timeout: float,
    output: str,
) -> int:
    """Set the image of a scale set's model, or one of its applications.

    No instance changes until `update-instances` or `rollout` updates it. Exits 1 if a dry run finds something that
    blocks the update.
    """
    asked = {"application_order": application_order, "application_failure": application_failure}
    chosen = application_from({"application": application, **asked})
    if chosen and (image_id or image or release_file):
        raise ConfigError("release", ["found both an image and an application; give one of them"])
    wanted = chosen or _exact(_one_image(image_id, image), release_file)
    connection = Connection(subscription, endpoint=endpoint)
    how = {"allow_automatic_rollout": allow_automatic_rollout, "dry_run": dry_run}
    result = _updated(resource_group, name, wanted, connection, timeout, **how)
    return show(result, "application" if chosen else "image", output, **how)


def _updated(
    resource_group: str,
    name: str,
    wanted: ImageReference | GalleryApplication,
    connection: Connection,
    timeout: float,
    **how: bool,
) -> UpdateResult:
    """Set the release in the model."""
    from vmss_jenkins.library.steps import update, update_application  # noqa: PLC0415 - bad input is refused first
    from vmss_jenkins.model.applications import GalleryApplication  # noqa: PLC0415 - as above

    where: dict[str, Any] = {"connection": connection, "timeout": timeout, "on_event": log_line, **how}
    if isinstance(wanted, GalleryApplication):
        return update_application(resource_group, name, wanted, **where)
    return update(resource_group, name, wanted, **where)


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


def _exact(named: ImageReference, release_file: Path | None) -> ImageReference:
    """The exact version in a release's file, unless the model is to keep the name that moves."""
    found = read_release(release_file, named)
    return found.exact if found and not found.floats else named


def _one_image(image_id: ImageReference | None, image: ImageReference | None) -> ImageReference:
    found = image_id or image
    if found is None or (image_id and image):
        also = "" if found else ", or --application"
        raise ConfigError("--image-id, --image", [f"found {'both' if found else 'neither'}; give one of them{also}"])
    return found
