"""What several tests share."""

from collections.abc import Iterator

import pytest

from tests import groovy_harness


@pytest.fixture(scope="session")
def jenkins() -> Iterator[groovy_harness.Jenkins]:
    """One Groovy process for all tests; they skip where there is no Groovy."""
    if reason := groovy_harness.missing():
        pytest.skip(reason)
    harness = groovy_harness.Jenkins()
    yield harness
    harness.close()
