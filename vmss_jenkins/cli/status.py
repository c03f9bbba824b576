"""`vmss-jenkins status`: a scale set and its instances."""

from __future__ import annotations

import click

from vmss_jenkins.cli.options import print_json, target_options, tell
from vmss_jenkins.instances import Instance, ScaleSet, UpgradeMode, disagreement, has_latest_model

WIDTH_WITHOUT_TERMINAL = 160
"""Columns where nothing tells the width: a Jenkins console."""


@click.command("status")
@target_options
@click.option("--outdated", is_flag=True, help="Only the instances that do not have the latest model.")
@click.option(
    "--output",
    type=click.Choice(["table", "json", "ids"]),
    default="table",
    show_default=True,
    help="`ids`: instance ids alone, comma-separated, as update-instances takes them.",
)
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    outdated: bool,
    output: str,
) -> None:
    """Show a scale set and its instances: image, latest model, power, health, protection."""
    from vmss_jenkins.api import observe  # noqa: PLC0415 - not loaded for --help

    scale_set, instances = observe(resource_group, name, subscription=subscription, endpoint=endpoint, on_event=tell)
    if outdated:
        instances = tuple(instance for instance in instances if not has_latest_model(instance, scale_set))
    if output == "ids":
        click.echo(",".join(instance.id for instance in instances))
    elif output == "json":
        notes = {instance.id: _note(instance, scale_set) for instance in instances}
        print_json({"scale_set": scale_set, "instances": instances, "notes": {k: v for k, v in notes.items() if v}})
    else:
        _table(scale_set, instances, outdated=outdated)


def _table(scale_set: ScaleSet, instances: tuple[Instance, ...], *, outdated: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - not loaded for the other outputs
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)
    facts = (
        f"{scale_set.name}: image {scale_set.image.short_name if scale_set.image else 'unknown'}, "
        f"upgrade mode {scale_set.upgrade_mode.value}, {scale_set.orchestration_mode.value}, "
        f"capacity {scale_set.capacity}, {scale_set.provisioning_state}"
    )
    console.print(Text(facts), soft_wrap=True)
    if remark := _remark(scale_set, instances, outdated=outdated):
        console.print(Text(remark), soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("instance", "zone", "image", "latest model", "power", "health", "note"):
        table.add_column(heading, overflow="fold")
    for instance in instances:
        table.add_row(*(Text(cell) for cell in _row(instance, scale_set)))
    console.print(table)


def _remark(scale_set: ScaleSet, instances: tuple[Instance, ...], *, outdated: bool) -> str:
    """What is to be known of the set beside its facts; empty for most."""
    state, rolls = scale_set.provisioning_state, scale_set.upgrade_mode is UpgradeMode.ROLLING
    there = sum(instance.provisioning_state != "Deleting" for instance in instances)
    remarks = []
    if not outdated and there < scale_set.capacity and state != "Updating":
        remarks.append(f"only {there} of {scale_set.capacity} instances are there: Azure could not make the others")
    if rolls and state == "Updating":
        remarks.append("Azure is at work on the set, perhaps on a rolling upgrade")
    if rolls and state == "Failed":
        remarks.append("the set's last operation failed; of an upgrade `az vmss rolling-upgrade get-latest` tells why")
    return "; ".join(remarks)


def _row(instance: Instance, scale_set: ScaleSet) -> tuple[str, ...]:
    latest = {True: "yes", False: "no", None: "unknown"}[has_latest_model(instance, scale_set)]
    return (
        instance.id,
        instance.zone or "-",
        instance.image.short_name if instance.image else "unknown",
        latest,
        instance.power or "unknown",
        instance.health.value,
        _note(instance, scale_set),
    )


def _note(instance: Instance, scale_set: ScaleSet) -> str:
    """What else is to be known of an instance; empty for most."""
    notes = (
        instance.provisioning_state if instance.provisioning_state != "Succeeded" else None,
        instance.error,
        "protected from scale set actions" if instance.protected_from_scale_set_actions else None,
        "protected from scale in" if instance.protected_from_scale_in else None,
        disagreement(instance, scale_set.image),
    )
    return "; ".join(filter(None, notes))
