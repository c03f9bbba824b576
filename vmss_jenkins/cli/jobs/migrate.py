"""`vmss-jenkins migrate`: convert Jenkinsfiles that use the plugin's steps, and report the faults in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import GIVEN_FILE, output_options, print_json
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.jenkins.migration.commands import Call

EXAMPLES = """\
vmss-jenkins migrate Jenkinsfile
vmss-jenkins migrate jobs/*/config.xml -o json
"""


@make("migrate", examples=EXAMPLES)
@cloup.argument("files", nargs=-1, required=True, type=GIVEN_FILE, help="Jenkinsfiles, or config.xml of jobs.")
@output_options(loudness=False)
def command(files: tuple[Path, ...], output: str) -> int:
    """Convert Jenkinsfiles and config.xml of jobs that use the plugin's steps.

    Prints the command lines that do the same, and as much of vmss.yaml as is known; faults in the files go to
    standard error. Exits 1 if a file cannot be read as Groovy.
    """
    from vmss_jenkins.jenkins.migration.plugin_calls import read  # noqa: PLC0415 - not loaded for --help

    unread = 0
    found: list[Call] = []
    answers = read([_script(path) for path in files])
    if output == "json":
        print_json(_document(files, answers))
        return int(any(isinstance(answer, str) for answer in answers))
    for path, answer in zip(files, answers, strict=True):
        if isinstance(answer, str):
            click.echo(f"{path}: could not be read as Groovy: {answer}", err=True)
            unread += 1
        else:
            _tell(path, answer)
            found += answer
    _tell_files(found)
    return int(unread > 0)


def _document(files: Sequence[Path], answers: Sequence[str | tuple[Call, ...]]) -> dict[str, object]:
    """All that was found, as one value."""
    from vmss_jenkins.jenkins.migration import commands  # noqa: PLC0415 - not loaded for --help

    found = [call for answer in answers if not isinstance(answer, str) for call in answer]
    return {
        "files": [_file(path, answer) for path, answer in zip(files, answers, strict=True)],
        "configurations": commands.configurations(found),
    }


def _file(path: Path, answer: str | tuple[Call, ...]) -> dict[str, object]:
    from vmss_jenkins.jenkins.migration import commands  # noqa: PLC0415 - as above

    if isinstance(answer, str):
        return {"file": str(path), "error": f"could not be read as Groovy: {answer}"}
    lines = zip(answer, commands.commands(answer), strict=True)
    calls = [{"line": call.line, "step": call.step, "command": line} for call, line in lines]
    return {"file": str(path), "calls": calls, "faults": commands.faults(answer)}


def _script(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read: {error}"]) from error
    return _script_of_job(path, text) if text.lstrip().startswith("<") else text


def _script_of_job(path: Path, text: str) -> str:
    """The Pipeline's text in a job's config.xml; Jenkins declares XML 1.1, which no parser of Python reads."""
    from defusedxml import ElementTree  # noqa: PLC0415 - only where a config.xml is read

    try:
        root = ElementTree.fromstring(text.replace("version='1.1'", "version='1.0'", 1).encode())
    except (ElementTree.ParseError, ValueError) as error:
        raise ConfigError(str(path), [f"is not XML that can be read: {error}"]) from error
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
