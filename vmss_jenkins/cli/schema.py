"""`vmss-jenkins schema`: the JSON Schema of vmss.yaml."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of vmss.yaml, for editors that complete and check it.

    For the YAML extension of VS Code, write it into a file and begin vmss.yaml with
    `# yaml-language-server: $schema=FILE`.
    """
    from vmss_jenkins.config import json_schema  # noqa: PLC0415 - not loaded for --help

    click.echo(json.dumps(json_schema(), indent=2))
