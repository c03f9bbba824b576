"""`vmss-jenkins render`: write the Jenkins jobs to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from cloup import option_group

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.jobs.options import FILE_ARGUMENT, TEMPLATES, one_set, one_set_options, templates_in
from vmss_jenkins.cli.options import DIRECTORY, MOST_USED, output_options, print_json

if TYPE_CHECKING:
    from vmss_jenkins.jenkins.plan.jobs import JobSpec

EXAMPLES = """\
vmss-jenkins render vmss.yaml --out jobs
vmss-jenkins render --resource-group canary-rg --name web --credentials-id azure --out jobs
"""


@make("render", examples=EXAMPLES)
@FILE_ARGUMENT
@option_group(
    MOST_USED,
    click.option(
        "--out", required=True, type=DIRECTORY, help="Directory for PATH/Jenkinsfile and PATH/config.xml of each job."
    ),
    TEMPLATES,
    click.option("--packer", is_flag=True, help="Write the jobs that build images by Packer too, with their template."),
)
@one_set_options
@output_options(loudness=False)
def command(
    file: str | None,
    out: Path,
    templates: Path | None,
    packer: bool,
    output: str,
    **options: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """Write the Jenkins jobs of a file's scale sets, or of one scale set described by options."""
    from vmss_jenkins.library.seeding import jobs_of_file, jobs_of_set  # noqa: PLC0415 - not loaded for --help

    chosen, own = one_set(file, options), templates_in(templates)
    if chosen:
        jobs = jobs_of_set(*chosen, templates=own, images=packer)
    else:
        jobs = jobs_of_file(str(file), source=str(file), templates=own, images=packer)
    written = {job.path: _write(job, out) for job in jobs}
    for job in jobs:
        if packer and job.path.endswith("-image"):
            written[job.path].append(_write_template(job, out))
    if output == "json":
        print_json([{"job": path, "files": list(map(str, files))} for path, files in written.items()])
    else:
        for files in written.values():
            for file_written in files[:1] + files[2:]:
                click.echo(str(file_written))


def _write_template(job: JobSpec, out: Path) -> Path:
    from vmss_jenkins.pipelines import image_job  # noqa: PLC0415 - as above

    file = out / job.path / image_job.TEMPLATE
    file.write_text(image_job.template(), encoding="utf-8", newline="\n")
    return file


def _write(job: JobSpec, out: Path) -> list[Path]:
    """Write the Jenkinsfile and the config.xml of a job."""
    directory = out / job.path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("Jenkinsfile", job.jenkinsfile), ("config.xml", job.config_xml)):
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
    return [directory / "Jenkinsfile", directory / "config.xml"]
