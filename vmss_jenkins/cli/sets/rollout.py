"""`vmss-jenkins rollout`: roll a release out over a scale set."""

from __future__ import annotations

from pathlib import Path

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.listeners import leaving_options, listener
from vmss_jenkins.cli.options import print_json, target_options, tell
from vmss_jenkins.cli.sets.rollout_options import amount, finish, how_options, strategy_of
from vmss_jenkins.cli.sets.script_options import ScriptOptions, script_options
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gates_from
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ALL, InstanceIds
from vmss_jenkins.model.releases import Release, ScriptRollout
from vmss_jenkins.rollout.engine import Outcome
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.preview import Preview, preview
from vmss_jenkins.rollout.plan.selection import Amount, Include, Scope
from vmss_jenkins.rollout.plan.surge.preview import SurgePreview


@click.command("rollout")
@target_options
@click.option("--image-id", help="Id of the release's image.  [default: what the model has]")
@click.option("--image", help="The same for a marketplace image, as publisher:offer:sku:version.")
@click.option("--canary", metavar="COUNT|PERCENT%", help="How many instances go first; rounded up.  [default: none]")
@click.option("--canary-only", is_flag=True, help="End when the canary is judged; the next rollout takes the others.")
@click.option("--instance-ids", help="Comma-separated instance ids, or '*' for all.  [default: --outdated]")
@click.option("--outdated", is_flag=True, help="All instances that do not have the release.")
@click.option(
    "--include",
    type=click.Choice([include.value for include in Include]),
    multiple=True,
    help="Update these instances too, which are left alone otherwise.",
)
@click.option("--pause", type=click.FloatRange(min=0), default=0.0, help="Seconds after the canary and each batch.")
@click.option("--max-failed", type=click.IntRange(min=0), default=0, help="Failed instances that do not stop it.")
@click.option("--gate", "gates", multiple=True, metavar="'KIND KEY=VALUE ...'", help="As for `verify`.")
@click.option("--on-failure", type=click.Choice([on.value for on in OnFailure]), default="rollback", show_default=True)
@click.option("--to", help="Id of the image that a rollback goes to.  [default: the other one that instances run]")
@click.option("--dry-run", is_flag=True, help="Tell what would happen and what stands in the way; change nothing.")
@script_options()
@how_options
@leaving_options
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    image_id: str | None,
    image: str | None,
    canary: str | None,
    canary_only: bool,
    instance_ids: str | None,
    outdated: bool,
    include: tuple[str, ...],
    pause: float,
    max_failed: int,
    gates: tuple[str, ...],
    on_failure: str,
    to: str | None,
    dry_run: bool,
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
    """Roll a release out: the canary first, then in small steps, judged by gates, and back if it is bad.

    Its state is in Azure: where it was stopped, the same command goes on with it. Exits 0 where every chosen
    instance has the release, 1 where it went back or halted.
    """
    how, surge = strategy_of(strategy, max_surge)
    spec = RolloutSpec(
        scope=Scope(_ids(instance_ids, outdated=outdated), frozenset(map(Include, include))),
        canary=amount(canary),
        canary_only=canary_only,
        max_unavailable=Amount.parse(max_unavailable),
        strategy=how,
        max_surge=surge,
        allow_unknown_autoscale=allow_unknown_autoscale,
        pause=pause,
        min_healthy_time=min_healthy_time,
        instance_timeout=instance_timeout,
        timeout=timeout,
        max_failed=max_failed,
        ids_per_call=ids_per_call,
        on_failure=OnFailure(on_failure),
        rollback_to=ImageReference(id=to) if to else script.to,
        drain=drain,
    )
    release = _image(image_id, image)
    if release and script.given:
        raise ConfigError("release", ["found both an image and a script; give one of them"])
    if gates:
        gates_from(gates)
    if canary_only and not canary:
        raise ConfigError("--canary-only", ["found no --canary; say how many instances it has"])
    scripted = ScriptRollout(script.read(upload=not dry_run), script.extension) if script.given else None
    if dry_run:
        seen = _seen(resource_group, name, release, spec, scripted, Connection(subscription, endpoint=endpoint))
        return _show(seen, allow_automatic_rollout, output)
    from vmss_jenkins.library.rollouts import roll_out  # noqa: PLC0415 - bad input is told before anything is loaded

    with listener(events_file, report) as on_event:
        found = roll_out(
            resource_group,
            name,
            release,
            spec,
            scripted=scripted,
            gates=gates,
            claim=not no_claim,
            allow_automatic_rollout=allow_automatic_rollout,
            connection=Connection(subscription, endpoint=endpoint),
            on_event=on_event,
        )
    return finish(found, frozenset({Outcome.ROLLED_OUT, Outcome.CANARY}), result, output)


def _seen(
    resource_group: str,
    name: str,
    release: Release | None,
    spec: RolloutSpec,
    scripted: ScriptRollout | None,
    connection: Connection,
) -> Preview | SurgePreview:
    """Look at the set, and decide what would happen."""
    from vmss_jenkins.azure.script_urls import warnings  # noqa: PLC0415 - bad input is told before anything is loaded

    for doubt in warnings(scripted.script) if scripted else ():
        click.echo(f"dry run: {doubt}", err=True)
    if spec.strategy is Strategy.SURGE:
        from vmss_jenkins.library.surge_preview import look_before_surge  # noqa: PLC0415 - as above

        return look_before_surge(
            resource_group, name, release, spec, scripted=scripted, connection=connection, on_event=tell
        )
    from vmss_jenkins.library.steps import observe  # noqa: PLC0415 - as above

    scale_set, instances = observe(resource_group, name, connection=connection, on_event=tell)
    seen = scale_set.for_rollout(scripted)
    wanted = scripted.release_for(seen.extension) if scripted else release
    return preview(spec, wanted, seen, instances)


def _show(found: Preview | SurgePreview, allow_automatic_rollout: bool, output: str) -> int:
    if output == "json":
        print_json(found)
    else:
        for line in found.lines():
            click.echo(f"dry run: {line}", err=True)
    return int(found.refused(allow_automatic_rollout=allow_automatic_rollout))


def _ids(given: str | None, *, outdated: bool) -> InstanceIds:
    if given and outdated:
        raise ConfigError("--instance-ids, --outdated", ["found both; give one of them"])
    return InstanceIds.parse(given or ALL)


def _image(image_id: str | None, image: str | None) -> ImageReference | None:
    if image_id and image:
        raise ConfigError("--image-id, --image", ["found both; give one of them, or none for what the model has"])
    if image:
        return ImageReference.parse_urn(image)
    return ImageReference(id=image_id) if image_id else None
