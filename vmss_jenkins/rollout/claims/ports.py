"""What the claim of a run needs of the world; adapters and fakes satisfy it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vmss_jenkins.rollout.plan.claims import Claim, Ended
from vmss_jenkins.runtime.ports import OperationT


class Ends(Protocol):
    """How the last rollout of a scale set ended; each call raises `AzureError`."""

    def write(self, ended: Ended) -> None:
        """Record how one ended."""
        ...


class Claims(Protocol):
    """The claims of rollouts, stored in Azure; each call raises `AzureError`."""

    @property
    def ends(self) -> Ends:
        """Where the end of a rollout is recorded."""
        ...

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time (seconds, UTC) and all claims, expired ones too."""
        ...

    def write(self, claim: Claim) -> None:
        """Add a claim, or replace the one of the same run; the others stay."""
        ...

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the claims of these runs."""
        ...


class Processes(Protocol):
    """The processes of this machine, by names that no other process has."""

    @property
    def own(self) -> str:
        """The name of this process; empty if it is not known."""
        ...

    def is_gone(self, name: str) -> bool:
        """Whether a process has certainly ended; false for one of another machine, or in doubt."""
        ...

    def is_alive(self, name: str) -> bool:
        """Whether a process certainly runs on this machine; false for one of another machine, or in doubt."""
        ...


class Services(Protocol[OperationT]):
    """The services by which Azure replaces instances of one scale set, and autoscale; each call raises `AzureError`."""

    def suspended(self) -> tuple[str, ...]:
        """Read which ones are suspended."""
        ...

    def begin_set_suspended(self, service: str, *, suspended: bool) -> OperationT:
        """Suspend or resume one."""
        ...

    def set_autoscale(self, *, enabled: bool) -> tuple[str, ...]:
        """Switch the autoscale setting of the set on or off; return the names of what was changed."""
        ...

    def poll(self, operation: OperationT) -> None:
        """Read the state of an operation once."""
        ...
