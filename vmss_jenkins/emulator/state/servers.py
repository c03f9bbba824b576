"""The data plane as the control plane sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_jenkins.emulator.scenario.release import Release

HOST: Final = "127.0.0.1"
"""The only address that anything of the emulator listens on."""


class Servers(Protocol):
    """The data plane as the control plane sees it: one HTTP server an instance."""

    def serve(self, name: str, release: Release) -> None:
        """The instance is up and serves the release."""

    def take_down(self, name: str) -> None:
        """The instance stops serving."""

    def remove(self, name: str) -> None:
        """The instance is gone."""

    def port(self, name: str, wished: Sequence[int] = ()) -> int | None:
        """Return the loopback port that is the instance's own, None where there is none.

        An instance that has none yet gets the first of those that are ``wished`` and free, else any.
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
