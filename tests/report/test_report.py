"""Reports of a rollout, made of its events."""

import json as plain_json
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW, OLD, WEB
from tests.support.stories import BEGAN, rollout
from vmss_jenkins.__main__ import main
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.calls import CommandFailed, StillWaiting
from vmss_jenkins.events.gates import GateJudged, GateStarted
from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.gates.verdicts import Consequence, Outcome, Verdict
from vmss_jenkins.model.releases import Access, ExtensionSettings
from vmss_jenkins.model.scripts import from_url, inline
from vmss_jenkins.report import json, junit, markdown, reading, schema
from vmss_jenkins.report.advice import next_steps
from vmss_jenkins.report.facts import facts
from vmss_jenkins.report.html import page
from vmss_jenkins.report.html.scales import ceiling, clock
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.report.story import Ending, Story, duration
from vmss_jenkins.report.story_builder import story_of
from vmss_jenkins.rollout.engine import RolloutResult
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.selection import Amount

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "vmss_jenkins" / "report"
NEWLY_WRITTEN = os.environ.get("WRITE_GOLDEN")
BAD = rollout(Consequence.GO_ON, Consequence.FAIL)
"""The canary passes, and the batch after it does not."""


@pytest.fixture(scope="module")
def bad() -> Story:
    return story_of(BAD[1])


def golden(name: str, found: str) -> str:
    file = HERE / "golden" / name
    if NEWLY_WRITTEN:
        file.write_text(found)
    return file.read_text()


def test_a_story_tells_who_rolled_out_what_where_and_how_it_ended(bad: Story) -> None:
    assert (bad.planned.scale_set, bad.planned.owner) == (WEB, "web-canary")
    assert bad.planned.image_from != bad.planned.image_to
    assert (bad.ending, bad.counts) == (Ending.ROLLED_BACK, {InstanceState.OLD: 6})
    assert bad.cause == "the gates after the batch failed: compare: 6.3% errors against 0.0%"


def test_it_tells_each_instance_from_the_first_event_to_the_last(bad: Story) -> None:
    states = [[span.state.value for span in life.spans] for life in bad.lives]
    there_and_back = ["old", "updating", "new", "updating", "old"]
    assert sorted(states) == sorted([there_and_back] * 3 + [["old"]] * 3)
    for life in bad.lives:
        assert (life.spans[0].start, life.spans[-1].end) == (0.0, bad.seconds)
        assert all(one.end == other.start for one, other in zip(life.spans, life.spans[1:], strict=False))
    assert bad.most_down == 2


def test_it_tells_each_gate_with_its_figures_and_curves(bad: Story) -> None:
    assert [(run.stage, run.verdict and run.verdict.outcome) for run in bad.gates] == [
        ("canary", Outcome.PASSED),
        ("batch", Outcome.FAILED),
    ]
    assert all((run.end - run.start, len(run.points)) == (20.0, 8) for run in bad.gates)
    assert bad.turned_back == bad.gates[-1].end


def test_a_second_run_of_the_same_rollout_goes_on_with_the_story() -> None:
    first = rollout(Consequence.GO_ON, spec=RolloutSpec(canary=Amount(1), canary_only=True))[1]
    again = [RecordedEvent(one.at + timedelta(hours=1), one.event) for one in rollout(Consequence.GO_ON)[1]]
    both = story_of([*first, *again])
    assert (both.ending, both.counts) == (Ending.ROLLED_OUT, {InstanceState.NEW: 6})
    assert both.began == BEGAN


def test_after_a_whole_rollout_the_way_back_names_the_image_which_no_instance_runs_any_more() -> None:
    (step,) = next_steps(story_of(rollout(Consequence.GO_ON)[1]))
    assert step.command == f"vmss-jenkins rollback --resource-group canary-rg --name web --to {OLD.id}"


