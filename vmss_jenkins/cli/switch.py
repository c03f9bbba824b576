"""`vmss-jenkins switch`: point the traffic at the other one of two scale sets."""

from __future__ import annotations

from pathlib import Path

import click

from vmss_jenkins.cli.options import print_json, tell
from vmss_jenkins.switch_gates import check_gates, watch_gates
from vmss_jenkins.switch_preview import SwitchPreview
from vmss_jenkins.switching import SwitchOutcome, SwitchResult


@click.command("switch")
@click.option("-g", "--resource-group", required=True, help="Resource group of the sets and the load balancer.")
@click.option("--load-balancer", required=True, help="The load balancer that both sets stand behind.")
@click.option("--blue", required=True, help="One scale set of the pair.")
@click.option("--green", required=True, help="The other one.")
@click.option(
    "--to",
    type=click.Choice(["blue", "green", "idle"]),
    required=True,
    help="Which of them is to serve; idle: whichever does not now, so that the same again switches back.",
)
@click.option("--rule", default="", help="The production rule.  [default: the only one that leads to the pair]")
@click.option(
    "--test-port", type=click.IntRange(1, 65535), help="A frontend port that leads to the idle set for the check."
)
@click.option("--gate", "check", multiple=True, metavar="'KIND KEY=VALUE ...'", help="Asked before; as for `verify`.")
@click.option("--watch", multiple=True, metavar="'KIND KEY=VALUE ...'", help="Asked after; fails: switched back.")
@click.option("--allow-fewer", is_flag=True, help="Switch although fewer instances are healthy there.")
@click.option("--dry-run", is_flag=True, help="Tell what would happen and what stands in the way; change nothing.")
@click.option("--no-claim", is_flag=True, help="Do not tag the resource group against two switches at a time.")
@click.option("--subscription", help="Subscription GUID.  [default: AZURE_SUBSCRIPTION_ID]")
@click.option(
    "--endpoint", help="URL of Azure Resource Manager.  [default: VMSS_JENKINS_ENDPOINT, or the public cloud]"
)
@click.option("--timeout", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="Seconds for all.")
@click.option("--summary", type=click.Path(dir_okay=False, path_type=Path), help="Write there in a line how it ended.")
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="Result on standard output as JSON."
)
def command(
    resource_group: str,
    load_balancer: str,
    blue: str,
    green: str,
    to: str,
    rule: str,
    test_port: int | None,
    check: tuple[str, ...],
    watch: tuple[str, ...],
    allow_fewer: bool,
    dry_run: bool,
    no_claim: bool,
    subscription: str | None,
    endpoint: str | None,
    timeout: float,
    summary: Path | None,
    output: str,
) -> int:
    """Point the production rule at the other one of two scale sets behind one load balancer.

    The idle set is checked first, through --test-port or on each instance; then one conditional write of the load
    balancer switches, and open connections stay. Exits 0 where the set serves, 1 where a gate refused it and the
    other one does.
    """
    check_gates(check, test_port)
    watch_gates(watch)
    from vmss_jenkins.blue_green import switch  # noqa: PLC0415 - bad input is told before anything is loaded
    from vmss_jenkins.reach import Reach  # noqa: PLC0415

    result = switch(
        resource_group,
        load_balancer,
        to=green if to == "green" else blue,
        away=blue if to == "green" else green,
        to_idle=to == "idle",
        rule=rule,
        test_port=test_port,
        check=check,
        watch=watch,
        allow_fewer=allow_fewer,
        dry_run=dry_run,
        claim=not no_claim,
        reach=Reach(subscription=subscription, endpoint=endpoint),
        timeout=timeout,
        on_event=tell,
    )
    if output == "json":
        print_json(result)
    if summary and not result.preview:
        summary.write_text(f"{_said(result)}\n", encoding="utf-8")
    if result.preview:
        return _show(result.preview, quiet=output == "json")
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
