"""`vmss-jenkins handoff`: hand a canary over from one job to the next."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from vmss_jenkins import handoff
from vmss_jenkins.cli.options import target_options, tell
from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.images import ImageReference

ALLOW = "--allow-changed"


@click.group("handoff")
def command() -> None:
    """Hand a canary over from one job to the next.

    `write` records what was judged: the image, a digest of the machine profile, the canary's ids and what the gates
    said. `check` refuses where the scale set is that no more; its capacity may change.
    """


@command.command("write")
@target_options
@click.option("--file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Write the record there.")
@click.option(
    "--evidence",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Result of the rollout that asked the gates.",
)
@click.option(
    "--next", "next_file", type=click.Path(dir_okay=False, path_type=Path), help="Write there what to do next."
)
@click.option("--full-job", help="Jenkins job that updates the rest, beside the one that runs.")
def write(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    file: Path,
    evidence: Path | None,
    next_file: Path | None,
    full_job: str | None,
) -> None:
    """Record the scale set as it is, its updated instances as the canary."""
    gates = _evidence(evidence)
    from vmss_jenkins.api import observe  # noqa: PLC0415 - bad input is told before anything is loaded

    scale_set, instances = observe(resource_group, name, subscription=subscription, endpoint=endpoint, on_event=tell)
    record = handoff.handoff_of(scale_set, instances, gates, os.environ.get("BUILD_URL", ""))
    file.write_text(handoff.to_json(record) + "\n", encoding="utf-8")
    click.echo(f"handed over: {record.image} on {', '.join(record.canary)}, in {file}", err=True)
    if next_file:
        next_file.write_text(_next(record, full_job) + "\n", encoding="utf-8")


@command.command("check")
@target_options
@click.option("--file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The record.")
@click.option("--image-id", help="The image that is to be rolled out, which must be the record's.")
@click.option("--image", help="The same for a marketplace image, as publisher:offer:sku:version.")
@click.option(ALLOW, is_flag=True, help="Go on though there is no record, or the scale set changed; say what changed.")
def check(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    file: Path,
    image_id: str | None,
    image: str | None,
    allow_changed: bool,
) -> None:
    """Compare a scale set with the record of its canary.

    Exits 0 where it is what the canary was judged on, else 1.
    """
    if not file.exists() and allow_changed:
        click.echo(f"no record in {file}: no canary vouches for this release", err=True)
        return
    record = handoff.from_json(_read(file))
    from vmss_jenkins.api import observe  # noqa: PLC0415 - bad input is told before anything is loaded

    scale_set, instances = observe(resource_group, name, subscription=subscription, endpoint=endpoint, on_event=tell)
    reasons = [*_image_faults(record, image_id, image), *handoff.mismatches(record, scale_set, instances)]
    if reasons and not allow_changed:
        raise UnsafeRollout(f"This would roll out what no canary vouches for: {'; '.join(reasons)}.", ALLOW)
    for reason in reasons:
        click.echo(f"changed since the canary, and allowed: {reason}", err=True)
    if not reasons:
        click.echo(f"as the canary left it: {record.image} on {', '.join(record.canary)}", err=True)


def _image_faults(record: handoff.Handoff, image_id: str | None, urn: str | None) -> list[str]:
    if not image_id and not urn:
        return []
    wanted = ImageReference.parse_urn(urn) if urn else ImageReference(id=image_id)
    return [] if record.image.same_as(wanted) else [f"the canary had {record.image}, and {wanted} is asked for"]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        reason = f"found none; run the canary's job first, give its record, or go on without with {ALLOW}"
        raise ConfigError(str(file), [reason]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from error


def _evidence(file: Path | None) -> list[handoff.GateEvidence]:
    """What the gates said, as far as a rollout's result tells it."""
    if file is None:
        return []
    try:
        result = json.loads(_read(file))
    except ValueError as error:
        raise ConfigError(str(file), [f"is not JSON: {error}"]) from error
    return [_said(one) for one in _verdicts(result)]


def _verdicts(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Every object in a result that names a gate and an outcome."""
    if isinstance(value, dict):
        own = [value] if {"gate", "outcome"} <= set(value) else []
        return own + [found for inner in value.values() for found in _verdicts(inner)]
    return [found for inner in value for found in _verdicts(inner)] if isinstance(value, list) else []


def _said(verdict: dict[str, Any]) -> handoff.GateEvidence:
    detail = str(verdict.get("reason") or verdict.get("detail") or "")
    return handoff.GateEvidence(str(verdict["gate"]), str(verdict["outcome"]), detail[:200])


def _next(record: handoff.Handoff, full_job: str | None) -> str:
    """Say in a line what was done and, in a build of Jenkins, where the rest is updated."""
    line = f"Canary of {record.image.short_name} on {', '.join(record.canary)} is good."
    if not full_job:
        return line
    parent = os.environ.get("JOB_URL", "").rstrip("/").rpartition("/job/")[0]
    parameters = {"RESOURCE_GROUP": record.scale_set.resource_group, "VMSS_NAME": record.scale_set.name}
    parameters |= {"IMAGE_ID": record.image.id} if record.image.id else {"IMAGE_URN": str(record.image)}
    parameters |= {"CANARY_BUILD": os.environ.get("BUILD_NUMBER", "")}
    where = f"{parent}/job/{quote(full_job)}/parambuild/?{urlencode(parameters)}" if parent else full_job
    return f"{line} The rest: {where}"