@pytest.mark.parametrize(
    ("last", "ending", "advice"),
    [
        (rollout_events.RolloutHalted(WEB, "no way back"), Ending.HALTED, "Mend the cause"),
        (rollout_events.RolloutInterrupted(WEB, ("1",), ()), Ending.INTERRUPTED, "Run the same command again"),
        (CommandFailed("could not read"), Ending.FAILED, "Mend what the error names"),
        (rollout_events.RolloutFinished(WEB, "rolled out to the canary", None, (), 1), Ending.CANARY, "Look at the"),
        (None, Ending.UNFINISHED, "runs still, or was killed"),
    ],
)
def test_however_it_ends_it_says_what_to_do_next(last: Any, ending: Ending, advice: str) -> None:
    told = [one for one in BAD[1] if not isinstance(one.event, rollout_events.RolloutFinished)]
    story = story_of([*told, *([RecordedEvent(told[-1].at, last)] if last else [])])
    assert story.ending is ending
    assert any(advice in step.text for step in next_steps(story))
    assert ending.value.capitalize() in page.pages(story)["index.html"]


def test_markdown_is_as_it_was(bad: Story) -> None:
    assert markdown.document(bad) == golden("rollout.md", markdown.document(bad))


def test_the_log_is_as_it_was(bad: Story) -> None:
    log = "".join(f"{at:%H:%M:%S} {line}\n" for at, line in bad.log)
    assert log == golden("rollout.log", log)


@pytest.mark.parametrize("name", ["timeline.svg", "gate-2-dark.svg"])
def test_the_pictures_are_as_they_were(bad: Story, name: str) -> None:
    found = page.pages(bad)[name]
    assert found == golden(name, found)


def test_each_gate_is_a_test_case_with_its_measurements(bad: Story) -> None:
    root = ElementTree.fromstring(junit.document("web", junit.evidence(bad)))
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "1")
    assert "errors of the canary: 6.33% of 300 samples, wanted at most 1%" in [
        one.text for one in root.iter("system-out")
    ]


def test_every_event_is_read_back_as_it_was_written() -> None:
    for told in BAD[1]:
        line = json.line(told.event, told.at.isoformat())
        assert reading.told([line], "events") == (told,)


@pytest.mark.parametrize("what", ["rollout.json", "events"])
def test_the_schemas_shipped_are_those_of_the_code(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what]) == 0
    file = SHIPPED / f"{what.removesuffix('.json')}.schema.json"
    assert file.read_text() == capsys.readouterr().out, f"write it anew: vmss-jenkins schema {what} > {file}"


def test_a_real_result_and_every_real_event_keep_to_the_schemas() -> None:
    found = plain_json.loads(json.result(BAD[0]))
    assert found["format"] == json.FORMAT
    jsonschema.validate(found, schema.result_schema(RolloutResult))
    validator = jsonschema.Draft202012Validator(schema.events_schema())
    for told in BAD[1]:
        validator.validate(plain_json.loads(json.line(told.event, told.at.isoformat())))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "outcome": "perhaps"}, schema.result_schema(RolloutResult))


def test_a_last_line_that_ends_in_its_middle_is_left_out_and_any_other_is_told() -> None:
    line = json.line(StillWaiting(60), BEGAN.isoformat()) + "\n"
    assert len(reading.told([line, line[:40]], "events")) == 1
    assert len(reading.told([line, line.replace("still_waiting", "of_a_later_version")], "events")) == 1
    with pytest.raises(ConfigError, match=r"line 1 is no event: .*\n.*line 3 is no event: it has no time"):
        reading.told(["half\n", line, "{}\n"], "events")
    with pytest.raises(ConfigError, match="found no rollout in them"):
        story_of(reading.told([line], "events"))


HOSTILE = "<script>alert(1)</script> & \"q\" 'a' [x](javascript:y) `z` | *b*"


@pytest.fixture(scope="module")
def hostile() -> Story:
    """A rollout in which every text that somebody else wrote is hostile."""
    told = [
        *(replace(one, event=replace(one.event, owner=HOSTILE, build=f"javascript:{HOSTILE}"))
          if isinstance(one.event, rollout_events.RolloutPlanned) else one for one in BAD[1]),
        RecordedEvent(BEGAN + timedelta(hours=1), GateStarted(HOSTILE, HOSTILE, (HOSTILE,))),
        RecordedEvent(BEGAN + timedelta(hours=1), GateJudged(
            Verdict(HOSTILE, Outcome.FAILED, HOSTILE, output=HOSTILE), Consequence.FAIL)),
        RecordedEvent(
            BEGAN + timedelta(hours=1), rollout_events.InstanceChanged(HOSTILE, HOSTILE, InstanceState.UNHEALTHY)),
        RecordedEvent(BEGAN + timedelta(hours=1), rollout_events.RolloutHalted(WEB, HOSTILE)),
    ]  # fmt: skip
    return story_of(told)


