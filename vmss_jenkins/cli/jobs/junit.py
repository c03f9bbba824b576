"""`vmss-jenkins junit`: the verdicts of gates as test results for Jenkins."""

from __future__ import annotations

import json
from pathlib import Path

import click
import cloup
from cloup import option_group

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import FILE, GIVEN_FILE, MOST_USED, output_options, print_json
from vmss_jenkins.errors import ConfigError

EXAMPLES = """\
vmss-jenkins rollout -g canary-rg -n web --gate instance-health --result rollout.json
vmss-jenkins junit rollout.json --out rollout.xml --suite web
"""


@make("junit", examples=EXAMPLES)
@cloup.argument(
    "file", type=GIVEN_FILE, help="Result of a rollout (`rollout --result`), or the output of `verify -o json`."
)
@option_group(
    MOST_USED,
    click.option("--out", required=True, type=FILE, help="Write JUnit XML to this file."),
    click.option("--suite", default="gates", show_default=True, help="Name of the test suite: what was judged."),
)
@output_options(loudness=False)
def command(file: Path, out: Path, suite: str, output: str) -> None:
    """Write the verdicts of gates, and how a rollout ended, as JUnit XML."""
    from vmss_jenkins.jenkins.plan.handoff import evidence_in  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.report import junit  # noqa: PLC0415

    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        gates = (*evidence_in(result), *junit.ending_in(result))
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(file), [f"is not JSON: {error}"]) from error
    out.write_text(junit.document(suite, gates), encoding="utf-8")
    if output == "json":
        print_json({"file": str(out), "suite": suite, "gates": gates})
