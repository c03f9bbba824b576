"""`vmss-jenkins rollout`: roll a release out over a scale set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.application_options import INSTALLATION, application
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.listeners import FILES, listener
from vmss_jenkins.cli.options import (
    GATE,
    MOST_USED,
    azure_options,
    dry_run,
    image_options,
    log_line,
    name,
    output_options,
    resource_group,
)
from vmss_jenkins.cli.parameter_types import IMAGE, AmountType
from vmss_jenkins.cli.sets.release_file import MOVING_IMAGE, RELEASE_FILE, WAIT_FOR_REPLICATION, read_release
from vmss_jenkins.cli.sets.rollout_options import (
    ALLOWANCES,
    LIMITS,
    MIN_HEALTHY_TIME,
    SECONDS,
    STEPS,
    finish,
    show_plan,
    strategy_of,
)
from vmss_jenkins.cli.sets.script_options import ScriptOptions, script_options
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.model.images import ImageReference
    from vmss_jenkins.model.instances import InstanceIds
    from vmss_jenkins.model.scripts import ScriptRollout
    from vmss_jenkins.rollout.plan.actions import RolloutSpec
    from vmss_jenkins.rollout.plan.preview import Preview
    from vmss_jenkins.rollout.plan.selection import Amount
    from vmss_jenkins.rollout.plan.surge.preview import SurgePreview

INCLUDE, ON_FAILURE = ("deallocated", "failed"), ("stop", "rollback")
"""The values of `Include` and of `OnFailure`, which are not loaded for --help."""
EXAMPLES = """\
# Show what would happen.
vmss-jenkins rollout -g canary-rg -n web --image-id "$IMAGE_ID" --dry-run
# Update one instance, ask the gate, then the others 20% at a time; roll back if the gate fails.
vmss-jenkins rollout -g canary-rg -n web --image-id "$IMAGE_ID" --canary 1 --max-unavailable 20% \\
    --gate 'http path=/health samples=100'
