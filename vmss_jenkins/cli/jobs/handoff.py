"""`vmss-jenkins handoff`: hand a canary over from one job to the next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import target_options, tell
from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.jenkins.plan import handoff
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.releases import ScriptRollout
from vmss_jenkins.rollout.plan.rollback import other_images

if TYPE_CHECKING:
    from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
    from vmss_jenkins.model.releases import Release

ALLOW = "--allow-changed"
NEXT = click.option(
    "--next", "next_file", type=click.Path(dir_okay=False, path_type=Path), help="Write there what to do next."
)
EXTENSION = click.option(
    "--extension", metavar="NAME", help="The release is the script of this CustomScript extension."
)
LONGEST_IN_LINK = 3000
"""Characters of a record; servers take links of 8 kB, and quoting makes it longer."""


@click.group("handoff")
def command() -> None:
    """Hand a canary over from one job to the next.

    `write` records what was judged: the image, the script where that is the release, a digest of the machine profile,
    the canary's ids and what the gates said. `check` refuses where the scale set is that no more; its capacity may
    change.
    """


@command.command("write")
@target_options
@click.option("--file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Write the record there.")
@click.option(
    "--evidence",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Result of the rollout that asked the gates.",
)
@EXTENSION
@NEXT
@click.option("--full-job", help="Jenkins job that updates the rest, beside the one that runs.")
def write(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    file: Path,
    evidence: Path | None,
    extension: str | None,
    next_file: Path | None,
    full_job: str | None,
) -> None:
    """Record the scale set as it is, its updated instances as the canary."""
    gates = _evidence(evidence)
    from vmss_jenkins.library.steps import observe  # noqa: PLC0415 - bad input is told before anything is loaded

    scale_set, instances = observe(
        resource_group, name, connection=Connection(subscription, endpoint=endpoint), on_event=tell
    )
    seen = scale_set.for_rollout(_scripted(extension))
    record = handoff.handoff_of(seen, instances, gates, os.environ.get("BUILD_URL", ""))
    file.write_text(handoff.to_json(record) + "\n", encoding="utf-8")
    click.echo(f"handed over: {record.release} on {', '.join(record.canary)}, in {file}", err=True)
    _tell_next(next_file, _the_rest(record, full_job))


@command.command("check")
@target_options
@click.option("--file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The record.")
@click.option("--image-id", help="The image that is to be rolled out, which must be the record's.")
@click.option("--image", help="The same for a marketplace image, as publisher:offer:sku:version.")
@EXTENSION
@click.option(ALLOW, is_flag=True, help="Go on though there is no record, or the scale set changed; say what changed.")
@NEXT
@click.option("--rollback-job", help="Jenkins job that goes back, beside the one that runs.")
def check(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    file: Path,
    image_id: str | None,
    image: str | None,
    extension: str | None,
    allow_changed: bool,
    next_file: Path | None,
    rollback_job: str | None,
) -> None:
    """Compare a scale set with the record of its canary.

    Exits 0 where it is what the canary was judged on, else 1.
    """
    record = None if allow_changed and not file.exists() else handoff.from_json(_read(file))
    wanted = _wanted(image_id, image)
    from vmss_jenkins.library.steps import observe  # noqa: PLC0415 - bad input is told before anything is loaded

    scale_set, instances = observe(
        resource_group, name, connection=Connection(subscription, endpoint=endpoint), on_event=tell
    )
    seen = scale_set.for_rollout(_scripted(extension))
    if record is None:
        click.echo(f"no record in {file}: no canary vouches for this release", err=True)
    else:
        _compare(record, wanted, seen, instances, allow_changed=allow_changed)
    _tell_next(next_file, _the_way_back(wanted or seen.release, seen, instances, rollback_job))


def _scripted(extension: str | None) -> ScriptRollout | None:
    return ScriptRollout(extension=extension) if extension else None


def _wanted(image_id: str | None, urn: str | None) -> ImageReference | None:
    return ImageReference.parse_urn(urn) if urn else ImageReference(id=image_id) if image_id else None


def _compare(
    record: handoff.Handoff,
    wanted: ImageReference | None,
    scale_set: ScaleSet,
    instances: Sequence[Instance],
    *,
    allow_changed: bool,
) -> None:
    reasons = list(handoff.mismatches(record, scale_set, instances))
    if record.script is None and scale_set.extension:
        reasons.insert(0, f"the record is of an image, and the script of {scale_set.extension.name} is asked for")
    if record.script and (wanted or scale_set.extension is None):
        reasons.insert(0, f"the record is of {record.release}, and an image is asked for")
    if wanted and not record.image.same_as(wanted):
        reasons.insert(0, f"the canary had {record.image}, and {wanted} is asked for")
    if reasons and not allow_changed:
        raise UnsafeRollout(f"This would roll out what no canary vouches for: {'; '.join(reasons)}.", ALLOW)
    for reason in reasons:
        click.echo(f"changed since the canary, and allowed: {reason}", err=True)
    if not reasons:
        click.echo(f"as the canary left it: {record.release} on {', '.join(record.canary)}", err=True)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        reason = f"found none; run the canary's job first, give its record, or go on without with {ALLOW}"
        raise ConfigError(str(file), [reason]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from error


def _evidence(file: Path | None) -> tuple[handoff.GateEvidence, ...]:
    """What the gates said, as far as a rollout's result tells it."""
    if file is None:
        return ()
    try:
        result = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(file), [f"is not JSON: {error}"]) from error
    return handoff.evidence_in(result)


