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
from vmss_jenkins.gates.curves import CurvePoint
from vmss_jenkins.gates.verdicts import Consequence, Measurement, Outcome, Verdict
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.releases import Access, ExtensionSettings
from vmss_jenkins.model.scripts import from_url, inline
from vmss_jenkins.report import json, junit, markdown, reading, schema
from vmss_jenkins.report.advice import next_steps
from vmss_jenkins.report.facts import facts
from vmss_jenkins.report.html import page
from vmss_jenkins.report.html.scales import ceiling, clock
from vmss_jenkins.report.html.timeline import timeline
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.report.story import Ending, Story, duration
from vmss_jenkins.report.story_builder import story_of
from vmss_jenkins.rollout.ending import RolloutResult
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.history import GateResult, Stage
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


def test_a_story_has_owner_images_scale_set_and_ending(bad: Story) -> None:
    assert (bad.planned.scale_set, bad.planned.owner) == (WEB, "web-canary")
    assert bad.planned.image_from != bad.planned.image_to
    assert (bad.ending, bad.counts) == (Ending.ROLLED_BACK, {InstanceState.OLD: 6})
    assert bad.cause == "the gates after the batch failed: compare: 6.3% errors against 0.0%"


def test_the_history_of_each_instance_spans_the_first_to_the_last_event(bad: Story) -> None:
    states = [[span.state.value for span in one.spans] for one in bad.instances]
    there_and_back = ["old", "updating", "new", "updating", "old"]
    assert sorted(states) == sorted([there_and_back] * 3 + [["old"]] * 3)
    for history in bad.instances:
        assert (history.spans[0].start, history.spans[-1].end) == (0.0, bad.seconds)
        assert all(one.end == other.start for one, other in zip(history.spans, history.spans[1:], strict=False))
    assert bad.most_down == 2


def test_the_reports_count_the_instances_at_the_end_by_the_release_of_the_last_run(bad: Story) -> None:
    """After a rollback the release is the previous one."""
    assert dict(facts(bad))["At the end"] == f"{OLD.short_name}: all 6 instances have it"
    good = story_of(rollout(Consequence.GO_ON)[1])
    assert dict(facts(good))["At the end"] == f"{NEW.short_name}: all 6 instances have it"
    unfinished = story_of([one for one in BAD[1] if not isinstance(one.event, rollout_events.RolloutFinished)])
    assert "At the end" not in dict(facts(unfinished))


def test_each_row_of_the_timeline_ends_with_a_bar_of_the_final_state(bad: Story) -> None:
    """An instance that was rolled back is shown as old after it was updating."""
    picture = timeline(bad)
    bars = {
        state: [(float(x), float(width)) for x, width in re.findall(r"M([\d.]+) [\d.]+h([\d.]+)", path)]
        for state, path in picture.shapes
    }
    ends = {state: [x + width for x, width in found] for state, found in bars.items()}
    at_the_right = [
        state for state, found in ends.items() for end in found if end == pytest.approx(picture.right, abs=0.2)
    ]
    assert at_the_right == ["old"] * 6
    assert max(ends["updating"]) < picture.right - 10
    assert min(width for _, width in bars["old"]) > 10


def test_a_story_has_each_gate_with_its_verdict_and_curves(bad: Story) -> None:
    assert [(run.stage, run.verdict and run.verdict.outcome) for run in bad.gates] == [
        ("canary", Outcome.PASSED),
        ("batch", Outcome.FAILED),
    ]
    assert all((run.end - run.start, len(run.points)) == (20.0, 8) for run in bad.gates)
    assert bad.rollback_began == bad.gates[-1].end


def test_a_second_run_of_the_same_rollout_continues_its_story() -> None:
    first = rollout(Consequence.GO_ON, spec=RolloutSpec(canary=Amount(1), canary_only=True))[1]
    again = [RecordedEvent(one.at + timedelta(hours=1), one.event) for one in rollout(Consequence.GO_ON)[1]]
    both = story_of([*first, *again])
    assert (both.ending, both.counts) == (Ending.ROLLED_OUT, {InstanceState.NEW: 6})
    assert both.began == BEGAN


def test_after_a_whole_rollout_the_rollback_command_names_the_old_image() -> None:
    (step,) = next_steps(story_of(rollout(Consequence.GO_ON)[1]))
    assert step.command == f"vmss-jenkins rollback --resource-group canary-rg --name web --to {OLD.id}"


