"""`vmss-jenkins status`: a scale set and its instances, or all scale sets of a file."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    DIRECTORY,
    MOST_USED,
    azure_options,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
)
from vmss_jenkins.errors import ConfigError

EXAMPLES = """\
vmss-jenkins status -g canary-rg -n web
# The ids of the outdated instances, as `update-instances --instance-ids` takes them.
vmss-jenkins status -g canary-rg -n web --outdated -o ids
# Every scale set of a file, as a table and as a page.
vmss-jenkins status --all vmss.yaml --html fleet
"""


@make("status", examples=EXAMPLES)
@option_group(
    MOST_USED,
    resource_group(required=False),
    name(required=False),
    click.option(
        "--all", "file", type=click.Path(path_type=Path), help="Show every scale set of this vmss.yaml instead of one."
    ),
    click.option("--outdated", is_flag=True, help="Only the instances that do not have the latest model."),
    click.option("--addresses", is_flag=True, help="Show also at which addresses load balancers serve the instances."),
)
@azure_options()
@output_options(
    click.option("--html", type=DIRECTORY, help="With --all: write a page to this directory too."),
    formats=("table", "json", "ids"),
    means="ids: instance ids only, comma-separated.",
)
def command(
    resource_group: str | None,
    name: str | None,
    subscription: str | None,
    endpoint: str | None,
    file: Path | None,
    html: Path | None,
    outdated: bool,
    addresses: bool,
    output: str,
) -> int:
    """Show a scale set and its instances: image, latest model, power, health, protection.

    With --all: every scale set of a file, how many instances have the latest model, and how many are healthy. Exits
    1 if one of them cannot be read.
    """
    if file is not None:
        if _typed("resource_group", "name", "subscription", "outdated", "addresses") or output == "ids":
            raise ConfigError("--all", ["found options of one scale set too; give either --all or those"])
        from vmss_jenkins.cli.sets.fleet import status  # noqa: PLC0415 - not loaded for --help

        return status(file, endpoint, output, html)
    if not resource_group or not name:
        raise ConfigError("status", ["found no scale set; give --resource-group and --name, or --all vmss.yaml"])
    if html:
        raise ConfigError("--html", ["found no --all; only a page of all scale sets is written: add --all vmss.yaml"])
    connection = Connection(subscription, endpoint=endpoint)
    return _show(resource_group, name, connection, output, outdated=outdated, addresses=addresses)


def _typed(*names: str) -> bool:
    """Whether one of these options was typed; one that comes from the environment does not count."""
    context = click.get_current_context()
    return any(context.get_parameter_source(one) is ParameterSource.COMMANDLINE for one in names)


def _show(
    resource_group: str, name: str, connection: Connection, output: str, *, outdated: bool, addresses: bool
) -> int:
    from vmss_jenkins.cli.status_table import note, table  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.library import steps  # noqa: PLC0415
    from vmss_jenkins.library.os_upgrades.hooks import waiting_events  # noqa: PLC0415
    from vmss_jenkins.model.instances import has_latest_model  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.actions import RolloutSpec  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.actors.table import other_actors  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.protection.decision import as_protected  # noqa: PLC0415

    scale_set, instances = steps.observe(resource_group, name, connection=connection, on_event=log_line)
    if outdated:
        instances = tuple(instance for instance in instances if not has_latest_model(instance, scale_set))
    endpoints = steps.addresses(scale_set, instances, connection=connection) if addresses else None
    if output == "ids":
        click.echo(",".join(instance.id for instance in instances))
        return 0
    suspended = steps.suspended_services(scale_set, connection=connection) if scale_set.services else ()
    autoscale = steps.autoscale_settings(scale_set, connection=connection)
    actors = other_actors(RolloutSpec(), as_protected(scale_set), instances, autoscale, suspended=suspended)
    asked = waiting_events(scale_set, connection=connection) if scale_set.automatic_os_upgrade else ()
    if output == "json":
        notes = {instance.id: note(instance, scale_set) for instance in instances}
        found = {"scale_set": scale_set, "instances": instances, "notes": {k: v for k, v in notes.items() if v}}
        found |= {"suspended": suspended} if scale_set.services else {}
        found |= {"actors": actors} if actors else {}
        found |= {"waiting_upgrades": asked} if scale_set.automatic_os_upgrade else {}
        print_json(found | ({"addresses": endpoints} if endpoints else {}))
    else:
        table(scale_set, instances, endpoints, actors, asked, outdated=outdated)
    return 0
