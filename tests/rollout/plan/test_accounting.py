"""Whether a rollout of the canary alone has its canary."""

from __future__ import annotations

import pytest

from tests.rollout.plan.test_decision import instance
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.rollout.plan.accounting import account
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.selection import Target


@pytest.mark.parametrize(
    ("canary", "new", "old", "headcount", "complete"),
    [
        ("1", 1, 2, None, True),
        ("1", 0, 3, None, False),
        ("50%", 1, 2, None, False),
        ("50%", 1, 2, Headcount(2, 2, 3), True),  # a surge: the third one is too many for a while
        (None, 0, 2, None, False),
        (None, 2, 0, None, True),
    ],
)
def test_a_canary_is_complete_with_as_many_as_it_has(
    canary: str | None, new: int, old: int, headcount: Headcount | None, complete: bool
) -> None:
    there = tuple(instance(str(n), NEW if n < new else OLD) for n in range(new + old))
    observed = Observed(ScaleSet(WEB, NEW, capacity=len(there)), there, {})
    spec = RolloutSpec(canary=canary, canary_only=True)  # type: ignore[arg-type]
    assert account(spec, observed, History(0.0, Target(NEW), headcount=headcount), {}).complete is complete
