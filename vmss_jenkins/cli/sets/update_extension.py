"""`vmss-jenkins update-extension`: put another script into the CustomScript extension of a scale set's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import print_json, step_options, target_options, tell
from vmss_jenkins.cli.sets.script_options import ScriptOptions, script_options
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.findings import Severity

if TYPE_CHECKING:
    from vmss_jenkins.rollout.steps import UpdateResult


@click.command("update-extension")
@target_options
@script_options()
@click.option(
    "--allow-automatic-rollout",
    is_flag=True,
    help="Go on although the set's upgrade policy takes the script to every instance at once.",
)
@step_options
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    script: ScriptOptions,
    allow_automatic_rollout: bool,
    dry_run: bool,
    timeout: float,
    output: str,
) -> int:
    """Put another script into the CustomScript extension of a scale set's model.

    It runs on no instance until `update-instances` or `rollout` brings that to the latest model. Secrets come from a
    file or the environment, and are never shown. Exits 1 in a dry run that found something in the way.
    """
    wanted = script.read(upload=not dry_run)
    if wanted.release.absent:
        raise ConfigError("script", ["found none; give --script-url, --script or --settings"])
    from vmss_jenkins.library.steps import update_extension  # noqa: PLC0415 - bad input is told before anything is loaded

    result = update_extension(
        resource_group,
        name,
        wanted,
        extension=script.extension,
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
        _tell_dry_run(result, refused=refused)
    return int(refused)


def _tell_dry_run(result: UpdateResult, *, refused: bool) -> None:
    change = "change nothing" if result.image_after.same_as(result.image_before) else "change the model's script"
    click.echo(f"dry run: would {'be refused' if refused else change}", err=True)
