"""The pytest fixture `azure_emulator`: an Azure of its own for each test.

pytest imports this in every run where the package is installed, so the emulator itself is imported by the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vmss_jenkins.emulator import Emulator


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    says = "azure_emulator(...): what `vmss_jenkins.emulator.Emulator` of the fixture azure_emulator is made with"
    config.addinivalue_line("markers", says)


@pytest.fixture
def azure_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Serve an emulator of Azure scale sets while the test runs, and point the environment at it.

    `@pytest.mark.azure_emulator(Scenario(instances=10), time_scale=100)` says what it starts with. It needs the
    extra `demo`.
    """
    from vmss_jenkins.emulator import Emulator  # noqa: PLC0415 - only where a test asks for it

    marker = request.node.get_closest_marker("azure_emulator")
    with Emulator(*marker.args, **marker.kwargs) if marker else Emulator() as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        yield emulator
