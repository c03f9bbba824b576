"""A rollout as a whole, on a scale set that lives by a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.support.cloud import IN_PLACE, Behaviour, Cloud, Killed, by_ids, lognormal, refusal
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.errors import AzureError, ConfigError, Failure
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.steps import InstanceSkipped
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.gates.verdicts import Outcome as GateOutcome
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, InstanceIds, ScaleSet
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.claims import LEASE, AnotherRollout, Claim, Ended
from vmss_jenkins.rollout.plan.history import History
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Target
from vmss_jenkins.rollout.watcher import Watcher
from vmss_jenkins.runtime.waiting import Waiter

OTHER = ImageReference(id=str(OLD.id).replace("base", "other"))
EACH_STRATEGY = pytest.mark.parametrize("strategy", IN_PLACE)


@dataclass(frozen=True)
class Said:
    """What gates came to."""

    consequence: Consequence
    verdicts: Sequence[Verdict]


@dataclass
class Judge:
    """Gates that say what they are told to."""

    says: Consequence = Consequence.GO_ON
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    takes: float = 0.0

    def assess(self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None) -> Said:
        before(self.takes)
        self.asked.append((stage, tuple(instance_ids)))
        outcome = GateOutcome.PASSED if self.says is Consequence.GO_ON else GateOutcome.FAILED
        return Said(self.says, [Verdict("http", outcome, "5 of 20 failed")])


@dataclass
class Pool:
    """A load balancer that instances are drained from."""

    cloud: Cloud
    out: set[str] = field(default_factory=set)
    refuses: frozenset[str] = frozenset()

    def drain(self, scale_set: ScaleSet, ids: Sequence[str]) -> Mapping[str, str]:
        self.cloud._call("drain")
        self.out.update(set(ids) - self.refuses)
        return {key: "it is in no backend pool" for key in ids if key in self.refuses}

    def restore(self, scale_set: ScaleSet, ids: Sequence[str]) -> None:
        self.cloud._call("restore")
        self.out.difference_update(ids)


def roll(cloud: Cloud, told: list[Event] | None = None, order: Order | None = None, **changes: object) -> RolloutResult:
    names = ("gates", "drainer", "claims", "run", "owner", "processes", "services")
    context = {key: changes.pop(key) for key in names if key in changes}
    spec = RolloutSpec(**{"canary": None, "max_unavailable": Amount(2), **changes})  # type: ignore[arg-type]
    heard = told if told is not None else []
    waiter = Waiter.starting(cloud.clock, 1e6, heard.append)
    return run_rollout(cloud, WEB, order or Order(NEW), spec, RunContext(**context), waiter)  # type: ignore[arg-type]


def safe(cloud: Cloud, limit: int = 2) -> None:
    """What holds after every run, however it went."""
    assert cloud.peak <= limit
    assert cloud.zones_lost == []
    per_direction = [(key, image) for _, key, image in cloud.updates]
    assert len(per_direction) == len(set(per_direction)), "an instance was updated twice"
    assert cloud.throttled == 0


@EACH_STRATEGY
def test_a_good_release_ends_on_every_instance(strategy: Strategy) -> None:
    cloud = Cloud.of(12, zones=3, domains=2)
    cloud.behaviour.seconds = lognormal(1)
    result = roll(cloud, strategy=strategy, canary=Amount(1))
    assert (result.outcome, result.image, result.reason) == (Outcome.ROLLED_OUT, NEW, "")
    assert set(result.updated) == set(cloud.there)
    assert cloud.all_updated(NEW)
    safe(cloud)


def test_a_window_does_not_wait_for_a_slow_instance() -> None:
    slow, quick = 300.0, 10.0
    took = {}
    for strategy in IN_PLACE:
        cloud = Cloud.of(10)
        cloud.behaviour.seconds = lambda key, _image: slow if key == "0" else quick
        took[strategy] = roll(cloud, strategy=strategy).seconds
        safe(cloud)
    assert took[Strategy.WINDOW] < slow * 1.05
    assert took[Strategy.WAVES] > slow + 3 * quick


def test_waves_need_one_call_a_batch_and_no_more_instances_than_a_call_may_have() -> None:
    cloud = Cloud.of(20)
    roll(cloud, max_unavailable=Amount(10))
    assert cloud.calls.count("begin_update_instances") == 2
    cloud = Cloud.of(20)
    roll(cloud, max_unavailable=Amount(10), ids_per_call=3)
    assert cloud.calls.count("begin_update_instances") == 8


def test_the_canary_is_judged_before_the_others_and_each_batch_after_it() -> None:
    cloud, judge = Cloud.of(5), Judge()
    roll(cloud, gates=judge, canary=Amount(1))
    assert [stage for stage, _ in judge.asked] == ["canary", "batch", "batch"]
    assert sorted(key for _, ids in judge.asked for key in ids) == sorted(cloud.there)


def test_the_canary_alone_is_a_rollout_too_and_the_next_command_takes_the_others() -> None:
    cloud = Cloud.of(10)
    first = roll(cloud, canary=Amount.parse("20%"), canary_only=True)
    assert (first.outcome, len(first.updated)) == (Outcome.CANARY, 2)
    again = roll(cloud, canary=Amount.parse("20%"), canary_only=True)
    assert (again.outcome, again.updated) == (Outcome.CANARY, ())
    rest = roll(cloud)
    assert (rest.outcome, len(rest.updated)) == (Outcome.ROLLED_OUT, 8)
    assert cloud.all_updated(NEW)


def test_the_gates_of_a_result_have_seconds_since_the_run_began() -> None:
    """Not the time of a machine's clock, which nobody else can read."""
    cloud = Cloud.of(3)
    cloud.clock.time = 7000.0
    result = roll(cloud, gates=Judge(Consequence.GO_ON), canary=Amount(1))
    assert result.outcome is Outcome.ROLLED_OUT
    assert [0 < gate.at <= result.seconds for gate in result.gates] == [True] * len(result.gates)
    assert result.gates


