"""What several tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import forked_command, groovy_harness

settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("untimed")


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
