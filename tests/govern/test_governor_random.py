"""Governed upgrades in random worlds, killed at any step: whatever happens, what is promised holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.govern.cloud import UpgradingCloud
from tests.govern.plan.worlds import V2
from tests.govern.worlds import Verdicts
from tests.support.cloud import Killed, refusal
from tests.support.fakes import WEB
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.govern.governor import GovernContext, govern
from vmss_jenkins.govern.plan.spec import GovernSpec
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.runtime.waiting import Waiter

TROUBLE = {
    "429": refusal(429, "OperationNotAllowed", "too many", 7.0),
    "503": refusal(503, "ServerBusy", "busy"),
    "lost": AzureError("call", Failure("NoAnswer", "the connection was closed")),
    "kill": Killed(),
}
CRON = 300.0
"""Seconds from the end of a run to the next one."""


@dataclass
class Setting:
    """One random world."""

    size: int
    deferral: bool
    canary: int | None
    limit: int
    bad: bool
    """Whether the gates find the version bad."""
    undecided: int
    """How often they do not decide before they do."""
    measuring: float
    seconds: float
    trouble: dict[int, str]
    """By the number of the call."""
    gone: dict[float, int] = field(default_factory=dict)
    """When somebody deletes which instance."""


SETTINGS = st.builds(
    Setting,
    size=st.integers(1, 12),
    deferral=st.booleans(),
    canary=st.none() | st.integers(1, 4),
    limit=st.integers(1, 4),
    bad=st.booleans(),
    undecided=st.integers(0, 2),
    measuring=st.sampled_from([1.0, 60.0, 900.0, 4000.0]),
    seconds=st.sampled_from([5.0, 90.0, 400.0]),
    trouble=st.dictionaries(st.integers(0, 200), st.sampled_from(sorted(TROUBLE)), max_size=8),
    gone=st.dictionaries(st.floats(1, 3000), st.integers(0, 11), max_size=2),
)


@dataclass
class Judge:
    """Gates whose verdicts are known to the test, over all runs."""

    cloud: UpgradingCloud
    setting: Setting
    good: set[str] = field(default_factory=set)
    bad_since: float | None = None
    runs: int = 0

    def assess(
        self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
    ) -> Verdicts:
        self.runs += 1
        before(self.setting.measuring)
        self.cloud.clock.sleep(self.setting.measuring)
        if self.cloud.dead:
            raise Killed
        if self.runs <= self.setting.undecided:
            return Verdicts(Consequence.HALT)
        if self.setting.bad:
            self.bad_since = self.bad_since or self.cloud.clock.time
            return Verdicts(Consequence.FAIL)
        self.good |= set(instance_ids)
        return Verdicts(Consequence.GO_ON)


def world(setting: Setting) -> UpgradingCloud:
    cloud = UpgradingCloud.of(setting.size, deferral=setting.deferral)
    cloud.seconds = lambda key: setting.seconds + int(key)
    count = iter(range(10**9))

    def fault(call: str) -> BaseException | None:
        kind = setting.trouble.get(next(count))
        return TROUBLE["lost" if kind == "429" and call.endswith("answer") else kind] if kind else None

    cloud.fault = fault
    for when, which in setting.gone.items():
        cloud.clock.after(when, lambda key=str(which): delete(cloud, key))  # type: ignore[misc]
    cloud.begin()
    return cloud


def delete(cloud: UpgradingCloud, key: str) -> None:
    if key in cloud.there and len(cloud.there) > 1 and not cloud.there[key].is_updating:
        del cloud.there[key]


def run(cloud: UpgradingCloud, judge: Judge, setting: Setting, number: int) -> RolloutResult | None:
    """One run; one that is killed returns nothing."""
    waiter = Waiter.starting(cloud.clock, 1e7, lambda _: None)
    canary = Amount(setting.canary) if setting.canary else None
    spec = GovernSpec(canary=canary, max_unavailable=Amount(setting.limit), timeout=1e6)
    context = GovernContext(gates=judge, claims=cloud, newest=lambda: V2, run=f"run-{number}", owner="job: govern")
    cloud.dead = False
    try:
        return govern(cloud, cloud, WEB, spec, context, waiter)
    except Killed:
        return None


@given(SETTINGS)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_promised_holds_in_every_world(setting: Setting) -> None:
    cloud = world(setting)
    judge = Judge(cloud, setting)
    cloud.judged = lambda: frozenset(judge.good)
    results = []
    for number in range(40):
        results.append(run(cloud, judge, setting, number))
        event("killed" if cloud.dead else "ended")
        check(cloud, judge, setting)
        cloud.clock.sleep(CRON)
    last = next((one for one in reversed(results) if one), None)
    event(f"ended as {last.outcome.value if last else 'nothing'}")
    cloud.clock.sleep(1e6)
    check(cloud, judge, setting)
    assert cloud.claims == {}, "no claim is left"
    if last and last.outcome is Outcome.ROLLED_OUT and not setting.bad:
        assert not cloud.old()
        assert cloud.new() <= judge.good


def check(cloud: UpgradingCloud, judge: Judge, setting: Setting) -> None:
    """Whatever was approved, those that had the version by then were judged good; never too many at a time."""
    assert cloud.too_late == 0, "an event was moved past its latest time"
    assert not any(cloud.unjudged), "a batch was approved before the one before it was judged"
    for at, _ in cloud.approvals:
        assert judge.bad_since is None or at <= judge.bad_since, "nothing is approved of a version that is bad"
    if setting.bad:
        batch = setting.limit if setting.deferral else max(1, setting.size // 5)
        assert len(cloud.new()) <= min(setting.canary or batch, setting.size)


@pytest.mark.parametrize("deferral", [False, True])
@pytest.mark.parametrize("canary", [None, 1, 3])
@pytest.mark.parametrize("bad", [False, True])
def test_killed_at_every_call_the_next_run_goes_on(deferral: bool, canary: int | None, bad: bool) -> None:
    for call in range(1000):
        setting = Setting(6, deferral, canary, 2, bad, 0, 20.0, 10.0, {call: "kill"})
        cloud = world(setting)
        judge = Judge(cloud, setting)
        cloud.judged = lambda judge=judge: frozenset(judge.good)  # type: ignore[misc]
        first = last = run(cloud, judge, setting, 0)
        for number in range(1, 12):
            check(cloud, judge, setting)
            if last:
                break
            cloud.clock.sleep(CRON)
            last = run(cloud, judge, setting, number)
        assert last, call
        stopped = {Outcome.REJECTED, Outcome.HALTED}  # halted: killed between the cancelling and the end
        assert last.outcome in (stopped if bad else {Outcome.ROLLED_OUT}), (call, last.reason)
        assert cloud.claims == {}
        assert bad or not cloud.old()
        if first:
            approved = [name for _, names in cloud.approvals for name in names]
            assert len(approved) == len(set(approved)), "an undisturbed run approves each instance once"
            return
    raise AssertionError("the first run was killed at every call")