def test_what_others_wrote_shows_as_text(hostile: Story) -> None:
    files = page.pages(hostile)
    for name, text in files.items():
        assert "<script" not in text, name
    assert "&lt;script&gt;alert(1)" in files["index.html"]
    assert 'href="javascript' not in files["index.html"]
    for name in files:
        if name.endswith(".svg"):
            ElementTree.fromstring(files[name])
    assert "\\<script\\>" in markdown.document(hostile)
    assert "\\`z\\`" in markdown.document(hostile)
    assert "[x](javascript" not in markdown.document(hostile)


def test_nothing_in_the_page_is_inline(bad: Story) -> None:
    files = page.pages(bad)
    for name in (name for name in files if name != "style.css"):
        assert "style=" not in files[name]
        assert "<style" not in files[name]
        assert "data:" not in files[name]


@given(st.floats(1e-6, 1e6))
def test_a_scale_ends_at_a_round_number_that_is_not_less(value: float) -> None:
    assert ceiling(value) >= value * (1 - 1e-9)
    assert f"{ceiling(value):e}"[0] in "125"


@pytest.mark.parametrize(
    ("seconds", "said", "at"),
    [(8.24, "8.2 s", "0:08"), (245, "4 min 05 s", "4:05"), (7500, "2 h 05 min", "2:05:00")],
)
def test_times_are_for_people(seconds: float, said: str, at: str) -> None:
    assert (duration(seconds), clock(seconds)) == (said, at)


def test_a_report_is_made_after_the_fact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.line(one.event, one.at.isoformat()) + "\n" for one in BAD[1]))
    targets = {name: tmp_path / name for name in ("page", "report.md", "gates.xml", "summary.txt")}
    options = zip(("--out", "--markdown", "--junit", "--summary"), map(str, targets.values()), strict=True)
    assert main(["report", str(file), *(word for pair in options for word in pair)]) == 0
    assert {one.name for one in targets["page"].iterdir()} >= {"index.html", "style.css", "timeline.svg", "gate-2.svg"}
    assert targets["summary.txt"].read_text().startswith("canary-rg/web: nginx-updated-image rolled back in ")
    assert main(["report", str(file)]) == 0
    assert capsys.readouterr().out == targets["report.md"].read_text()
    assert main(["report", str(tmp_path / "none")]) == 2


def test_a_rollout_of_a_script_is_read_again_as_it_was_told() -> None:
    script = ExtensionSettings.of({"commandToExecute": "./v1.sh"}, force_update_tag="7")
    event = rollout_events.RollbackStarted(script, script, "bad")
    read = reading.told([json.line(event, "2026-01-02T03:04:05.678+00:00")], "events")
    assert [one.event for one in read] == [event]


def test_a_rollback_that_was_asked_for_says_what_the_set_runs_again(bad: Story) -> None:
    asked = replace(bad.planned, image_from=NEW, image_to=OLD, rolling_back=True)
    (step,) = next_steps(replace(bad, planned=asked))
    assert step.text == f"Nothing: the set runs {OLD.short_name} again."
    told = [page.pages(replace(bad, planned=replace(asked, rolling_back=back)))["index.html"] for back in (True, False)]
    assert ['<header class="good">' in page for page in told] == [True, False]


def test_the_facts_of_a_script_are_where_it_is_and_what_runs_and_not_its_text(bad: Story) -> None:
    signed = from_url("https://example.com/v2.sh?sig=hunter2", Access.SAS).release
    planned = replace(bad.planned, image_from=inline("a secret of ours\n").release, image_to=signed)
    found = dict(facts(replace(bad, planned=planned)))
    assert found["To"] == "v2.sh, https://example.com/v2.sh, bash v2.sh, extension CustomScript"
    assert re.fullmatch("inline-[0-9a-f]{8}, extension CustomScript", found["From"])
    assert "roll out a new script" in str(next_steps(replace(bad, planned=planned)))


def test_the_way_back_of_a_script_names_its_extension() -> None:
    script = ExtensionSettings.of({"commandToExecute": "./v1.sh"}, name="install it")
    story = story_of(rollout(Consequence.GO_ON, Consequence.GO_ON)[1])
    told = next_steps(replace(story, planned=replace(story.planned, image_to=script)))
    assert any("--extension 'install it'" in str(step) for step in told)
