"""`vmss-jenkins migrate`: convert Jenkinsfiles that use the plugin's steps, and report the faults in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import GIVEN_FILE, output_options, print_json
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.jenkins.migration.calls import Call, Mention, Reading
    from vmss_jenkins.jenkins.migration.job_xml import PipelineScript

EXAMPLES = """\
vmss-jenkins migrate Jenkinsfile
vmss-jenkins migrate jobs/*/config.xml -o json
"""


@make("migrate", examples=EXAMPLES)
@cloup.argument("files", nargs=-1, required=True, type=GIVEN_FILE, help="Jenkinsfiles, or config.xml of jobs.")
@output_options(loudness=False)
def command(files: tuple[Path, ...], output: str) -> int:
    """Convert Jenkinsfiles, shared libraries and config.xml of jobs that use the plugin's steps.

    Prints the command line that does the same as each call, and what the calls show of vmss.yaml. Faults of the
    calls go to standard error. Exits 1 if a file is not Groovy, or if a step is named outside a call that can be
    read.

    Groovy's own parser reads the files and runs nothing of them. This needs Groovy 2.4 and Java 17 or older
    (Debian: apt-get install groovy openjdk-17-jre-headless); a config.xml of a freestyle job needs neither.
    """
    answers = dict(zip(files, _read(files), strict=True))
    if output == "json":
        print_json(_document(answers))
    else:
        for path, answer in answers.items():
            _print(path, answer)
        _print_configurations(answers)
    return int(any(isinstance(answer, str) or bool(answer.unread) for answer in answers.values()))


def _read(files: Sequence[Path]) -> list[Reading | str]:
    """Read all files; Groovy, which takes a second to start, is started once and only if a file needs it."""
    from vmss_jenkins.jenkins.migration.calls import Reading  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.jenkins.migration.groovy_reader import read  # noqa: PLC0415 - as above
    from vmss_jenkins.jenkins.migration.job_xml import PipelineScript  # noqa: PLC0415 - as above

    sources = [_source(path) for path in files]
    scripts = [source for source in sources if isinstance(source, PipelineScript)]
    answers = iter(read([script.text for script in scripts]) if scripts else [])
    return [
        _moved(next(answers), source.first_line) if isinstance(source, PipelineScript) else Reading(source)
        for source in sources
    ]


def _source(path: Path) -> PipelineScript | tuple[Call, ...]:
    from vmss_jenkins.jenkins.migration.job_xml import PipelineScript, read_job  # noqa: PLC0415 - as above

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read: {error}"]) from error
    return read_job(text, str(path)) if text.lstrip().startswith("<") else PipelineScript(text, 1)


def _moved(reading: Reading | str, first_line: int) -> Reading | str:
    """Count lines from the beginning of the file, not of the script in it."""
    if isinstance(reading, str) or first_line == 1:
        return reading
    more = first_line - 1
    return replace(
        reading,
        calls=tuple(replace(call, line=call.line + more) for call in reading.calls),
        unread=_lower(reading.unread, more),
        clouds=_lower(reading.clouds, more),
    )


def _lower(mentions: Iterable[Mention], lines: int) -> tuple[Mention, ...]:
    return tuple(replace(one, line=one.line + lines) for one in mentions)


def _document(answers: dict[Path, Reading | str]) -> dict[str, object]:
    """All that was found, as one value."""
    from vmss_jenkins.jenkins.migration.commands import configurations  # noqa: PLC0415 - not loaded for --help

    files = [_file(path, answer) for path, answer in answers.items()]
    return {"files": files, "configurations": configurations(_calls(answers))}


def _file(path: Path, answer: Reading | str) -> dict[str, object]:
    from vmss_jenkins.jenkins.migration.commands import commands  # noqa: PLC0415 - as above
    from vmss_jenkins.jenkins.migration.faults import faults  # noqa: PLC0415 - as above

    if isinstance(answer, str):
        return {"file": str(path), "error": f"could not be read as Groovy: {answer}"}
    calls = [
        {"line": one.call.line, "step": one.call.step, "command": one.line, "variables": one.legend}
        for one in commands(answer.calls)
    ]
    return {"file": str(path), "calls": calls, "unread": answer.unread, "faults": faults(answer)}


def _print(path: Path, answer: Reading | str) -> None:
    from vmss_jenkins.jenkins.migration.commands import commands  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.jenkins.migration.faults import faults, not_understood  # noqa: PLC0415 - as above

    if isinstance(answer, str):
        click.echo(f"{path}: could not be read as Groovy: {answer}", err=True)
        return
    if not answer.calls and not answer.unread:
        click.echo(f"{path}: calls no step of the plugin", err=True)
    for one in commands(answer.calls):
        click.echo(f"# {path}:{one.call.line} {one.call.step}")
        for name, meaning in one.legend.items():
            click.echo(f"# set {name} to {meaning}")
        click.echo(one.line)
    for mention in answer.unread:
        click.echo(f"{path}:{mention.line}: {not_understood(mention)}", err=True)
    for fault in faults(answer):
        click.echo(f"{path}:{fault.line}: {fault.text}", err=True)


def _print_configurations(answers: dict[Path, Reading | str]) -> None:
    import yaml  # noqa: PLC0415 - not loaded for --help

    from vmss_jenkins.jenkins.migration.commands import configurations  # noqa: PLC0415 - as above

    for file in configurations(_calls(answers)):
        click.echo("\n# vmss.yaml\n" + yaml.safe_dump(file, sort_keys=False))


def _calls(answers: dict[Path, Reading | str]) -> list[Call]:
    return [call for answer in answers.values() if not isinstance(answer, str) for call in answer.calls]
