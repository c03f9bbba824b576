"""The jobs that are wanted, the jobs that a server has, and the plan of changes. Values only.

A seeded job has a mark: the last line of its description names the file that it came from. A description survives every
rewrite by Jenkins, which drops unknown properties on the next save. The one request that lists all jobs returns it. On
the job's page it tells people where to make changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from xml.etree.ElementTree import SubElement

from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.jenkins.plan.canonical_xml import (
    TYPE,
    Change,
    difference,
    mark,
    marked_in,
    one_line,
    parse,
    serialised,
    unmarked,
)
from vmss_jenkins.jenkins.plan.job_paths import ancestors, name_faults

__all__ = [
    "Create",
    "Delete",
    "ExistingJob",
    "JobPlan",
    "JobSpec",
    "Refused",
    "Unchanged",
    "Update",
    "checked",
    "ensure_safe",
    "mark",
    "marked",
    "plan",
]

PIPELINE = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
"""`_class` of a pipeline job, the only type that is seeded."""
PIPELINE_ROOT = "flow-definition"
"""The root element of its config.xml."""
ADOPT = "--adopt"
ALLOW_MANY_DELETIONS = "--allow-many-deletions"
MANY_SHARE = 0.3
"""Deleting more than this share of a file's jobs is more likely a mistake than what somebody wants."""
MANY_COUNT = 3
"""Deleting fewer jobs than this is always allowed."""


@dataclass(frozen=True)
class JobSpec:
    """A job that is wanted."""

    path: str
    """`folder/sub/name`."""
    config_xml: str
    jenkinsfile: str
    """The script, for the server's linter."""
    plugins: Mapping[str, str]
    """The plugins that it needs: short name -> least version, empty for any."""
    credentials_id: str | None
    source: str
    """The file that it came from, for its mark."""
    useful: Mapping[str, str] = field(default_factory=dict)
    """The plugins that are optional: short name -> what does not work without it."""
    summary: str = ""
    """What it does, in one line."""
    secrets: tuple[str, ...] = ()
    """Ids of more credentials that it needs."""


@dataclass(frozen=True)
class ExistingJob:
    """An item that a server has."""

    path: str
    kind: str
    """`_class`, as the server's listing says."""
    description: str = ""
    is_folder: bool = False
    """Whether jobs can be in it."""
    config_xml: str | None = None
    """Read only for jobs that are compared."""


@dataclass(frozen=True)
class Create:
    """The job does not exist."""

    spec: JobSpec

    @property
    def path(self) -> str:
        """The job."""
        return self.spec.path


@dataclass(frozen=True)
class Update:
    """The job exists, and differs."""

    spec: JobSpec
    existing: ExistingJob
    changes: tuple[Change, ...]

    @property
    def path(self) -> str:
        """The job."""
        return self.spec.path


@dataclass(frozen=True)
class Unchanged:
    """The job exists, and is as wanted."""

    path: str


@dataclass(frozen=True)
class Delete:
    """The job was seeded from this file, and is no longer in it."""

    path: str


@dataclass(frozen=True)
class Refused:
    """The job cannot be written here, for example because another item has its name. Nothing is changed."""

    path: str
    reason: str
    flag: str | None = None
    """The option that allows it, if there is one."""


Action: TypeAlias = Create | Update | Unchanged | Delete | Refused


