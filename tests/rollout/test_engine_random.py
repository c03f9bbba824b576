"""Rollouts in random worlds: whatever happens to them, what is promised holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.rollout.test_engine import LOST, OTHER, REFUSED, Judge, Pool, roll
from tests.support.cloud import IN_PLACE, Cloud, Killed, lognormal, refusal
from tests.support.fakes import NEW, OLD
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.rollout import RolloutFinished, RolloutHalted
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.instances import Health, Instance
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.plan.actions import OnFailure, Strategy
from vmss_jenkins.rollout.plan.selection import Amount

TROUBLE = {
    "429": refusal(429, "OperationNotAllowed", "too many", 7.0),
    "429 without Retry-After": refusal(429, "OperationNotAllowed", "too many"),
    "503": refusal(503, "ServerBusy", "busy"),
    "504": refusal(504, "GatewayTimeout", "late"),
    "lost": LOST,
    "refused": REFUSED,
    "kill": Killed(),
}
C = TypeVar("C", bound=Cloud)
PROTECTED = "3"
INCIDENTS = ("joins", "goes", "falls ill", "model changes", "third release")


@dataclass
class Setting:
    """One random world and one random command."""

    size: int
    zones: int
    limit: int
    strategy: Strategy
    overlaps: bool
    flags_follow_image: bool
    bad: frozenset[str]
    """Instances on which the new release fails."""
    sick: frozenset[str]
    """Instances on which it never gets healthy."""
    ill_before: frozenset[str]
    """Instances that are ill when the first command begins; an update may cure them."""
    hopeless: bool
    """Whether the old release does not come up there either."""
    canary: int | None
    judged_bad: bool
    on_failure: OnFailure
    drain: float | None
    min_healthy_time: float
    seed: int
    trouble: dict[int, str] = field(default_factory=dict)
    """By the number of the call."""
    incidents: list[tuple[float, str, int]] = field(default_factory=list)
    """When, what, and to which instance."""


ids = st.sets(st.integers(0, 11).map(str), max_size=2).map(frozenset)
SETTINGS = st.builds(
    Setting,
    size=st.integers(4, 12),
    zones=st.sampled_from([0, 2, 3]),
    limit=st.integers(1, 5),
    strategy=st.sampled_from(IN_PLACE),
    overlaps=st.booleans(),
    flags_follow_image=st.booleans(),
    bad=ids,
    sick=ids,
    ill_before=ids,
    hopeless=st.booleans(),
    canary=st.none() | st.integers(1, 3),
    judged_bad=st.booleans(),
    on_failure=st.sampled_from(OnFailure),
    drain=st.sampled_from([None, None, 8.0]),
    min_healthy_time=st.sampled_from([0.0, 0.0, 15.0]),
    seed=st.integers(0, 99),
    trouble=st.dictionaries(st.integers(0, 250), st.sampled_from(sorted(TROUBLE)), max_size=6),
    incidents=st.lists(
        st.tuples(
            st.floats(1, 200),
            st.sampled_from(["joins", "goes", "falls ill", "model changes", "third release"]),
            st.integers(0, 11),
        ),
        max_size=3,
    ),
)


def world(setting: Setting, kind: type[C]) -> C:
    cloud = kind.of(setting.size, zones=setting.zones)
    cloud.change(PROTECTED, protected_from_scale_set_actions=True)
    for key in setting.ill_before & cloud.there.keys():
        cloud.change(key, health=Health.UNHEALTHY)
    behaviour = cloud.behaviour
    behaviour.seconds = lognormal(setting.seed)
    behaviour.overlaps, behaviour.flags_follow_image = setting.overlaps, setting.flags_follow_image
    behaviour.fails = lambda key, image: key in setting.bad and (image is NEW or setting.hopeless)
    behaviour.healthy_after = lambda key, image: None if key in setting.sick and image is NEW else 3.0
    for number, (when, what, which) in enumerate(setting.incidents):
        cloud.clock.after(when, lambda what=what, key=str(which), new=str(100 + number): happen(cloud, what, key, new))  # type: ignore[misc]
    count = iter(range(10**9))

    def fault(call: str) -> BaseException | None:
        kind = setting.trouble.get(next(count))
        if kind and call.endswith("answer") and kind not in {"kill", "503", "504"}:
            kind = "lost"  # what was accepted was not refused
        return TROUBLE[kind] if kind else None

    cloud.fault = fault
    return cloud


def happen(cloud: Cloud, what: str, key: str, new: str) -> None:
    if what == "joins":
        cloud.join(new)
    elif what == "goes":
        cloud.delete(key)
    elif what == "model changes":
        cloud.set_model(OTHER)
    elif what == "third release":
        if key in cloud.there and not cloud.there[key].is_updating:
            cloud.change(key, image=OTHER, latest_model_applied=OTHER is cloud.scale_set.image)
    elif key in cloud.there and key not in cloud.busy:
        cloud.change(key, health=Health.UNHEALTHY)
        cloud.clock.after(40.0, lambda: recover(cloud, key))


def recover(cloud: Cloud, key: str) -> None:
    if key in cloud.there and key not in cloud.busy:
        cloud.change(key, health=Health.HEALTHY)


class LastLine(list[Event]):
    """The events of a run, and the instances of the cloud at the moment of its last line."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self.cloud = cloud
        self.there: dict[str, Instance] = {}

    def append(self, event: Event) -> None:
        super().append(event)
        if isinstance(event, RolloutFinished | RolloutHalted):
            self.there = dict(self.cloud.there)

    def is_true(self, result: RolloutResult) -> None:
        """The last line names each instance that is there, and what it has."""
        last = next(one for one in reversed(self) if isinstance(one, RolloutFinished | RolloutHalted))
        final = last.final
        assert final == result.final
        assert {*final.have_it, *final.left_out, *final.others} == set(self.there)
        if isinstance(last, RolloutFinished):
            assert final.complete
            images = {key: self.there[key].image for key in final.have_it}
            assert set(images.values()) <= {result.image}
            lacking = {*final.left_out, *final.others}
            assert all(
                self.there[key].image != result.image or not self.there[key].latest_model_applied for key in lacking
            )