@pytest.mark.parametrize(
    ("last", "ending", "advice"),
    [
        (rollout_events.RolloutHalted(WEB, "no previous image"), Ending.HALTED, "Fix the cause"),
        (rollout_events.RolloutInterrupted(WEB, ("1",), ()), Ending.INTERRUPTED, "Run the same command again"),
        (CommandFailed("could not read"), Ending.FAILED, "Fix the error"),
        (
            rollout_events.RolloutFinished(WEB, "rolled out to the canary", None, (), 1),
            Ending.CANARY,
            "Check the canary",
        ),
        (None, Ending.UNFINISHED, "still runs, or it was killed"),
    ],
)
def test_the_report_says_what_to_do_next_after_every_ending(last: Any, ending: Ending, advice: str) -> None:
    told = [one for one in BAD[1] if not isinstance(one.event, rollout_events.RolloutFinished)]
    story = story_of([*told, *([RecordedEvent(told[-1].at, last)] if last else [])])
    assert story.ending is ending
    assert any(advice in step.text for step in next_steps(story))
    assert ending.value.capitalize() in page.pages(story)["index.html"]


def test_markdown_has_not_changed(bad: Story) -> None:
    assert markdown.document(bad) == golden("rollout.md", markdown.document(bad))


def test_the_log_has_not_changed(bad: Story) -> None:
    log = "".join(f"{at:%H:%M:%S} {line}\n" for at, line in bad.log)
    assert log == golden("rollout.log", log)


@pytest.mark.parametrize("name", ["timeline.svg", "gate-2-dark.svg"])
def test_the_pictures_have_not_changed(bad: Story, name: str) -> None:
    found = page.pages(bad)[name]
    assert found == golden(name, found)


def test_each_gate_is_a_test_case_with_its_measurements(bad: Story) -> None:
    root = ElementTree.fromstring(junit.document("web", junit.evidence(bad)))
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "1")
    assert "errors of the canary: 6.33% of 300 samples, wanted at most 1%" in [
        one.text for one in root.iter("system-out")
    ]


GATES_PASSED = [
    one for one in rollout(Consequence.GO_ON)[1] if not isinstance(one.event, rollout_events.RolloutFinished)
]
COUNT = FinalState(("0",), {}, {"1": "v1"}, (), ("1",))


@pytest.mark.parametrize(
    ("last", "tag", "message"),
    [
        (rollout_events.RolloutHalted(WEB, "1 failed", final=COUNT), "failure", "failed: halted: 1 failed"),
        (CommandFailed("no token"), "error", "error: ended with an error: no token"),
        (rollout_events.RolloutInterrupted(WEB, ("1",), ()), "error", "error: interrupted"),
        (None, "error", "error: not finished"),
    ],
)
def test_a_rollout_that_ends_without_the_release_is_a_failing_test_case_although_all_gates_passed(
    last: Any, tag: str, message: str
) -> None:
    story = story_of([*GATES_PASSED, *([RecordedEvent(GATES_PASSED[-1].at, last)] if last else [])])
    root = ElementTree.fromstring(junit.of_rollout(story))
    assert [one.attrib["name"] for one in root if len(one.findall("failure") + one.findall("error"))] == ["rollout"]
    (fault,) = root.findall(f"testcase[@name='rollout']/{tag}")
    assert fault.attrib["message"].startswith(message)
    if isinstance(last, rollout_events.RolloutHalted):
        assert root.findtext("testcase[@name='rollout']/system-out") == f"at the end: {COUNT}"


def test_a_good_rollout_and_a_rollback_that_was_requested_are_passed_test_cases() -> None:
    good = rollout(Consequence.GO_ON)
    told = plain_json.loads(json.result(good[0]))
    assert [one.verdict for one in (junit.ending(story_of(good[1])), *junit.ending_in(told))] == ["passed", "passed"]
    assert junit.ending(story_of(good[1])).figures == junit.ending_in(told)[0].figures
    assert "all 6 instances have it" in junit.ending(story_of(good[1])).figures
    for reason, verdict in (("requested", "passed"), ("http failed", "failed")):
        back = {**told, "outcome": "rolled back", "reason": reason}
        assert [one.verdict for one in junit.ending_in(back)] == [verdict]


@pytest.mark.parametrize(("how", "verdict"), [(None, "passed"), ("a gate failed", "failed")])
def test_a_rollback_is_as_wanted_only_if_somebody_requested_it(how: str | None, verdict: str) -> None:
    planned, *rest = BAD[1]
    assert isinstance(planned.event, rollout_events.RolloutPlanned)
    asked = replace(planned.event, rolling_back=how is None)
    assert junit.ending(story_of([RecordedEvent(planned.at, asked), *rest])).verdict == verdict


def test_every_event_is_read_as_it_was_written() -> None:
    for one in BAD[1]:
        line = json.line(one.event, one.at.isoformat())
        assert reading.read_events([line], "events") == (one,)


@pytest.mark.parametrize("what", ["rollout.json", "events"])
def test_the_shipped_schemas_match_the_code(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what]) == 0
    file = SHIPPED / f"{what.removesuffix('.json')}.schema.json"
    assert file.read_text() == capsys.readouterr().out, f"write it again: vmss-jenkins schema {what} > {file}"


