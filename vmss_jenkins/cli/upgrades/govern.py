"""`vmss-jenkins govern`: answer Azure's automatic OS upgrades."""

from __future__ import annotations

from pathlib import Path
from time import sleep as pause
from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.listeners import FILES, listener
from vmss_jenkins.cli.options import (
    GATE,
    MOST_USED,
    azure_options,
    dry_run,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
    timeout,
)
from vmss_jenkins.cli.parameter_types import AmountType
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.govern.plan.spec import GovernSpec
    from vmss_jenkins.rollout.ending import RolloutResult
    from vmss_jenkins.rollout.plan.selection import Amount

WATCH_EVERY = 60.0
"""Seconds between two looks for a question, with --watch."""
EXAMPLES = """\
# Let Azure ask before each batch of an automatic OS upgrade, and reject what nobody answers.
vmss-jenkins govern -g canary-rg -n web --install
# One pass, for a job on a schedule: judge the upgraded instances, then answer for the next batch.
vmss-jenkins govern -g canary-rg -n web --gate 'http path=/health samples=100'
# Approve nothing in the holidays.
vmss-jenkins govern -g canary-rg -n web --deny 2026-12-20..2027-01-03
"""


@make("govern", examples=EXAMPLES, changes=True)
@option_group(
    MOST_USED,
    resource_group(),
    name(),
    click.option("--gate", "gates", multiple=True, metavar=GATE, help="A gate, as for `verify`; may be given again."),
    click.option("--watch", is_flag=True, help="Wait for the next upgrade instead of ending; until one is not good."),
    dry_run,
)
@option_group(
    "Hooks",
    click.option("--install", is_flag=True, help="Let Azure ask: add the lifecycle hooks to the scale set, and end."),
    click.option("--uninstall", is_flag=True, help="Remove them, and end: Azure then upgrades without asking."),
    click.option(
        "--default-action",
        type=click.Choice(["reject", "approve"]),
        default="reject",
        show_default=True,
        help="With --install: what Azure does if nobody answers in time. approve upgrades unjudged.",
    ),
)
@option_group(
    "Canary and steps",
    click.option(
        "--canary",
        type=AmountType(or_none=True),
        default="none",
        show_default=True,
        help="How many instances are upgraded and judged first; rounded up. none: the first batch, as Azure makes it.",
    ),
    click.option(
        "--max-unavailable",
        type=AmountType(),
        default="10%",
        show_default=True,
        help="How many instances go at a time where Azure makes no batches: if upgrades are deferred, and for those "
        "that the canary left out.",
    ),
    click.option("--deny", multiple=True, metavar="DAY..DAY", help="Days (UTC) without approvals; may be given again."),
)
@option_group(
    "Failure",
    click.option(
        "--instance-timeout",
        type=click.FloatRange(min=1),
        metavar="SECONDS",
        default=900.0,
        show_default=True,
        help="Longest time from the approval of deferred instances until they have the new version.",
    ),
    timeout(14_400.0, "Longest time for one upgrade; the next run goes on with it."),
)
@azure_options(
    click.option(
        "--repairs",
        type=click.Choice(["suspend", "keep"]),
        default="suspend",
        show_default=True,
        help="What becomes of automatic repairs and zone balance during an upgrade: they give the new version to an "
        "ill instance before it is judged.",
    ),
    click.option(
        "--no-lock",
        is_flag=True,
        help="Do not lock the scale set against rollouts by tags of its resource group.",
    ),
)
@output_options(*FILES)
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    gates: tuple[str, ...],
    watch: bool,
    dry_run: bool,
    install: bool,
    uninstall: bool,
    default_action: str,
    canary: Amount | None,
    max_unavailable: Amount,
    deny: tuple[str, ...],
    instance_timeout: float,
    timeout: float,
    repairs: str,
    no_lock: bool,
    result: Path | None,
    events_file: Path | None,
    report: Path | None,
    output: str,
) -> int:
    """Answer the automatic OS upgrades of a scale set: judge each batch before Azure upgrades the next one.

    Azure asks by lifecycle hooks (--install), or waits because upgrades are deferred. A run governs one upgrade to its
    end; if Azure asks nothing, it ends at once. After an interruption the same command goes on.

    Exits 0 if the upgrade is done or nothing is asked, 1 if it was rejected or halted.
    """
    from vmss_jenkins.gates.parsing import gates_from  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.govern.plan.spec import GovernSpec  # noqa: PLC0415
    from vmss_jenkins.govern.plan.windows import Window  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.actions import Repairs  # noqa: PLC0415

    if install and uninstall:
        raise ConfigError("--install, --uninstall", ["found both; give one of them"])
    if gates:
        gates_from(gates)
    spec = GovernSpec(
        canary=canary,
        max_unavailable=max_unavailable,
        deny=tuple(map(Window.parse, deny)),
        instance_timeout=instance_timeout,
        timeout=timeout,
        repairs=Repairs(repairs),
    )
    connection = Connection(subscription, endpoint=endpoint)
    if install or uninstall:
        action = default_action if install else None
        return _set_hooks(resource_group, name, action, connection, output, dry_run=dry_run)
    if dry_run:
        return _preview(resource_group, name, spec, gates, connection, output)
    from vmss_jenkins.library.os_upgrades.governing import govern_upgrade  # noqa: PLC0415 - bad input is refused first

    with listener(events_file, report) as on_event:
        while True:
            found = govern_upgrade(
                resource_group,
                name,
                spec,
                gates=gates,
                claim=not no_lock,
                connection=connection,
                on_event=on_event,
            )
            code = _finish(found, result, output)
            if code or not watch:
                return code
            pause(WATCH_EVERY)