@EACH_STRATEGY
def test_a_bad_canary_is_taken_back_and_no_other_instance_ever_touched(strategy: Strategy) -> None:
    cloud, judge = Cloud.of(6), Judge(Consequence.FAIL)
    result = roll(cloud, gates=judge, canary=Amount(1), strategy=strategy)
    assert (result.outcome, result.image) == (Outcome.ROLLED_BACK, OLD)
    assert result.reason == "the gates after the canary failed: http: 5 of 20 failed"
    assert result.updated == result.rolled_back == ("0",)
    assert cloud.all_updated(OLD)
    safe(cloud)


def test_a_rollback_restores_the_model_before_any_instance() -> None:
    cloud = Cloud.of(4)
    cloud.behaviour.fails = by_ids(["1"])
    roll(cloud)
    calls = [call for call in cloud.calls if call.startswith("begin")]
    assert calls == ["begin_set_image", "begin_update_instances", "begin_set_image", "begin_update_instances"]
    assert cloud.all_updated(OLD)


@EACH_STRATEGY
@pytest.mark.parametrize("flags_follow_image", [True, False])
def test_an_operation_that_fails_for_one_of_ten_is_taken_back(strategy: Strategy, flags_follow_image: bool) -> None:
    cloud = Cloud.of(10)
    cloud.behaviour = Behaviour(seconds=lognormal(2), fails=by_ids(["3"]), flags_follow_image=flags_follow_image)
    result = roll(cloud, strategy=strategy, max_unavailable=Amount(10))
    assert result.outcome is Outcome.ROLLED_BACK
    assert "3: its update failed: the extension failed" in result.reason
    assert cloud.all_updated(OLD)
    safe(cloud, 10)


