"""How automatic OS upgrades of a scale set are governed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.govern.plan.windows import Window
from vmss_jenkins.model import plain_values
from vmss_jenkins.rollout.plan.actions import Repairs
from vmss_jenkins.rollout.plan.selection import Amount

_SHORTEST = 0.001
"""Seconds: a time in which something is awaited is more than none."""


@dataclass(frozen=True)
class GovernSpec:
    """How upgrades are governed; times in seconds.

    Plain values are taken if their meaning is clear: `canary="1"`, `deny=("2026-12-20..2027-01-03",)`.

    Raises:
        ConfigError: for a value that cannot be used; it names the field.
    """

    canary: Amount | None = None
    """How many instances are upgraded and judged first, rounded up; None: the first batch, as Azure makes it."""
    max_unavailable: Amount = field(default_factory=lambda: Amount(10, is_percent=True))
    """How many instances go at a time where we choose: in a deferred upgrade, and those left out by the canary."""
    deny: tuple[Window, ...] = ()
    """Days in which nothing is approved."""
    instance_timeout: float = 900.0
    """Seconds from an approval until the instance is healthy on the new version, at the most."""
    timeout: float = 14_400.0
    """Seconds for one upgrade, from its first question to its end."""
    repairs: Repairs = Repairs.SUSPEND
    """What becomes of automatic repairs and zone balance: they give an ill instance the version unjudged."""

    def __post_init__(self) -> None:
        read = {
            "canary": Amount.read_optional("canary", self.canary),
            "max_unavailable": Amount.read("max_unavailable", self.max_unavailable),
            "deny": _windows(self.deny),
            "repairs": plain_values.choice("repairs", Repairs, self.repairs),
            **{
                name: plain_values.seconds(name, getattr(self, name), _SHORTEST)
                for name in ("instance_timeout", "timeout")
            },
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)

    def canary_of(self, total: int) -> int:
        """Size of the canary of so many instances; 0 for Azure's own batch."""
        return self.canary.rounded_up(total) if self.canary else 0


def _windows(given: object) -> tuple[Window, ...]:
    texts = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else None
    if texts is None or not all(isinstance(one, str | Window) for one in texts):
        raise ConfigError("deny", [f"found {given!r}; wanted windows such as '2026-12-20..2027-01-03'"])
    return tuple(one if isinstance(one, Window) else Window.parse(one) for one in texts)
