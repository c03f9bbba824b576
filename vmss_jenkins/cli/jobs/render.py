"""`vmss-jenkins render`: write the Jenkins jobs into files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vmss_jenkins.cli.jobs.options import job_options, one_set, templates_in

if TYPE_CHECKING:
    from vmss_jenkins.jenkins.plan.jobs import JobSpec


@click.command("render")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for PATH/Jenkinsfile and PATH/config.xml of each job.",
)
@click.option("--packer", is_flag=True, help="Write the jobs that build images by Packer too, with their template.")
@job_options
def command(
    file: str | None,
    out: Path,
    templates: Path | None,
    packer: bool,
    **options: Any,  # noqa: ANN401 - as click gives them
) -> None:
    """Write the Jenkins jobs of a file's scale sets, or of one set by options alone.

    \b
    vmss-jenkins render vmss.yaml --out jobs
    vmss-jenkins render --resource-group canary-rg --name web --credentials-id azure --out jobs
    """  # noqa: D301 - click's mark for lines that stay as they are
    from vmss_jenkins.library.seeding import jobs_of_file, jobs_of_set  # noqa: PLC0415 - not loaded for --help

    chosen, own = one_set(file, options), templates_in(templates)
    if chosen:
        jobs = jobs_of_set(*chosen, templates=own, images=packer)
    else:
        jobs = jobs_of_file(str(file), source=str(file), templates=own, images=packer)
    for job in jobs:
        _write(job, out)
        if packer and job.path.endswith("-image"):
            _write_template(job, out)


def _write_template(job: JobSpec, out: Path) -> None:
    from vmss_jenkins.pipelines import image_job  # noqa: PLC0415 - as above

    file = out / job.path / image_job.TEMPLATE
    file.write_text(image_job.template(), encoding="utf-8", newline="\n")
    click.echo(str(file))


def _write(job: JobSpec, out: Path) -> None:
    directory = out / job.path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("Jenkinsfile", job.jenkinsfile), ("config.xml", job.config_xml)):
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
    click.echo(str(directory / "Jenkinsfile"))