def command(cloud: Cloud, setting: Setting, pool: Pool, run: str, **changes: object) -> RolloutResult:
    """Run the command once, and see that it updates no instance twice in one direction."""
    before, lines = len(cloud.updates), LastLine(cloud)
    known: dict[str, Any] = {"gates": Judge(Consequence.FAIL if setting.judged_bad else Consequence.GO_ON), **changes}
    try:
        result = roll(
            cloud,
            lines,
            run=run,
            claims=cloud,
            owner="job",
            drainer=pool if setting.drain is not None else None,
            **known,
            max_unavailable=Amount(setting.limit),
            strategy=setting.strategy,
            canary=Amount(setting.canary) if setting.canary else None,
            on_failure=setting.on_failure,
            drain=setting.drain,
            min_healthy_time=setting.min_healthy_time,
            instance_timeout=150.0,
            timeout=4000.0,
        )
        lines.is_true(result)
        return result
    finally:
        times = Counter((key, image) for _, key, image in cloud.updates[before:])
        assert not times or max(times.values()) == 1, "an instance was updated twice by one run"


def to_its_end(cloud: Cloud, setting: Setting, pool: Pool, **changes: object) -> RolloutResult:
    """Run the command, and again each time that it is killed."""
    for number in range(len(setting.trouble) + 1):
        try:
            return command(cloud, setting, pool, f"run{number}", **changes)
        except Killed:  # noqa: PERF203 - the loop is what is tested
            cloud.dead = False
            cloud.clock.sleep(1.0)
    raise AssertionError("killed more often than there are kills")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(SETTINGS)
def test_in_any_world_a_rollout_keeps_its_promises(setting: Setting) -> None:
    cloud = world(setting, Cloud)
    start = set(cloud.there)
    pool = Pool(cloud)
    result = to_its_end(cloud, setting, pool)
    event(result.outcome.value)
    assert cloud.peak <= setting.limit, "more that served were taken than allowed"
    if all(what != "goes" for _, what, _ in setting.incidents):  # what autoscale takes is seen only afterwards
        assert cloud.zones_lost == [], "a whole zone was taken"
    assert PROTECTED not in {key for _, key, _ in cloud.updates}, "a protected instance was touched"
    mine = {key: each for key, each in cloud.there.items() if key != PROTECTED}
    third = any(what == "third release" for _, what, _ in setting.incidents)
    if result.outcome is Outcome.ROLLED_OUT and not third:
        assert {each.image for key, each in mine.items() if key not in result.skipped} <= {NEW}
    elif result.outcome is Outcome.ROLLED_BACK:
        allowed = {OLD, OTHER} if third else {OLD}
        assert {each.image for key, each in mine.items() if key not in result.skipped} <= allowed
        assert cloud.scale_set.image is OLD
    elif result.outcome is Outcome.HALTED:
        assert result.reason
        assert start & set(cloud.there) <= result.states.keys(), "a halt names every instance's state"
    assert not any(key in pool.out and each.is_healthy for key, each in cloud.there.items()), "left drained"
    assert cloud.claims == {}


@pytest.mark.parametrize("limit", [1, 3])
def test_the_watch_over_the_promises_sees_them_broken(limit: int) -> None:
    """The world itself is tested: an update of all at once is seen."""
    cloud = Cloud.of(6, zones=2)
    cloud.set_model(NEW)
    cloud.begin_update_instances(cloud.scale_set, list(cloud.there))
    assert cloud.peak > limit
    assert cloud.zones_lost


def test_a_rollback_that_was_killed_goes_on_without_taking_one_more_than_allowed() -> None:
    """What the release took down counts until it is healthy again, also for the run that goes on."""
    world_of_one = Setting(
        size=4, zones=0, limit=1, strategy=Strategy.WAVES, overlaps=False, flags_follow_image=False, bad=frozenset(),
        sick=frozenset("0"), ill_before=frozenset("1"), hopeless=False, canary=None, judged_bad=False,
        on_failure=OnFailure.ROLLBACK, drain=None, min_healthy_time=0.0, seed=19, trouble={121: "kill"},
    )  # fmt: skip
    cloud = world(world_of_one, Cloud)
    assert to_its_end(cloud, world_of_one, Pool(cloud)).outcome is Outcome.ROLLED_BACK
    assert cloud.peak == 1
