"""`vmss-jenkins handoff`: hand a canary over from one job to the next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.build import tell_next_job
from vmss_jenkins.cli.command import CONTEXT, Group
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    FILE,
    GIVEN_FILE,
    MOST_USED,
    azure_options,
    image_options,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
)
from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.jenkins.plan.next_job import LONGEST_IN_LINK, NextJob

if TYPE_CHECKING:
    from vmss_jenkins.jenkins.plan import handoff
    from vmss_jenkins.model.applications import GalleryApplication
    from vmss_jenkins.model.images import ImageReference
    from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
    from vmss_jenkins.model.releases import Release
    from vmss_jenkins.model.scripts import ScriptRollout

ALLOW = "--allow-changed"
_SET = (resource_group(), name())
_EXTENSION = click.option(
    "--extension", metavar="NAME", help="The release is the script of this CustomScript extension."
)
_APPLICATION = click.option(
    "--application", metavar="NAME", help="The release is this application: GALLERY/APPLICATION, or its id."
)
_NEXT = click.option("--next", "next_file", type=FILE, help="Write to this file what to do next.")
_WRITE = """\
vmss-jenkins handoff write -g canary-rg -n web --file handoff.json --evidence verify.json
"""
_CHECK = """\
vmss-jenkins handoff check -g canary-rg -n web --file handoff.json --image-id "$IMAGE_ID"
"""


@click.group("handoff", cls=Group, context_settings=CONTEXT)
def command() -> None:
    """Hand a canary over from one Jenkins job to the next.

    `write` records what was judged: the image, the script or the application, a digest of the machine profile, the ids
    of the canary, and the verdicts of the gates. `check` fails if the scale set has changed since; its capacity may
    change.
    """


@make("write", examples=_WRITE)
@option_group(
    MOST_USED,
    *_SET,
    click.option("--file", required=True, type=FILE, help="Write the record to this file."),
    click.option("--evidence", type=GIVEN_FILE, help="Result of the rollout that asked the gates."),
    _EXTENSION,
    _APPLICATION,
)
@azure_options()
@output_options(_NEXT, click.option("--full-job", metavar="JOB", help="Jenkins job that updates the other instances."))
def write(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    file: Path,
    evidence: Path | None,
    extension: str | None,
    application: str | None,
    next_file: Path | None,
    full_job: str | None,
    output: str,
) -> None:
    """Record the scale set as it is; its updated instances are the canary."""
    from vmss_jenkins.jenkins.plan import handoff  # noqa: PLC0415 - not loaded for --help

    gates, scripted = _evidence(evidence), _scripted(extension, application)
    from vmss_jenkins.library.steps import observe  # noqa: PLC0415 - bad input is refused before it is loaded

    scale_set, instances = observe(
        resource_group, name, connection=Connection(subscription, endpoint=endpoint), on_event=log_line
    )
    record = handoff.handoff_of(scale_set.for_rollout(scripted), instances, gates, os.environ.get("BUILD_URL", ""))
    file.write_text(handoff.to_json(record) + "\n", encoding="utf-8")
    click.echo(f"recorded: {record.release} on {', '.join(record.canary)}, in {file}", err=True)
    if output == "json":
        click.echo(handoff.to_json(record))
    _write_next(next_file, *_next_of_canary(record, full_job))


@make("check", examples=_CHECK)
@option_group(
    MOST_USED,
    *_SET,
    click.option("--file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The record."),
    *image_options("the rollout, which must be the record's"),
    _EXTENSION,
    _APPLICATION,
    click.option(
        "--release-file", type=FILE, help="Write the exact version that the canary has to this file, for `rollout`."
    ),
    click.option(
        ALLOW, is_flag=True, help="Go on although there is no record or the scale set has changed; print the changes."
    ),
)
@azure_options()
@output_options(_NEXT, click.option("--rollback-job", metavar="JOB", help="Jenkins job that rolls back."))
def check(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    file: Path,
    image_id: ImageReference | None,
    image: ImageReference | None,
    extension: str | None,
    application: str | None,
    release_file: Path | None,
    allow_changed: bool,
    next_file: Path | None,
    rollback_job: str | None,
    output: str,
) -> None:
    """Compare a scale set with the record of its canary.

    Exits 0 if the scale set is as it was when the canary was judged, else 1.
    """
    from vmss_jenkins.jenkins.plan import handoff  # noqa: PLC0415 - not loaded for --help

    record = None if allow_changed and not file.exists() else handoff.from_json(_read(file))
    if image_id and image:
        raise ConfigError("--image-id, --image", ["found both; give one of them"])
    wanted, scripted = image_id or image, _scripted(extension, application)
    from vmss_jenkins.library.steps import observe  # noqa: PLC0415 - bad input is refused before it is loaded

    scale_set, instances = observe(
        resource_group, name, connection=Connection(subscription, endpoint=endpoint), on_event=log_line
    )
    seen = scale_set.for_rollout(scripted)
    named = wanted or (scripted.application if scripted else None)
    changes: list[str] = []
    if record is None:
        click.echo(f"there is no record in {file}: no canary was judged with this release", err=True)
    else:
        changes = _compare(record, named, seen, instances, allow_changed=allow_changed)
        _write_release(release_file, record, wanted or seen.image, seen)
    if output == "json":
        print_json({"record": record, "changes": changes, "allowed": allow_changed})
    _write_next(next_file, *_next_of_check(wanted or seen.release, seen, instances, rollback_job))


command.add_command(write)
command.add_command(check)


def _scripted(extension: str | None, application: str | None) -> ScriptRollout | None:
    from vmss_jenkins.model.applications import GalleryApplication  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.model.scripts import ScriptRollout  # noqa: PLC0415 - as above

    if extension and application:
        raise ConfigError("--extension, --application", ["found both; give one of them"])
    if application:
        return ScriptRollout(application=GalleryApplication.parse(application))
    return ScriptRollout(extension=extension) if extension else None


def _write_release(
    file: Path | None, record: handoff.Handoff, named: ImageReference | None, scale_set: ScaleSet
) -> None:
    """Write the exact image that the canary has, if the image that is to be rolled out means it."""
    if (
        file
        and named
        and record.settings is None
        and (record.image.same_as(named) or record.image.is_version_of(named))
    ):
        from vmss_jenkins.cli.sets.release_file import write_release  # noqa: PLC0415 - not loaded for --help
        from vmss_jenkins.model.images import ResolvedImage  # noqa: PLC0415

        model, exact = scale_set.image, record.image
        floating = model if exact.is_version_of(model) else None
        write_release(file, ResolvedImage(floating or named, exact, floats=floating is not None))


def _compare(
    record: handoff.Handoff,
    wanted: ImageReference | GalleryApplication | None,
    scale_set: ScaleSet,
    instances: Sequence[Instance],
    *,
    allow_changed: bool,
) -> list[str]:
    """Print and return what has changed since the canary.

    Raises:
        UnsafeRollout: for changes that are not allowed.
    """
    from vmss_jenkins.jenkins.plan import handoff  # noqa: PLC0415 - not loaded for --help

    others = handoff.other_release(record, wanted, scale_set)
    reasons = [*others, *handoff.mismatches(record, scale_set, instances)]
    if reasons and not allow_changed:
        raise UnsafeRollout(
            f"This would roll out a release that no canary was judged with: {'; '.join(reasons)}.", ALLOW
        )
    for reason in reasons:
        click.echo(f"changed since the canary, but allowed: {reason}", err=True)
    if not reasons:
        click.echo(f"unchanged since the canary: {record.release} on {', '.join(record.canary)}", err=True)
    return reasons


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        reason = (
            f"there is no such file; run the canary's job first, give its record, or go on without one with {ALLOW}"
        )
        raise ConfigError(str(file), [reason]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from error


def _evidence(file: Path | None) -> tuple[handoff.GateEvidence, ...]:
    """The verdicts of the gates in a rollout's result."""
    from vmss_jenkins.jenkins.plan import handoff  # noqa: PLC0415 - not loaded for --help

    if file is None:
        return ()
    try:
        result = json.loads(_read(file))
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(file), [f"is not JSON: {error}"]) from error
    return handoff.evidence_in(result)


