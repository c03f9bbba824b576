"""One claim on several things: a switch keeps rollouts of its sets away, and they keep it away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmss_jenkins.claims import Claim
from vmss_jenkins.protocols import Claims, Ends


@dataclass(frozen=True)
class JointClaims:
    """The claims on several things as if on one; satisfies `protocols.Claims`."""

    first: Claims
    """Where the end of a rollout is written down."""
    others: tuple[Claims, ...]

    @property
    def ends(self) -> Ends:
        """Where the end of a rollout is written down."""
        return self.first.ends

    def read(self) -> tuple[float, tuple[Claim, ...]]:
        """The server's time and the claims there are; of those of one run the one that holds longest.

        Raises:
            AzureError: where they cannot be read.
        """
        now, found = self.first.read()
        every = [*found, *(claim for claims in self.others for claim in claims.read()[1])]
        by_run = {claim.run: claim for claim in sorted(every, key=lambda one: one.until)}
        return now, tuple(by_run.values())

    def write(self, claim: Claim) -> None:
        """Add a claim everywhere, or replace the one of the same run.

        Raises:
            AzureError: where Azure refuses.
        """
        for claims in (self.first, *self.others):
            claims.write(claim)

    def remove(self, runs: Sequence[str]) -> None:
        """Take away the claims of these runs everywhere.

        Raises:
            AzureError: where Azure refuses.
        """
        for claims in (self.first, *self.others):
            claims.remove(runs)
