"""Reads a set whose OS upgrade is governed, within the limits of Azure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

from vmss_jenkins.govern.plan.situation import Observed
from vmss_jenkins.govern.ports import OsUpgrades
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet, ScaleSetName
from vmss_jenkins.model.os_upgrades.hooks import OsUpgradePolicy
from vmss_jenkins.rollout.plan import throttling
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter

READS = 2
"""Reads of one look that come from the bucket of the set, which is refilled with 12 a minute: events and upgrade."""
SHORTEST, LONGEST, BEAT = 2.0, 10.0, 5.0
"""Seconds between two looks, at the least and at the most, and until a lock is renewed if that is due."""


@dataclass
class Watch(Generic[OperationT]):
    """Looks at a set.

    Args:
        upgrades: its OS upgrades.
        sets: Azure.
        name: the set.
        newest: looks up the version that the image of the model means now; None if that is not wanted.
        waiter: clock and listener.
    """

    upgrades: OsUpgrades[OperationT]
    sets: ScaleSets[OperationT]
    name: ScaleSetName
    newest: Callable[[], ImageReference | None] | None
    waiter: Waiter
    looked: float = field(default=0.0, init=False)
    """When the last look was made, by the clock."""
    _tokens: throttling.Tokens = field(default_factory=lambda: throttling.Tokens(36, 12), init=False)
    _target: ImageReference | None = field(default=None, init=False)
    _set: tuple[ScaleSet, OsUpgradePolicy] | None = field(default=None, init=False)

    def look(self) -> Observed:
        """Read everything, with retries; the model and the version that its image means are read once.

        Raises:
            AzureError: Azure refuses, or cannot be reached.
        """
        retry = self.waiter.retry
        now, events = retry(self.upgrades.events)
        self.looked = self._now
        upgrade = retry(self.upgrades.upgrade)
        scale_set, policy = self._set or (retry(lambda: self.sets.get(self.name)), retry(self.upgrades.policy))
        if self._set is None:
            self._set, self._target = (scale_set, policy), retry(self.newest) if self.newest else None
        instances = retry(lambda: self.sets.instances(scale_set))
        for _ in range(READS):
            self._tokens.take(self._now)
        return Observed(now, policy, events, upgrade, scale_set, instances, self._target)

    def since_look(self) -> float:
        """Seconds since the last look."""
        return self._now - self.looked

    def pause(self, beat: Callable[[], None]) -> None:
        """Wait until the next look.

        Args:
            beat: called now and then, to renew a lock.
        """
        spacing = READS * self._tokens.spacing(self._now)
        until = self._now + min(LONGEST, max(SHORTEST, spacing))
        while (left := until - self._now) > 0:
            self.waiter.clock.sleep(min(left, BEAT))
            beat()

    @property
    def _now(self) -> float:
        return self.waiter.clock.now()
