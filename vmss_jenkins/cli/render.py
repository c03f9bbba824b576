"""`vmss-jenkins render`: write the Jenkins jobs into files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.config import Config
    from vmss_jenkins.jobs import JobSpec

OPTIONS = "options"
"""The source of a set that no file has."""


@click.command("render")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for PATH/Jenkinsfile and PATH/config.xml of each job.",
)
@click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of your own *.j2, which stand in for those of the same name.",
)
@click.option("--packer", is_flag=True, help="Write the job that builds an image by Packer too, with its template.")
@click.option("-g", "--resource-group", help="Resource group of one scale set, instead of a file.")
@click.option("-n", "--name", help="Its name.")
@click.option("--subscription", help="Its subscription.  [default: the credentials']")
@click.option("--canary", metavar="COUNT|PERCENT%", help="How many instances go first.")
@click.option("--instance-ids", help="Ids of the instances that go first.")
@click.option("--gate", "gates", multiple=True, metavar="'KIND KEY=VALUE ...'", help="As for `verify`.")
@click.option("--promotion", help="manual, approval or automatic.")
@click.option("--flavour", help="command or plugin.")
@click.option("--folder", default="", help="Jenkins folder of the jobs.")
@click.option("--agent", default="", help="Label of the agents.")
@click.option("--credentials-id", help="Id of an Azure service principal in Jenkins.")
def command(
    file: Path | None,
    out: Path,
    templates: Path | None,
    packer: bool,
    folder: str,
    agent: str,
    credentials_id: str | None,
    gates: tuple[str, ...],
    **values: str | None,
) -> None:
    r"""Write the Jenkins jobs of a file's scale sets, or of one set by options alone.

    \b
    vmss-jenkins render vmss.yaml --out jobs
    vmss-jenkins render --resource-group canary-rg --name web --credentials-id azure --out jobs
    """
    from vmss_jenkins.pipelines import jobs_of  # noqa: PLC0415 - not loaded for --help

    if file is not None:
        given = [f"--{key.replace('_', '-')}" for key, value in values.items() if value is not None]
        if given or folder or agent or credentials_id or gates:
            raise ConfigError("render", ["found a file and options of one set; wanted one of both"])
        config, source = _from_file(file), str(file)
    else:
        config, source = _from_options({**values, "gates": list(gates) or None}, folder, agent, credentials_id), OPTIONS
    for job in jobs_of(config, source, _templates(templates)):
        _write(job, out)
    if packer:
        _write_image_jobs(config, source, _templates(templates), out)


def _write_image_jobs(config: Config, source: str, templates: dict[str, str], out: Path) -> None:
    from vmss_jenkins.pipelines import image_job, image_jobs_of  # noqa: PLC0415 - as above

    for job in image_jobs_of(config, source, templates):
        _write(job, out)
        file = out / job.path / image_job.TEMPLATE
        file.write_text(image_job.template(), encoding="utf-8", newline="\n")
        click.echo(str(file))


def _from_file(file: Path) -> Config:
    from vmss_jenkins import config  # noqa: PLC0415 - pydantic takes its time

    try:
        return config.parse(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise ConfigError(str(file), [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), [f"is not UTF-8: {error.reason} at byte {error.start}"]) from error


def _from_options(
    values: dict[str, str | list[str] | None], folder: str, agent: str, credentials_id: str | None
) -> Config:
    if not values.get("resource_group") or not values.get("name"):
        raise ConfigError("render", ["found neither a file nor a set; give vmss.yaml, or --resource-group and --name"])
    from vmss_jenkins import config  # noqa: PLC0415 - as above

    kind = "azure-service-principal" if credentials_id else "none"
    jenkins = {"folder": folder, "agent": agent, "credentials": {"kind": kind, "id": credentials_id}}
    return config.one_set(values, jenkins)


def _templates(directory: Path | None) -> dict[str, str]:
    files = directory.glob("*.j2") if directory else ()
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def _write(job: JobSpec, out: Path) -> None:
    directory = out / job.path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in (("Jenkinsfile", job.jenkinsfile), ("config.xml", job.config_xml)):
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
    click.echo(str(directory / "Jenkinsfile"))
