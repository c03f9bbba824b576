"""`vmss-jenkins azure-role`: the least Azure role for some commands."""

from __future__ import annotations

import click

from vmss_jenkins.azure.roles import USED, role
from vmss_jenkins.cli.options import print_json


@click.command("azure-role")
@click.option(
    "--for",
    "commands",
    required=True,
    metavar="COMMANDS",
    help=f"Comma-separated: {', '.join(USED)}.",
)
@click.option("--scope", required=True, help="Where it may be assigned: /subscriptions/ID[/resourceGroups/NAME].")
@click.option("--role-name", default="vmss-jenkins", show_default=True, help="A tenant has each name once.")
def command(commands: str, scope: str, role_name: str) -> None:
    """Print the custom role definition with exactly the actions that commands use.

    `az role definition create --role-definition FILE` takes it.
    """
    print_json(role(filter(None, map(str.strip, commands.split(","))), scope, role_name))
