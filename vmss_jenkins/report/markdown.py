"""A rollout as Markdown, for a pull request or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vmss_jenkins.model.automation.other_actors import HEADINGS
from vmss_jenkins.report.advice import next_steps
from vmss_jenkins.report.facts import facts
from vmss_jenkins.report.story import GateRun, Story, duration


def document(story: Story) -> str:
    """Write a rollout: how it ended, the details, the verdicts of the gates, what to do next."""
    return "\n".join(_lines(story)) + "\n"


def _lines(story: Story) -> Iterator[str]:
    yield f"## {_text(str(story.planned.scale_set))}: {story.ending.value}"
    if story.cause:
        yield f"\n{_text(story.cause)}"
    yield "\n| | |\n|---|---|"
    yield from (_row(pair) for pair in facts(story))
    if story.gates:
        yield "\n| gate | stage | verdict | measured |\n|---|---|---|---|"
        yield from map(_gate, story.gates)
    if story.actors:
        yield "\n" + _row(HEADINGS) + "\n|---|---|---|---|"
        yield from (_row(actor.cells) for actor in story.actors)
    yield "\n**What to do next**\n"
    for step in next_steps(story):
        yield f"- {_text(step.text)}" + (f" {_code(step.command)}" if step.command else "")


def _gate(run: GateRun) -> str:
    if run.verdict is None:
        return _row([run.gate, run.stage, "no verdict", ""])
    figures = "; ".join(map(str, run.verdict.measurements)) or run.verdict.reason
    seconds = duration(run.end - run.start)
    return _row([run.gate, run.stage, f"{run.verdict.outcome.value} after {seconds}", figures])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_text, cells)) + " |"


def _text(value: str) -> str:
    """Escape a text, which may hold any character, so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&@])", r"\\\1", " ".join(value.split()))


def _code(value: str) -> str:
    longest = max((len(ticks) for ticks in re.findall("`+", value)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence}{value}{fence}"
