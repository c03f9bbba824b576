"""The data plane as the control plane sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_jenkins.emulator.scenario.release import Release

HOST: Final = "127.0.0.1"
"""The only address on which the emulator listens."""


class Servers(Protocol):
    """The data plane as the control plane sees it: one HTTP server for each instance."""

    def serve(self, name: str, release: Release) -> None:
        """The instance is up and serves the release."""

    def take_down(self, name: str) -> None:
        """The instance stops serving."""

    def remove(self, name: str) -> None:
        """The instance is gone."""

    def port(self, name: str, wished: Sequence[int] = ()) -> int | None:
        """Return the instance's own loopback port, None if there is no data plane.

        An instance that has no port yet gets the first of the ``wished`` ones that is free, or else any.
        """
        ...


class NoServers:
    """No data plane."""

    def serve(self, name: str, release: Release) -> None:
        """Do nothing."""

    def take_down(self, name: str) -> None:
        """Do nothing."""

    def remove(self, name: str) -> None:
        """Do nothing."""

    def port(self, name: str, wished: Sequence[int] = ()) -> int | None:
        """Return None."""
