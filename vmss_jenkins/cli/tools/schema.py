"""`vmss-jenkins schema`: the JSON Schemas of what is read and written."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["vmss.yaml", "rollout.json", "events"]), default="vmss.yaml")
def command(what: str) -> None:
    """Print the JSON Schema of vmss.yaml, of a rollout's result or of a line of its events.

    Of vmss.yaml it is for editors, which complete and check by it.

    For the YAML extension of VS Code, write it into a file and begin vmss.yaml with
    `# yaml-language-server: $schema=FILE`.
    """
    click.echo(json.dumps(_schema(what), indent=2))


def _schema(what: str) -> dict[str, Any]:
    if what == "vmss.yaml":
        from vmss_jenkins.config import json_schema  # noqa: PLC0415 - not loaded for --help

        return json_schema()
    from vmss_jenkins.report import schema  # noqa: PLC0415 - as above

    if what == "events":
        return schema.events_schema()
    from vmss_jenkins.rollout.engine import RolloutResult  # noqa: PLC0415 - as above

    return schema.result_schema(RolloutResult)
