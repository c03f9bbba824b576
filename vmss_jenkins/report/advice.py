"""What to do after a rollout."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.report.story import Ending, Story

GOVERN = "govern"
"""The strategy of Azure's own upgrades."""
MANY = 12
"""How many instances are named; the others are counted."""

_OF_SWITCHES = {Ending.SWITCHED, Ending.NOT_SWITCHED, Ending.SWITCHED_BACK}


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    text: str
    command: str = ""
    """The command line to type; empty if there is none."""


def next_steps(story: Story) -> tuple[Step, ...]:
    """Return what to do, the most urgent first."""
    return tuple(_after_switch(story) if story.ending in _OF_SWITCHES else _steps(story))


def _steps(story: Story) -> Iterator[Step]:
    target = f"--resource-group {shlex.quote(story.planned.scale_set.resource_group)} "
    target += f"--name {shlex.quote(story.planned.scale_set.name)}"
    if story.planned.strategy == GOVERN and story.ending in {Ending.ROLLED_OUT, Ending.REJECTED}:
        yield from _after_governing(story, target)
        return
    status, rollback = f"vmss-jenkins status {target}", f"vmss-jenkins rollback {target}{_rollback_options(story)}"
    if story.ending is Ending.ROLLED_OUT:
        yield Step("Nothing. If the release turns out to be bad later, roll back:", rollback)
    elif story.ending is Ending.CANARY:
        yield Step(
            "Check the canary. If it is good, run the same command without --canary-only for the other instances."
        )
        yield Step("If the canary is bad, roll back:", rollback)
    elif story.ending is Ending.ROLLED_BACK:
        yield from _after_rollback(story)
    elif story.ending is Ending.HALTED:
        yield Step("Check every instance; the rollout changes nothing more:", status)
        yield Step("Fix the cause, then run the same command again: it continues from here. Or roll back:", rollback)
    elif story.ending is Ending.INTERRUPTED:
        yield Step("Run the same command again: it continues from here. Azure finishes the updates that it has begun.")
    elif story.ending is Ending.FAILED:
        yield Step("Fix the error, then run the same command again: it continues from here.")
    else:
        yield Step("The events have no end: the rollout still runs, or it was killed. Check the scale set:", status)
        yield Step("If it was killed, run the same command again: it continues from here.")
    bad = [one.instance_id for one in story.instances if one.state is InstanceState.UNHEALTHY]
    if bad:
        yield Step(f"Check the unhealthy instances: {_names(bad)}.")
    if story.ending.is_good and story.skipped:
        yield Step(f"Check whether the skipped instances need the release: {_names(list(story.skipped))}.")


def _after_governing(story: Story, target: str) -> Iterator[Step]:
    """Azure takes no exact version while it upgrades by itself, so that is switched off before a rollback."""
    off = f"az vmss update {target} --enable-auto-os-upgrade false"
    if story.ending is Ending.ROLLED_OUT:
        yield Step("Nothing. If the version turns out to be bad later, first keep Azure from upgrading:", off)
    else:
        bad = story.target.short_name if story.target else "the new version"
        yield Step(f"Azure upgrades no further instance to {bad}, and asks again when a newer version is there.")
        if not (story.final and story.final.have_it):
            return
        have_it = _names(list(story.final.have_it))
        yield Step(f"These run {bad}: {have_it}. To bring them back, first keep Azure from upgrading:", off)
    before = f" --to {shlex.quote(str(story.planned.image_from))}" if story.planned.image_from else ""
    yield Step("Then roll back:", f"vmss-jenkins rollback {target}{before}")


def _rollback_options(story: Story) -> str:
    """The options that a rollback of this rollout needs."""
    before, release = story.planned.image_from, story.planned.image_to
    if isinstance(release, ExtensionSettings):
        option = "--application" if release.is_application else "--extension"
        options = f" {option} {shlex.quote(release.name)}"
    elif story.ending is Ending.ROLLED_OUT and before:  # no instance runs it any more
        options = f" --to {shlex.quote(str(before))}"
    else:
        options = ""
    return f"{options} --strategy surge" if story.planned.max_surge else options


def _after_switch(story: Story) -> Iterator[Step]:
    if story.ending is Ending.SWITCHED:
        yield Step("Nothing. If the release turns out to be bad later, switch the traffic back to the other set.")
        return
    seen = "no user saw the release" if story.ending is Ending.NOT_SWITCHED else "users no longer see the release"
    yield Step(f"Nothing is urgent: {seen}; the other set serves.")
    yield Step(f"Find out why {_failed(story)}, fix it, and release a new image.")


def _after_rollback(story: Story) -> Iterator[Step]:
    release = story.planned.image_to
    noun = release.kind if isinstance(release, ExtensionSettings) else "image"
    image = story.planned.image_to.short_name if story.planned.image_to else "the release"
    before = story.planned.image_from.short_name if story.planned.image_from else "the previous release"
    if story.planned.rolling_back:
        yield Step(f"Nothing: the set runs {image} again.")
        return
    yield Step(f"Nothing is urgent: the set runs {before} again.")
    again = f"Do not roll out {image} again unchanged."
    yield Step(f"Find out why {_failed(story)}, fix it, and roll out a new {noun}. {again}")


def _failed(story: Story) -> str:
    failed = [run for run in story.gates if run.consequence is Consequence.FAIL]
    return f"the gate {failed[-1].gate} failed" if failed else "instances failed"


def _names(ids: list[str]) -> str:
    shown = ", ".join(ids[:MANY])
    return shown if len(ids) <= MANY else f"{shown} and {len(ids) - MANY} more"
