"""What a person sees while a rollout runs: the live display on a terminal, plain lines elsewhere."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.stories import BEGAN, rollout
from vmss_jenkins.__main__ import main
from vmss_jenkins.cli.listeners import listener
from vmss_jenkins.cli.live_display import lines
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.gates import GateSampled
from vmss_jenkins.events.rollout import InstanceState
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.report.progress import Progress
from vmss_jenkins.report.reading import RecordedEvent

TOLD = rollout(Consequence.GO_ON, Consequence.FAIL)[1]


def after(last: type, told: tuple[RecordedEvent, ...] = TOLD) -> list[str]:
    """The display right after the last event of a kind, at 80 columns."""
    end = max(place for place, one in enumerate(told) if isinstance(one.event, last))
    progress = Progress()
    for one in told[: end + 1]:
        progress.take(one.event, (one.at - BEGAN).total_seconds())
    return [line.plain.rstrip() for line in lines(progress, 80)]


def test_before_anything_is_known_nothing_is_drawn() -> None:
    assert list(lines(Progress(), 80)) == []


def test_while_a_gate_measures_its_figures_and_the_instances_by_zone_are_shown() -> None:
    assert after(GateSampled) == [
        "── canary-rg/web: nginx-updated-image " + "─" * 42,
        "zone 1  #o",
        "zone 2  #o",
        "zone 3  #o",
        "        o 3 old  # 3 new",
        "update  batch 2: instances 1, 2",
        "gate    compare measures the batch: canary 4 of 80 bad, stable 0 of 80 bad",
        "verdict compare passed: no worse than stable",
        "time    1:22 of at most 2:00:00; 0 requests to Azure",
    ]


def test_on_the_way_back_it_says_so_with_the_time_that_the_way_back_has() -> None:
    shown = after(rollout_events.InstancesUpdating)
    assert shown[0].startswith("── canary-rg/web: rolling back from nginx-updated-image ──")
    assert any(re.fullmatch(r"update  batch 4: instances? .*", line) for line in shown)
    assert shown[-1] == "time    1:44 of at most 2:01:22; 0 requests to Azure"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    progress = Progress()
    for place, one in enumerate(TOLD):
        progress.take(one.event, place)
        assert all(line.cell_len <= width for line in lines(progress, width))


def test_what_has_no_room_is_counted() -> None:
    seen = tuple(rollout_events.InstanceSeen(str(number), None, InstanceState.OLD) for number in range(1000))
    planned = next(one.event for one in TOLD if isinstance(one.event, rollout_events.RolloutPlanned))
    progress = Progress()
    progress.take(replace(planned, instances=seen), 0)
    shown = [line.plain for line in lines(progress, 80)]
    assert shown[1].startswith("no zone ooooo")
    assert shown[9] == "        and 432 more"


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with Emulator(data_plane=False, time_scale=200) as emulator:
        image = emulator.scenario.image_id("nginx-updated-image")
        yield {**os.environ, **emulator.environment, "IMAGE": image, "TERM": "xterm-256color"}


def words(environment: dict[str, str], *more: str) -> list[str]:
    target = ("rollout", "--resource-group=canary-rg", "--name=web", f"--image-id={environment['IMAGE']}")
    return [sys.executable, "-m", "vmss_jenkins", *target, *more]


@pytest.mark.parametrize(("option", "instance"), [("--verbose", "0"), ("--quiet", "1")])
def test_a_log_has_times_and_no_escape_codes_and_tells_as_much_as_is_asked_for(
    environment: dict[str, str], option: str, instance: str
) -> None:
    command = words(environment, option, f"--instance-ids={instance}")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stderr
    assert all(re.match(r"\d\d:\d\d:\d\dZ ", line) for line in done.stderr.splitlines())
    assert re.search(
        r": rolled out: nginx-updated-image, 1 instance updated; 1 of 1 instance has it \(.*\)$",
        done.stderr,
        re.MULTILINE,
    )
    calls = re.findall(r"azure: POST /\S+/manualupgrade: 202 \(request id [0-9a-f-]{36}\)", done.stderr)
    assert len(calls) == (option == "--verbose")
    assert option == "--verbose" or len(done.stderr.splitlines()) <= 2
    assert "Bearer" not in done.stderr


@pytest.mark.parametrize("option", ["--report", "--events"])
def test_what_cannot_be_written_is_told_before_anything_is_begun(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    target = [
        "rollout",
        "--resource-group=canary-rg",
        "--name=web",
        "--subscription=s",
        "--endpoint=http://127.0.0.1:9",
    ]
    assert main([*target, f"{option}={tmp_path / 'file' / 'below'}"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_in_the_end_changes_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listener(None, tmp_path / "report") as on_event:
        for one in TOLD:
            on_event(one.event)
        (tmp_path / "report").rmdir()
        (tmp_path / "report").write_text("")
    assert "the report could not be written" in capsys.readouterr().err


def test_an_error_is_part_of_the_report(tmp_path: Path) -> None:
    def fail() -> None:
        with listener(None, tmp_path) as on_event:
            on_event(TOLD[0].event)
            raise ConfigError("image", ["gone"])

    with pytest.raises(ConfigError):
        fail()
    assert "<h1>Ended with an error</h1>" in (tmp_path / "index.html").read_text()


def test_on_a_terminal_the_display_stands_below_the_log_without_colours_where_none_are_wanted(
    environment: dict[str, str], tmp_path: Path
) -> None:
    mine, theirs = pty.openpty()
    given = {**environment, "COLUMNS": "80", "LINES": "30", "NO_COLOR": "1"}
    more = ("--instance-ids=2", f"--events={tmp_path / 'events'}", f"--report={tmp_path / 'report'}")
    with subprocess.Popen(words(environment, *more), env=given, stderr=theirs) as run:
        os.close(theirs)
        screen = b"".join(_read(mine)).decode()
    os.close(mine)
    assert run.returncode == 0
    assert "zone 1  " in screen
    assert "requests to Azure" in screen
    assert "rolled out: " in screen
    assert re.search(r"\x1b\[[0-9;]*3[0-7]", screen) is None
    assert (tmp_path / "report" / "index.html").exists()
    assert (tmp_path / "events").read_text().count("rollout_planned") == 1


def _read(terminal: int) -> Iterator[bytes]:
    """All that is written to a terminal, until it is closed: Linux makes an error of that."""
    with suppress(OSError):
        while found := os.read(terminal, 4096):
            yield found