def _tell_next(file: Path | None, line: str) -> None:
    """Leave a line for the build's description; its console makes the link in it one to click on."""
    if file:
        file.write_text(line + "\n", encoding="utf-8")
        click.echo(line, err=True)


def _the_rest(record: handoff.Handoff, full_job: str | None) -> str:
    """Say what was done and, in a build of Jenkins, where the rest is updated."""
    line = f"Canary of {record.short_name} on {', '.join(record.canary)} is good."
    if not full_job:
        return line
    parameters = {} if record.script else _image_parameter(record.image)
    written = handoff.to_json(record)
    if len(written) <= LONGEST_IN_LINK:
        parameters["HANDOFF"] = written
    else:
        parameters["CANARY_BUILD"] = os.environ.get("BUILD_NUMBER", "")
    return f"{line} The rest: {_form(full_job, record.scale_set, parameters)}"


def _image_parameter(image: ImageReference) -> dict[str, str]:
    return {"IMAGE_ID": image.id} if image.id else {"IMAGE_URN": str(image)}


def _the_way_back(
    release: Release | None, scale_set: ScaleSet, instances: Sequence[Instance], rollback_job: str | None
) -> str:
    """Say what is rolled out and, while instances still tell what they had before, where the way back is."""
    before = () if scale_set.extension else other_images(instances, release)
    line = f"Rolls out {release.short_name if release else 'an unknown image'}"
    if before:
        line += f" in place of {', '.join(one.short_name for one in before)}"
    if not rollback_job:
        return f"{line}."
    parameters = {"IMAGE_ID": str(before[0])} if len(before) == 1 else {}
    return f"{line}. Back: {_form(rollback_job, scale_set.name, parameters)}"


def _form(job: str, scale_set: ScaleSetName, parameters: Mapping[str, str]) -> str:
    """The form of a job beside the one that runs, filled in; the plugin build-with-parameters serves it."""
    parent = os.environ.get("JOB_URL", "").rstrip("/").rpartition("/job/")[0]
    values = {"RESOURCE_GROUP": scale_set.resource_group, "VMSS_NAME": scale_set.name, **parameters}
    return f"{parent}/job/{quote(job)}/parambuild/?{urlencode(values)}" if parent else job