def _write_next(file: Path | None, line: str, job: NextJob | None) -> None:
    """Write short words for the build's description, and the link to the next job for its console."""
    if file:
        file.write_text(line + "\n", encoding="utf-8")
        click.echo(line, err=True)
        if job:
            tell_next_job(job)


def _next_of_canary(record: handoff.Handoff, full_job: str | None) -> tuple[str, NextJob | None]:
    """Return what was done, and the job that updates the other instances."""
    from vmss_jenkins.jenkins.plan import handoff  # noqa: PLC0415 - not loaded for --help

    line = f"Canary of {record.short_name} on {', '.join(record.canary)} passed."
    if not full_job:
        return line, None
    parameters = record.parameters
    written = handoff.to_json(record)
    if len(written) <= LONGEST_IN_LINK:
        parameters["HANDOFF"] = written
    else:
        parameters["CANARY_BUILD"] = os.environ.get("BUILD_NUMBER", "")
    return f"{line} Next: {full_job}, link in the console.", _job(full_job, record.scale_set, parameters)


def _next_of_check(
    release: Release | None, scale_set: ScaleSet, instances: Sequence[Instance], rollback_job: str | None
) -> tuple[str, NextJob | None]:
    """Return what is rolled out, and the job that rolls it back to the image that instances still run."""
    from vmss_jenkins.rollout.plan.rollback import other_images  # noqa: PLC0415 - not loaded for --help

    before = () if scale_set.extension else other_images(instances, release)
    line = f"Rolls out {release.short_name if release else 'an unknown image'}"
    if before:
        line += f" in place of {', '.join(one.short_name for one in before)}"
    if not rollback_job:
        return f"{line}.", None
    parameters = {"IMAGE_ID": str(before[0])} if len(before) == 1 else {}
    job = _job(rollback_job, scale_set.name, parameters)
    return f"{line}. To roll back: {rollback_job}, link in the console.", job


def _job(job: str, scale_set: ScaleSetName, parameters: Mapping[str, str]) -> NextJob:
    return NextJob(job, {"RESOURCE_GROUP": scale_set.resource_group, "VMSS_NAME": scale_set.name, **parameters})
