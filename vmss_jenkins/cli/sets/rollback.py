"""`vmss-jenkins rollback`: take a scale set back to the previous release."""

from __future__ import annotations

from pathlib import Path

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.listeners import leaving_options, listener
from vmss_jenkins.cli.options import target_options
from vmss_jenkins.cli.sets.rollout_options import finish, how_options, strategy_of
from vmss_jenkins.cli.sets.script_options import ScriptOptions, script_options
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.releases import ScriptRollout
from vmss_jenkins.rollout.engine import Outcome
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.selection import Amount


@click.command("rollback")
@target_options
@click.option(
    "--to",
    help="Image to go back to: its id, or publisher:offer:sku:version.  [default: the other one that instances run]",
)
@script_options(release=False)
@how_options
@leaving_options
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    to: str | None,
    script: ScriptOptions,
    max_unavailable: str,
    strategy: str,
    max_surge: str | None,
    allow_unknown_autoscale: bool,
    min_healthy_time: float,
    instance_timeout: float,
    timeout: float,
    ids_per_call: int,
    drain: float | None,
    no_claim: bool,
    allow_automatic_rollout: bool,
    result: Path | None,
    events_file: Path | None,
    report: Path | None,
    output: str,
) -> int:
    """Take a scale set back: the model first, then the instances that were updated.

    Exits 0 where all of them run the previous release, else 1.
    """
    how, surge = strategy_of(strategy, max_surge)
    spec = RolloutSpec(
        max_unavailable=Amount.parse(max_unavailable),
        strategy=how,
        max_surge=surge,
        allow_unknown_autoscale=allow_unknown_autoscale,
        min_healthy_time=min_healthy_time,
        instance_timeout=instance_timeout,
        timeout=timeout,
        ids_per_call=ids_per_call,
        rollback_to=_image(to) if to else script.to,
        drain=drain,
    )
    from vmss_jenkins.library.rollouts import roll_back  # noqa: PLC0415

    with listener(events_file, report) as on_event:
        found = roll_back(
            resource_group,
            name,
            spec,
            scripted=ScriptRollout(script.read(), script.extension) if script.given else None,
            claim=not no_claim,
            allow_automatic_rollout=allow_automatic_rollout,
            connection=Connection(subscription, endpoint=endpoint),
            on_event=on_event,
        )
    return finish(found, frozenset({Outcome.ROLLED_BACK}), result, output)


def _image(text: str) -> ImageReference:
    return ImageReference.parse_urn(text) if ":" in text and "/" not in text else ImageReference(id=text)