@EACH_STRATEGY
def test_an_instance_that_never_gets_healthy_is_taken_back(strategy: Strategy) -> None:
    cloud = Cloud.of(6)
    cloud.behaviour.healthy_after = lambda key, image: None if key == "1" and image is NEW else 5.0
    result = roll(cloud, strategy=strategy, instance_timeout=120.0)
    assert (result.outcome, cloud.images()) == (Outcome.ROLLED_BACK, {OLD})
    safe(cloud)


def test_where_the_old_release_does_not_come_up_either_it_halts_and_names_every_instance() -> None:
    cloud = Cloud.of(4)
    cloud.behaviour.fails = lambda key, _image: key == "1"
    result = roll(cloud)
    assert result.outcome is Outcome.HALTED
    assert result.states.keys() == cloud.there.keys()
    assert "the extension failed" in result.states["1"]
    safe(cloud)


def test_on_the_way_back_one_that_fell_ill_by_itself_is_not_free_to_be_taken() -> None:
    cloud = Cloud.of(6)
    cloud.behaviour.fails = by_ids(["4"])
    cloud.clock.after(95.0, lambda: cloud.change("0", health=Health.UNHEALTHY))
    result = roll(cloud, max_unavailable=Amount(1))
    assert "4: its update failed" in result.reason
    safe(cloud, 1)


def test_stopping_leaves_the_instances_as_they_are_and_names_them() -> None:
    cloud = Cloud.of(4)
    cloud.behaviour.fails = by_ids(["1"])
    result = roll(cloud, on_failure=OnFailure.STOP)
    assert (result.outcome, len(cloud.updates)) == (Outcome.HALTED, 2)
    assert result.states["0"].startswith("runs nginx-updated-image, latest model")


def test_a_rollout_without_a_way_back_asks_for_it() -> None:
    cloud = Cloud.of(3)
    cloud.change("2", image=OTHER)
    cloud.behaviour.fails = by_ids(["0"])
    result = roll(cloud)
    assert result.outcome is Outcome.HALTED
    assert "the instances run 2 other images" in result.reason
    assert result.reason.endswith("with --to IMAGE_ID")


@EACH_STRATEGY
def test_autoscale_may_add_and_remove_instances_in_the_middle(strategy: Strategy) -> None:
    cloud = Cloud.of(8)
    cloud.clock.after(30, lambda: cloud.join("20"))
    cloud.clock.after(35, lambda: cloud.delete("7"))
    cloud.clock.after(45, lambda: cloud.delete("1"))
    told: list[Event] = []
    result = roll(cloud, told, strategy=strategy)
    assert result.outcome is Outcome.ROLLED_OUT
    assert cloud.all_updated(NEW)
    assert "20" not in result.updated
    changes = [event for event in told if isinstance(event, rollout_events.CapacityChanged)]
    assert {key for event in changes for key in event.joined} == {"20"}
    safe(cloud)


def test_an_id_that_is_deleted_just_before_the_call_is_dropped() -> None:
    cloud = Cloud.of(4)
    gone: list[str] = []

    def deleted(call: str) -> None:
        if call == "begin_update_instances" and not gone:
            gone.append("1")
            cloud.delete("1")

    cloud.fault = deleted
    assert roll(cloud).outcome is Outcome.ROLLED_OUT
    assert set(cloud.there) == {"0", "2", "3"}
    safe(cloud)


def test_a_model_that_somebody_else_changes_stops_it() -> None:
    cloud = Cloud.of(6)
    cloud.clock.after(30, lambda: cloud.set_model(OTHER))
    result = roll(cloud)
    assert result.outcome is Outcome.HALTED
    assert "somebody changed the model's image" in result.reason
    assert all(image is not OTHER for _, _, image in cloud.updates)


@EACH_STRATEGY
def test_protected_and_deallocated_instances_are_left_alone_and_named(strategy: Strategy) -> None:
    cloud = Cloud.of(5)
    cloud.change("0", protected_from_scale_set_actions=True)
    cloud.change("1", power="deallocated", health=Health.NOT_REPORTED)
    result = roll(cloud, strategy=strategy)
    assert result.outcome is Outcome.ROLLED_OUT
    assert result.skipped.keys() == {"0", "1"}
    assert {key for _, key, _ in cloud.updates} == {"2", "3", "4"}


