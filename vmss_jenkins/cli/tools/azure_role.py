"""`vmss-jenkins azure-role`: the smallest Azure role that some commands need."""

from __future__ import annotations

import click
from cloup import option_group

from vmss_jenkins.azure.roles import USED, role
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import MOST_USED, output_options, print_json

EXAMPLES = """\
vmss-jenkins azure-role --for rollout,rollback,status --scope /subscriptions/$AZURE_SUBSCRIPTION_ID > role.json
az role definition create --role-definition role.json
"""


@make("azure-role", examples=EXAMPLES)
@option_group(
    MOST_USED,
    click.option("--for", "commands", required=True, metavar="COMMANDS", help=f"Comma-separated: {', '.join(USED)}."),
    click.option(
        "--scope",
        required=True,
        help="Where the role may be assigned: /subscriptions/ID or /subscriptions/ID/resourceGroups/NAME.",
    ),
    click.option(
        "--role-name", default="vmss-jenkins", show_default=True, help="Name of the role; it is unique in a tenant."
    ),
)
@output_options(formats=("json", "text"), means="text: the actions only, one a line.", loudness=False)
def command(commands: str, scope: str, role_name: str, output: str) -> None:
    """Print a custom role definition with exactly the actions that some commands use."""
    found = role([one.strip() for one in commands.split(",")], scope, role_name)
    if output == "json":
        print_json(found)
    else:
        click.echo("\n".join(found["Actions"]))
