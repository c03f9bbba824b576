"""`python -m vmss_jenkins.seed`: put the jobs of vmss.yaml on a Jenkins server; `seed_jobs` for programs.

Exit codes: 0 the server has the jobs; 1 something was in the way, or failed; 2 usage or configuration;
3 unexpected; 4 changes pending under `--check`; 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from vmss_jenkins import boundary, events, seeding
from vmss_jenkins.cli.job_options import job_options, one_set, templates_in
from vmss_jenkins.clock import SystemClock
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jobs import JobSpec
from vmss_jenkins.report import text
from vmss_jenkins.report.job_plan import lines
from vmss_jenkins.seeding import Options, SeedResult
from vmss_jenkins.waiting import Patience

if TYPE_CHECKING:
    from vmss_jenkins.config import Config

__all__ = ["JobSpec", "Options", "SeedResult", "jobs_of_file", "jobs_of_set", "main", "seed_jobs"]

TIMEOUT = 3600.0
"""Seconds after which nothing is tried again."""


def log(event: events.Event) -> None:
    """Write an event to the logger `vmss_jenkins`: what the library does where no listener is given."""
    logging.getLogger("vmss_jenkins").info("%s", text.line(event))


def seed_jobs(
    desired: Iterable[JobSpec],
    url: str,
    user: str,
    token: str,
    options: Options | None = None,
    *,
    timeout: float = TIMEOUT,
    on_event: events.OnEvent = log,
) -> SeedResult:
    """Bring the jobs of a Jenkins server to what is wanted; a second run changes nothing.

    Args:
        desired: the jobs.
        url: the server's address.
        user: the user's id.
        token: an API token.
        options: what may be done; by default create and update.
        timeout: seconds after which nothing is tried again.
        on_event: told each thing that happens, one at a time; by default it is logged.

    Raises:
        ConfigError: for jobs and addresses that cannot be used; nothing was changed.
        JenkinsError: where the server cannot be read; nothing was changed.
        SeedRefused: for whatever is in the way; nothing was changed.
        UnsafeRollout: for too many deletions; nothing was changed.
        SeedingFailed: for a failure in the middle.
    """
    from vmss_jenkins.jenkins_server import JenkinsServer  # noqa: PLC0415 - bad input is told before it is loaded

    patience = Patience.starting(SystemClock(), timeout, on_event)
    with closing(JenkinsServer(url, user, token)) as server:
        return seeding.seed(server, desired, options or Options(), patience)


def jobs_of_file(
    path: str, source: str | None = None, templates: Mapping[str, str] | None = None, *, images: bool = False
) -> tuple[JobSpec, ...]:
    """Read vmss.yaml and render its jobs.

    Args:
        path: the file.
        source: the name of the file that the jobs carry, by which a later run knows them; the path by default.
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

    return _rendered(parse(content, path), source or path, templates, images=images)


def jobs_of_set(
    values: Mapping[str, object],
    jenkins: Mapping[str, object],
    source: str | None = None,
    templates: Mapping[str, str] | None = None,
    *,
    images: bool = False,
) -> tuple[JobSpec, ...]:
    """Render the jobs of one scale set, with no file.

    Args:
        values: as under `sets` in vmss.yaml.
        jenkins: as under `jenkins`.
        source: the name that the jobs carry, by which a later run knows them; made of the set's by default.
        templates: a user's own templates by name, as `pipelines.jobs_of` takes them.
        images: whether the jobs that build images by Packer are among them.

    Raises:
        ConfigError: with every fault.
    """
    from vmss_jenkins.config import one_set  # noqa: PLC0415 - takes a moment

    source = source or f"options for {values.get('resource_group')}/{values.get('name')}"
    return _rendered(one_set(values, jenkins), source, templates, images=images)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the seeder and return its exit code.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    return boundary.run(command, argv, "python -m vmss_jenkins.seed")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--url", envvar="JENKINS_URL", required=True, help="The server.  [default: JENKINS_URL]")
