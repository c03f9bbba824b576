"""A rollout as a page with a stylesheet and pictures beside it.

Nothing is inline and nothing is a script: Jenkins serves archived files with
`Content-Security-Policy: sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self'`. So each
picture is written twice, light and dark, with its colours in attributes: a style inside a picture would be blocked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import jinja2

from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.automation.other_actors import HEADINGS as HEADINGS_OF_ACTORS
from vmss_jenkins.report.advice import next_steps
from vmss_jenkins.report.facts import facts
from vmss_jenkins.report.fleet import HEADINGS, Row
from vmss_jenkins.report.html.curves_picture import Curves, curves
from vmss_jenkins.report.html.palette import PALETTES
from vmss_jenkins.report.html.scales import clock
from vmss_jenkins.report.html.timeline import timeline
from vmss_jenkins.report.story import GateRun, Story, duration

MOST_PICTURES = 12
"""How many gates get a picture; those that did not pass come first."""


@dataclass(frozen=True)
class ShownGate:
    """A gate on the page."""

    run: GateRun
    picture: str = ""
    """The name of the picture; empty if there is none."""
    alt: str = ""


def pages(story: Story) -> dict[str, str]:
    """Render the report: the text of each file of its directory, by name; `index.html` is the page."""
    pictures = _pictures(story)
    files = {"style.css": _template("style.css").render()}
    for suffix, palette in PALETTES.items():
        line = _template("timeline.svg.j2").render(picture=timeline(story), palette=palette)
        files[f"timeline{suffix}.svg"] = line
        for number, picture in pictures.items():
            files[f"gate-{number + 1}{suffix}.svg"] = _template("curves.svg.j2").render(
                picture=picture, palette=palette
            )
    files["index.html"] = _template("index.html.j2").render(
        story=story,
        facts=facts(story),
        steps=next_steps(story),
        actor_headings=HEADINGS_OF_ACTORS,
        gates=list(_gates(story, pictures)),
        timeline=timeline(story),
        tone=_tone(story),
        link=story.planned.build if story.planned.build.startswith(("https://", "http://")) else "",
    )
    return files


def fleet_pages(rows: Sequence[Row], source: str, at: str) -> dict[str, str]:
    """Render the page of a fleet, the worst set first: the text of each file of its directory, by name.

    Args:
        rows: one row for each scale set.
        source: the file that names the scale sets.
        at: when the scale sets were read.
    """
    worst_first = sorted(rows, key=lambda row: row.urgency)
    page = _template("fleet.html.j2").render(rows=worst_first, headings=HEADINGS, source=source, at=at)
    return {"index.html": page, "style.css": _template("style.css").render()}


def _pictures(story: Story) -> dict[int, Curves]:
    order = sorted(range(len(story.gates)), key=lambda number: story.gates[number].consequence is Consequence.GO_ON)
    drawn = {number: picture for number in order if (picture := curves(story.gates[number]))}
    return dict(list(drawn.items())[:MOST_PICTURES])


def _gates(story: Story, pictures: dict[int, Curves]) -> Iterator[ShownGate]:
    for number, run in enumerate(story.gates):
        if picture := pictures.get(number):
            yield ShownGate(run, f"gate-{number + 1}", picture.description)
        else:
            yield ShownGate(run)


def _tone(story: Story) -> str:
    return "good" if story.is_good else "bad"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vmss_jenkins.report.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "clock": clock}
    return environment


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
