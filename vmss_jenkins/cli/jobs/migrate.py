"""`vmss-jenkins migrate`: what Jenkinsfiles that use the plugin come to, and what was wrong in them."""

from __future__ import annotations

from pathlib import Path

import click

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.migration.commands import Call


@click.command("migrate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(files: tuple[Path, ...]) -> int:
    """Read Jenkinsfiles and jobs' config.xml that use the plugin's steps.

    Prints the command lines that do the same, and what of vmss.yaml is known; the faults that it sees go to
    standard error. Exits 1 where a file could not be read as Groovy.
    """
    from vmss_jenkins.jenkins.migration.plugin_calls import read  # noqa: PLC0415 - not loaded for --help

    unread, found = 0, list[Call]()
    answers = read([_script(path) for path in files])
    for path, answer in zip(files, answers, strict=True):
        if isinstance(answer, str):
            click.echo(f"{path}: could not be read as Groovy: {answer}", err=True)
            unread += 1
        else:
            _tell(path, answer)
            found += answer
    _tell_files(found)
    return int(unread > 0)


def _script(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read: {error}"]) from error
    return _script_of_job(path, text) if text.lstrip().startswith("<") else text


def _script_of_job(path: Path, text: str) -> str:
    """The Pipeline's text in a job's config.xml; Jenkins declares XML 1.1, which no parser of Python takes."""
    from defusedxml import ElementTree  # noqa: PLC0415 - only where a config.xml is read

    try:
        root = ElementTree.fromstring(text.replace("version='1.1'", "version='1.0'", 1).encode())
    except (ElementTree.ParseError, ValueError) as error:
        raise ConfigError(str(path), [f"is no XML that can be read: {error}"]) from error
    script = root.find("definition/script")
    if script is None or not script.text:
        raise ConfigError(
            str(path), ["holds no Pipeline script; give the Jenkinsfile that the job takes from elsewhere"]
        )
    return str(script.text)


def _tell(path: Path, calls: tuple[Call, ...]) -> None:
    from vmss_jenkins.jenkins.migration import commands  # noqa: PLC0415 - not loaded for --help

    if not calls:
        click.echo(f"{path}: calls no step of the plugin", err=True)
    for call, line in zip(calls, commands.commands(calls), strict=True):
        click.echo(f"# {path}:{call.line} {call.step}\n{line}")
    for fault in commands.faults(calls):
        click.echo(f"{path}:{fault.line}: {fault.text}", err=True)


def _tell_files(calls: list[Call]) -> None:
    import yaml  # noqa: PLC0415 - not loaded for --help

    from vmss_jenkins.jenkins.migration import commands  # noqa: PLC0415 - as above

    for file in commands.configurations(calls):
        click.echo("\n# vmss.yaml\n" + yaml.safe_dump(file, sort_keys=False))