def test_a_window_that_azure_refuses_falls_back_to_waves_and_says_so() -> None:
    cloud = Cloud.of(8)
    cloud.behaviour = Behaviour(seconds=lognormal(3), overlaps=False)
    told: list[Event] = []
    assert roll(cloud, told, strategy=Strategy.WINDOW).outcome is Outcome.ROLLED_OUT
    assert sum(isinstance(event, rollout_events.FellBackToWaves) for event in told) == 1
    safe(cloud)


def test_ids_that_no_instance_has_are_refused_before_anything_is_changed() -> None:
    cloud = Cloud.of(2)
    with pytest.raises(ConfigError, match="no instance has the id '9'"):
        roll(cloud, scope=Scope(InstanceIds(("1", "9"))))
    assert "begin_set_image" not in cloud.calls


def once(name: str, error: BaseException, times: int = 1) -> Callable[[str], BaseException | None]:
    left = [error] * times
    return lambda call: left.pop() if call == name and left else None


LOST = AzureError("call", Failure("NoAnswer", "cut off"))
REFUSED = AzureError("call", Failure("NoAnswer", "connection refused", sent=False))
CALLS = ["get", "instances", "instance", "begin_set_image", "begin_update_instances", "poll"]


@EACH_STRATEGY
@pytest.mark.parametrize("call", [*CALLS, "begin_update_instances answer", "begin_set_image answer"])
@pytest.mark.parametrize(
    "error",
    [refusal(503, "ServerBusy", "busy"), refusal(500, "InternalServerError", "oops"), LOST],
    ids=["503", "500", "lost"],
)
def test_trouble_that_passes_delays_and_changes_nothing_else(strategy: Strategy, call: str, error: AzureError) -> None:
    cloud = Cloud.of(6)
    cloud.fault = once(call, error, 2)
    assert roll(cloud, strategy=strategy).outcome is Outcome.ROLLED_OUT
    assert cloud.all_updated(NEW)
    safe(cloud)


@EACH_STRATEGY
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "error",
    [refusal(429, "OperationNotAllowed", "too many", 7.0), refusal(429, "OperationNotAllowed", "too many"), REFUSED],
    ids=["429 with Retry-After", "429", "refused"],
)
def test_being_put_off_delays_and_changes_nothing_else(strategy: Strategy, call: str, error: AzureError) -> None:
    cloud = Cloud.of(6)
    cloud.fault = once(call, error, 3)
    assert roll(cloud, strategy=strategy).outcome is Outcome.ROLLED_OUT
    assert cloud.all_updated(NEW)
    safe(cloud)


def test_what_azure_refuses_for_good_ends_it_and_says_what_goes_on() -> None:
    cloud = Cloud.of(3)
    cloud.fault = once("begin_update_instances", refusal(403, "AuthorizationFailed", "no"))
    with pytest.raises(AzureError, match="AuthorizationFailed"):
        roll(cloud)


def test_conflicts_that_last_on_an_idle_set_end_it_after_minutes_with_the_next_step() -> None:
    cloud = Cloud.of(3)
    cloud.fault = lambda call: refusal(409, "Conflict", "in use") if call == "begin_update_instances" else None
    with pytest.raises(AzureError, match=r"in use\n.*\n.*activity-log"):
        roll(cloud)
    assert cloud.clock.now() < 180


def test_conflicts_are_waited_for_as_long_as_somebody_works_on_the_set() -> None:
    cloud = Cloud.of(3)
    cloud.scale_set = replace(cloud.scale_set, provisioning_state="Updating")

    def fault(call: str) -> BaseException | None:
        if cloud.clock.now() < 600:
            return refusal(409, "Conflict", "in use") if call == "begin_update_instances" else None
        cloud.scale_set = replace(cloud.scale_set, provisioning_state="Succeeded")
        return None

    cloud.fault = fault
    assert roll(cloud).outcome is Outcome.ROLLED_OUT


