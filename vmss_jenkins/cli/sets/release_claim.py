"""`vmss-jenkins release-claim`: release the lock that a killed run left, and resume what it suspended."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
)

if TYPE_CHECKING:
    from vmss_jenkins.rollout.claims.release import ClaimRelease

EXAMPLES = """\
# Show who holds the lock, and whether it would be released.
vmss-jenkins release-claim -g canary-rg -n web --dry-run
vmss-jenkins release-claim -g canary-rg -n web
# The run was on another machine, and it is certain that it has ended.
vmss-jenkins release-claim -g canary-rg -n web --force
"""


@make("release-claim", examples=EXAMPLES, changes=True)
@option_group(
    MOST_USED,
    resource_group(),
    name(),
    click.option("--force", is_flag=True, help="Release the lock although it is not known whether its run has ended."),
    dry_run,
)
@azure_options()
@output_options(formats=("text", "json"))
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    force: bool,
    dry_run: bool,
    output: str,
) -> int:
    """Release the lock that a killed run left on a scale set, and resume what the run had suspended.

    The next rollout of the set does the same; use this if none follows soon. It refuses while the run is alive, or may
    be. Exits 0 if no lock is left and nothing is suspended any more, 1 if it refuses or could not resume.
    """
    from vmss_jenkins.library.claims import release_claim  # noqa: PLC0415 - not loaded for --help

    connection = Connection(subscription, endpoint=endpoint)
    found = release_claim(resource_group, name, force=force, dry_run=dry_run, connection=connection, on_event=log_line)
    if output == "json":
        print_json(found)
    else:
        _show(found, dry_run=dry_run)
    return int(not found.complete)


def _show(found: ClaimRelease, *, dry_run: bool) -> None:
    if not found.found:
        click.echo(f"{found.scale_set}: no lock is held")
    for one in found.found:
        click.echo(f"{found.scale_set}: {'would release' if dry_run else 'released'} the lock of {one}")
        if one.claim.rolling_back:
            click.echo(f"{found.scale_set}: the rollback is unfinished: run `vmss-jenkins rollback`")
    if not found.complete:
        click.echo(f"{found.scale_set}: not everything is resumed: run the same command again")
