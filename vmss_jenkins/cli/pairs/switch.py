"""`vmss-jenkins switch`: point the traffic at the other one of two scale sets."""

from __future__ import annotations

from typing import Any

import click

from vmss_jenkins.blue_green.plan.gates import check_gates, watch_gates
from vmss_jenkins.blue_green.plan.preview import SwitchPreview
from vmss_jenkins.blue_green.switch import SwitchOutcome, SwitchResult
from vmss_jenkins.cli.options import print_json, tell
from vmss_jenkins.cli.pairs.options import connection_of, pair_of, pair_options


@click.command("switch")
@click.option(
    "--to",
    type=click.Choice(["blue", "green", "idle"]),
    required=True,
    help="Which of them is to serve; idle: whichever does not now, so that the same again switches back.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would happen and what stands in the way; change nothing.")
@click.option("--timeout", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="Seconds for all.")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="Result on standard output as JSON."
)
@pair_options
def command(to: str, dry_run: bool, timeout: float, output: str, **given: Any) -> int:  # noqa: ANN401 - as click gives
    """Point the production rule at the other one of two scale sets behind one load balancer.

    The idle set is checked first, through --test-port or on each instance; then one conditional write of the load
    balancer switches, and open connections stay. Exits 0 where the set serves, 1 where a gate refused it and the
    other one does.
    """
    check_gates(given["check"], given["test_port"])
    watch_gates(given["watch"])
    pair = pair_of(given)
    from vmss_jenkins.library.blue_green import switch  # noqa: PLC0415 - bad input is told before anything is loaded

    result = switch(
        pair,
        to,
        check=given["check"],
        watch=given["watch"],
        allow_fewer=given["allow_fewer"],
        dry_run=dry_run,
        claim=not given["no_claim"],
        connection=connection_of(given),
        timeout=timeout,
        on_event=tell,
    )
    if output == "json":
        print_json(result)
    if result.preview:
        return _show(result.preview, quiet=output == "json")
    if summary := given["summary"]:
        summary.write_text(f"{_said(result)}\n", encoding="utf-8")
    return int(result.outcome not in {SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED})


def _said(result: SwitchResult) -> str:
    if result.reason:
        return f"{result.outcome.value}, {result.serves} serves: {result.reason}"
    unchanged = result.outcome is SwitchOutcome.UNCHANGED
    return f"{result.serves} serves already: nothing was changed" if unchanged else f"{result.serves} serves now"


def _show(found: SwitchPreview, *, quiet: bool) -> int:
    """Say what would happen, and return the exit code: 1 where it would be refused."""
    for line in () if quiet else found.lines():
        click.echo(f"dry run: {line}", err=True)
    return int(found.refused)
