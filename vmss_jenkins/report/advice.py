"""What to do after a rollout."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.report.story import Ending, Story

MANY = 12
"""Instances that are named; more are counted."""

_OF_SWITCHES = {Ending.SWITCHED, Ending.NOT_SWITCHED, Ending.SWITCHED_BACK}


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    text: str
    command: str = ""
    """A command line that does it; empty for none."""


def next_steps(story: Story) -> tuple[Step, ...]:
    """Say what to do, the most urgent first."""
    return tuple(_after_switch(story) if story.ending in _OF_SWITCHES else _steps(story))


def _steps(story: Story) -> Iterator[Step]:
    target = f"--resource-group {shlex.quote(story.planned.scale_set.resource_group)} "
    target += f"--name {shlex.quote(story.planned.scale_set.name)}"
    look, back = f"vmss-jenkins status {target}", f"vmss-jenkins rollback {target}{_way(story)}"
    if story.ending is Ending.ROLLED_OUT:
        yield Step("Nothing. Should the release turn out bad later, go back:", back)
    elif story.ending is Ending.CANARY:
        yield Step("Look at the canary. If it is good, run the rollout again without --canary-only for the others.")
        yield Step("If it is not, go back:", back)
    elif story.ending is Ending.ROLLED_BACK:
        yield from _after_rollback(story)
    elif story.ending is Ending.HALTED:
        yield Step("Look how every instance is; nothing more was touched:", look)
        yield Step("Mend the cause, then run the same command again: it goes on from here. Or go back:",
                   back)  # fmt: skip
    elif story.ending is Ending.INTERRUPTED:
        yield Step("Run the same command again: it goes on from here. Azure finishes by itself what it has begun.")
    elif story.ending is Ending.FAILED:
        yield Step("Mend what the error names, then run the same command again: it goes on from here.")
    else:
        yield Step("Its end was not told: it runs still, or was killed. Look how the set is:", look)
        yield Step("If it does not run any more, run the same command again: it goes on from here.")
    bad = [life.instance_id for life in story.lives if life.state is InstanceState.UNHEALTHY]
    if bad:
        yield Step(f"Look at {_names(bad)}: not healthy in the end.")
    if story.ending.is_good and story.skipped:
        yield Step(f"Left alone, and perhaps yours to update: {_names(list(story.skipped))}.")


def _way(story: Story) -> str:
    """The options by which a rollback goes the way that the rollout went."""
    before, release = story.planned.image_from, story.planned.image_to
    if isinstance(release, ExtensionSettings):
        way = f" --extension {shlex.quote(release.name)}"
    elif story.ending is Ending.ROLLED_OUT and before:  # no instance tells it any more
        way = f" --to {shlex.quote(str(before))}"
    else:
        way = ""
    return f"{way} --strategy surge" if story.planned.max_surge else way


def _after_switch(story: Story) -> Iterator[Step]:
    if story.ending is Ending.SWITCHED:
        yield Step("Nothing. Should the release turn out bad later, point the traffic at the other set again.")
        return
    seen = "no visitor saw the release" if story.ending is Ending.NOT_SWITCHED else "visitors see it no more"
    yield Step(f"Nothing is urgent: {seen}; the other set serves.")
    yield Step(f"Find out {_failed(story)}, mend it, and release a new image.")


def _after_rollback(story: Story) -> Iterator[Step]:
    noun = "script" if isinstance(story.planned.image_to, ExtensionSettings) else "image"
    image = story.planned.image_to.short_name if story.planned.image_to else "the release"
    before = story.planned.image_from.short_name if story.planned.image_from else "the previous release"
    if story.planned.rolling_back:
        yield Step(f"Nothing: the set runs {image} again.")
        return
    yield Step(f"Nothing is urgent: the set runs {before} as it did before.")
    again = f"Do not roll {image} out again as it is."
    yield Step(f"Find out {_failed(story)}, mend it, and roll out a new {noun}. {again}")


def _failed(story: Story) -> str:
    failed = [run for run in story.gates if run.consequence is Consequence.FAIL]
    return f"what the gate {failed[-1].gate} measured" if failed else "why instances failed"


def _names(ids: list[str]) -> str:
    shown = ", ".join(ids[:MANY])
    return shown if len(ids) <= MANY else f"{shown} and {len(ids) - MANY} more"
