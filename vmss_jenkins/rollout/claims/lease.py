"""The claim of a run: take it, renew it, release it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vmss_jenkins.errors import AzureError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.rollout.claims.ports import Claims, Processes
from vmss_jenkins.rollout.plan.claims import LEASE, RENEWAL, AnotherRollout, Claim, Ended, expired, fitting, others
from vmss_jenkins.runtime.waiting import Waiter, is_transient

LOOK_EVERY = 10.0
"""Seconds between two reads while a claim of an earlier run expires."""
REPORT_EVERY = 60.0
"""Seconds between two messages that say how long the wait for a lock may take."""
AGAIN = 5.0
"""Seconds until a failed renewal is tried again."""
REMEMBERED = 3600.0
"""Seconds after its end for which an expired claim is evidence that its run was killed."""


class Lease:
    """The claim of one run.

    Args:
        claims: where claims are stored; None to run without a claim.
        run: a unique name of the run.
        owner: who runs which command.
        waiter: clock and listener.
        processes: shows whether the process of another run has ended; None if that cannot be known.
    """

    def __init__(
        self, claims: Claims | None, run: str, owner: str, waiter: Waiter, processes: Processes | None = None
    ) -> None:
        self._claims, self._waiter, self._processes = claims, waiter, processes
        self._claim = Claim(run, fitting(owner), 0.0, process=processes.own if processes else "")
        self._offset = 0.0
        self._renewed = 0.0
        self.inherited: tuple[str, ...] = ()
        """What runs that were killed had suspended."""

    def take(self) -> Claim | None:
        """Claim the scale set and return the claim of an earlier run that was killed; None for none.

        Raises:
            AnotherRollout: another run holds a claim.
        """
        if self._claims is None:
            return None
        before = self._await_turn(self._claims)
        self.renew()
        if rivals := self._rivals(self._read(self._claims)):
            self.release()
            raise self._refusal(rivals[0])
        left = tuple(claim for claim in before if self._is_left(claim))
        for claim in left:
            self._waiter.on_event(rollout_events.LockTakenOver(claim.owner, claim.process))
        dead = (*expired(before, self._server_now), *left)
        self.inherited = tuple(dict.fromkeys(name for claim in dead for name in claim.suspended))
        if self.inherited:
            self.renew(suspended=self.inherited)
        if dead:
            self._waiter.retry(lambda: self._remove([claim.run for claim in dead]))
        recent = [claim for claim in dead if self._server_now - claim.until < REMEMBERED]
        return max(recent, key=lambda claim: claim.until, default=None)

    def _await_turn(self, claims: Claims) -> tuple[Claim, ...]:
        """Wait while an earlier run of the same command holds a claim and does not renew it."""
        seen: dict[str, float] = {}
        last_report = -REPORT_EVERY + self._now
        while True:
            found = self._read(claims)
            rivals = self._rivals(found)
            if not rivals:
                return found
            for rival in rivals:
                if rival.owner != self._claim.owner or seen.get(rival.run, rival.until) != rival.until:
                    raise self._refusal(rival)
            left = max(rival.until for rival in rivals) - self._server_now
            if self._now - last_report >= REPORT_EVERY:
                last_report = self._now
                self._waiter.on_event(rollout_events.LockAwaited(self._claim.owner, left))
            seen.update({rival.run: rival.until for rival in rivals})
            self._waiter.clock.sleep(min(LOOK_EVERY, left + 1))

    def _rivals(self, claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
        """The claims in force of other runs, as far as their processes may still run."""
        return tuple(one for one in others(claims, self._claim.run, self._server_now) if not self._is_gone(one))

    def _is_left(self, claim: Claim) -> bool:
        """Whether a claim is in force only because the process that held it was killed."""
        return claim.until > self._server_now and self._is_gone(claim)

    def _is_gone(self, claim: Claim) -> bool:
        return bool(self._processes and claim.process and self._processes.is_gone(claim.process))

    def renew_if_due(self) -> None:
        """Renew the claim if it is time.

        Raises:
            AnotherRollout: it had expired and another run took one.
        """
        if self._claims is None or self._now - self._renewed < RENEWAL:
            return
        try:
            late = self._server_now >= self._claim.until
            self._write(self._claims, LEASE)
            if late and (rivals := self._rivals(self._claims.read()[1])):
                raise self._refusal(rivals[0])
        except AzureError as error:
            if not is_transient(error):
                raise
            self._renewed = self._now - RENEWAL + AGAIN

    def renew(
        self, rolling_back: str | None = None, lease: float = LEASE, suspended: tuple[str, ...] | None = None
    ) -> None:
        """Renew the claim now.

        Args:
            rolling_back: the fingerprints of the rollback to record; None leaves what is recorded.
            lease: seconds until it expires: longer before a long measurement.
            suspended: the services that this run suspends; None leaves what is recorded.
        """
        if self._claims is None:
            return
        claims = self._claims
        recorded = self._claim.rolling_back if rolling_back is None else rolling_back
        services = self._claim.suspended if suspended is None else suspended
        self._claim = replace(self._claim, rolling_back=recorded, suspended=services)
        self._waiter.retry(lambda: self._write(claims, lease))

    def record_end(self, outcome: str, release: str) -> None:
        """Record how the run ended; a failure of this call changes nothing."""
        if self._claims is None:
            return
        ends = self._claims.ends
        ended = Ended(self._server_now, outcome, release, self._claim.owner)
        self._try(lambda: ends.write(ended))

    def release(self, *, keep: bool = False) -> None:
        """Remove the claim; if that fails, it expires.

        Args:
            keep: expire it at once instead, so that the next run sees that this one did not finish.
        """
        claims = self._claims
        if keep and claims:
            self._try(lambda: self._write(claims, -1.0))
        else:
            self._try(lambda: self._remove([self._claim.run]))

    def _try(self, call: Callable[[], None]) -> None:
        try:
            self._waiter.retry(call)
        except AzureError as error:
            self._waiter.on_event(CallRetried(str(error).splitlines()[0], 1, LEASE))

    def _read(self, claims: Claims) -> tuple[Claim, ...]:
        server_now, found = self._waiter.retry(claims.read)
        self._offset = server_now - self._now
        return found

    def _write(self, claims: Claims, lease: float) -> None:
        claim = replace(self._claim, until=self._server_now + lease)
        claims.write(claim)
        self._claim, self._renewed = claim, self._now

    def _remove(self, runs: list[str]) -> None:
        if self._claims:
            self._claims.remove(runs)

    def _refusal(self, rival: Claim) -> AnotherRollout:
        return AnotherRollout(rival, max(0.0, rival.until - self._server_now))

    @property
    def _now(self) -> float:
        return self._waiter.clock.now()

    @property
    def _server_now(self) -> float:
        return self._now + self._offset