def test_a_wanted_wait_beyond_the_timeout_ends_it_at_once_with_both_numbers() -> None:
    cloud = Cloud.of(3)
    throttled = refusal(429, "OperationNotAllowed", "too many")
    throttled = AzureError(throttled.action, replace(throttled.failure, retry_after=4500.0))
    cloud.fault = lambda call: throttled if call == "begin_update_instances" else None
    with pytest.raises(AzureError, match=r"asks to wait 4500 s, and \d+ s are left"):
        roll(cloud, timeout=600.0)
    assert cloud.clock.now() < 60


@EACH_STRATEGY
def test_operations_without_a_record_are_left_to_the_instances(strategy: Strategy) -> None:
    cloud = Cloud.of(4)
    cloud.fault = lambda call: refusal(404, "OperationNotFound", "no record") if call == "poll" else None
    assert roll(cloud, strategy=strategy, canary=Amount(1)).outcome is Outcome.ROLLED_OUT
    assert cloud.all_updated(NEW)
    safe(cloud)


def test_an_operation_without_a_record_is_no_ended_one() -> None:
    cloud = Cloud.of(3)
    watcher = Watcher(cloud, WEB, 0.0, Waiter.starting(cloud.clock, 1e6, lambda _: None))
    watcher.follow(cloud.begin_update_instances(cloud.scale_set, ["0"]), ("0",))
    assert [one.instance_ids for one in watcher.observed.operations] == [("0",)]
    cloud.fault = lambda call: refusal(404, "OperationNotFound", "no record") if call == "poll" else None
    cloud.clock.sleep(60)
    watcher.look(History(0.0, Target(NEW)))
    assert (watcher.observed.operations, watcher.pending) == ((), ())


def test_ctrl_c_tells_what_azure_goes_on_doing() -> None:
    cloud = Cloud.of(4)
    cloud.fault = lambda call: KeyboardInterrupt() if call == "poll" and cloud.updates else None
    told: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        roll(cloud, told)
    interrupted = [event for event in told if isinstance(event, rollout_events.RolloutInterrupted)]
    assert [set(event.instance_ids) for event in interrupted] == [{"0", "1"}]
    assert interrupted[0].request_ids


