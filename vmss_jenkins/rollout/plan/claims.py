"""One rollout of a scale set at a time: a claim in Azure that every run sees and that expires by itself.

A claim is a tag of the **resource group**, one a run, named `vmss-jenkins.SET.RUN`. Why there:

- a tag of the scale set itself is part of what Azure holds of the set and hands to its instances, and
  tools that watch a set take a change of its tags for a change of the model and roll the instances
  (https://github.com/kubernetes-sigs/cluster-api-provider-azure/issues/1763); tags of a resource group
  are not inherited by the resources in it
  (https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources);
- a lock (`Microsoft.Authorization/locks`) needs the role Owner or User Access Administrator, never
  expires, and each of its levels, `CanNotDelete` and `ReadOnly`, would stop what must go on: autoscale
  deletes instances, and the rollout changes the set
  (https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources);
- merging a tag (`PATCH .../tags/default`, operation `Merge`) leaves the other tags alone, so that two
  runs never overwrite each other's claims, and needs `Microsoft.Resources/tags/write` alone.

There is no compare-and-set, and none is needed: each run writes its own claim first and reads all claims
afterwards. Of two that begin at the same moment at least one sees the other, and whoever sees another one
takes its own away and refuses.

A claim names the process that holds it. A run on the same machine, in the same container, can see that this process has
ended, and takes over at once. Another machine cannot see that, and the state of a build does not prove it: an agent
that lost its connection continues the command of a build that Jenkins shows as failed. There the claim must expire.

A claim that is not renewed expires by the server's clock. So a killed run blocks others for two minutes,
and the same command waits for that and goes on. A claim also records that its run was rolling back, so
that the same command continues to roll back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from vmss_jenkins.errors import VmssJenkinsError
from vmss_jenkins.model.releases import Release

LEASE = 120.0
"""Seconds from the last renewal until a claim expires."""
RENEWAL = 30.0
"""Seconds between two renewals."""
_LETTERS = {"AutomaticRepairs": "R", "AutomaticZoneRebalancing": "Z", "Autoscale": "A"}
"""What a run can suspend, and how a claim writes it."""
LONGEST_OWNER = 134
"""Characters of an owner that fit into a tag's value beside the rest of a claim."""


@dataclass(frozen=True)
class Claim:
    """A run that works on a scale set."""

    run: str
    """A unique name of the run."""
    owner: str
    """Who runs which command; the same command again has the same owner."""
    until: float
    """When it expires: seconds, UTC."""
    rolling_back: str = ""
    """The fingerprints of the releases of a rollback, from and to; empty while none is under way."""
    process: str = ""
    """The process that holds it, as `runtime.processes` names it; empty if it is not known."""
    suspended: tuple[str, ...] = ()
    """The services of Azure that it suspended, and that must be resumed."""

    def text(self) -> str:
        """The tag's value; Azure allows 256 characters."""
        process = f" process={self.process}" if self.process else ""
        letters = "".join(_LETTERS[name] for name in self.suspended)
        suspended = f" suspended={letters}" if letters else ""
        return f"until={self.until:.0f} back={self.rolling_back}{suspended}{process} owner={self.owner}"[:256]

    @classmethod
    def parse(cls, run: str, text: str) -> Claim | None:
        """Read a tag's value; None for a tag of another kind."""
        pattern = r"until=(\d+) back=(\S*?)(?: suspended=([RZA]+))?(?: process=(\S+))? owner=(.+)"
        found = re.fullmatch(pattern, text, re.ASCII | re.DOTALL)
        if found is None:
            return None
        services = tuple(name for name, letter in _LETTERS.items() if letter in (found[3] or ""))
        return cls(run, found[5], float(found[1]), found[2], found[4] or "", services)


@dataclass(frozen=True)
class Ended:
    """How the last rollout of a set that changed something ended."""

    at: float
    """Seconds, UTC."""
    outcome: str
    release: str
    """The release that it ended on, in short."""
    owner: str
    """Who ran which command."""

    def text(self) -> str:
        """The tag's value; Azure allows 256 characters."""
        return f"at={self.at:.0f} outcome={self.outcome} release={self.release} owner={self.owner}"[:256]

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.at, timezone.utc)
        return f"{at:%Y-%m-%d %H:%M} UTC {self.outcome} ({self.release}) by {self.owner}"

    @classmethod
    def parse(cls, text: str) -> Ended | None:
        """Read a tag's value; None for a tag of another kind."""
        found = re.fullmatch(r"at=(\d+) outcome=(.*?) release=(.*?) owner=(.*)", text)
        return cls(float(found[1]), found[2], found[3], found[4]) if found else None


class AnotherRollout(VmssJenkinsError):  # noqa: N818 - what it found, as in `UnsafeRollout`
    """Another rollout of the same scale set is under way; this run changed nothing.

    Args:
        claim: the claim of the other run.
        seconds: until it expires, unless it is renewed.
    """

    def __init__(self, claim: Claim, seconds: float) -> None:
        self.claim = claim
        self.seconds = seconds
        super().__init__(claim, seconds)

    def __str__(self) -> str:
        return (
            f"another rollout of this scale set is under way: {self.claim.owner} (run {self.claim.run}). Wait for its "
            f"end, or stop it; if it was killed, its lock expires in {self.seconds:.0f} s"
        )


def fitting(owner: str) -> str:
    """An owner that fits into a claim: one that is too long is cut, and a hash keeps it apart from others."""
    if len(owner) <= LONGEST_OWNER:
        return owner
    mark = f"~{hashlib.sha256(owner.encode()).hexdigest()[:8]}"
    return f"{owner[: LONGEST_OWNER - len(mark)]}{mark}"


def fingerprint(left: Release | None, target: Release | None) -> str:
    """The record of a rollback in a claim: hashes, since a tag holds 256 characters and an image id may have 200."""
    return ">".join(hashlib.sha256(str(image).lower().encode()).hexdigest()[:12] for image in (left, target))


def others(claims: Iterable[Claim], run: str, now: float) -> tuple[Claim, ...]:
    """The unexpired claims of other runs."""
    return tuple(claim for claim in claims if claim.run != run and claim.until > now)


def expired(claims: Iterable[Claim], now: float) -> tuple[Claim, ...]:
    """The claims of runs that were killed."""
    return tuple(claim for claim in claims if claim.until <= now)
