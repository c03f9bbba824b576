"""`vmss-jenkins history`: the last releases and rollbacks of a scale set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    MOST_USED,
    azure_options,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
)
from vmss_jenkins.cli.tables import show

if TYPE_CHECKING:
    from vmss_jenkins.model.release_log import Record

EXAMPLES = """\
vmss-jenkins history -g canary-rg -n web
# The exact releases, for a script.
vmss-jenkins history -g canary-rg -n web -o json
"""
_HEADINGS = ("when (UTC)", "outcome", "release", "before", "by", "build")


@make("history", examples=EXAMPLES)
@option_group(MOST_USED, resource_group(), name())
@azure_options()
@output_options(formats=("table", "json"))
def command(resource_group: str, name: str, subscription: str | None, endpoint: str | None, output: str) -> int:
    """Show the last ten releases and rollbacks of a scale set, the newest first.

    They are kept in tags of the resource group, by each rollout and rollback that changed something.
    """
    from vmss_jenkins.library.rollouts import release_history  # noqa: PLC0415 - not loaded for --help

    connection = Connection(subscription, endpoint=endpoint)
    records = release_history(resource_group, name, connection=connection, on_event=log_line)
    if output == "json":
        print_json([_fields(one) for one in records])
    elif records:
        show(_HEADINGS, [_cells(one) for one in records])
    else:
        click.echo(f"{resource_group}/{name}: no release is recorded yet")
    return 0


def _fields(one: Record) -> dict[str, object]:
    kind = "image" if one.is_image else "script"
    return {
        "when": one.when,
        "outcome": one.outcome,
        "kind": kind,
        "release": one.release,
        "before": one.before or None,
        "by": one.by,
        "build": one.build or None,
        "run": one.run,
    }


def _cells(one: Record) -> tuple[str, ...]:
    when = one.when.replace("T", " ").removesuffix("Z")
    return (when, one.outcome, one.short(one.release), one.short(one.before), one.by, one.build)
