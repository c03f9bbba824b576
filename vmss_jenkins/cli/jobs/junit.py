"""`vmss-jenkins junit`: what gates said, for Jenkins' test results."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.plan.handoff import evidence_in
from vmss_jenkins.report import junit


@click.command("junit")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there.")
@click.option("--suite", default="gates", show_default=True, help="What was judged.")
def command(file: Path, out: Path, suite: str) -> None:
    """Write what gates said as JUnit XML.

    FILE is the result of a rollout (`rollout --result`), or what `verify --output json` printed.
    """
    try:
        gates = evidence_in(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(file), [f"is not JSON: {error}"]) from error
    out.write_text(junit.document(suite, gates), encoding="utf-8")
