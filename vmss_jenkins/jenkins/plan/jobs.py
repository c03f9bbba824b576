"""The jobs that are wanted, the jobs that a server has, and the plan of changes. Values only.

A seeded job has a mark: the last line of its description names the file that it came from. A description survives every
rewrite by Jenkins, which drops unknown properties on the next save. The one request that lists all jobs returns it. On
the job's page it says where to make changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from xml.etree.ElementTree import SubElement

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.plan.canonical_xml import (
    Change,
    mark,
    marked_in,
    one_line,
    parse,
    serialised,
    unmarked,
)
from vmss_jenkins.jenkins.plan.job_paths import name_faults

__all__ = [
    "Create",
    "Delete",
    "Disable",
    "ExistingJob",
    "JobPlan",
    "JobSpec",
    "Refused",
    "Unchanged",
    "Update",
    "checked",
    "mark",
    "marked",
]

PIPELINE = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
"""`_class` of a pipeline job, the only type that is seeded."""
PIPELINE_ROOT = "flow-definition"
"""The root element of its config.xml."""


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
    html: bool = False
    """Whether the descriptions of its builds are HTML, which the server's markup formatter has to show."""
    shape: str = ""
    """What scripts have in common that differ only in their texts: the linter is asked once for all of them."""


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
    has_builds: bool = True
    """Read only for jobs that may be pruned; before that a job counts as one with builds."""
    is_disabled: bool = False
    """Read only for jobs that may be pruned."""


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
class Disable:
    """The job was seeded from this file and is no longer in it. It has builds, so it stays, and starts no more."""

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


Pending: TypeAlias = Create | Update | Disable | Delete
Action: TypeAlias = Create | Update | Unchanged | Disable | Delete | Refused


@dataclass(frozen=True)
class JobPlan:
    """The changes to make, in the order of the file; jobs that are no longer in it last."""

    actions: tuple[Action, ...]
    folders: tuple[str, ...] = ()
    """Folders to create first, parents before children."""
    unpruned: tuple[str, ...] = ()
    """Jobs that were seeded from this file and are no longer in it; they stay without `--prune`."""
    outside: tuple[str, ...] = ()
    """Such jobs outside the folders of the file; they stay without `--prune-outside-folders`."""
    retired: tuple[str, ...] = ()
    """Such jobs that are disabled already and keep their builds."""

    @property
    def pending(self) -> tuple[Pending, ...]:
        """The jobs to change."""
        return tuple(each for each in self.actions if isinstance(each, Create | Update | Disable | Delete))

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
            reasons.append(
                f"job {spec.path!r}: found twice; wanted once (Jenkins may refuse names that differ only in case)"
            )
        seen.add(spec.path.casefold())
    if reasons:
        raise ConfigError("jobs", reasons)
    return tuple(marked(spec) for spec in specs)
