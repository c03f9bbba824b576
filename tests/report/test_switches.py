"""The report of a blue-green release: how it ended and what to do next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.stories import rollout
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.switch import NotSwitched, Switched, SwitchedBack
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.report import advice, markdown
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.report.story import Ending
from vmss_jenkins.report.story_builder import story_of

THERE = Switched("live", "bluePool", "greenPool")


@pytest.mark.parametrize(
    ("events", "ending", "step"),
    [
        ([THERE], Ending.SWITCHED, "switch the traffic back to the other set"),
        ([NotSwitched("http: 500")], Ending.NOT_SWITCHED, "no user saw the release"),
        (
            [THERE, SwitchedBack("live", "bluePool", "http: 500")],
            Ending.SWITCHED_BACK,
            "users no longer see the release",
        ),
    ],
)
def test_the_report_shows_how_the_switch_ended(events: list[Event], ending: Ending, step: str) -> None:
    _, told = rollout(Consequence.GO_ON)
    later = [RecordedEvent(told[-1].at + timedelta(seconds=number), event) for number, event in enumerate(events, 1)]
    story = story_of([*told, *later])
    assert (story.ending, story.ending.is_good) == (ending, ending is Ending.SWITCHED)
    assert story.cause == ("" if ending is Ending.SWITCHED else "http: 500")
    assert step in " ".join(one.text for one in advice.next_steps(story))
    assert ending.value in markdown.document(story)
