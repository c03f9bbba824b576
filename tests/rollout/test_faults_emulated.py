"""Rollouts by the real engine and SDK, while the emulator has the faults that Azure has; its record is the proof."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import IN_PLACE
from vmss_jenkins.emulator import Fault, Release, Scenario
from vmss_jenkins.emulator.scenario.release import nginx_releases
from vmss_jenkins.errors import AzureError
from vmss_jenkins.model.instances import ScaleSetName
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.claims import AnotherRollout, Claim
from vmss_jenkins.rollout.plan.selection import Amount

TEN = Scenario(instances=10)
SPEC = RolloutSpec(canary=Amount(1), max_unavailable=Amount(3), on_failure=OnFailure.ROLLBACK)
STRATEGIES = pytest.mark.parametrize("strategy", IN_PLACE, ids=lambda each: each.value)


def roll_out(azure: Session, spec: RolloutSpec = SPEC, image: str = "nginx-updated-image") -> RolloutResult:
    return run_rollout(azure.sets, WEB, Order(azure.image(image)), spec, RunContext(), azure.waiter())


def prove(azure: Session, *, at_most: int = 3) -> None:
    """Whatever happened: never too many down by our doing, nothing protected touched, nothing updated twice forward."""
    found = azure.emulator.availability.summary(azure.clock.now(), "web")
    assert found.most_down <= at_most
    assert found.protected_touched == ()


def updated_once(azure: Session) -> bool:
    return max(azure.emulator.availability.summary(azure.clock.now(), "web").updates.values()) == 1


def images(azure: Session) -> set[str]:
    return {instance.image.short_name for instance in azure.instances() if instance.image}


@STRATEGIES
def test_a_good_release_reaches_every_instance(strategy: Strategy) -> None:
    with session(TEN) as azure:
        result = roll_out(azure, replace(SPEC, strategy=strategy))
        assert (result.outcome, len(result.updated)) == (Outcome.ROLLED_OUT, 10)
        assert images(azure) == {"nginx-updated-image"}
        assert updated_once(azure)
        prove(azure)


TRANSIENT_STATES = [
    "429 POST */manualupgrade count=3 retry-after=7",
    "429 POST */manualupgrade count=3",
    "429 GET */virtualMachines* count=4",
    "500 GET */virtualMachines* count=3",
    "503 GET */operations/* count=4",
    "504 POST */manualupgrade count=1",
    "503 GET */virtualMachineScaleSets/web count=3",
    "409 POST */manualupgrade count=2",
    "reset POST */manualupgrade count=2",
    "reset GET */operations/* count=3",
    "cut GET */virtualMachines* count=2",
    "cut GET */operations/* count=2",
    "lost-answer POST */manualupgrade",
    "lost-answer POST */manualupgrade skip=1 count=2",
    "lost-answer POST */manualupgrade status=504",
    "lost-answer PATCH */virtualMachineScaleSets/web",
    "stuck POST */manualupgrade skip=1",
]


@STRATEGIES
@pytest.mark.parametrize("fault", TRANSIENT_STATES)
def test_what_passes_by_itself_is_survived_and_nothing_is_updated_twice(fault: str, strategy: Strategy) -> None:
    with session(TEN) as azure:
        azure.emulator.inject(fault)
        result = roll_out(azure, replace(SPEC, strategy=strategy))
        assert result.outcome is Outcome.ROLLED_OUT
        assert images(azure) == {"nginx-updated-image"}
        assert updated_once(azure)
        prove(azure)


def test_where_azure_refuses_overlapping_operations_a_window_becomes_waves() -> None:
    with session(replace(TEN, parallel_operations=False)) as azure:
        result = roll_out(azure, replace(SPEC, strategy=Strategy.WINDOW))
        assert result.outcome is Outcome.ROLLED_OUT
        assert any(type(event).__name__ == "FellBackToWaves" for event in azure.events)
        prove(azure)


ENDING_BACK = [
    "fail POST */manualupgrade instance=4",
    "never-healthy instance=4",
]


@pytest.mark.parametrize("fault", ENDING_BACK)
def test_an_instance_that_does_not_come_up_turns_the_rollout_back(fault: str) -> None:
    with session(TEN) as azure:
        azure.emulator.inject(fault)
        result = roll_out(azure, replace(SPEC, instance_timeout=300))
        assert result.outcome in {Outcome.ROLLED_BACK, Outcome.HALTED}
        if result.outcome is Outcome.ROLLED_BACK:
            assert images(azure) == {"nginx-base-image"}
        else:
            assert set(result.states) == {str(number) for number in range(10)}
        prove(azure)


def test_a_failed_instance_that_is_allowed_does_not_stop_the_others_and_is_told() -> None:
    with session(TEN) as azure:
        azure.emulator.inject("fail POST */manualupgrade instance=4")
        result = roll_out(azure, replace(SPEC, max_failed=1))
        assert result.outcome is Outcome.HALTED
        assert "4" in result.reason
        assert {i.id for i in azure.instances() if i.image == azure.new} >= {str(n) for n in range(10)} - {"4"}
        prove(azure)


def test_an_instance_deleted_in_the_middle_is_dropped() -> None:
    with session(TEN) as azure:
        azure.emulator.inject("delete POST */manualupgrade skip=1 instance=9")
        assert roll_out(azure).outcome is Outcome.ROLLED_OUT
        assert {i.id for i in azure.instances()} == {str(n) for n in range(9)}
        assert images(azure) == {"nginx-updated-image"}
        prove(azure)


@pytest.mark.parametrize("by", [3, -3])
def test_autoscale_in_the_middle_is_followed(by: int) -> None:
    with session(TEN) as azure:
        azure.emulator.inject(f"scale POST */manualupgrade skip=1 by={by}")
        assert roll_out(azure).outcome is Outcome.ROLLED_OUT
        assert images(azure) == {"nginx-updated-image"}
        assert len(azure.instances()) == 10 + by
        prove(azure)


def test_a_model_changed_by_somebody_else_in_the_middle_stops_it() -> None:
    with session(TEN) as azure:
        azure.emulator.inject("set-image POST */manualupgrade skip=2 image=nginx-broken-image")
        result = roll_out(azure)
        assert result.outcome is Outcome.HALTED
        assert "somebody changed the model's image" in result.reason
        assert azure.sets.get(WEB).image == azure.image("nginx-broken-image")
        prove(azure)


@pytest.mark.parametrize("canary_only", [False, True])
@pytest.mark.parametrize("bad", ["nginx-broken-image", "nginx-failing-image"])
def test_a_bad_release_stays_on_the_canary_and_goes_back_from_it(bad: str, canary_only: bool) -> None:
    with session(TEN) as azure:
        result = roll_out(azure, replace(SPEC, instance_timeout=300, canary_only=canary_only), bad)
        assert (result.outcome, len(result.updated)) == (Outcome.ROLLED_BACK, 1)
        assert images(azure) == {"nginx-base-image"}
        assert azure.sets.get(WEB).image == azure.image("nginx-base-image")
        prove(azure)


def test_where_the_old_release_does_not_come_up_either_it_halts_and_tells_every_state() -> None:
    with session(TEN) as azure:
        azure.emulator.inject(Fault("never-healthy", instance="0", count=None))
        result = roll_out(azure, replace(SPEC, instance_timeout=300))
        assert result.outcome is Outcome.HALTED
        assert set(result.states) == {str(number) for number in range(10)}
        prove(azure)


def test_stop_instead_of_rollback_leaves_things_as_they_are() -> None:
    with session(TEN) as azure:
        spec = replace(SPEC, instance_timeout=300, on_failure=OnFailure.STOP)
        result = roll_out(azure, spec, "nginx-broken-image")
        assert result.outcome is Outcome.HALTED
        assert azure.sets.get(WEB).image == azure.image("nginx-broken-image")
        prove(azure)


def test_a_protected_instance_is_left_alone_and_named() -> None:
    with session(TEN) as azure:
        body = {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}
        machines = azure.sets._client.virtual_machine_scale_set_vms
        machines.begin_update("canary-rg", "web", "3", {"location": "westeurope", "properties": body}, polling=False)  # type: ignore[call-overload]
        azure.clock.sleep(600)
        result = roll_out(azure)
        assert list(result.skipped) == ["3"]
        assert {i.id for i in azure.instances() if i.image != azure.new} == {"3"}
        prove(azure)


class KilledError(BaseException):
    """Stands for `kill -9`: nothing of the program runs after it."""


@contextmanager
def killed_after(azure: Session, calls: int) -> Iterator[None]:
    """End the program at its `calls`-th wait."""
    left = iter(range(calls, -1, -1))
    sleep = azure.clock.sleep

    def sleep_or_die(seconds: float) -> None:
        if next(left) == 0:
            raise KilledError
        sleep(seconds)

    azure.clock.sleep = sleep_or_die  # type: ignore[method-assign]
    yield
    azure.clock.sleep = sleep  # type: ignore[method-assign]


@STRATEGIES
@pytest.mark.parametrize("waits", [0, 1, 2, 5, 20, 60, 120, 250])
def test_killed_at_any_moment_the_same_command_goes_on(waits: int, strategy: Strategy) -> None:
    with session(TEN) as azure:
        spec = replace(SPEC, strategy=strategy)
        with killed_after(azure, waits), pytest.raises(KilledError):
            roll_out(azure, spec)
        assert roll_out(azure, spec).outcome is Outcome.ROLLED_OUT
        assert images(azure) == {"nginx-updated-image"}
        assert updated_once(azure)
        prove(azure)


def test_run_again_after_success_it_changes_nothing() -> None:
    with session(TEN) as azure:
        roll_out(azure)
        before = azure.changes()
        assert roll_out(azure).outcome is Outcome.ROLLED_OUT
        assert azure.changes() == before


def test_a_second_run_never_widens_the_canary() -> None:
    with session(TEN) as azure:
        for _ in range(2):
            result = roll_out(azure, replace(SPEC, canary=Amount(2), canary_only=True))
            assert result.outcome is Outcome.CANARY
            assert sum(i.image == azure.new for i in azure.instances()) == 2


def test_a_second_rollout_of_the_same_set_refuses() -> None:
    with session(TEN) as azure:
        first = azure.sets.claims(WEB)
        now, _ = first.read()
        first.write(Claim("other", "somebody else: rollout", now + 600))
        context = RunContext(claims=azure.sets.claims(WEB), run="mine", owner="me: rollout")
        with pytest.raises(AnotherRollout, match="somebody else: rollout"):
            run_rollout(azure.sets, WEB, Order(azure.new), SPEC, context, azure.waiter())
        assert images(azure) == {"nginx-base-image"}


def test_rolling_back_by_hand_finds_the_release_that_instances_still_run() -> None:
    with session(TEN) as azure:
        roll_out(azure, replace(SPEC, canary=Amount(2), canary_only=True))
        result = run_rollout(azure.sets, WEB, Order(rolling_back=True), SPEC, RunContext(), azure.waiter())
        assert (result.outcome, len(result.rolled_back)) == (Outcome.ROLLED_BACK, 2)
        assert images(azure) == {"nginx-base-image"}


def test_where_nothing_stable_is_left_a_rollback_asks_where_to() -> None:
    with session(TEN) as azure:
        roll_out(azure)
        result = run_rollout(azure.sets, WEB, Order(rolling_back=True), SPEC, RunContext(), azure.waiter())
        assert result.outcome is Outcome.HALTED
        assert "--to" in result.reason


def test_a_set_that_is_not_there_is_an_error() -> None:
    with session(TEN) as azure, pytest.raises(AzureError, match="ResourceNotFound"):
        run_rollout(azure.sets, ScaleSetName("canary-rg", "api"), Order(azure.new), SPEC, RunContext(), azure.waiter())


def test_a_hundred_instances_roll_without_one_429_and_without_a_whole_zone_down() -> None:
    releases = {**nginx_releases(), "nginx-next-image": Release("next")}
    with session(Scenario(instances=100, releases=releases)) as azure:
        spec = replace(SPEC, max_unavailable=Amount(10, is_percent=True), strategy=Strategy.WINDOW)
        assert roll_out(azure, spec, "nginx-next-image").outcome is Outcome.ROLLED_OUT
        assert [call for call in azure.emulator.calls if call["status"] == 429] == []
        assert min(azure.emulator.availability.summary(azure.clock.now(), "web").least_up.values()) > 20
        prove(azure, at_most=10)