@click.option("--user", envvar="JENKINS_USER_ID", required=True, help="The user's id.  [default: JENKINS_USER_ID]")
@click.option(
    "--token-file",
    type=click.File(),
    help="File with the API token, - for standard input.  [default: JENKINS_API_TOKEN]",
)
@click.option("--check", is_flag=True, help="Tell what would happen; change nothing; exit 4 if something would.")
@click.option("--prune", is_flag=True, help="Delete jobs that came from this file, and that it has no more.")
@click.option("--adopt", is_flag=True, help="Take over pipeline jobs of the same name that are not from this file.")
@click.option("--allow-many-deletions", is_flag=True, help="Let --prune delete a large part of the jobs.")
@click.option("--allow-missing-credentials", is_flag=True, help="Go on where the credentials id is not found.")
@click.option(
    "--allow-older-plugins", is_flag=True, help="Go on with plugins older than those that jobs were seen with."
)
@click.option(
    "--source", help="Name that the jobs carry of where they came from; keep it the same.  [default: the file as given]"
)
@click.option("--connections", type=click.IntRange(1, 32), default=seeding.CONNECTIONS, show_default=True)
@job_options
def command(  # noqa: PLR0913, PLR0917 - click passes one argument an option
    file: str | None,
    url: str,
    user: str,
    token_file: IO[str] | None,
    check: bool,  # noqa: FBT001
    prune: bool,  # noqa: FBT001
    adopt: bool,  # noqa: FBT001
    allow_many_deletions: bool,  # noqa: FBT001
    allow_missing_credentials: bool,  # noqa: FBT001
    allow_older_plugins: bool,  # noqa: FBT001
    source: str | None,
    connections: int,
    templates: Path | None,
    **one: Any,  # noqa: ANN401 - as click gives them
) -> int:
    """Put the jobs of vmss.yaml on a Jenkins server, and keep them as the file says.

    The API token comes from JENKINS_API_TOKEN or --token-file, never from an argument, which every
    user of the machine could read.
    """
    chosen, own = one_set(file, one), templates_in(templates)
    jobs = jobs_of_set(*chosen, source, own) if chosen else jobs_of_file(str(file), source, own)
    options = Options(
        check=check,
        prune=prune,
        adopt=adopt,
        allow_many_deletions=allow_many_deletions,
        allow_missing_credentials=allow_missing_credentials,
        allow_older_plugins=allow_older_plugins,
        connections=connections,
    )
    from vmss_jenkins.job_progress import listener  # noqa: PLC0415 - needed only when a server is asked

    with listener() as told:
        result = seed_jobs(jobs, url, user, _token(token_file), options, on_event=told)
    return _checked(result) if check else 0


def _token(token_file: IO[str] | None) -> str:
    import os  # noqa: PLC0415 - only the command reads the environment

    found = token_file.read() if token_file is not None else os.environ.get("JENKINS_API_TOKEN", "")
    token = str(found).strip()
    if not token:
        where = "--token-file" if token_file is not None else "JENKINS_API_TOKEN"
        raise ConfigError(where, ["found no API token; set JENKINS_API_TOKEN, or give --token-file FILE (- for stdin)"])
    return token


def _checked(result: SeedResult) -> int:
    """Print what would happen; the data of this command, and so on standard output."""
    for line in lines(result.plan):
        click.echo(line)
    for problem in result.problems[len(result.plan.refused) :]:  # the plan told of those
        click.echo(f"in the way: {problem}", err=True)
    if result.problems:
        click.echo("nothing was changed: first clear what is in the way", err=True)
        return 1
    if result.plan.pending:
        click.echo("nothing was changed: the same command without --check does it", err=True)
        return boundary.PENDING
    return 0


def _rendered(config: Config, source: str, templates: Mapping[str, str] | None, *, images: bool) -> tuple[JobSpec, ...]:
    from vmss_jenkins.pipelines import image_jobs_of, jobs_of  # noqa: PLC0415 - takes a moment

    return (*jobs_of(config, source, templates), *(image_jobs_of(config, source, templates) if images else ()))


if __name__ == "__main__":
    sys.exit(main())
