"""`vmss-jenkins update-instances`: bring chosen instances to the latest model."""

from __future__ import annotations

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import print_json, step_options, target_options, tell
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import InstanceIds


@click.command("update-instances")
@target_options
@click.option("--instance-ids", required=True, help="Comma-separated instance ids, or '*' for all.")
@click.option("--await-healthy", is_flag=True, help="Wait also until each of them is healthy.")
@step_options
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    instance_ids: str,
    await_healthy: bool,
    dry_run: bool,
    timeout: float,
    output: str,
) -> int:
    """Bring chosen instances to the latest model, all at once.

    Exits 1 in a dry run that found something in the way.
    """
    InstanceIds.parse(instance_ids)
    from vmss_jenkins.library.steps import update_instances  # noqa: PLC0415 - bad input is told before anything is loaded

    result = update_instances(
        resource_group,
        name,
        instance_ids,
        connection=Connection(subscription, endpoint=endpoint),
        await_healthy=await_healthy,
        dry_run=dry_run,
        timeout=timeout,
        on_event=tell,
    )
    if output == "json":
        print_json(result)
    elif dry_run:
        click.echo(f"dry run: would update {', '.join(result.instance_ids) or 'nothing'}", err=True)
    return int(dry_run and any(finding.severity is Severity.IMPOSSIBLE for finding in result.findings))
