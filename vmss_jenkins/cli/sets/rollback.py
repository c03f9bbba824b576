"""`vmss-jenkins rollback`: roll a scale set back to the previous release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.application_options import application
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.listeners import FILES, listener
from vmss_jenkins.cli.options import MOST_USED, azure_options, dry_run, log_line, name, output_options, resource_group
from vmss_jenkins.cli.parameter_types import RELEASE
from vmss_jenkins.cli.sets.rollout_options import (
    ALLOWANCES,
    LIMITS,
    MIN_HEALTHY_TIME,
    STEPS,
    finish,
    show_plan,
    strategy_of,
)
from vmss_jenkins.cli.sets.script_options import ScriptOptions, script_options

if TYPE_CHECKING:
    from vmss_jenkins.model.images import ImageReference
    from vmss_jenkins.rollout.plan.selection import Amount

EXAMPLES = """\
# Show what would happen.
vmss-jenkins rollback -g canary-rg -n web --dry-run
# Roll back to the release before; `vmss-jenkins history` shows it.
vmss-jenkins rollback -g canary-rg -n web
# Name the image, for example to go further back.
vmss-jenkins rollback -g canary-rg -n web --to "$IMAGE_ID"
# The release is a script: restore the settings that the CustomScript extension had before.
vmss-jenkins rollback -g canary-rg -n web --extension CustomScript
# The release is an application: go to the version that the set had before, or to none if it had none.
vmss-jenkins rollback -g canary-rg -n web --application apps/site
"""


@make("rollback", examples=EXAMPLES, changes=True)
@option_group(
    MOST_USED,
    resource_group(),
    name(),
    click.option(
        "--to",
        type=RELEASE,
        help="Image to roll back to: its id, or publisher:offer:sku:version; or an application, as --application names "
        "it.  [default: the one before, as history shows it, or the other image that instances run]",
    ),
    dry_run,
)
@option_group("Steps", *STEPS, MIN_HEALTHY_TIME)
@option_group("Failure", *LIMITS)
@script_options(release=False, application=(application("to the version before"),))
@azure_options(*ALLOWANCES)
@output_options(*FILES)
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    to: ImageReference | str | None,
    dry_run: bool,
    script: ScriptOptions,
    max_unavailable: Amount,
    strategy: str,
    max_surge: Amount | None,
    allow_unknown_autoscale: bool,
    repairs: str,
    autoscale: str,
    min_healthy_time: float,
    instance_timeout: float,
    timeout: float,
    ids_per_call: int,
    drain: float | None,
    no_lock: bool,
    allow_automatic_rollout: bool,
    result: Path | None,
    events_file: Path | None,
    report: Path | None,
    output: str,
) -> int:
    """Roll a scale set back: the model first, then all instances that run another release.

    Exits 0 if all of them run the previous release, 1 if not, or if a dry run finds something that blocks the rollback.
    """
    from vmss_jenkins.library.rollback_preview import look_before_rollback  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.library.rollouts import roll_back  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.rollout.ending import Outcome  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.actions import Autoscale, Repairs, RolloutSpec  # noqa: PLC0415

    if isinstance(to, str):
        script, to = script.for_application(to), None
    spec = RolloutSpec(
        canary=None,
        max_unavailable=max_unavailable,
        strategy=strategy_of(strategy, max_surge),
        max_surge=max_surge,
        allow_unknown_autoscale=allow_unknown_autoscale,
        repairs=Repairs(repairs),
        autoscale=Autoscale(autoscale),
        min_healthy_time=min_healthy_time,
        instance_timeout=instance_timeout,
        timeout=timeout,
        ids_per_call=ids_per_call,
        rollback_to=to or script.to,
        drain=drain,
    )
    scripted = script.rollout(to, upload=not dry_run)
    connection = Connection(subscription, endpoint=endpoint)
    if dry_run:
        plan = look_before_rollback(
            resource_group,
            name,
            spec,
            scripted=scripted,
            allow_automatic_rollout=allow_automatic_rollout,
            connection=connection,
            on_event=log_line,
        )
        return show_plan(plan, allow_automatic_rollout, output)
    with listener(events_file, report) as on_event:
        found = roll_back(
            resource_group,
            name,
            spec,
            scripted=scripted,
            claim=not no_lock,
            allow_automatic_rollout=allow_automatic_rollout,
            connection=connection,
            on_event=on_event,
        )
    return finish(found, frozenset({Outcome.ROLLED_BACK}), result, output)
