"""Events of seeding jobs on a Jenkins server."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.jenkins.plan.jobs import JobPlan


@dataclass(frozen=True)
class SeedPlanned(Event):
    """The plan of a seeding is made."""

    server: str
    plan: JobPlan


@dataclass(frozen=True)
class FolderCreated(Event):
    """A folder was created on a Jenkins server."""

    path: str


@dataclass(frozen=True)
class JobChanged(Event):
    """A job on a Jenkins server was created, updated or deleted."""

    path: str
    change: str
    """`created`, `updated`, `disabled` or `deleted`."""
    done: int
    """How many jobs are changed so far."""
    total: int


@dataclass(frozen=True)
class SeedFinished(Event):
    """The Jenkins server has all wanted jobs."""

    created: int
    updated: int
    deleted: int
    unchanged: int
    seconds: float
    disabled: int = 0
