"""Surges in random worlds: whatever happens to them, what is promised holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.rollout.test_engine import OTHER, Judge
from tests.rollout.test_engine_random import TROUBLE, happen
from tests.rollout.test_surge_engine import World
from tests.support.cloud import Killed, lognormal
from tests.support.fakes import NEW, OLD
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.automation.scale_in import ScaleInPolicy, ScaleInRule
from vmss_jenkins.model.instances import Health
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.plan.actions import OnFailure
from vmss_jenkins.rollout.plan.selection import Amount

PROTECTED = "1"
SURGE_TROUBLE = sorted(set(TROUBLE) - {"refused"})
"""A call that is refused for good ends a surge; the others pass."""


@dataclass
class Setting:
    """One random world and one random command."""

    size: int
    zones: int
    canary: int | None
    surge: int | None
    rule: ScaleInRule
    bad: bool
    """The new release never gets healthy."""
    judged_bad: bool
    on_failure: OnFailure
    drain: float | None
    min_healthy_time: float
    seed: int
    late: float
    """Seconds until Azure lists a new instance."""
    ill_before: frozenset[str]
    """Instances that are ill when the first command begins."""
    trouble: dict[int, str] = field(default_factory=dict)
    """By the number of the call."""
    third: list[tuple[float, str]] = field(default_factory=list)
    """When somebody gives an instance a third release, and which."""

    @property
    def ill(self) -> frozenset[str]:
        return frozenset(key for key in self.ill_before if int(key) < self.size)


SETTINGS = st.builds(
    Setting,
    size=st.integers(2, 8),
    zones=st.sampled_from([0, 2, 3]),
    canary=st.none() | st.integers(1, 3),
    surge=st.none() | st.integers(1, 4),
    rule=st.sampled_from(ScaleInRule),
    bad=st.booleans(),
    judged_bad=st.booleans(),
    on_failure=st.sampled_from(OnFailure),
    drain=st.sampled_from([None, None, 8.0]),
    min_healthy_time=st.sampled_from([0.0, 15.0]),
    seed=st.integers(0, 99),
    late=st.sampled_from([0.0, 0.0, 5.0, 40.0]),
    ill_before=st.sets(st.integers(0, 7).map(str), max_size=2).map(frozenset),
    third=st.lists(st.tuples(st.floats(1, 200), st.integers(0, 7).map(str)), max_size=2),
    trouble=st.dictionaries(st.integers(0, 200), st.sampled_from(SURGE_TROUBLE), max_size=5),
)


def world(setting: Setting) -> World:
    made = World(setting.size, setting.zones)
    cloud = made.cloud
    cloud.scale_set = replace(cloud.scale_set, scale_in=ScaleInPolicy(setting.rule))
    cloud.change(PROTECTED, protected_from_scale_in=True)
    for key in setting.ill:
        cloud.change(key, health=Health.UNHEALTHY)
    for when, key in setting.third:
        cloud.clock.after(when, lambda key=key: happen(cloud, "third release", key, ""))  # type: ignore[misc]
    cloud.behaviour.seconds = lognormal(setting.seed)
    cloud.behaviour.listed_after = lambda _key: setting.late
    cloud.behaviour.healthy_after = lambda _key, image: None if setting.bad and image is NEW else 3.0
    count = iter(range(10**9))

    def fault(call: str) -> BaseException | None:
        kind = setting.trouble.get(next(count))
        if kind and call.endswith("answer") and kind not in {"kill", "503", "504"}:
            kind = "lost"  # what was accepted was not refused
        return TROUBLE[kind] if kind else None

    cloud.fault = fault
    return made


def to_its_end(made: World, setting: Setting) -> RolloutResult:
    """Run the command, and again each time that it is killed."""
    for _ in range(len(setting.trouble) + 1):
        try:
            return made.surge(
                gates=Judge(Consequence.FAIL if setting.judged_bad else Consequence.GO_ON),
                canary=Amount(setting.canary) if setting.canary else None,
                max_surge=Amount(setting.surge) if setting.surge else None,
                on_failure=setting.on_failure,
                drain=setting.drain,
                min_healthy_time=setting.min_healthy_time,
                timeout=4000.0,
            )
        except Killed:  # noqa: PERF203 - the loop is what is tested
            made.cloud.dead = False
            made.cloud.clock.sleep(1.0)
    raise AssertionError("killed more often than there are kills")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(SETTINGS)
def test_in_any_world_a_surge_keeps_its_promises(setting: Setting) -> None:
    made = world(setting)
    result, cloud = to_its_end(made, setting), made.cloud
    event(result.outcome.value)
    final = result.final
    assert {*final.have_it, *final.left_out, *final.others} == set(cloud.there), "the last line misses an instance"
    having = {key for key, one in cloud.there.items() if one.image is result.image}
    assert result.outcome is Outcome.HALTED or (final.complete and set(final.have_it) == having)
    made.kept(max(setting.surge or 0, setting.canary or 0, 1), serving=setting.size - len(setting.ill))
    assert PROTECTED in cloud.there, "a protected instance was deleted"
    assert len(cloud.removed) == len({one.id for _, one in cloud.removed}), "an instance was deleted twice"
    replaced = {one.image for key, one in cloud.there.items() if key != PROTECTED}
    if result.outcome is Outcome.HALTED:
        assert result.reason
        assert setting.on_failure is OnFailure.STOP or setting.third
        return
    wanted = NEW if result.outcome is Outcome.ROLLED_OUT else OLD
    assert replaced <= {wanted, *([OTHER] if setting.third else [])}
    assert (result.outcome is Outcome.ROLLED_OUT) == (not setting.bad and not setting.judged_bad)
    stay = {PROTECTED} if result.outcome is Outcome.ROLLED_OUT else cloud.there.keys()
    assert all(one.is_healthy for key, one in cloud.there.items() if key not in setting.ill & stay)
    made.over()
