"""Who else acts on the set, in every report of a rollout: one short table."""

from __future__ import annotations

import json as plain_json
import re
from collections.abc import Iterator

import jsonschema

from tests.report.test_text import BALANCE, REPAIRS
from tests.support.fakes import WEB
from tests.support.stories import rollout
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.automation.other_actors import OtherActor, Response
from vmss_jenkins.report import json, markdown, reading, schema
from vmss_jenkins.report.html import page
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.report.story_builder import story_of

EVENTS = rollout(Consequence.GO_ON)[1]


def told(*actors: OtherActor) -> Iterator[RecordedEvent]:
    """The events of a rollout, with the other actors before its first change."""
    yield EVENTS[0]
    yield RecordedEvent(EVENTS[0].at, rollout_events.OtherActorsFound(WEB, actors))
    yield from EVENTS[1:]


def test_the_page_has_a_table_of_them_and_none_if_there_is_nobody() -> None:
    shown = page.pages(story_of(told(REPAIRS, BALANCE)))["index.html"]
    table = re.findall(r'<section aria-labelledby="actors">.*?</section>', shown, re.DOTALL)[0]
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", table) == ["Who else acts on the set"]
    assert re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", table) == [
        *("Also acts on the set", "Setting", "May", "In a rollout"),
        *("automatic repairs", "Replace after 10 min", "replace an ill instance", "suspended until the end"),
        *("automatic zone balance", "on", "delete an instance", "kept"),
    ]
    assert "Who else" not in page.pages(story_of(EVENTS))["index.html"]


def test_what_a_setting_is_called_is_never_markup() -> None:
    evil = OtherActor("<b>x</b>", "*y*|", "<i>", Response.TELL, "`z`")
    assert "<b>" not in page.pages(story_of(told(evil)))["index.html"]
    assert r"| \<b\>x\</b\> | \*y\*\| | \<i\> | \`z\` |" in markdown.document(story_of(told(evil)))


def test_markdown_has_the_same_table() -> None:
    shown = markdown.document(story_of(told(REPAIRS)))
    assert "| also acts on the set | setting | may | in a rollout |\n|---|---|---|---|\n| automatic repairs |" in shown
    assert "also acts" not in markdown.document(story_of(EVENTS))


def test_the_log_of_the_page_and_the_events_file_have_them() -> None:
    event = rollout_events.OtherActorsFound(WEB, (REPAIRS, BALANCE))
    line = json.line(event, EVENTS[0].at.isoformat())
    assert reading.read_events([line], "events")[0].event == event
    jsonschema.validate(plain_json.loads(line), schema.events_schema())
    assert plain_json.loads(line)["actors"][0]["response"] == "suspend"
    assert any("also act on canary-rg/web" in text for _, text in story_of(told(REPAIRS)).log)
