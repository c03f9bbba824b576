"""Seeding as a library: the jobs of a file or of one set, and `seed_jobs` that puts them on a Jenkins server."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.jenkins import seeding
from vmss_jenkins.jenkins.plan.jobs import JobSpec
from vmss_jenkins.jenkins.seeding import Options, SeedResult
from vmss_jenkins.library.arguments import checked
from vmss_jenkins.report.text import lines
from vmss_jenkins.runtime.clock import SystemClock
from vmss_jenkins.runtime.waiting import Waiter

if TYPE_CHECKING:
    from vmss_jenkins.config import Config

TIMEOUT = 3600.0
"""Seconds after which nothing is tried again."""


def log(event: Event) -> None:
    """Write an event to the logger `vmss_jenkins`: the default listener of the library."""
    logging.getLogger("vmss_jenkins").info("%s", lines.line(event))


@checked
def seed_jobs(
    desired: Iterable[JobSpec],
    url: str,
    user: str,
    token: str,
    options: Options | None = None,
    *,
    timeout: float = TIMEOUT,
    on_event: OnEvent = log,
) -> SeedResult:
    """Create and update the jobs on a Jenkins server; a second run changes nothing.

    Args:
        desired: the wanted jobs.
        url: the server's address.
        user: the user's id.
        token: an API token.
        options: what may be done; by default create and update.
        timeout: seconds after which nothing is tried again.
        on_event: receives each event, one at a time; by default events are logged.

    Raises:
        ConfigError: for jobs and addresses that cannot be used; nothing was changed.
        JenkinsError: if the server cannot be read; nothing was changed.
        SeedRefused: if something prevents the changes; nothing was changed.
        UnsafeRollout: for too many deletions; nothing was changed.
        SeedingFailed: for a failure in the middle.
    """
    from vmss_jenkins.jenkins.server import JenkinsServer  # noqa: PLC0415 - bad input is reported before it is loaded

    waiter = Waiter.starting(SystemClock(), timeout, on_event)
    with closing(JenkinsServer(url, user, token)) as server:
        return seeding.seed(server, desired, options or Options(), waiter)


@checked
def jobs_of_file(
    path: str, source: str | None = None, templates: Mapping[str, str] | None = None, *, images: bool = False
) -> tuple[JobSpec, ...]:
    """Read vmss.yaml and render its jobs.

    Args:
        path: the file.
        source: the name of the file that marks its jobs for later runs; by default its git repository and the path in
            it, or the machine and the path if it is in no repository with a remote.
        templates: a user's own templates by name, as `pipelines.jobs_of` takes them.
        images: whether the jobs that build images by Packer are among them.

    Raises:
        ConfigError: for a file that cannot be read, and every fault in it.
    """
    try:
        content = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(path, [f"is not UTF-8: {error.reason} at byte {error.start}"]) from error
    from vmss_jenkins.config import parse  # noqa: PLC0415 - takes a moment
    from vmss_jenkins.jenkins.file_identity import identity_of  # noqa: PLC0415 - only for a file

    return _rendered(parse(content, path), source or identity_of(path), templates, images=images)


@checked
def jobs_of_set(
    values: Mapping[str, object],
    jenkins: Mapping[str, object],
    source: str | None = None,
    templates: Mapping[str, str] | None = None,
    *,
    images: bool = False,
) -> tuple[JobSpec, ...]:
    """Render the jobs of one scale set, without a file.

    Args:
        values: as under `sets` in vmss.yaml.
        jenkins: as under `jenkins`.
        source: the name that marks the jobs for later runs; by default made from the set's
            subscription, resource group and name.
        templates: a user's own templates by name, as `pipelines.jobs_of` takes them.
        images: whether the jobs that build images by Packer are among them.

    Raises:
        ConfigError: with every fault.
    """
    from vmss_jenkins.config import one_set  # noqa: PLC0415 - takes a moment

    names = (values.get("subscription"), values.get("resource_group"), values.get("name"))
    source = source or f"options for {'/'.join(str(each) for each in names if each)}"
    return _rendered(one_set(values, jenkins), source, templates, images=images)


def _rendered(config: Config, source: str, templates: Mapping[str, str] | None, *, images: bool) -> tuple[JobSpec, ...]:
    from vmss_jenkins.pipelines import image_jobs_of, jobs_of  # noqa: PLC0415 - takes a moment

    return (*jobs_of(config, source, templates), *(image_jobs_of(config, source, templates) if images else ()))
