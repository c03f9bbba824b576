"""`vmss-jenkins seed`: create and update the jobs of vmss.yaml on a Jenkins server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from cloup import option_group

from vmss_jenkins.cli import exit_codes
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.jobs.options import FILE_ARGUMENT, TEMPLATES, one_set, one_set_options, templates_in
from vmss_jenkins.cli.options import MOST_USED, output_options, print_json
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.jenkins.seeding import SeedResult

CONNECTIONS = 8
"""As `seeding.CONNECTIONS`, which is not loaded for --help."""
EXAMPLES = """\
# Show what would change on the server; exit 4 if something would.
vmss-jenkins seed vmss.yaml --url https://jenkins.example.com --user admin --token-file token --check
# Do it, and delete the jobs that are no longer in the file.
vmss-jenkins seed vmss.yaml --url https://jenkins.example.com --user admin --token-file token --prune
"""


@make("seed", examples=EXAMPLES, changes=True)
@FILE_ARGUMENT
@option_group(
    MOST_USED,
    click.option("--url", envvar="JENKINS_URL", show_envvar=True, required=True, help="Address of the Jenkins server."),
    click.option("--user", envvar="JENKINS_USER_ID", show_envvar=True, required=True, help="Id of the Jenkins user."),
    click.option(
        "--token-file",
        type=click.File(),
        help="File with the API token of the user; - for standard input.  [default: JENKINS_API_TOKEN]",
    ),
    click.option("--check", is_flag=True, help="Show what would change; change nothing; exit 4 if something would."),
    click.option("--dry-run", is_flag=True, help="As --check, but exit 0 if nothing blocks the change."),
)
@option_group(
    "What is allowed",
    click.option(
        "--prune",
        is_flag=True,
        help="Disable jobs that were seeded from this file and are no longer in it; delete those without builds.",
    ),
    click.option("--delete-builds", is_flag=True, help="Let --prune delete jobs with their builds."),
    click.option("--prune-outside-folders", is_flag=True, help="Let --prune look outside the folders of the file too."),
    click.option("--adopt", is_flag=True, help="Take over pipeline jobs of the same name that are not from this file."),
    click.option(
        "--adopt-from",
        multiple=True,
        metavar="SOURCE",
        help="Take over jobs of the same name that were seeded from SOURCE, an old name of this file; may be given "
        "again.",
    ),
    click.option("--allow-many-deletions", is_flag=True, help="Let --prune delete a large part of the jobs."),
    click.option(
        "--allow-missing-credentials", is_flag=True, help="Go on although the credentials id is not on the server."
    ),
    click.option(
        "--allow-older-plugins", is_flag=True, help="Go on with older plugins than those that the jobs are tested with."
    ),
)
@one_set_options
@option_group(
    "Server",
    click.option(
        "--source",
        envvar="VMSS_JENKINS_SOURCE",
        show_envvar=True,
        metavar="NAME",
        help="Name of the file in the descriptions of the jobs, by which later runs find them.  "
        "[default: the git repository and the path in it, else the machine and the path]",
    ),
    click.option(
        "--connections",
        type=click.IntRange(1, 32),
        default=CONNECTIONS,
        show_default=True,
        help="How many requests are sent to the server at a time.",
    ),
    TEMPLATES,
)
@output_options(loudness=False)
def command(
    file: str | None,
    url: str,
    user: str,
    token_file: IO[str] | None,
    check: bool,
    dry_run: bool,
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
    output: str,
    **one: Any,  # noqa: ANN401 - as click gives them
) -> int:
    """Create and update the jobs of vmss.yaml on a Jenkins server; run again it changes nothing.

    The API token comes from JENKINS_API_TOKEN or --token-file, never from an argument, which every user of the
    machine could read.
    """
    if (delete_builds or prune_outside_folders) and not prune:
        option = "--delete-builds" if delete_builds else "--prune-outside-folders"
        raise ConfigError(option, ["found no --prune; give both, or neither"])
    from vmss_jenkins.cli.seed_progress import listener  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.jenkins.seeding import Options  # noqa: PLC0415
    from vmss_jenkins.library.seeding import jobs_of_file, jobs_of_set, seed_jobs  # noqa: PLC0415

    chosen, own = one_set(file, one), templates_in(templates)
    jobs = jobs_of_set(*chosen, source, own) if chosen else jobs_of_file(str(file), source, own)
    options = Options(
        check=check or dry_run,
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
    with listener() as on_event:
        result = seed_jobs(jobs, url, user, _token(token_file), options, on_event=on_event)
    if output == "json":
        print_json(_document(result))
    if not options.check:
        return 0
    return _checked(result, quiet=output == "json", pending=exit_codes.PENDING if check else 0)


def _document(result: SeedResult) -> dict[str, object]:
    """The result without the text of the jobs."""
    plan = result.plan
    return {
        "applied": result.applied,
        "folders": plan.folders,
        "actions": [{"action": type(one).__name__.lower(), "path": one.path} for one in plan.actions],
        "unpruned": plan.unpruned,
        "unchanged": len(plan.unchanged),
        "problems": result.problems,
    }


def _token(token_file: IO[str] | None) -> str:
    found = token_file.read() if token_file is not None else os.environ.get("JENKINS_API_TOKEN", "")
    token = str(found).strip()
    if not token:
        where = "--token-file" if token_file is not None else "JENKINS_API_TOKEN"
        raise ConfigError(where, ["found no API token; set JENKINS_API_TOKEN, or give --token-file FILE (- for stdin)"])
    return token


def _checked(result: SeedResult, *, quiet: bool, pending: int) -> int:
    """Print what would change, and return the exit code.

    Args:
        result: of the check.
        quiet: whether the result was printed already.
        pending: the exit code if something would change.
    """
    from vmss_jenkins.report.text import job_plan  # noqa: PLC0415 - not loaded for --help

    for line in () if quiet else job_plan.lines(result.plan):
        click.echo(line)
    for problem in result.problems[len(result.plan.refused) :]:  # the plan shows the refused jobs
        click.echo(f"problem: {problem}", err=True)
    if result.problems:
        click.echo("nothing was changed, and nothing will be: solve the problems above first", err=True)
        return 1
    if result.plan.pending:
        typed = "--check" if pending else "--dry-run"
        click.echo(f"nothing was changed; to change it, run the same command without {typed}", err=True)
        return pending
    return 0
