"""`vmss-jenkins update`: set the image of a scale set's model."""

from __future__ import annotations

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import print_json, step_options, target_options, tell
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.images import ImageReference


@click.command("update")
@target_options
@click.option("--image-id", help="Id of a managed, gallery, shared or community gallery image, or a VHD URI.")
@click.option("--image", help="Marketplace image as publisher:offer:sku:version.")
@click.option(
    "--allow-automatic-rollout",
    is_flag=True,
    help="Go on although the set's upgrade policy takes the image to every instance at once.",
)
@step_options
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    image_id: str | None,
    image: str | None,
    allow_automatic_rollout: bool,
    dry_run: bool,
    timeout: float,
    output: str,
) -> int:
    """Set the image of a scale set's model.

    No instance changes until `update-instances` brings it to the latest model. Exits 1 in a dry run
    that found something in the way.
    """
    wanted = _image(image_id, image)
    from vmss_jenkins.library.steps import update  # noqa: PLC0415 - bad input is told before anything is loaded

    result = update(
        resource_group,
        name,
        wanted,
        connection=Connection(subscription, endpoint=endpoint),
        allow_automatic_rollout=allow_automatic_rollout,
        dry_run=dry_run,
        timeout=timeout,
        on_event=tell,
    )
    stops = {Severity.IMPOSSIBLE} if allow_automatic_rollout else {Severity.IMPOSSIBLE, Severity.UNSAFE}
    refused = dry_run and any(finding.severity in stops for finding in result.findings)
    if output == "json":
        print_json(result)
    elif dry_run:
        change = "change nothing" if wanted.same_as(result.image_before) else "change the model's image"
        click.echo(f"dry run: would {'be refused' if refused else change}", err=True)
    return int(refused)


def _image(image_id: str | None, image: str | None) -> ImageReference:
    if bool(image_id) == bool(image):
        found = "both" if image else "neither"
        raise ConfigError("--image-id, --image", [f"found {found}; give one of them"])
    return ImageReference(id=image_id) if image_id else ImageReference.parse_urn(str(image))