def test_a_real_result_and_every_real_event_match_the_schemas() -> None:
    found = plain_json.loads(json.result(BAD[0]))
    assert found["format"] == json.FORMAT
    jsonschema.validate(found, schema.result_schema(RolloutResult))
    validator = jsonschema.Draft202012Validator(schema.events_schema())
    for one in BAD[1]:
        validator.validate(plain_json.loads(json.line(one.event, one.at.isoformat())))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**found, "outcome": "perhaps"}, schema.result_schema(RolloutResult))


def test_an_incomplete_last_line_is_left_out_and_any_other_bad_line_is_an_error() -> None:
    line = json.line(StillWaiting(60), BEGAN.isoformat()) + "\n"
    assert len(reading.read_events([line, line[:40]], "events")) == 1
    assert len(reading.read_events([line, line.replace("still_waiting", "of_a_later_version")], "events")) == 1
    with pytest.raises(ConfigError, match=r"line 1 is not an event: .*\n.*line 3 is not an event: key time is missing"):
        reading.read_events(["half\n", line, "{}\n"], "events")
    with pytest.raises(
        ConfigError,
        match="no rollout is in these events; wanted a file that `vmss-jenkins rollout --events FILE` wrote",
    ):
        story_of(reading.read_events([line], "events"))


HOSTILE = "<script>alert(1)</script> & \"q\" 'a' [x](javascript:y) `z` | *b*"


@pytest.fixture(scope="module")
def hostile() -> Story:
    """A rollout whose names and texts from outside are all hostile."""
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


def test_markup_in_names_is_shown_as_text(hostile: Story) -> None:
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


def test_the_page_has_no_inline_style_script_or_image(bad: Story) -> None:
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
    ("seconds", "text", "at"),
    [(8.24, "8.2 s", "0:08"), (245, "4 min 05 s", "4:05"), (7500, "2 h 05 min", "2:05:00")],
)
def test_times_are_written_for_people(seconds: float, text: str, at: str) -> None:
    assert (duration(seconds), clock(seconds)) == (text, at)


def test_seconds_are_rounded_in_json_whatever_field_holds_them() -> None:
    """A gate's figure has its unit beside it; a latency keeps its microseconds."""
    figure = Measurement("all healthy for", 1.1159286009997231, "s", 1)
    share = Measurement("errors", 6.3333333333, "%", 150)
    point = CurvePoint(1.23456789, "canary", 20, 0, 0.0241234567, 0.0312345678)
    gate = GateResult(
        Stage.CANARY, ("0",), Consequence.GO_ON, 12.3456789, "", (Verdict("x", Outcome.PASSED, "", (figure, share)),)
    )
    (verdict,) = plain_json.loads(json.document(gate))["verdicts"]
    assert [one["value"] for one in verdict["measurements"]] == [1.116, 6.3333333333]
    assert plain_json.loads(json.document(gate))["at"] == 12.346
    found = plain_json.loads(json.document(point))
    assert (found["at"], found["median"], found["p95"]) == (1.235, 0.024123, 0.031235)


def test_the_command_report_makes_a_report_from_an_events_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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


def test_an_event_with_a_script_is_read_as_it_was_written() -> None:
    script = ExtensionSettings.of({"commandToExecute": "./v1.sh"}, force_update_tag="7")
    event = rollout_events.RollbackStarted(script, script, "bad")
    read = reading.read_events([json.line(event, "2026-01-02T03:04:05.678+00:00")], "events")
    assert [one.event for one in read] == [event]


def test_after_the_command_rollback_the_report_names_the_image_that_the_set_runs(bad: Story) -> None:
    asked = replace(bad.planned, image_from=NEW, image_to=OLD, rolling_back=True)
    (step,) = next_steps(replace(bad, planned=asked))
    assert step.text == f"Nothing: the set runs {OLD.short_name} again."
    texts = [
        page.pages(replace(bad, planned=replace(asked, rolling_back=back)))["index.html"] for back in (True, False)
    ]
    assert ['<header class="good">' in text for text in texts] == [True, False]


def test_the_details_of_a_script_are_its_url_and_command_but_not_its_text(bad: Story) -> None:
    signed = from_url("https://example.com/v2.sh?sig=hunter2", Access.SAS).release
    planned = replace(bad.planned, image_from=inline("a secret of ours\n").release, image_to=signed)
    found = dict(facts(replace(bad, planned=planned)))
    assert found["To"] == "v2.sh, https://example.com/v2.sh, bash v2.sh, extension CustomScript"
    assert re.fullmatch("inline-[0-9a-f]{8}, extension CustomScript", found["From"])
    assert "roll out a new script" in str(next_steps(replace(bad, planned=planned)))


def test_the_rollback_command_of_a_script_names_its_extension() -> None:
    script = ExtensionSettings.of({"commandToExecute": "./v1.sh"}, name="install it")
    story = story_of(rollout(Consequence.GO_ON, Consequence.GO_ON)[1])
    steps = next_steps(replace(story, planned=replace(story.planned, image_to=script)))
    assert any("--extension 'install it'" in str(step) for step in steps)