# The release is a script that instances download and run.
vmss-jenkins rollout -g canary-rg -n web --script-url https://example.com/install-v2.sh --canary 10%
# The release is a version of an application in a gallery.
vmss-jenkins rollout -g canary-rg -n web --application apps/site/1.1.0 --canary 1
"""
_IMAGE_ID, _IMAGE = image_options()


@make("rollout", examples=EXAMPLES, changes=True)
@option_group(
    MOST_USED,
    resource_group(),
    name(),
    _IMAGE_ID,
    click.option(
        "--canary",
        type=AmountType(or_none=True),
        default="1",
        show_default=True,
        help="How many instances are updated first; rounded up. none: the first batch is as large as the others.",
    ),
    dry_run,
)
@option_group(
    "Release",
    _IMAGE,
    MOVING_IMAGE,
    RELEASE_FILE,
    WAIT_FOR_REPLICATION,
    help="Without an image and a script the release is what the model of the scale set has.",
)
@option_group(
    "Canary and steps",
    click.option("--canary-only", is_flag=True, help="Stop after the canary; the next rollout updates the others."),
    click.option("--instance-ids", metavar="IDS", help="Comma-separated ids, or '*' for all.  [default: --outdated]"),
    click.option("--outdated", is_flag=True, help="All instances that do not have the release."),
    click.option(
        "--include",
        type=click.Choice(INCLUDE),
        multiple=True,
        help="Update these instances too, which are skipped otherwise; may be given again.",
    ),
    *STEPS,
)
@option_group(
    "Gates",
    click.option("--gate", "gates", multiple=True, metavar=GATE, help="A gate, as for `verify`; may be given again."),
    MIN_HEALTHY_TIME,
    click.option(
        "--pause",
        type=SECONDS,
        metavar="SECONDS",
        default=0.0,
        help="How long to wait after the canary and after each batch.",
    ),
)
@option_group(
    "Failure",
    click.option(
        "--on-failure",
        type=click.Choice(ON_FAILURE),
        default="rollback",
        show_default=True,
        help="What to do if a gate or an update fails.",
    ),
    click.option(
        "--to",
        type=IMAGE,
        help="Image that a rollback goes to: its id, or publisher:offer:sku:version.  "
        "[default: the other one that instances run]",
    ),
    click.option(
        "--max-failed",
        type=click.IntRange(min=0),
        metavar="COUNT",
        default=0,
        help="How many instances may fail before the rollout fails.",
    ),
    *LIMITS,
)
@script_options(application=(application("the one that the model has"), *INSTALLATION))
@azure_options(*ALLOWANCES)
@output_options(*FILES)
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    image_id: ImageReference | None,
    image: ImageReference | None,
    canary: Amount | None,
    canary_only: bool,
    instance_ids: str | None,
    outdated: bool,
    include: tuple[str, ...],
    pause: float,
    max_failed: int,
    gates: tuple[str, ...],
    on_failure: str,
    to: ImageReference | None,
    moving_image: str | None,
    release_file: Path | None,
    wait_for_replication: float | None,
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
    """Roll out a release: the canary first, then in steps, each judged by gates; roll back if it is bad.

    The state of a rollout is in Azure: after an interruption the same command continues it. Exits 0 if every
    chosen instance has the release, 1 if the rollout was rolled back or halted.
    """
    from vmss_jenkins.gates.parsing import gates_from  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.model.images import MovingImage  # noqa: PLC0415
    from vmss_jenkins.rollout.ending import Outcome  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.actions import Autoscale, OnFailure, Repairs, RolloutSpec  # noqa: PLC0415
    from vmss_jenkins.rollout.plan.selection import Include, Scope  # noqa: PLC0415

    release = _one_image(image_id, image)
    resolved = read_release(release_file, release, moving_image)
    spec = RolloutSpec(
        scope=Scope(_ids(instance_ids, outdated=outdated), frozenset(map(Include, include))),
        canary=canary,
        canary_only=canary_only,
        max_unavailable=max_unavailable,
        strategy=strategy_of(strategy, max_surge),
        max_surge=max_surge,
        allow_unknown_autoscale=allow_unknown_autoscale,
        repairs=Repairs(repairs),
        autoscale=Autoscale(autoscale),
        pause=pause,
        min_healthy_time=min_healthy_time,
        instance_timeout=instance_timeout,
        timeout=timeout,
        max_failed=max_failed,
        ids_per_call=ids_per_call,
        on_failure=OnFailure(on_failure),
        rollback_to=to or script.to,
        drain=drain,
        moving_image=MovingImage(moving_image or MovingImage.PIN),
        wait_for_replication=wait_for_replication,
        resolved=resolved,
    )
    release = resolved.named if resolved else release
    if release and script.given:
        raise ConfigError("release", ["found both an image and a script; give one of them"])
    if gates:
        gates_from(gates)
    if canary_only and not canary:
        raise ConfigError("--canary-only", ["found --canary none; give how many instances, such as --canary 1"])
    scripted = script.rollout(to, upload=not dry_run)
    connection = Connection(subscription, endpoint=endpoint)
    if dry_run:
        plan = _plan(resource_group, name, release, spec, scripted, connection, allowed=allow_automatic_rollout)
        code = show_plan(plan, allow_automatic_rollout, output)
        if gates:
            _check_gates(resource_group, name, gates, connection)
        return code
    from vmss_jenkins.library.rollouts import roll_out  # noqa: PLC0415 - bad input is refused before it is loaded

    with listener(events_file, report) as on_event:
        found = roll_out(
            resource_group,
            name,
            release,
            spec,
            scripted=scripted,
            gates=gates,
            claim=not no_lock,
            allow_automatic_rollout=allow_automatic_rollout,
            connection=connection,
            on_event=on_event,
        )
    return finish(found, frozenset({Outcome.ROLLED_OUT, Outcome.CANARY}), result, output)


def _plan(
    resource_group: str,
    name: str,
    release: ImageReference | None,
    spec: RolloutSpec,
    scripted: ScriptRollout | None,
    connection: Connection,
    *,
    allowed: bool,
) -> Preview | SurgePreview:
    """Look at the scale set, and decide what would happen."""
    from vmss_jenkins.azure.scripts.script_urls import warnings  # noqa: PLC0415 - bad input is refused before it is loaded
    from vmss_jenkins.library import rollout_preview  # noqa: PLC0415 - as above
    from vmss_jenkins.rollout.plan.actions import Strategy  # noqa: PLC0415 - as above

    for warning in warnings(scripted.script) if scripted else ():
        click.echo(f"dry run: {warning}", err=True)
    surges = spec.strategy is Strategy.SURGE
    look = rollout_preview.look_before_surge if surges else rollout_preview.look_before_rollout
    return look(
        resource_group,
        name,
        release,
        spec,
        scripted=scripted,
        allow_automatic_rollout=allowed,
        connection=connection,
        on_event=log_line,
    )


def _check_gates(resource_group: str, name: str, gates: tuple[str, ...], connection: Connection) -> None:
    """Refuse gates that cannot measure, as the rollout would."""
    from vmss_jenkins.library.gates import check_gates  # noqa: PLC0415 - as above
    from vmss_jenkins.measure.gate_checks import refuse  # noqa: PLC0415 - as above

    refuse(check_gates(resource_group, name, gates, connection=connection, on_event=log_line))


def _ids(given: str | None, *, outdated: bool) -> InstanceIds:
    from vmss_jenkins.model.instances import ALL, InstanceIds  # noqa: PLC0415 - not loaded for --help

    if given is not None and outdated:
        raise ConfigError("--instance-ids, --outdated", ["found both; give one of them"])
    return InstanceIds.parse(ALL if given is None else given)


def _one_image(image_id: ImageReference | None, image: ImageReference | None) -> ImageReference | None:
    if image_id and image:
        raise ConfigError("--image-id, --image", ["found both; give one of them, or none for what the model has"])
    return image_id or image
