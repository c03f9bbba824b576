"""What happens when jobs are put on a Jenkins server."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.jenkins.plan.jobs import JobPlan


@dataclass(frozen=True)
class SeedPlanned(Event):
    """The seeder knows what it will do."""

    server: str
    plan: JobPlan


@dataclass(frozen=True)
class FolderCreated(Event):
    """A folder was made on a Jenkins server."""

    path: str


@dataclass(frozen=True)
class JobChanged(Event):
    """A job on a Jenkins server was created, updated or deleted."""

    path: str
    change: str
    """`created`, `updated` or `deleted`."""
    done: int
    """How many are changed by now."""
    total: int


@dataclass(frozen=True)
class SeedFinished(Event):
    """A Jenkins server has the jobs that are wanted."""

    created: int
    updated: int
    deleted: int
    unchanged: int
    seconds: float
