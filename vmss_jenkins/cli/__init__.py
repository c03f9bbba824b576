"""The command line, one module a command, each imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from vmss_jenkins._version import VERSION

COMMANDS = {
    "update": "Set the image of a scale set's model (the plugin's azureVMSSUpdate).",
    "update-instances": "Bring chosen instances to the latest model (azureVMSSUpdateInstances).",
    "update-extension": "Put another script into the CustomScript extension of a scale set's model.",
    "status": "Show a scale set and its instances, or all sets of a file.",
    "rollout": "Roll a release out: the canary first, then in small steps, and back if it is bad.",
    "rollback": "Take a scale set back to the previous release.",
    "blue-green": "Release to the idle one of two scale sets, and switch to it, step by step.",
    "switch": "Point the traffic at the other one of two scale sets (blue-green).",
    "verify": "Ask gates whether the instances with the new release are good.",
    "azure-role": "Print the least Azure role for some commands.",
    "report": "Make a report of a rollout out of its events.",
    "render": "Write the Jenkins jobs of scale sets into files.",
    "schema": "Print the JSON Schema of vmss.yaml, of a rollout's result or of its events.",
    "handoff": "Hand a canary over from one job to the next.",
    "junit": "Write what gates said as JUnit XML.",
    "migrate": "Read Jenkinsfiles that use the plugin's steps; tell the commands and the faults.",
    "emulator": "Serve an emulator of Azure scale sets on this machine.",
}
"""What `--help` says of each command; here, so that it imports none of them."""


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"vmss_jenkins.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

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
