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
@click.option("--url", envvar="JENKINS_URL", show_envvar=True, required=True, help="Address of the server.")
@click.option("--user", envvar="JENKINS_USER_ID", show_envvar=True, required=True, help="The user's id.")
@click.option(
    "--token-file",
    type=click.File(),
    help="File with the API token, - for standard input.  [default: JENKINS_API_TOKEN]",
)
@click.option("--check", is_flag=True, help="Print what would change; change nothing; exit 4 if something would.")
@click.option(
    "--prune",
    is_flag=True,
    help="Disable jobs that were seeded from this file and are no longer in it; delete those without builds.",
)
@click.option("--delete-builds", is_flag=True, help="Let --prune delete jobs with their builds.")
@click.option("--prune-outside-folders", is_flag=True, help="Let --prune look outside the folders of the file too.")
@click.option("--adopt", is_flag=True, help="Take over pipeline jobs of the same name that are not from this file.")
@click.option(
    "--adopt-from",
    multiple=True,
    metavar="SOURCE",
    help="Take over jobs of the same name that were seeded from SOURCE, an old name of this file; repeatable.",
)
@click.option("--allow-many-deletions", is_flag=True, help="Let --prune delete a large part of the jobs.")
@click.option("--allow-missing-credentials", is_flag=True, help="Go on if the credentials are not found.")
@click.option(
    "--allow-older-plugins", is_flag=True, help="Go on if plugins are older than those that the jobs were tested with."
)
@click.option(
    "--source",
    envvar="VMSS_JENKINS_SOURCE",
    show_envvar=True,
    help="Name of the file in the jobs' descriptions, by which they are known again.  "
    "[default: the git repository and the path in it, else the machine and the path]",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 32),
    default=seeding.CONNECTIONS,
    show_default=True,
    help="Requests to the server at a time.",
)
@job_options
def command(
    file: str | None,
    url: str,
    user: str,
    token_file: IO[str] | None,
    check: bool,
    prune: bool,
    delete_builds: bool,
    prune_outside_folders: bool,
    adopt: bool,
    adopt_from: tuple[str, ...],
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
    if (delete_builds or prune_outside_folders) and not prune:
        option = "--delete-builds" if delete_builds else "--prune-outside-folders"
        raise ConfigError(option, ["found it without --prune; wanted both, or neither"])
    if "" in {source, *adopt_from}:
        raise ConfigError("--source, --adopt-from", ["found an empty name; wanted a name, or no option"])
    chosen, own = one_set(file, one), templates_in(templates)
    jobs = jobs_of_set(*chosen, source, own) if chosen else jobs_of_file(str(file), source, own)
    options = Options(
        check=check,
        prune=prune,
        delete_builds=delete_builds,
        prune_outside_folders=prune_outside_folders,
        adopt=adopt,
        adopt_from=adopt_from,
        allow_many_deletions=allow_many_deletions,
        allow_missing_credentials=allow_missing_credentials,
        allow_older_plugins=allow_older_plugins,
        connections=connections,
    )
    from vmss_jenkins.cli.seed_progress import listener  # noqa: PLC0415 - needed only when a server is asked

    with listener() as on_event:
        result = seed_jobs(jobs, url, user, _token(token_file), options, on_event=on_event)
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
    """Print what would change, to standard output: it is the data of this command."""
    for line in job_plan.lines(result.plan):
        click.echo(line)
    for problem in result.problems[len(result.plan.refused) :]:  # the plan has those
        click.echo(f"problem: {problem}", err=True)
    if result.problems:
        click.echo("nothing was changed, and nothing will be: solve the problems above first", err=True)
        return 1
    if result.plan.pending:
        click.echo("nothing was changed; to change it, run the same command without --check", err=True)
        return exit_codes.PENDING
    return 0
