"""`vmss-jenkins update-instances`: bring chosen instances to the latest model."""

from __future__ import annotations

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    MOST_USED,
    azure_options,
    dry_run,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
    timeout,
)

EXAMPLES = """\
# The canary: one instance, awaited healthy.
vmss-jenkins update-instances -g canary-rg -n web --instance-ids 0 --await-healthy
# All that are outdated, at once.
vmss-jenkins update-instances -g canary-rg -n web \\
    --instance-ids "$(vmss-jenkins status -g canary-rg -n web --outdated -o ids)"
"""


@make("update-instances", examples=EXAMPLES, changes=True)
@option_group(
    MOST_USED,
    resource_group(),
    name(),
    click.option("--instance-ids", required=True, metavar="IDS", help="Comma-separated ids, or '*' for all."),
    click.option("--await-healthy", is_flag=True, help="Wait also until each of them is healthy."),
    dry_run,
)
@azure_options(timeout(3600.0, "Longest time to wait for Azure."))
@output_options()
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

    Exits 0 if all of them have the latest model in the end, 1 if one is gone or was skipped, or if a dry run finds
    something that blocks the update. Of `*`, instances that somebody deletes meanwhile and instances that Azure never
    updates are named, and are no failure.
    """
    from vmss_jenkins.model.findings import Severity  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.model.instances import InstanceIds  # noqa: PLC0415

    InstanceIds.parse(instance_ids)
    from vmss_jenkins.library.steps import update_instances  # noqa: PLC0415 - bad input is refused before it is loaded

    result = update_instances(
        resource_group,
        name,
        instance_ids,
        connection=Connection(subscription, endpoint=endpoint),
        await_healthy=await_healthy,
        dry_run=dry_run,
        timeout=timeout,
        on_event=log_line,
    )
    if output == "json":
        print_json(result)
    elif dry_run:
        click.echo(f"dry run: would update {', '.join(result.instance_ids) or 'nothing'}", err=True)
    refused = dry_run and any(finding.severity is Severity.IMPOSSIBLE for finding in result.findings)
    return int(refused or not result.final.complete)