def test_ctrl_c_names_an_update_that_a_former_run_began() -> None:
    cloud = Cloud.of(4)
    cloud.change("0", provisioning_state="Updating", power="stopped")
    cloud.clock.after(5.0, lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    told: list[Event] = []
    with pytest.raises(KeyboardInterrupt):
        roll(cloud, told, max_unavailable=Amount(1))
    (interrupted,) = [event for event in told if isinstance(event, rollout_events.RolloutInterrupted)]
    assert interrupted.instance_ids == ("0",)
    assert not [event for event in told if isinstance(event, InstanceSkipped)]


def test_an_instance_is_drained_before_and_put_back_after_its_update() -> None:
    cloud = Cloud.of(4)
    pool = Pool(cloud)
    told: list[Event] = []
    assert roll(cloud, told, drainer=pool, drain=30.0).outcome is Outcome.ROLLED_OUT
    assert pool.out == set()
    kinds = [type(event).__name__ for event in told if "Instances" in type(event).__name__]
    assert kinds == ["InstancesDraining", "InstancesUpdating", "InstancesRestored"] * 2
    safe(cloud)


def test_an_instance_that_cannot_be_drained_is_updated_all_the_same_and_at_once() -> None:
    cloud = Cloud.of(2)
    told: list[Event] = []
    roll(cloud, told, drainer=Pool(cloud, refuses=frozenset("01")), drain=500.0)
    assert cloud.all_updated(NEW)
    assert cloud.clock.now() < 100
    draining = [event for event in told if isinstance(event, rollout_events.InstancesDraining)]
    assert draining[0].not_drained.keys() == {"0", "1"}


def test_the_end_of_a_long_update_is_seen_soon_though_many_looks_went_before() -> None:
    """Looks in vain must not use up what an instance's bucket allows in the minute in which its update ends."""
    cloud = Cloud.of(300)
    took: dict[str, float] = {}
    times = lognormal(3, sigma=0.9)
    cloud.behaviour.seconds = lambda key, image: took.setdefault(key, times(key, image))
    seen: dict[str, float] = {}

    class Heard(list[Event]):
        def append(self, event: Event) -> None:
            if isinstance(event, rollout_events.InstanceDone):
                seen[event.instance_id] = cloud.clock.now()

    roll(cloud, Heard(), strategy=Strategy.WAVES, max_unavailable=Amount(100))
    late = {key: seen[key] - at - took[key] for at, key, _ in cloud.updates if took[key] > 80}
    assert len(late) > 10
    assert max(late.values()) < 8


@pytest.mark.parametrize(
    ("load_balanced", "drain", "told_of"), [(True, None, 1), (True, 5.0, 0), (False, None, 0)], ids=str
)
def test_it_says_so_where_instances_go_down_behind_a_load_balancer_undrained(
    load_balanced: bool, drain: float | None, told_of: int
) -> None:
    cloud = Cloud.of(2)
    cloud.scale_set = replace(cloud.scale_set, load_balanced=load_balanced)
    told: list[Event] = []
    roll(cloud, told, drainer=Pool(cloud), drain=drain)
    assert sum(isinstance(event, rollout_events.NotDraining) for event in told) == told_of


def test_gates_that_cannot_tell_halt_it() -> None:
    cloud = Cloud.of(4)
    result = roll(cloud, gates=Judge(Consequence.HALT), canary=Amount(1))
    assert (result.outcome, len(cloud.updates)) == (Outcome.HALTED, 1)
    assert "inconclusive" in result.reason


def killed_at(step: int) -> Callable[[str], BaseException | None]:
    count = iter(range(10**9))
    return lambda _call: Killed() if next(count) == step else None


@EACH_STRATEGY
@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_a_run_that_is_killed_at_any_call_goes_on_with_the_same_command(strategy: Strategy, bad: bool) -> None:
    step, runs = 0, 0
    while True:
        cloud = Cloud.of(5)
        cloud.behaviour.fails = by_ids(["2"] if bad else [])
        pool = Pool(cloud)
        cloud.fault = killed_at(step)
        command: dict[str, Any] = {"strategy": strategy, "claims": cloud, "owner": "job", "drainer": pool, "drain": 5.0}
        try:
            result = roll(cloud, run="first", canary=Amount(1), **command)
        except Killed:
            cloud.dead, cloud.fault = False, lambda _call: None
            cloud.clock.sleep(1.0)
            result = roll(cloud, run="second", canary=Amount(1), **command)
            runs += 1
        else:
            break
        if bad:
            assert result.outcome in {Outcome.ROLLED_BACK, Outcome.HALTED}, step
            assert cloud.images() == {OLD} or result.states.keys() == cloud.there.keys(), step
        else:
            assert (result.outcome, cloud.all_updated(NEW)) == (Outcome.ROLLED_OUT, True), step
        assert pool.out == set(), step
        assert cloud.claims == {}, step
        assert cloud.peak <= 2, step
        step += 1
    assert runs > 20


def test_a_rollback_that_is_killed_goes_on_going_back() -> None:
    for call in ("begin_set_image", "begin_update_instances"):
        cloud = Cloud.of(6)
        cloud.behaviour.fails = by_ids(["1"])
        seen: list[str] = []

        def second(name: str, call: str = call, seen: list[str] = seen) -> BaseException | None:
            seen.append(name)
            return Killed() if name == call and seen.count(call) == 2 else None

        cloud.fault = second
        with pytest.raises(Killed):
            roll(cloud, claims=cloud, run="first", owner="job")
        cloud.dead, cloud.fault = False, lambda _name: None
        result = roll(cloud, claims=cloud, run="second", owner="job")
        assert (result.outcome, cloud.images()) == (Outcome.ROLLED_BACK, {OLD})


def test_a_second_rollout_of_the_same_set_refuses_and_changes_nothing() -> None:
    cloud = Cloud.of(3)
    cloud.claims["other"] = Claim("other", "job 7", cloud.clock.time + 1e6 + 60)
    with pytest.raises(AnotherRollout, match="job 7") as refused:
        roll(cloud, claims=cloud)
    assert refused.value.seconds == pytest.approx(60)
    assert cloud.updates == []
    assert set(cloud.claims) == {"other"}


def test_how_a_run_ended_is_written_down_where_it_changed_something() -> None:
    cloud = Cloud.of(2)
    roll(cloud, claims=cloud, owner="job 7")
    roll(cloud, claims=cloud, owner="job 8")
    (ended,) = cloud.ends.written
    assert (ended.outcome, ended.release, ended.owner) == ("rolled out", NEW.short_name, "job 7")
    assert Ended.parse(ended.text()) == replace(ended, at=float(round(ended.at)))
    assert Ended.parse("until=7 back= owner=job") is None


def test_the_claim_holds_through_a_measurement_and_no_longer() -> None:
    cloud = Cloud.of(2)
    held: list[float] = []

    @dataclass
    class Slow(Judge):
        def assess(
            self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None
        ) -> Said:
            said = super().assess(stage, instance_ids, before)
            held.append(cloud.claims["run"].until - 1e6 - cloud.clock.time)
            cloud.clock.sleep(self.takes)
            return said

    told: list[Event] = []
    assert roll(cloud, told, claims=cloud, gates=Slow(takes=500.0), max_unavailable=Amount(1)).outcome
    assert held == [LEASE + 500.0] * 2
    assert cloud.claims == {}


def test_a_claim_that_is_renewed_is_no_killed_run_of_the_same_command() -> None:
    cloud = Cloud.of(3)
    cloud.claims["other"] = Claim("other", "job", cloud.clock.time + 1e6 + LEASE)
    renewed = Claim("other", "job", cloud.clock.time + 1e6 + LEASE + 30)
    cloud.clock.after(30, lambda: cloud.claims.update(other=renewed))
    with pytest.raises(AnotherRollout):
        roll(cloud, claims=cloud, owner="job")


@dataclass
class Machine:
    """Processes of one machine of which some are gone."""

    own: str = "here-1"
    gone: frozenset[str] = frozenset()

    def is_gone(self, name: str) -> bool:
        return name in self.gone


def test_the_lock_of_a_killed_process_of_this_machine_is_taken_over_at_once() -> None:
    cloud = Cloud.of(3)
    seen: list[Event] = []
    cloud.fault = lambda call: Killed() if call == "begin_update_instances answer" else None
    with pytest.raises(Killed):
        roll(cloud, claims=cloud, run="first", owner="job", processes=Machine("here-1"))
    cloud.dead, cloud.fault = False, lambda _name: None
    began = cloud.clock.time
    processes = Machine("here-2", frozenset({"here-1"}))
    result = roll(cloud, seen, claims=cloud, run="second", owner="job", processes=processes)
    assert result.outcome is Outcome.ROLLED_OUT
    assert rollout_events.LockTakenOver("job", "here-1") in seen
    assert not [one for one in seen if isinstance(one, rollout_events.LockAwaited)]
    assert cloud.updates[1][0] < began + LEASE, "it did not wait until the lock expired"
    assert cloud.claims == {}


def test_the_lock_of_a_killed_process_of_another_machine_is_awaited_and_the_wait_is_reported_each_minute() -> None:
    cloud = Cloud.of(3)
    seen: list[Event] = []
    cloud.claims["other"] = Claim("other", "job", cloud.clock.time + 1e6 + 200.0, process="there-1")
    assert roll(cloud, seen, claims=cloud, owner="job", processes=Machine()).outcome is Outcome.ROLLED_OUT
    assert [round(one.seconds) for one in seen if isinstance(one, rollout_events.LockAwaited)] == [200, 140, 80, 20]
    assert cloud.updates[0][0] >= 200.0


def test_a_process_that_ends_while_its_lock_is_awaited_is_taken_over() -> None:
    cloud, processes = Cloud.of(3), Machine()
    seen: list[Event] = []
    cloud.claims["other"] = Claim("other", "job", cloud.clock.time + 1e6 + LEASE, process="here-7")
    cloud.clock.after(30.0, lambda: setattr(processes, "gone", frozenset({"here-7"})))
    assert roll(cloud, seen, claims=cloud, owner="job", processes=processes).outcome is Outcome.ROLLED_OUT
    assert rollout_events.LockTakenOver("job", "here-7") in seen
    assert 30.0 <= cloud.updates[0][0] < LEASE


def test_a_claim_that_names_no_process_is_awaited_as_before() -> None:
    cloud = Cloud.of(3)
    cloud.claims["other"] = Claim("other", "job", cloud.clock.time + 1e6 + LEASE)
    assert roll(cloud, claims=cloud, owner="job", processes=Machine(gone=frozenset({""}))).outcome
    assert cloud.updates[0][0] >= LEASE


def test_a_long_owner_is_the_same_owner_when_its_claim_is_read_again() -> None:
    cloud, owner = Cloud.of(3), "job/" * 100
    cloud.fault = lambda call: Killed() if call == "begin_update_instances" else None
    with pytest.raises(Killed):
        roll(cloud, claims=cloud, run="first", owner=owner)
    cloud.dead, cloud.fault = False, lambda _name: None
    cloud.claims = {run: one for run, each in cloud.claims.items() if (one := Claim.parse(run, each.text()))}
    assert roll(cloud, claims=cloud, run="second", owner=owner).outcome is Outcome.ROLLED_OUT


def test_two_that_begin_at_the_same_moment_never_both_go_on() -> None:
    cloud = Cloud.of(3)

    def rival(call: str) -> None:
        if call == "claim":
            cloud.claims["other"] = Claim("other", "job 7", cloud.clock.time + 1e6 + 60)

    cloud.fault = rival
    with pytest.raises(AnotherRollout):
        roll(cloud, claims=cloud, run="mine")
    assert set(cloud.claims) == {"other"}


def test_a_rollback_by_hand_finds_the_previous_image_and_touches_the_updated_instances_alone() -> None:
    cloud = Cloud.of(6)
    roll(cloud, canary=Amount(2), canary_only=True)
    cloud.updates.clear()
    result = roll(cloud, order=Order(rolling_back=True))
    assert (result.outcome, len(result.rolled_back)) == (Outcome.ROLLED_BACK, 2)
    assert (cloud.scale_set.image, cloud.images(), len(cloud.updates)) == (OLD, {OLD}, 2)


def test_a_rollback_by_hand_to_an_image_may_be_run_again_where_it_was_stopped() -> None:
    cloud = Cloud.of(4)
    roll(cloud)
    cloud.set_model(OLD)
    result = roll(cloud, order=Order(rolling_back=True), rollback_to=OLD)
    assert (result.outcome, cloud.images()) == (Outcome.ROLLED_BACK, {OLD})


def test_a_rollback_by_hand_with_nothing_to_go_back_to_asks_for_it() -> None:
    cloud = Cloud.of(2)
    result = roll(cloud, order=Order(rolling_back=True))
    assert result.outcome is Outcome.HALTED
    assert "no instance runs another image" in result.reason


@EACH_STRATEGY
def test_a_large_set_is_rolled_out_inside_azures_limits_and_in_time(strategy: Strategy) -> None:
    cloud = Cloud.of(200, zones=3, domains=5)
    cloud.behaviour.seconds = lognormal(4)
    result = roll(cloud, strategy=strategy, max_unavailable=Amount.parse("10%"))
    assert result.outcome is Outcome.ROLLED_OUT
    safe(cloud, 20)
    assert max(cloud.drained_share().values()) <= 0.1
