"""One lock on several resources: a switch locks out rollouts of its sets, and they lock out the switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.claims.ports import Claims, Ends
from vmss_jenkins.rollout.plan.claims import Claim


@dataclass(frozen=True)
class JointClaims:
    """The locks on several resources as one; satisfies `rollout.claims.ports.Claims`."""

    by_name: Mapping[ScaleSetName, Claims]
    """What is locked: scale sets, and a load balancer under its name."""
    ending: ScaleSetName
    """The set whose tags record the end of a rollout."""

    @property
    def ends(self) -> Ends:
        """The record of the end of a rollout."""
        return self.by_name[self.ending].ends

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time and the current locks; of the locks of one run, the one that expires last.

        Raises:
            AzureError: if they cannot be read.
        """
        found = [claims.read() for claims in self.by_name.values()]
        every = sorted((claim for _, claims in found for claim in claims), key=lambda one: one.until)
        return found[-1][0], tuple({claim.run: claim for claim in every}.values())

    def write(self, claim: Claim) -> None:
        """Add a lock everywhere, or replace the lock of the same run.

        Raises:
            AzureError: if Azure refuses.
        """
        for claims in self.by_name.values():
            claims.write(claim)

    def remove(self, runs: Sequence[str]) -> None:
        """Remove the locks of these runs everywhere.

        Raises:
            AzureError: if Azure refuses.
        """
        for claims in self.by_name.values():
            claims.remove(runs)
