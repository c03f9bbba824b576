"""What several tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import groovy_harness

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
