"""`vmss-jenkins report`: a report of a rollout, out of its events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from vmss_jenkins.cli.report_files import write
from vmss_jenkins.errors import ConfigError


@click.command("report")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write a page with its pictures there.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write it as Markdown there.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write its gates as test results there.")
@click.option("--summary", type=click.Path(dir_okay=False, path_type=Path), help="Write one line of it there.")
def command(
    files: tuple[Path, ...], out: Path | None, markdown: Path | None, junit: Path | None, summary: Path | None
) -> None:
    """Make a report of a rollout out of its events.

    FILES are what `rollout --events` wrote: one, or several of runs that belong together. Without an option it is
    printed as Markdown.
    """
    from vmss_jenkins.report import junit as as_junit  # noqa: PLC0415
    from vmss_jenkins.report import markdown as as_markdown  # noqa: PLC0415
    from vmss_jenkins.report import reading, story_builder  # noqa: PLC0415
    from vmss_jenkins.report.html import page  # noqa: PLC0415 - not loaded for --help

    told = [one for file in files for one in reading.read_events(_lines(file), str(file))]
    story = story_builder.story_of(told, ", ".join(map(str, files)))
    texts: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (markdown, lambda: as_markdown.document(story)),
        (junit, lambda: as_junit.document(str(story.planned.scale_set), as_junit.evidence(story))),
        (summary, lambda: story.summary + "\n"),
    )
    for file, text in texts:
        if file:
            file.write_text(text(), encoding="utf-8")
    if out:
        write(page.pages(story), out)
    if not any((out, markdown, junit, summary)):
        click.echo(as_markdown.document(story), nl=False)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from error
