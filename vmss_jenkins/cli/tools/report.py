"""`vmss-jenkins report`: a report of a rollout, from its events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup
from cloup import option_group

from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import DIRECTORY, FILE, GIVEN_FILE, MOST_USED, output_options, print_json
from vmss_jenkins.cli.report_files import write
from vmss_jenkins.errors import ConfigError

if TYPE_CHECKING:
    from vmss_jenkins.report.story import Story

EXAMPLES = """\
vmss-jenkins report events.jsonl
vmss-jenkins report canary.jsonl rollout.jsonl --out report --junit gates.xml
"""


@make("report", examples=EXAMPLES)
@cloup.argument(
    "files",
    nargs=-1,
    required=True,
    type=GIVEN_FILE,
    help="What `rollout --events` wrote: one file, or several of runs that belong together.",
)
@option_group(
    MOST_USED,
    click.option("--out", type=DIRECTORY, help="Write a page with pictures to this directory."),
    click.option("--markdown", type=FILE, help="Write the report as Markdown to this file."),
    click.option(
        "--junit",
        type=FILE,
        help="Write the gates' verdicts and the end as JUnit XML to this file.",
    ),
    click.option("--summary", type=FILE, help="Write to this file in one line how the rollout ended."),
)
@output_options(formats=("markdown", "json"), means="Markdown is printed only if no file is written.", loudness=False)
def command(
    files: tuple[Path, ...],
    out: Path | None,
    markdown: Path | None,
    junit: Path | None,
    summary: Path | None,
    output: str,
) -> None:
    """Make a report of a rollout from its events."""
    from vmss_jenkins.report import junit as as_junit  # noqa: PLC0415
    from vmss_jenkins.report import markdown as as_markdown  # noqa: PLC0415
    from vmss_jenkins.report import reading, story_builder  # noqa: PLC0415
    from vmss_jenkins.report.html import page  # noqa: PLC0415 - not loaded for --help

    events = [one for file in files for one in reading.read_events(_lines(file), str(file))]
    story = story_builder.story_of(events, ", ".join(map(str, files)))
    texts: tuple[tuple[Path | None, Callable[[], str]], ...] = (
        (markdown, lambda: as_markdown.document(story)),
        (junit, lambda: as_junit.of_rollout(story)),
        (summary, lambda: story.summary + "\n"),
    )
    for file, text in texts:
        if file:
            file.write_text(text(), encoding="utf-8")
    if out:
        write(page.pages(story), out)
    if output == "json":
        print_json(_document(story))
    elif not any((out, markdown, junit, summary)):
        click.echo(as_markdown.document(story), nl=False)


def _document(story: Story) -> dict[str, object]:
    """The rollout as one value; times are seconds since it began."""
    from vmss_jenkins.report import junit  # noqa: PLC0415 - not loaded for --help

    return {
        "scale_set": story.planned.scale_set,
        "summary": story.summary,
        "ending": story.ending,
        "cause": story.cause,
        "began": story.began,
        "seconds": story.seconds,
        "instances": story.instances,
        "skipped": story.skipped,
        "gates": junit.evidence(story),
    }


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), [f"cannot be read: {error}"]) from error
