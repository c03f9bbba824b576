"""The command line, one module a command, each imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import click

from vmss_jenkins._version import VERSION

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

ROOMS = {
    "sets": {
        "update": "Set the image of a scale set's model (the plugin's azureVMSSUpdate).",
        "update-instances": "Bring chosen instances to the latest model (azureVMSSUpdateInstances).",
        "update-extension": "Set the script of the CustomScript extension in a scale set's model.",
        "status": "Show a scale set and its instances, or all scale sets of a file.",
        "rollout": "Roll out a release: the canary first, then in steps; roll back if it is bad.",
        "rollback": "Roll a scale set back to the previous release.",
        "history": "Show the last releases and rollbacks of a scale set.",
        "release-claim": "Release the lock that a killed run left, and resume what it suspended.",
        "resolve-image": "Show which exact version an image means now, and which instances lack it.",
        "verify": "Ask gates whether the instances with the new release are healthy.",
    },
    "upgrades": {
        "govern": "Answer Azure's automatic OS upgrades: judge each batch, approve or reject the next.",
    },
    "pairs": {
        "blue-green": "Release to the idle one of two scale sets, then switch the traffic to it.",
        "switch": "Switch the traffic to the other one of two scale sets.",
    },
    "jobs": {
        "render": "Write the Jenkins jobs of scale sets to files.",
        "seed": "Create and update the jobs of vmss.yaml on a Jenkins server.",
        "handoff": "Hand a canary over from one Jenkins job to the next.",
        "junit": "Write the verdicts of gates as JUnit XML.",
        "migrate": "Convert Jenkinsfiles that use the plugin's steps.",
    },
    "tools": {
        "azure-role": "Print the smallest Azure role that some commands need.",
        "report": "Make a report of a rollout from its events.",
        "schema": "Print the JSON Schema of vmss.yaml, of a rollout's result or of its events.",
        "emulator": "Run an emulator of Azure scale sets on this machine.",
        "completion": "Print the script that completes commands and options in a shell.",
    },
}
"""The commands of each room, with what `--help` says of them; here, so that it imports none of them."""
SECTIONS = {
    "sets": "Scale sets",
    "upgrades": "Azure's own upgrades",
    "pairs": "Blue-green pairs",
    "jobs": "Jenkins jobs",
    "tools": "Tools",
}
"""The heading of each room in the help."""
COMMANDS = {name: text for commands in ROOMS.values() for name, text in commands.items()}
"""All commands."""


def command_of(name: str) -> click.Command:
    """Import a command, such as `rollout`; a name that `COMMANDS` has."""
    room = next(room for room, commands in ROOMS.items() if name in commands)
    command: click.Command = import_module(f"{__name__}.{room}.{name.replace('-', '_')}").command
    return command


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return command_of(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, COMMANDS))
        for room, commands in ROOMS.items():
            with formatter.section(SECTIONS[room]):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name; click's own way imports every command."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - needed by a shell only

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`vmss-jenkins COMMAND --help` shows the options of a command, in groups, with examples.",
)
@click.version_option(VERSION, prog_name="vmss-jenkins")
def cli() -> None:
    """Canary deployments of Azure virtual machine scale sets.

    Credentials are those that azure-identity's DefaultAzureCredential finds: `az login`,
    AZURE_TENANT_ID with AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, a workload identity, or a
    managed identity.
    """
