"""Release the claims that runs left on a set, and resume what they had suspended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from vmss_jenkins.errors import VmssJenkinsError
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.claims.ports import Claims, Processes, Services
from vmss_jenkins.rollout.claims.suspension import Suspension
from vmss_jenkins.rollout.plan.actions import SERVICES, RolloutSpec
from vmss_jenkins.rollout.plan.claims import Claim
from vmss_jenkins.runtime.waiting import Waiter


class LockInUse(VmssJenkinsError):  # noqa: N818 - what it found, as in `AnotherRollout`
    """A run that holds the lock is alive, or may be; nothing was changed.

    Args:
        name: the set.
        reasons: one for each lock that must be kept, with the next step.
    """

    def __init__(self, name: ScaleSetName, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(f"the lock of {name} is in use: {'; '.join(reasons)}")


class Owner(Enum):
    """What is known of the run that holds a claim."""

    GONE = "gone"
    """It did not renew its claim in time, or its process has ended on this machine."""
    UNKNOWN = "unknown"
    """Its claim is in force, and this machine cannot see whether it still runs."""
    ALIVE = "alive"
    """Its process runs on this machine."""


@dataclass(frozen=True)
class FoundClaim:
    """A claim on a set, and what is known of its owner."""

    claim: Claim
    seconds: float
    """Until it expires, unless it is renewed; negative if it has expired."""
    owner: Owner

    def __str__(self) -> str:
        claim = self.claim
        left = f"expires in {self.seconds:.0f} s unless it is renewed"
        state = {
            Owner.GONE: "its run has ended",
            Owner.UNKNOWN: f"not known whether it still runs; {left}",
            Owner.ALIVE: "its process runs on this machine",
        }[self.owner]
        parts = [state]
        parts += ["it was rolling back"] if claim.rolling_back else []
        parts += [f"suspended: {', '.join(SERVICES[name] for name in claim.suspended)}"] if claim.suspended else []
        return f"{claim.owner} (run {claim.run}): {'; '.join(parts)}"


@dataclass(frozen=True)
class ClaimRelease:
    """What `release_claims` found and did."""

    scale_set: ScaleSetName
    found: tuple[FoundClaim, ...]
    released: tuple[str, ...] = ()
    """Runs whose claims were removed."""
    resumed: tuple[str, ...] = ()
    """Services that run again, as Azure's API names them."""
    complete: bool = True
    """Whether everything that was suspended runs again, and no claim is left."""


def look_at_claims(claims: Claims, processes: Processes | None, waiter: Waiter) -> tuple[FoundClaim, ...]:
    """Read the claims of a set.

    Raises:
        AzureError: if they cannot be read.
    """
    now, found = waiter.retry(claims.read)
    return tuple(FoundClaim(one, one.until - now, _owner_of(one, now, processes)) for one in found)


def refusal(name: ScaleSetName, found: Sequence[FoundClaim], *, force: bool) -> LockInUse | None:
    """Why the claims must not be released; None if they may be.

    Args:
        name: the set.
        found: its claims.
        force: release also those of runs of which it is not known whether they still run.
    """
    reasons = []
    for one in found:
        if one.owner is Owner.ALIVE:
            reasons.append(f"{one}; stop it first: `kill {_pid(one.claim)}`, which ends it as Ctrl-C does")
        elif one.owner is Owner.UNKNOWN and not force:
            wait = f"wait {max(0.0, one.seconds):.0f} s: a run that was killed does not renew it"
            reasons.append(f"{one}; {wait}; or make sure that it has ended, and give --force")
    return LockInUse(name, reasons) if reasons else None


def release_claims(  # noqa: PLR0913 - the locks, who releases them, and what is put back
    name: ScaleSetName,
    claims: Claims,
    services: Services[Any] | None,
    run: str,
    owner: str,
    waiter: Waiter,
    processes: Processes | None = None,
    *,
    put_back: Callable[[], None] = lambda: None,
    force: bool = False,
) -> ClaimRelease:
    """Release the claims of runs that have ended, under a claim of its own; resume what they had suspended.

    A run that lives after all renews its claim: then nothing is resumed.

    Args:
        name: the set.
        claims: its claims.
        services: by which Azure replaces its instances.
        run: a unique name of this run.
        owner: who releases them.
        waiter: clock and listener.
        processes: shows whether the process of a run has ended.
        put_back: puts the protection of instances back, as far as that is safe; called under the claim.
        force: release also claims of runs of which it is not known whether they still run.

    Raises:
        LockInUse: a run is alive, or may be; nothing was changed.
        AnotherRollout: a run took or renewed a claim meanwhile; nothing was resumed.
        AzureError: Azure refuses or cannot be reached.
    """
    found = look_at_claims(claims, processes, waiter)
    if why := refusal(name, found, force=force):
        raise why
    if not found:
        return ClaimRelease(name, ())
    for one in found:
        if one.owner is Owner.UNKNOWN:
            expired = replace(one.claim, until=one.claim.until - one.seconds - 1)
            waiter.retry(lambda expired=expired: claims.write(expired))  # type: ignore[misc]
    lease = Lease(claims, run, owner, waiter, processes)
    lease.take()
    suspension, complete = Suspension(services, RolloutSpec(), lease, waiter), False
    try:
        put_back()
        complete = suspension.end()
    finally:
        lease.release(keep=not complete)
    resumed = lease.inherited if complete else ()
    return ClaimRelease(name, found, tuple(one.claim.run for one in found), resumed, complete)


def _pid(claim: Claim) -> str:
    """The process id in the name of a process, as `runtime.processes` makes it."""
    return claim.process.split("-")[1]


def _owner_of(claim: Claim, now: float, processes: Processes | None) -> Owner:
    named = processes if claim.process else None
    if named and named.is_alive(claim.process):
        return Owner.ALIVE
    gone = claim.until <= now or bool(named and named.is_gone(claim.process))
    return Owner.GONE if gone else Owner.UNKNOWN
