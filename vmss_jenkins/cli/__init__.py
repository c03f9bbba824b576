"""The command line, one module a command, each imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from vmss_jenkins._version import VERSION

ROOMS = {
    "sets": {
        "update": "Set the image of a scale set's model (the plugin's azureVMSSUpdate).",
        "update-instances": "Bring chosen instances to the latest model (azureVMSSUpdateInstances).",
        "update-extension": "Put another script into the CustomScript extension of a scale set's model.",
        "status": "Show a scale set and its instances, or all sets of a file.",
        "rollout": "Roll a release out: the canary first, then in small steps, and back if it is bad.",
        "rollback": "Take a scale set back to the previous release.",
        "verify": "Ask gates whether the instances with the new release are good.",
    },
    "pairs": {
        "blue-green": "Release to the idle one of two scale sets, and switch to it, step by step.",
        "switch": "Point the traffic at the other one of two scale sets (blue-green).",
    },
    "tools": {
        "azure-role": "Print the least Azure role for some commands.",
        "report": "Make a report of a rollout out of its events.",
        "schema": "Print the JSON Schema of vmss.yaml, of a rollout's result or of its events.",
        "emulator": "Serve an emulator of Azure scale sets on this machine.",
    },
    "jobs": {
        "render": "Write the Jenkins jobs of scale sets into files.",
        "seed": "Put the jobs of vmss.yaml on a Jenkins server, and keep them as the file says.",
        "handoff": "Hand a canary over from one job to the next.",
        "junit": "Write what gates said as JUnit XML.",
        "migrate": "Read Jenkinsfiles that use the plugin's steps; tell the commands and the faults.",
    },
}
"""The commands of each room, with what `--help` says of them; here, so that it imports none of them."""
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
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="vmss-jenkins")
def cli() -> None:
    """Canary deployments of Azure virtual machine scale sets.

    The credential is found as azure-identity's DefaultAzureCredential does: AZURE_TENANT_ID,
    AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, a workload identity, a managed identity.
    """
