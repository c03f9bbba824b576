"""`vmss-jenkins status`: a scale set and its instances, or all sets of a file."""

from __future__ import annotations

from pathlib import Path

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import optional_target_options, print_json, tell
from vmss_jenkins.cli.sets.fleet import status
from vmss_jenkins.cli.tables import show
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.instances import Instance, ScaleSet, UpgradeMode, disagreement, has_latest_model
from vmss_jenkins.model.network import Endpoints


@click.command("status")
@optional_target_options
@click.option("--all", "file", type=click.Path(path_type=Path), help="Show every scale set of this vmss.yaml instead.")
@click.option("--html", type=click.Path(file_okay=False, path_type=Path), help="With --all: write a page there too.")
@click.option("--outdated", is_flag=True, help="Only the instances that do not have the latest model.")
@click.option("--addresses", is_flag=True, help="Where load balancers lead to the set and to each instance, too.")
@click.option(
    "--output",
    type=click.Choice(["table", "json", "ids"]),
    default="table",
    show_default=True,
    help="`ids`: instance ids alone, comma-separated, as update-instances takes them.",
)
def command(
    resource_group: str | None,
    name: str | None,
    subscription: str | None,
    endpoint: str | None,
    file: Path | None,
    html: Path | None,
    outdated: bool,
    addresses: bool,
    output: str,
) -> int:
    """Show a scale set and its instances: image, latest model, power, health, protection.

    With --all: every set of a file, how many instances have the latest model, and how many are healthy. Exits 1
    where one cannot be read.
    """
    if file is not None:
        if resource_group or name or subscription or outdated or addresses or output == "ids":
            raise ConfigError("--all", ["found options of one scale set beside it; give one of both"])
        return status(file, endpoint, output, html)
    if not resource_group or not name:
        raise ConfigError("status", ["found no set; give --resource-group and --name, or --all vmss.yaml"])
    if html:
        raise ConfigError("--html", ["is for --all vmss.yaml only"])
    from vmss_jenkins.library import steps  # noqa: PLC0415 - not loaded for --help

    scale_set, instances = steps.observe(
        resource_group, name, connection=Connection(subscription, endpoint=endpoint), on_event=tell
    )
    if outdated:
        instances = tuple(instance for instance in instances if not has_latest_model(instance, scale_set))
    reached = None
    if addresses:
        reached = steps.addresses(scale_set, instances, connection=Connection(subscription, endpoint=endpoint))
    if output == "ids":
        click.echo(",".join(instance.id for instance in instances))
    elif output == "json":
        notes = {instance.id: _note(instance, scale_set) for instance in instances}
        found = {"scale_set": scale_set, "instances": instances, "notes": {k: v for k, v in notes.items() if v}}
        print_json(found | ({"addresses": reached} if reached else {}))
    else:
        _table(scale_set, instances, reached, outdated=outdated)
    return 0


def _table(scale_set: ScaleSet, instances: tuple[Instance, ...], reached: Endpoints | None, *, outdated: bool) -> None:
    scripts = "".join(f"script {one.short_name}, " for one in scale_set.scripts)
    facts = (
        f"{scale_set.name}: image {scale_set.image.short_name if scale_set.image else 'unknown'}, {scripts}"
        f"upgrade mode {scale_set.upgrade_mode.value}, {scale_set.orchestration_mode.value}, "
        f"capacity {scale_set.capacity}, {scale_set.provisioning_state}"
    )
    remark = _remark(scale_set, instances, outdated=outdated)
    headings = ["instance", "zone", "image", "latest model", "power", "health", "note"]
    rows = [list(_row(instance, scale_set)) for instance in instances]
    balanced = ""
    if reached:
        balanced = f"load-balanced at {', '.join(map(str, reached.frontends)) or 'no address'}"
        headings.insert(-1, "its own port")
        for instance, row in zip(instances, rows, strict=True):
            row.insert(-1, ", ".join(map(str, reached.ports.get(instance.id, ()))) or "-")
    show(headings, rows, *filter(None, (facts, remark, balanced)))


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
