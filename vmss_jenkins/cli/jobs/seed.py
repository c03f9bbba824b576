"""`vmss-jenkins seed`: put the jobs of vmss.yaml on a Jenkins server."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import click

from vmss_jenkins.cli import exit_codes
from vmss_jenkins.cli.jobs.options import job_options, one_set, templates_in
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins import seeding
from vmss_jenkins.jenkins.seeding import Options, SeedResult
from vmss_jenkins.library.seeding import jobs_of_file, jobs_of_set, seed_jobs
from vmss_jenkins.report.text import job_plan


@click.command("seed", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
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
def command(
    file: str | None,
    url: str,
    user: str,
    token_file: IO[str] | None,
    check: bool,
    prune: bool,
    adopt: bool,
    allow_many_deletions: bool,
    allow_missing_credentials: bool,
    allow_older_plugins: bool,
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
    from vmss_jenkins.cli.seed_progress import listener  # noqa: PLC0415 - needed only when a server is asked

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
    for line in job_plan.lines(result.plan):
        click.echo(line)
    for problem in result.problems[len(result.plan.refused) :]:  # the plan told of those
        click.echo(f"in the way: {problem}", err=True)
    if result.problems:
        click.echo("nothing was changed: first clear what is in the way", err=True)
        return 1
    if result.plan.pending:
        click.echo("nothing was changed: the same command without --check does it", err=True)
        return exit_codes.PENDING
    return 0
