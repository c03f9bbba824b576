"""The plan of changes that turns the jobs of a server into the wanted ones. Values only.

Nothing is lost by default. A job that left the file stays, until `--prune` disables it; its builds stay even then.
Then a job without builds is deleted, and with `--delete-builds` a job with builds too. A job outside the folders of
the file is left alone, because another file may have the same mark by mistake.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vmss_jenkins.errors import UnsafeRollout
from vmss_jenkins.jenkins.plan.canonical_xml import TYPE, Change, difference, marked_in, one_line
from vmss_jenkins.jenkins.plan.job_paths import ancestors
from vmss_jenkins.jenkins.plan.jobs import (
    PIPELINE,
    PIPELINE_ROOT,
    Action,
    Create,
    Delete,
    Disable,
    ExistingJob,
    JobPlan,
    JobSpec,
    Refused,
    Unchanged,
    Update,
)

ADOPT = "--adopt"
ADOPT_FROM = "--adopt-from"
ALLOW_MANY_DELETIONS = "--allow-many-deletions"
MANY_SHARE = 0.3
"""Deleting more than this share of a file's jobs is more likely a mistake than what somebody wants."""
FEW = 3
"""Deleting fewer jobs than this is always allowed."""
MANY = 10
"""Deleting more jobs than this always needs the option, however many jobs the file has."""


@dataclass(frozen=True)
class Rules:
    """What a plan may do with jobs that exist."""

    prune: bool = False
    """Disable or delete jobs that were seeded from the files and are no longer in them."""
    delete_builds: bool = False
    """Delete such a job even if it has builds."""
    outside_folders: bool = False
    """Do it outside the folders of the file too."""
    adopt: bool = False
    """Take over pipeline jobs that were not seeded from the files."""
    adopt_from: Collection[str] = ()
    """Take over jobs that were seeded from these sources."""

    def may_update(self, job: ExistingJob, source: str) -> bool:
        """Whether a job of this name may be updated by a file."""
        return self.adopt or marked_in(job.description) in {one_line(each) for each in (source, *self.adopt_from)}


def plan(
    desired: Iterable[JobSpec],
    existing: Mapping[str, ExistingJob],
    rules: Rules | None = None,
    sources: Collection[str] = (),
) -> JobPlan:
    """Decide which changes to make.

    Args:
        desired: the wanted jobs, as `checked` returns them.
        existing: all items of the server by path; the wanted pipeline jobs with their config.xml.
        rules: what may be done with jobs that exist; by default they may be updated.
        sources: the files that are seeded, whose other jobs are pruned; the files of `desired` by default.
    """
    specs, rules = tuple(desired), rules or Rules()
    gone = gone_jobs(specs, existing, sources)
    inside = [path for path in gone if rules.outside_folders or _is_inside(path, specs)]
    actions: list[Action] = [_decide(spec, existing, rules) for spec in specs]
    pruned = {path: _pruned(existing[path], rules) for path in inside if rules.prune}
    return JobPlan(
        (*actions, *(each for each in pruned.values() if each)),
        _folders(actions, existing),
        unpruned=() if rules.prune else tuple(inside),
        outside=tuple(path for path in gone if path not in inside),
        retired=tuple(path for path, action in pruned.items() if action is None),
    )


def gone_jobs(
    specs: Sequence[JobSpec], existing: Mapping[str, ExistingJob], sources: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the jobs that were seeded from the files and are no longer in them."""
    wanted = {spec.path for spec in specs}
    ours = {one_line(source) for source in (sources or [spec.source for spec in specs])}
    return tuple(
        path
        for path, item in sorted(existing.items())
        if path not in wanted and item.kind == PIPELINE and marked_in(item.description) in ours
    )


def ensure_safe(job_plan: JobPlan, *, allow_many_deletions: bool = False) -> None:
    """Refuse a plan that deletes too many jobs: a second seeding undoes an update, but brings no job back.

    Raises:
        UnsafeRollout: names the option that allows it.
    """
    deletions = [each.path for each in job_plan.actions if isinstance(each, Delete)]
    count = len(deletions)
    every = count + sum(isinstance(each, Update | Unchanged | Disable) for each in job_plan.actions)
    too_many = count >= FEW and (count > MANY_SHARE * every or count > MANY)
    if too_many and not allow_many_deletions:
        consequence = f"This would delete {count} of the {every} jobs of this file: {', '.join(deletions)}."
        raise UnsafeRollout(consequence, ALLOW_MANY_DELETIONS)


def _is_inside(path: str, specs: Sequence[JobSpec]) -> bool:
    """Whether a job is in a folder of the file; at the root, whether the file has jobs at the root."""
    folder = path.rpartition("/")[0]
    folders = {spec.path.rpartition("/")[0] for spec in specs}
    return folder in folders or any(each and folder.startswith(f"{each}/") for each in folders)


def _pruned(job: ExistingJob, rules: Rules) -> Disable | Delete | None:
    if rules.delete_builds or not job.has_builds:
        return Delete(job.path)
    return None if job.is_disabled else Disable(job.path)


def _decide(spec: JobSpec, existing: Mapping[str, ExistingJob], rules: Rules) -> Action:
    for folder in ancestors(spec.path):
        if folder in existing and not existing[folder].is_folder:
            kind = _short(existing[folder].kind)
            return Refused(spec.path, f"found a job {folder} ({kind}); wanted a folder: rename that job")
    there = existing.get(spec.path)
    if there is None:
        return _differs_in_case(spec.path, existing) or Create(spec)
    if there.kind != PIPELINE:
        kind = _short(there.kind)
        return Refused(spec.path, f"found a {kind} with that name; wanted a pipeline job: rename or delete that item")
    if not rules.may_update(there, spec.source):
        return _of_another(spec, marked_in(there.description))
    try:
        changes = difference(spec.config_xml, there.config_xml or "")
    except ValueError as error:
        changes = (Change(TYPE, str(error), PIPELINE_ROOT),)
    return Update(spec, there, changes) if changes else Unchanged(spec.path)


def _of_another(spec: JobSpec, owner: str | None) -> Refused:
    if owner is None:
        return Refused(spec.path, "found a job with that name, not seeded by vmss-jenkins", ADOPT)
    reason = (
        f"found a job with that name, seeded from {owner}; wanted a job of {one_line(spec.source)}: if both are the "
        "same file, take the job over with its builds, else choose another folder or job_name"
    )
    return Refused(spec.path, reason, f"{ADOPT_FROM} {shlex.quote(owner)}")


def _differs_in_case(path: str, existing: Mapping[str, ExistingJob]) -> Refused | None:
    """At the root Jenkins refuses a name that differs from another one only in case; in a folder it does not."""
    name, _, inside = path.partition("/")
    found = next((each for each in existing if each.casefold() == name.casefold()), None)
    if found is None or found == name:
        return None
    advice = (
        f"write the folder as {found} in vmss.yaml"
        if inside
        else "keep the old name (job_name in vmss.yaml), or put the jobs into a folder (jenkins.folder)"
    )
    return Refused(path, f"found {found} at the root of the server; Jenkins refuses {name} beside it there: {advice}")


def _folders(actions: Iterable[Action], existing: Mapping[str, ExistingJob]) -> tuple[str, ...]:
    needed = {folder for each in actions if isinstance(each, Create) for folder in ancestors(each.path)}
    return tuple(sorted(needed - existing.keys()))


def _short(kind: str) -> str:
    return kind.rpartition(".")[2]
