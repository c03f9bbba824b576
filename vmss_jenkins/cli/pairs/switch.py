"""`vmss-jenkins switch`: switch the traffic to the other one of two scale sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from cloup import option_group

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import MOST_USED, azure_options, dry_run, log_line, output_options, print_json, timeout
from vmss_jenkins.cli.pairs.options import BALANCING, GATES, NO_LOCK, PAIR, SUMMARY, connection_of, pair_of

if TYPE_CHECKING:
    from vmss_jenkins.blue_green.plan.preview import SwitchPreview
    from vmss_jenkins.blue_green.switch import SwitchResult

EXAMPLES = """\
vmss-jenkins switch -g shop-rg --load-balancer shop-lb --blue shop-blue --green shop-green --to idle --dry-run
# Check the idle scale set on port 8081, switch, and switch back if the gate fails afterwards.
vmss-jenkins switch -g shop-rg --load-balancer shop-lb --blue shop-blue --green shop-green --to green \\
    --test-port 8081 --gate 'http path=/' --watch 'http path=/ samples=200'
"""


@make("switch", examples=EXAMPLES, changes=True)
@option_group(
    MOST_USED,
    *PAIR,
    click.option(
        "--to",
        type=click.Choice(["blue", "green", "idle"]),
        required=True,
        help="Which scale set is to serve. idle: the one that does not serve now; run again, it switches back.",
    ),
    dry_run,
)
@option_group("Load balancer", *BALANCING)
@option_group("Gates", *GATES)
@azure_options(NO_LOCK, timeout(3600.0, "Longest time for the whole command."))
@output_options(SUMMARY)
def command(to: str, dry_run: bool, timeout: float, output: str, **given: Any) -> int:  # noqa: ANN401 - as click gives
    """Switch the production rule to the other one of two scale sets behind one load balancer.

    The idle scale set is checked first, through --test-port or on each instance. One conditional write of the load
    balancer switches new connections; open connections stay. Exits 0 if the wanted scale set serves, 1 if a gate
    refused it and the other one serves.
    """
    from vmss_jenkins.blue_green.plan.gates import check_gates, watch_gates  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.blue_green.switch import SwitchOutcome  # noqa: PLC0415

    check_gates(given["check"], given["test_port"])
    watch_gates(given["watch"])
    pair = pair_of(given)
    from vmss_jenkins.library.blue_green import switch  # noqa: PLC0415 - bad input is refused before it is loaded

    result = switch(
        pair,
        to,
        check=given["check"],
        watch=given["watch"],
        allow_fewer=given["allow_fewer"],
        dry_run=dry_run,
        claim=not given["no_lock"],
        connection=connection_of(given),
        timeout=timeout,
        on_event=log_line,
    )
    if output == "json":
        print_json(result)
    if result.preview:
        return _show(result.preview, quiet=output == "json")
    if summary := given["summary"]:
        summary.write_text(f"{_sentence(result)}\n", encoding="utf-8")
    return int(result.outcome not in {SwitchOutcome.SWITCHED, SwitchOutcome.UNCHANGED})


def _sentence(result: SwitchResult) -> str:
    """How it ended, in one line."""
    from vmss_jenkins.blue_green.switch import SwitchOutcome  # noqa: PLC0415 - not loaded for --help

    if result.reason:
        return f"{result.outcome.value}, {result.serves} serves: {result.reason}"
    unchanged = result.outcome is SwitchOutcome.UNCHANGED
    return f"{result.serves} serves already: nothing was changed" if unchanged else f"{result.serves} serves now"


def _show(found: SwitchPreview, *, quiet: bool) -> int:
    """Print the plan, and return the exit code: 1 if the switch would be refused."""
    for line in () if quiet else found.lines():
        click.echo(f"dry run: {line}", err=True)
    return int(found.refused)