def _finish(found: RolloutResult | None, file: Path | None, output: str) -> int:
    """Write the result of an upgrade and return the exit code; an upgrade that did not end has no result."""
    from vmss_jenkins.cli.sets.rollout_options import finish  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.rollout.ending import Outcome  # noqa: PLC0415

    if found is not None:
        return finish(found, frozenset({Outcome.ROLLED_OUT}), file, output)
    if output == "json":
        print_json(None)
    return 0


def _preview(
    resource_group: str, name: str, spec: GovernSpec, gates: tuple[str, ...], connection: Connection, output: str
) -> int:
    from vmss_jenkins.library.gates import check_gates  # noqa: PLC0415 - as above
    from vmss_jenkins.library.os_upgrades.governing import look_before_govern  # noqa: PLC0415
    from vmss_jenkins.measure.gate_checks import refuse  # noqa: PLC0415

    found = look_before_govern(resource_group, name, spec, connection=connection, on_event=log_line)
    if output == "json":
        print_json(found)
    else:
        for line in found.lines():
            click.echo(f"dry run: {line}", err=True)
    if gates:
        refuse(check_gates(resource_group, name, gates, connection=connection, on_event=log_line))
    return 0


def _set_hooks(
    resource_group: str, name: str, default_action: str | None, connection: Connection, output: str, *, dry_run: bool
) -> int:
    """Install the hooks, or remove them for no default action."""
    from vmss_jenkins.library.os_upgrades.hooks import install_hooks, uninstall_hooks  # noqa: PLC0415 - as above
    from vmss_jenkins.model.os_upgrades.hooks import DefaultAction  # noqa: PLC0415

    if default_action is None:
        plan = uninstall_hooks(resource_group, name, dry_run=dry_run, connection=connection, on_event=log_line)
    else:
        action = DefaultAction(default_action.title())
        plan = install_hooks(
            resource_group, name, default_action=action, dry_run=dry_run, connection=connection, on_event=log_line
        )
    if output == "json":
        print_json(plan)
    else:
        for line in plan.lines() or (f"{resource_group}/{name} has no lifecycle hooks",):
            click.echo(f"{'dry run: ' if dry_run else ''}{line}", err=True)
    return 0