@dataclass(frozen=True)
class JobPlan:
    """The changes to make, in the order of the file, deletions last."""

    actions: tuple[Action, ...]
    folders: tuple[str, ...] = ()
    """Folders to create first, parents before children."""
    unpruned: tuple[str, ...] = field(default=())
    """Jobs that were seeded from this file and are no longer in it; they stay without `--prune`."""

    @property
    def pending(self) -> tuple[Create | Update | Delete, ...]:
        """The jobs to change."""
        return tuple(each for each in self.actions if isinstance(each, Create | Update | Delete))

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The jobs that cannot be written."""
        return tuple(each for each in self.actions if isinstance(each, Refused))

    @property
    def unchanged(self) -> tuple[Unchanged, ...]:
        """The jobs that are as wanted."""
        return tuple(each for each in self.actions if isinstance(each, Unchanged))


def marked(spec: JobSpec) -> JobSpec:
    """Return the job with its mark at the end of its description.

    Raises:
        ConfigError: if config.xml cannot be read, or is not a pipeline's.
    """
    try:
        root = parse(spec.config_xml)
    except ValueError as error:
        raise ConfigError(spec.path, [f"config.xml: {error}"]) from error
    if root.tag != PIPELINE_ROOT:
        raise ConfigError(spec.path, [f"config.xml: found <{root.tag}>; wanted <{PIPELINE_ROOT}>"])
    description = root.find("description")
    if description is None:
        description = SubElement(root, "description")
    text = description.text or ""
    if marked_in(text) == one_line(spec.source):
        return spec
    description.text = f"{unmarked(text)}\n\n{mark(spec.source)}".lstrip()
    return replace(spec, config_xml=serialised(root))


def checked(desired: Iterable[JobSpec]) -> tuple[JobSpec, ...]:
    """Check the wanted jobs without a server, and mark them.

    Raises:
        ConfigError: every fault: a name that Jenkins refuses, a name twice, a config.xml that cannot be read.
    """
    specs = tuple(desired)
    reasons: list[str] = []
    seen: set[str] = set()
    for spec in specs:
        reasons += [f"job {spec.path!r}: {reason}" for reason in name_faults(spec.path)]
        if spec.path.casefold() in seen:
            reasons.append(f"job {spec.path!r}: found twice; wanted once (names that differ only in case are equal)")
        seen.add(spec.path.casefold())
    if reasons:
        raise ConfigError("jobs", reasons)
    return tuple(marked(spec) for spec in specs)


def plan(
    desired: Iterable[JobSpec],
    existing: Mapping[str, ExistingJob],
    *,
    sources: Collection[str] = (),
    prune: bool = False,
    adopt: bool = False,
) -> JobPlan:
    """Decide which changes to make.

    Args:
        desired: the wanted jobs, as `checked` returns them.
        existing: all items of the server by path; the wanted pipeline jobs with their config.xml.
        sources: the files that are seeded, whose other jobs are pruned; the files of `desired` by default.
        prune: delete jobs that have the mark of one of `sources` and are not in `desired`.
        adopt: take over pipeline jobs that were not seeded from this file.
    """
    specs = tuple(desired)
    wanted = {spec.path for spec in specs}
    ours = {one_line(source) for source in (sources or [spec.source for spec in specs])}
    gone = tuple(
        path
        for path, item in sorted(existing.items())
        if path not in wanted and item.kind == PIPELINE and marked_in(item.description) in ours
    )
    actions: list[Action] = [_decide(spec, existing, adopt=adopt) for spec in specs]
    actions += [Delete(path) for path in gone if prune]
    return JobPlan(tuple(actions), _folders(actions, existing), () if prune else gone)


def ensure_safe(job_plan: JobPlan, *, allow_many_deletions: bool = False) -> None:
    """Refuse a plan that deletes too many jobs: a second seeding undoes an update, but brings no builds back.

    Raises:
        UnsafeRollout: names the option that allows it.
    """
    deletions = [each.path for each in job_plan.actions if isinstance(each, Delete)]
    kept = [each for each in job_plan.actions if isinstance(each, Update | Unchanged)]
    too_many = len(deletions) >= MANY_COUNT and len(deletions) > MANY_SHARE * (len(deletions) + len(kept))
    if too_many and not allow_many_deletions:
        consequence = (
            f"{len(deletions)} of the {len(deletions) + len(kept)} jobs of this file would be deleted with their "
            f"builds: {', '.join(deletions)}."
        )
        raise UnsafeRollout(consequence, ALLOW_MANY_DELETIONS)


def _decide(spec: JobSpec, existing: Mapping[str, ExistingJob], *, adopt: bool) -> Action:
    for folder in ancestors(spec.path):
        if folder in existing and not existing[folder].is_folder:
            kind = _short(existing[folder].kind)
            return Refused(spec.path, f"found a job {folder} ({kind}); wanted a folder: rename that job")
    there = existing.get(spec.path)
    if there is None:
        return Create(spec)
    if there.kind != PIPELINE:
        kind = _short(there.kind)
        return Refused(spec.path, f"found a {kind} with that name; wanted a pipeline job: rename or delete that item")
    owner = marked_in(there.description)
    if owner != one_line(spec.source) and not adopt:
        whose = f"seeded from {owner}" if owner else "not seeded by vmss-jenkins"
        return Refused(spec.path, f"found a job with that name, {whose}", ADOPT)
    try:
        changes = difference(spec.config_xml, there.config_xml or "")
    except ValueError as error:
        changes = (Change(TYPE, str(error), PIPELINE_ROOT),)
    return Update(spec, there, changes) if changes else Unchanged(spec.path)


def _folders(actions: Iterable[Action], existing: Mapping[str, ExistingJob]) -> tuple[str, ...]:
    needed = {folder for each in actions if isinstance(each, Create) for folder in ancestors(each.path)}
    return tuple(sorted((each for each in needed if each not in existing), key=lambda path: (path.count("/"), path)))


def _short(kind: str) -> str:
    return kind.rpartition(".")[2]
