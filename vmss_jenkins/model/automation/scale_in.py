"""How Azure scales a set in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class ScaleInRule(Enum):
    """Which instances Azure deletes first; in a set with zones it first balances the zones."""

    DEFAULT = "Default"
    """The newest instance of the fullest fault domain."""
    OLDEST = "OldestVM"
    NEWEST = "NewestVM"


@dataclass(frozen=True)
class ScaleInPolicy:
    """How Azure scales a set in (the compute API's `ScaleInPolicy`)."""

    rule: ScaleInRule = ScaleInRule.DEFAULT
    force_deletion: bool = False
    """Azure deletes instances without shutting them down."""
    prioritize_unhealthy: bool = False
    """Azure deletes those that are unhealthy or do not run first."""


def scale_in_policy(policy: Mapping[str, Any]) -> ScaleInPolicy:
    """Read it from the properties of a set. Azure takes one rule: the first one that we know counts."""
    known = {rule.value: rule for rule in ScaleInRule}
    rules = (known[str(rule)] for rule in policy.get("rules") or () if str(rule) in known)
    return ScaleInPolicy(
        next(rules, ScaleInRule.DEFAULT),
        force_deletion=bool(policy.get("forceDeletion")),
        prioritize_unhealthy=bool(policy.get("prioritizeUnhealthyVMs")),
    )
