"""One claim on several things: a switch keeps rollouts of its sets away, and they keep it away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.plan.claims import Claim
from vmss_jenkins.rollout.ports import Claims, Ends


@dataclass(frozen=True)
class JointClaims:
    """The claims on several things as if on one; satisfies `rollout.ports.Claims`."""

    by_name: Mapping[ScaleSetName, Claims]
    """What is claimed: a set each, or a load balancer under its name."""
    ending: ScaleSetName
    """The one of them where the end of a rollout is written down."""

    @property
    def ends(self) -> Ends:
        """Where the end of a rollout is written down."""
        return self.by_name[self.ending].ends

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time and the claims there are; of those of one run the one that holds longest.

        Raises:
            AzureError: where they cannot be read.
        """
        found = [claims.read() for claims in self.by_name.values()]
        every = sorted((claim for _, claims in found for claim in claims), key=lambda one: one.until)
        return found[-1][0], tuple({claim.run: claim for claim in every}.values())

    def write(self, claim: Claim) -> None:
        """Add a claim everywhere, or replace the one of the same run.

        Raises:
            AzureError: where Azure refuses.
        """
        for claims in self.by_name.values():
            claims.write(claim)

    def remove(self, runs: Sequence[str]) -> None:
        """Take away the claims of these runs everywhere.

        Raises:
            AzureError: where Azure refuses.
        """
        for claims in self.by_name.values():
            claims.remove(runs)
