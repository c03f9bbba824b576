"""Rollouts of sets that Azure upgrades by itself, in random worlds: killed at any call, with anybody's changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.rollout.protection.following_cloud import FollowingCloud
from tests.rollout.test_engine import Judge
from tests.rollout.test_engine_random import TROUBLE, recover
from tests.support.cloud import IN_PLACE, Killed, lognormal
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import Health
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.rollout.protection.protected_sets import ProtectedSets
from vmss_jenkins.runtime.waiting import Waiter

THEIRS, KEPT = "3", "2"
"""Protected by somebody else: from scale set actions, and from scale-in only."""


@dataclass
class Setting:
    """One random world and one random command."""

    size: int
    zones: int
    limit: int
    strategy: Strategy
    bad: frozenset[str]
    """Instances on which the new release never gets healthy."""
    flags_follow_image: bool
    canary: int
    canary_only: bool
    says: Consequence
    on_failure: OnFailure
    seed: int
    trouble: dict[int, str] = field(default_factory=dict)
    """By the number of the call."""
    incidents: list[tuple[float, str, int]] = field(default_factory=list)
    """When, what, and to which instance."""


SETTINGS = st.builds(
    Setting,
    size=st.integers(4, 9),
    zones=st.sampled_from([0, 2, 3]),
    limit=st.integers(1, 4),
    strategy=st.sampled_from(IN_PLACE),
    bad=st.sets(st.integers(0, 9).map(str), max_size=2).map(frozenset),
    flags_follow_image=st.booleans(),
    canary=st.integers(1, 2),
    canary_only=st.booleans(),
    says=st.sampled_from([Consequence.GO_ON, Consequence.FAIL, Consequence.HALT]),
    on_failure=st.sampled_from(OnFailure),
    seed=st.integers(0, 99),
    trouble=st.dictionaries(st.integers(0, 150), st.sampled_from(sorted(TROUBLE)), max_size=5),
    incidents=st.lists(
        st.tuples(st.floats(1, 200), st.sampled_from(["touched", "joins", "goes", "falls ill"]), st.integers(0, 9)),
        max_size=4,
    ),
)


def world(setting: Setting) -> FollowingCloud:
    cloud = FollowingCloud.of(setting.size, zones=setting.zones)
    assert isinstance(cloud, FollowingCloud)
    cloud.change(THEIRS, protected_from_scale_in=True, protected_from_scale_set_actions=True)
    cloud.change(KEPT, protected_from_scale_in=True)
    cloud.behaviour.seconds = lognormal(setting.seed)
    cloud.behaviour.flags_follow_image = setting.flags_follow_image
    cloud.behaviour.healthy_after = lambda key, image: None if key in setting.bad and image is NEW else 3.0
    for number, (when, what, which) in enumerate(setting.incidents):
        cloud.clock.after(when, lambda what=what, key=str(which), new=str(100 + number): happen(cloud, what, key, new))  # type: ignore[misc]
    count = iter(range(10**9))

    def fault(call: str) -> BaseException | None:
        kind = setting.trouble.get(next(count))
        if kind and call.endswith("answer") and kind not in {"kill", "503", "504"}:
            kind = "lost"
        return TROUBLE[kind] if kind else None

    cloud.fault = fault
    return cloud


def happen(cloud: FollowingCloud, what: str, key: str, new: str) -> None:
    if what == "joins":
        cloud.join(new)
    elif what == "goes" and key != THEIRS:
        cloud.delete(key)
    elif what == "falls ill" and key in cloud.there and key not in cloud.busy:
        cloud.change(key, health=Health.UNHEALTHY)
        cloud.clock.after(40.0, lambda: recover(cloud, key))
    cloud.touch()


def command(cloud: FollowingCloud, setting: Setting, run: str, *, back: bool = False) -> RolloutResult:
    waiter = Waiter.starting(cloud.clock, 1e6, lambda _: None)
    protected = ProtectedSets(cloud, cloud, cloud.record, waiter)
    spec = RolloutSpec(
        canary=Amount(setting.canary),
        canary_only=setting.canary_only and not back,
        max_unavailable=Amount(setting.limit),
        strategy=setting.strategy,
        on_failure=setting.on_failure,
        instance_timeout=150.0,
        timeout=1000.0,
        rollback_to=OLD,
    )
    context = RunContext(gates=Judge(setting.says), claims=cloud, protection=protected, run=run, owner=f"job {back}")
    order = Order(rolling_back=True) if back else Order(NEW)
    return run_rollout(protected, WEB, order, spec, context, waiter)


def to_its_end(cloud: FollowingCloud, setting: Setting, *, back: bool = False) -> RolloutResult:
    """Run the command, and again each time that it is killed."""
    for number in range(len(setting.trouble) + 1):
        try:
            return command(cloud, setting, f"run{number}{back}", back=back)
        except Killed:  # noqa: PERF203 - the loop is what is tested
            cloud.dead = False
            cloud.clock.sleep(1.0)
            cloud.touch()
            cloud.clock.sleep(200.0)
    raise AssertionError("killed more often than there are kills")


def spread(cloud: FollowingCloud) -> set[str]:
    """The instances to which Azure brought the new release by itself."""
    return {key for _, key, image in cloud.followed if image is NEW}


def as_before(cloud: FollowingCloud, setting: Setting) -> bool:
    start = world(Setting(**{**vars(setting), "incidents": [], "trouble": {}})).policies()
    return all(policy == start[key] for key, policy in cloud.policies().items() if key in start)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(SETTINGS)
def test_azure_spreads_nothing_unjudged_and_the_protection_ends_as_it_was(setting: Setting) -> None:
    cloud = world(setting)
    result = to_its_end(cloud, setting)
    event(result.outcome.value)
    cloud.fault = lambda _call: None
    kept = cloud.record.read().before
    if result.outcome in {Outcome.ROLLED_OUT, Outcome.ROLLED_BACK}:
        assert kept == {}
    if not kept:
        assert as_before(cloud, setting)
    if result.outcome is not Outcome.ROLLED_OUT:
        cloud.touch()
        cloud.clock.sleep(600.0)
    assert spread(cloud) <= cloud.released, "Azure gave an instance the new release that nobody had released"
    assert THEIRS not in {key for _, key, _ in cloud.updates}, "a protected instance was touched"
    back = to_its_end(cloud, setting, back=True)
    event(f"back: {back.outcome.value}")
    if back.outcome is Outcome.ROLLED_BACK:
        assert cloud.record.read().before == {}
        assert as_before(cloud, setting)
