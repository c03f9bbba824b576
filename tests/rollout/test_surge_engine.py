"""Surges as a whole, on a scale set that lives by a virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from tests.rollout.plan.test_surge_decision import made
from tests.rollout.test_engine import LOST, Judge, Pool
from tests.support.cloud import Cloud, CloudHeadcounts, Killed, refusal
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events import surge as surge_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.rollout import CapacityChanged, InstanceDone, InstanceState
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.automation.scale_in import ScaleInPolicy, ScaleInRule
from vmss_jenkins.model.instances import Health, InstanceIds, ScaleSet
from vmss_jenkins.report import json, markdown, reading, story_builder
from vmss_jenkins.report.advice import next_steps
from vmss_jenkins.report.html import timeline
from vmss_jenkins.report.reading import RecordedEvent
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.history import SETTLED, History, Observed
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Target
from vmss_jenkins.rollout.ports import Gates
from vmss_jenkins.runtime.waiting import Waiter

BAD = Judge(Consequence.FAIL)


class World:
    """A scale set, what is written down of it, and what was told."""

    def __init__(self, count: int = 3, zones: int = 0) -> None:
        self.cloud = Cloud.of(count, zones=zones)
        self.count = count
        self.notes = CloudHeadcounts(self.cloud)
        self.pool = Pool(self.cloud)
        self.events: list[Event] = []
        self.runs = 0

    def surge(self, order: Order | None = None, gates: Gates | None = None, **how: object) -> RolloutResult:
        spec = RolloutSpec(**{"strategy": Strategy.SURGE, "canary": Amount(1), "instance_timeout": 150.0, **how})  # type: ignore[arg-type]
        waiter = Waiter.starting(self.cloud.clock, 1e6, self.events.append)
        self.runs += 1
        drainer = self.pool if spec.drain is not None else None
        context = RunContext(
            gates, drainer, claims=self.cloud, headcounts=self.notes, run=f"run{self.runs}", owner="job"
        )
        return run_rollout(self.cloud, WEB, order or Order(NEW), spec, context, waiter)

    def kept(self, surge: int = 1, wanted: int | None = None, serving: int | None = None) -> None:
        """What holds after every surge, however it went."""
        wanted = self.count if wanted is None else wanted
        serving = self.count if serving is None else serving
        assert self.cloud.fewest >= min(wanted, serving), "fewer served by our doing"
        assert self.cloud.most <= wanted + surge, "more than allowed"
        assert self.cloud.updates == [], "an instance was updated"
        assert self.cloud.throttled == 0

    def over(self, wanted: int | None = None) -> None:
        """What holds after every surge that came to its end."""
        assert self.cloud.scale_set.capacity == len(self.cloud.there) == (wanted or self.count)
        assert self.notes.text == ""
        assert self.cloud.claims == {}
        assert not self.pool.out & self.cloud.there.keys()


def test_every_old_instance_is_replaced_and_the_set_ends_as_large_as_it_was() -> None:
    world, judge = World(), Judge()
    result = world.surge(gates=judge)
    assert (result.outcome, result.image, len(result.updated)) == (Outcome.ROLLED_OUT, NEW, 3)
    assert result.removed == ("2", "1", "0")
    assert world.cloud.all_updated(NEW)
    assert [stage for stage, _ in judge.asked] == ["canary", "batch", "batch"]
    assert [len(ids) for _, ids in judge.asked] == [1, 1, 1], "each is judged once, before an old one goes for it"
    world.kept()
    world.over()


def test_run_again_it_changes_nothing() -> None:
    world = World()
    world.surge()
    before = len(world.cloud.removed), world.cloud.calls.count("begin_set_capacity")
    again = world.surge()
    assert (again.outcome, again.updated, again.removed) == (Outcome.ROLLED_OUT, (), ())
    assert (len(world.cloud.removed), world.cloud.calls.count("begin_set_capacity")) == before
    assert world.notes.text == ""


def test_the_canary_alone_stays_beside_the_old_ones_and_the_next_rollout_goes_on_from_there() -> None:
    world = World()
    first = world.surge(canary_only=True)
    assert (first.outcome, world.cloud.scale_set.capacity) == (Outcome.CANARY, 4)
    assert world.surge(canary_only=True, gates=Judge()).updated == ()
    assert world.cloud.scale_set.capacity == 4
    assert world.notes.text == "wanted=3 before=3 asked=4"
    assert world.surge(canary=None).outcome is Outcome.ROLLED_OUT
    assert world.cloud.all_updated(NEW)
    world.kept()
    world.over()


@pytest.mark.parametrize(
    ("canary", "most", "surge"), [("2", None, 2), ("1", "3", 3), ("10%", "50%", 5), (None, None, 1), ("25%", "1", 3)]
)
def test_never_more_than_the_larger_of_the_canary_and_max_surge_are_added(
    canary: str | None, most: str | None, surge: int
) -> None:
    world = World(10)
    amounts = [Amount.parse(text) if text else None for text in (canary, most)]
    assert world.surge(canary=amounts[0], max_surge=amounts[1]).outcome is Outcome.ROLLED_OUT
    assert world.cloud.most == 10 + surge
    world.kept(surge)
    world.over()


@pytest.mark.parametrize("canary_only", [True, False])
def test_a_bad_canary_is_deleted_and_no_old_instance_is_touched(canary_only: bool) -> None:
    world = World()
    if canary_only:
        world.surge(canary_only=True)
    result = world.surge(gates=BAD, canary_only=canary_only)
    assert (result.outcome, world.cloud.scale_set.image) == (Outcome.ROLLED_BACK, OLD)
    assert set(world.cloud.there) == {"0", "1", "2"}
    assert "5 of 20 failed" in result.reason
    world.kept()
    world.over()


def later(after: int) -> Judge:
    """Gates that find the release bad from some batch on."""

    class Later(Judge):
        def assess(self, *args: object, **options: object) -> object:  # type: ignore[override]
            self.says = Consequence.FAIL if len(self.asked) >= after else Consequence.GO_ON
            return super().assess(*args, **options)  # type: ignore[arg-type]

    return Later()


@pytest.mark.parametrize("after", [1, 2])
def test_where_old_ones_are_gone_already_old_ones_are_made_before_new_ones_go(after: int) -> None:
    world = World()
    result = world.surge(gates=later(after))
    assert (result.outcome, world.cloud.scale_set.image) == (Outcome.ROLLED_BACK, OLD)
    assert world.cloud.all_updated(OLD)
    world.kept()
    world.over()


def test_a_new_instance_that_never_gets_healthy_is_deleted() -> None:
    world = World()
    world.cloud.behaviour.healthy_after = lambda _key, image: None if image is NEW else 3.0
    result = world.surge()
    assert (result.outcome, "not healthy after 150 s" in result.reason) == (Outcome.ROLLED_BACK, True)
    assert set(world.cloud.there) == {"0", "1", "2"}
    world.kept()
    world.over()


def test_a_new_instance_that_cannot_be_made_is_deleted_with_azures_words() -> None:
    world = World()
    world.cloud.behaviour.fails = lambda _key, image: image is NEW
    result = world.surge()
    assert result.outcome is Outcome.ROLLED_BACK
    assert "the extension failed" in result.reason
    world.over()


LISTED = pytest.mark.parametrize("late", [0.0, 5.0, 25.0], ids=["at once", "late, Creating", "late, Succeeded"])


@LISTED
def test_an_instance_of_the_surge_is_its_own_whenever_azure_lists_it(late: float) -> None:
    world = World()
    world.cloud.behaviour.listed_after = lambda _key: late
    result = world.surge(gates=Judge())
    assert (result.outcome, len(result.updated)) == (Outcome.ROLLED_OUT, 3)
    assert not [event for event in world.events if isinstance(event, CapacityChanged)], "taken for somebody else's"
    done = [event.seconds for event in world.events if isinstance(event, InstanceDone)]
    assert len(done) == 3
    assert min(done) >= max(20.0, late), "the time counts from the request"
    world.kept()
    world.over()


@LISTED
@pytest.mark.parametrize("seconds", [3.0, 20.0, 33.0])
def test_an_instance_that_fails_is_deleted_whenever_azure_lists_it(late: float, seconds: float) -> None:
    """The request for it may be seen to end after the rollback began."""
    world = World()
    world.cloud.behaviour.listed_after = lambda _key: late
    world.cloud.behaviour.seconds = lambda _key, _image: seconds
    world.cloud.behaviour.fails = lambda _key, image: image is NEW
    result = world.surge()
    assert (result.outcome, set(world.cloud.there)) == (Outcome.ROLLED_BACK, {"0", "1", "2"})
    world.over()


@LISTED
def test_what_somebody_adds_while_a_surge_makes_instances_is_not_its_own(late: float) -> None:
    world = World()
    world.cloud.behaviour.listed_after = lambda _key: late
    scale, asked = world.cloud.begin_set_capacity, list[int]()

    def crowded(*args: object) -> object:
        operation = scale(*args)  # type: ignore[arg-type]
        if not asked:
            world.cloud.clock.after(0.1, lambda: world.cloud.scale(2))
        asked.append(1)
        return operation

    world.cloud.begin_set_capacity = crowded  # type: ignore[method-assign, assignment]
    result = world.surge()
    assert (result.outcome, len(result.updated)) == (Outcome.ROLLED_OUT, 3)
    joined = [event.joined for event in world.events if isinstance(event, CapacityChanged)]
    assert sorted(key for keys in joined for key in keys) == ["1001", "1002"]
    world.over(5)


def test_a_quota_ends_in_the_way_back_with_azures_words() -> None:
    world = World()
    message = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."
    refused = refusal(409, "OperationNotAllowed", message)
    world.cloud.fault = lambda call: refused if call == "begin_set_capacity" else None
    result = world.surge()
    assert (result.outcome, world.cloud.scale_set.image) == (Outcome.ROLLED_BACK, OLD)
    assert f"Azure made no instances: OperationNotAllowed: {message}" in result.reason
    assert world.cloud.calls.count("begin_set_capacity") == 1, "a quota does not pass by itself"
    world.over()


def test_where_azure_has_no_room_the_capacity_goes_back_too() -> None:
    world = World()
    world.cloud.behaviour.no_room = True
    result = world.surge()
    assert result.outcome is Outcome.ROLLED_BACK
    assert "Azure could not make instances: AllocationFailed: Allocation failed. There is no room." in result.reason
    assert [e.capacity for e in world.events if isinstance(e, surge_events.CapacityGivenUp)] == [3]
    world.over()


def test_a_rollback_that_is_asked_for_goes_the_same_way_from_wherever_it_begins() -> None:
    world = World()
    world.surge(canary_only=True)
    back = Order(rolling_back=True)
    assert world.surge(back, canary=None).outcome is Outcome.ROLLED_BACK
    assert set(world.cloud.there) == {"0", "1", "2"}
    world.over()
    world.surge()
    assert world.surge(back, canary=None, rollback_to=OLD, max_surge=Amount(2)).outcome is Outcome.ROLLED_BACK
    assert world.cloud.all_updated(OLD)
    world.kept(2)
    world.over()


def test_what_stops_leaves_the_set_as_it_is_and_the_next_run_goes_on() -> None:
    world = World()
    assert world.surge(gates=BAD, on_failure=OnFailure.STOP).outcome is Outcome.HALTED
    assert (world.cloud.scale_set.capacity, world.notes.text) == (4, "wanted=3 before=3 asked=4")
    assert world.surge().outcome is Outcome.ROLLED_OUT
    world.kept()
    world.over()


@pytest.mark.parametrize("kind", ["scale-in", "actions"])
def test_a_protected_instance_is_never_deleted_and_is_named(kind: str) -> None:
    world = World()
    protection = {"protected_from_scale_in": True, "protected_from_scale_set_actions": kind == "actions"}
    world.cloud.change("1", **protection)
    result = world.surge()
    assert result.outcome is Outcome.ROLLED_OUT
    assert "protected from scale-in" in result.skipped["1"]
    assert world.cloud.there["1"].image is OLD
    world.kept()
    world.over()


def test_an_instance_that_is_protected_at_the_last_moment_stays() -> None:
    """Between two lists nobody sees it; so each one is read before it is deleted."""
    world = World()
    world.cloud.behaviour.seconds = lambda _key, _image: 5.0
    world.cloud.clock.after(4.0, lambda: world.cloud.change("2", protected_from_scale_in=True))
    assert "2" in world.surge().skipped
    assert world.cloud.there["2"].image is OLD
    world.over()


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        (ScaleInPolicy(), ("2", "1", "0")),
        (ScaleInPolicy(ScaleInRule.NEWEST), ("2", "1", "0")),
        (ScaleInPolicy(ScaleInRule.OLDEST), ("0", "1", "2")),
    ],
)
def test_the_sets_scale_in_policy_says_who_goes_first(policy: ScaleInPolicy, gone: tuple[str, ...]) -> None:
    world = World()
    world.cloud.scale_set = replace(world.cloud.scale_set, scale_in=policy)
    assert world.surge().removed == gone


def test_what_serves_nobody_goes_first_where_no_more_serve_than_are_wanted() -> None:
    world = World()
    world.cloud.change("0", health=Health.UNHEALTHY)
    assert world.surge().removed[0] == "0"
    world.over()
    assert world.cloud.fewest >= 3


def test_every_zone_goes_on_being_served() -> None:
    world = World(6, zones=3)
    zones: list[set[str | None]] = []
    delete = world.cloud.begin_delete_instances

    def watched(*args: object) -> object:
        operation = delete(*args)  # type: ignore[arg-type]
        zones.append({one.zone for one in world.cloud.there.values() if one.is_healthy})
        return operation

    world.cloud.begin_delete_instances = watched  # type: ignore[method-assign, assignment]
    assert world.surge().outcome is Outcome.ROLLED_OUT
    assert zones == [{"1", "2", "3"}] * 6
    world.kept()


def test_instances_are_drained_before_they_are_deleted_and_none_is_left_out() -> None:
    world = World()
    seen: list[float] = []
    drain = world.pool.drain

    def draining(*args: object) -> object:
        seen.append(world.cloud.clock.now())
        return drain(*args)  # type: ignore[arg-type]

    world.pool.drain = draining  # type: ignore[method-assign, assignment]
    assert world.surge(drain=8.0).outcome is Outcome.ROLLED_OUT
    assert [at - before for before, (at, _) in zip(seen, world.cloud.removed, strict=True)] == pytest.approx([8.0] * 3)
    world.kept()
    world.over()


@pytest.mark.parametrize("call", ["begin_set_capacity answer", "begin_delete_instances answer"])
def test_a_lost_answer_makes_and_deletes_nothing_twice(call: str) -> None:
    world = World()
    world.cloud.fault = once(call, LOST)
    result = world.surge()
    assert (result.outcome, len(world.cloud.removed)) == (Outcome.ROLLED_OUT, 3)
    assert world.cloud.calls.count("begin_set_capacity") == 3
    world.kept()
    world.over()


@pytest.mark.parametrize("late", [1.0, 40.0, 200.0])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_after_a_lost_answer_instances_that_are_listed_late_are_awaited_while_azure_works_on_the_set(
    number: int, late: float
) -> None:
    """The capacity shows that Azure took it: so what is not listed comes, and is no reason to lower it."""
    world = World()
    world.cloud.behaviour.listed_after = lambda _key: late
    world.cloud.fault = once("begin_set_capacity answer", LOST, number)
    result = world.surge()
    assert (result.outcome, len(world.cloud.removed)) == (Outcome.ROLLED_OUT, 3)
    assert world.cloud.calls.count("begin_set_capacity") == 3, "nothing was asked for twice or given up"
    world.kept()
    world.over()


@pytest.mark.parametrize("call", ["begin_set_capacity", "begin_delete_instances"])
@pytest.mark.parametrize(
    "error",
    [
        LOST,
        refusal(503, "ServerBusy", "busy"),
        refusal(429, "OperationNotAllowed", "too many", 7.0),
        refusal(409, "Conflict", "concurrent"),
        refusal(412, "PreconditionFailed", "changed"),
    ],
    ids=["no answer", "503", "429", "409", "412"],
)
def test_what_azure_did_not_take_is_asked_for_again(call: str, error: AzureError) -> None:
    if call == "begin_delete_instances" and error.failure.status == 412:
        return  # a deletion has no condition
    world = World()
    world.cloud.fault = once(call, error)
    assert world.surge().outcome is Outcome.ROLLED_OUT
    assert len(world.cloud.removed) == 3
    world.kept()
    world.over()


def test_after_a_lost_answer_azure_has_its_time_to_show_what_it_took() -> None:
    world, asked = World(), list[float]()
    lose = once("begin_set_capacity", LOST)

    def fault(call: str) -> BaseException | None:
        if call == "begin_set_capacity":
            asked.append(world.cloud.clock.now())
        return lose(call)

    world.cloud.fault = fault
    world.surge()
    assert asked[1] - asked[0] >= SETTLED
    world.over()


def test_an_instance_that_is_being_deleted_counts_as_well_no_more() -> None:
    new = made("5", "1")
    observed = Observed(ScaleSet(WEB, OLD), (new,), {"5": 1.0})
    history = History(0.0, Target(OLD)).observe(observed, 1.0)
    assert "5" in history.updated_since
    assert "5" not in history.removing([new], 2.0).observe(replace(observed, read={"5": 3.0}), 3.0).updated_since


def once(call: str, error: BaseException, number: int = 1) -> Callable[[str], BaseException | None]:
    """The error at a call, and at no other: the first one or the one with this number."""
    left = [error, *[None] * (number - 1)]
    return lambda name: left.pop() if name == call and left else None


@pytest.mark.parametrize("gates", [None, BAD], ids=["good", "bad"])
def test_a_run_that_is_killed_at_any_call_goes_on_with_the_same_command(gates: Gates | None) -> None:
    number = 0
    while True:
        world, left = World(), [number]

        def kill(_call: str, left: list[int] = left) -> BaseException | None:
            left[0] -= 1
            return Killed() if left[0] == -1 else None

        world.cloud.fault = kill
        try:
            result = world.surge(gates=gates)
        except Killed:
            world.cloud.dead = False
            result = world.surge(gates=gates)
        assert result.outcome is (Outcome.ROLLED_BACK if gates else Outcome.ROLLED_OUT), number
        assert world.cloud.all_updated(OLD if gates else NEW)
        world.kept()
        world.over()
        if left[0] >= 0:
            return
        number += 1


@pytest.mark.parametrize(("by", "wanted"), [(2, 5), (-1, 3)])
@pytest.mark.parametrize("at", [10.0, 24.0, 40.0])
def test_somebody_may_scale_the_set_in_the_middle(by: int, wanted: int, at: float) -> None:
    """What is added is kept; what is taken from the surplus is made anew."""
    world = World()
    world.cloud.clock.after(at, lambda: world.cloud.scale(by))
    assert world.surge().outcome is Outcome.ROLLED_OUT
    assert world.cloud.all_updated(NEW)
    surplus = any(isinstance(event, surge_events.ScaledByOthers) and event.wanted == 2 for event in world.events)
    world.over(2 if surplus else wanted)


@pytest.mark.parametrize(
    ("change", "how", "said"),
    [
        ({"capacity": 100}, {}, "it may have 100: it has a single placement group"),
        ({"capacity": 600, "single_placement_group": False}, {}, "it may have 600: it runs a managed image"),
        ({"capacity": 0}, {}, "the set has no instances"),
        ({}, {"scope": Scope(InstanceIds.parse("0"))}, "give --canary instead of"),
        ({"provisioning_state": "Deleting"}, {}, "is being deleted"),
    ],
)
def test_what_stands_in_the_way_is_refused_before_anything_is_changed(
    change: dict[str, object], how: dict[str, object], said: str
) -> None:
    world = World()
    world.cloud.scale_set = replace(world.cloud.scale_set, **change)  # type: ignore[arg-type]
    world.cloud.autoscale_settings = lambda _: (AutoscaleSetting("by-cpu"),)  # type: ignore[method-assign, assignment]
    with pytest.raises(ConfigError) as caught:
        world.surge(**how)  # type: ignore[arg-type]
    text = str(caught.value)
    assert said in text
    assert "autoscale (by-cpu) is on" in text
    assert "az monitor autoscale update --name by-cpu --enabled false" in text
    assert not {"begin_set_image", "begin_set_capacity", "write headcount"} & set(world.cloud.calls)
    assert world.cloud.claims == {}


def test_autoscale_that_cannot_be_read_is_refused_unless_it_is_allowed() -> None:
    world = World()
    world.cloud.autoscale_settings = lambda _: None  # type: ignore[method-assign, assignment]
    with pytest.raises(ConfigError, match="--allow-unknown-autoscale"):
        world.surge()
    assert world.surge(allow_unknown_autoscale=True).outcome is Outcome.ROLLED_OUT


def test_a_deletion_that_is_refused_for_good_is_an_error() -> None:
    world = World()
    locked = refusal(409, "ScopeLocked", "The scope cannot perform delete operation: it is locked.")
    world.cloud.fault = lambda call: locked if call == "begin_delete_instances" else None
    with pytest.raises(AzureError, match="ScopeLocked"):
        world.surge()
    world.cloud.fault = lambda _: None
    assert world.surge().outcome is Outcome.ROLLED_OUT
    world.over()


def test_the_reports_tell_who_came_and_who_went_and_how_to_go_back() -> None:
    world = World()
    at = datetime(2026, 11, 24, tzinfo=timezone.utc)
    clock = world.cloud.clock

    class Heard(list[RecordedEvent]):
        def append(self, event: object) -> None:
            told_at = at + timedelta(seconds=clock.now())
            read = reading.read_events([json.line(event, told_at.isoformat())], "events")  # type: ignore[arg-type]
            super().extend(read)

    world.events = heard = Heard()  # type: ignore[assignment]
    world.surge(gates=Judge())
    story = story_builder.story_of(heard)
    assert story.counts == {InstanceState.NEW: 3, InstanceState.DELETED: 3}
    assert (story.most_down, len(story.batches)) == (0, 3)
    states = {one.instance_id: [span.state.value for span in one.spans] for one in story.instances}
    assert states["0"] == ["old", "deleting", "deleted"]
    assert states["1000"] == ["creating", "new"]
    (step,) = next_steps(story)
    assert step.command == f"vmss-jenkins rollback --resource-group canary-rg --name web --to {OLD.id} --strategy surge"
    page = markdown.document(story)
    assert "1 first, then surge, up to 1 more at a time" in page
    assert "Scale-outs began 3 times" in timeline.describe(story)


@pytest.mark.parametrize("canary", [None, Amount(1)])
def test_an_instance_that_was_ill_before_does_not_keep_a_bad_one_serving(canary: Amount | None) -> None:
    """It was no capacity before, so the rollback deletes the bad one although seven of eight serve."""
    world = World(8)
    world.cloud.change("0", health=Health.UNHEALTHY)
    result = world.surge(gates=BAD, canary=canary, timeout=4000.0)
    assert result.outcome is Outcome.ROLLED_BACK
    assert sorted(world.cloud.there) == [str(number) for number in range(8)]
    assert world.cloud.scale_set.capacity == 8
