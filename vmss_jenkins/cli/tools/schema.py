"""`vmss-jenkins schema`: the JSON Schemas of what is read and written."""

from __future__ import annotations

import json
from typing import Any

import click

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import output_options

EXAMPLES = """\
vmss-jenkins schema > vmss.schema.json
vmss-jenkins schema events
"""


@make("schema", examples=EXAMPLES)
@click.argument("what", type=click.Choice(["vmss.yaml", "rollout.json", "events"]), default="vmss.yaml")
@output_options(formats=("json",), loudness=False)
def command(what: str, output: str) -> None:  # noqa: ARG001 - there is one format
    """Print the JSON Schema of vmss.yaml, of a rollout's result or of a line of its events.

    Editors complete and check vmss.yaml by its schema. For the YAML extension of VS Code, write the schema to a file
    and begin vmss.yaml with `# yaml-language-server: $schema=FILE`.
    """
    click.echo(json.dumps(_schema(what), indent=2))


def _schema(what: str) -> dict[str, Any]:
    if what == "vmss.yaml":
        from vmss_jenkins.config import json_schema  # noqa: PLC0415 - not loaded for --help

        return json_schema()
    from vmss_jenkins.report import schema  # noqa: PLC0415 - as above

    if what == "events":
        return schema.events_schema()
    from vmss_jenkins.rollout.ending import RolloutResult  # noqa: PLC0415 - as above

    return schema.result_schema(RolloutResult)
