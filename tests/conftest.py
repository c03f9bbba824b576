"""What several tests share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import forked_command, groovy_harness

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("untimed")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as cores: they wait for emulators in real time about half of theirs."""
    return min(12, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session")
def jenkins() -> Iterator[groovy_harness.Jenkins]:
    """One Groovy process for all tests; they skip where there is no Groovy."""
    if reason := groovy_harness.missing():
        pytest.skip(reason)
    harness = groovy_harness.Jenkins()
    yield harness
    harness.close()


@pytest.fixture(scope="session")
def command() -> Iterator[Path]:
    """A program that does what `vmss-jenkins` does, with no time for Python's start and imports."""
    with forked_command.running() as program:
        yield program


SHOWN = "shown to people"


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say something at the end of the run, whether the test passes or not."""
    return lambda text: record_property(SHOWN, text)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [text for report in reports for name, text in report.user_properties if name == SHOWN]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)
