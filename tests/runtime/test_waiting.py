import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import FakeOperation, World, outage
from vmss_jenkins.errors import AzureError, ConfigError, Failure, JenkinsError
from vmss_jenkins.events.calls import CallRetried, Interrupted, OperationAccepted, OperationProgress, OperationSucceeded
from vmss_jenkins.runtime.waiting import ATTEMPTS, complete, is_transient, look_again, next_poll


def polls(seconds: float, first: float | None = None) -> list[float]:
    """The moments at which something of `seconds` is asked."""
    moments, now = [], 0.0
    while now < seconds:
        now += next_poll(now, None) if first is None else next_poll(now, None, first)
        moments.append(now)
    return moments


def test_the_interval_starts_under_a_second_and_ends_at_ten() -> None:
    assert next_poll(0, None) == 0.25
    assert next_poll(10_000, None) == 10
    assert look_again(0) == 2


def test_retry_after_of_the_server_is_obeyed() -> None:
    assert next_poll(0, 10) == 10
    assert next_poll(500, 1) == 1


@given(st.floats(min_value=0.1, max_value=7200))
def test_the_end_of_an_operation_is_seen_at_most_a_tenth_late(seconds: float) -> None:
    late = polls(seconds)[-1] - seconds
    assert late <= max(0.25, 0.1 * seconds) + 1e-9
    assert late <= 10


@given(st.floats(min_value=1, max_value=3600))
def test_polling_never_empties_a_token_bucket_of_azure(seconds: float) -> None:
    for first, size, refill in ((None, 45, 15), (2.0, 30, 10)):
        moments = polls(seconds, first)
        assert all(count <= size + refill * moment / 60 for count, moment in enumerate(moments, 1))


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (outage(429, "OperationNotAllowed"), True),
        (outage(409, "Conflict"), True),
        (outage(408), True),
        (outage(500), True),
        (outage(502), True),
        (outage(503), True),
        (outage(504, "GatewayTimeout"), True),
        (outage(None, "NoAnswer"), True),
        (outage(None, "TimedOut"), False),
        (outage(400, "InvalidParameter"), False),
        (outage(403, "AuthorizationFailed"), False),
        (outage(404, "ResourceNotFound"), False),
        (outage(412, "PreconditionFailed"), False),
        (ConfigError("x", ["y"]), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_only_transient_errors_are_retried(error: BaseException, again: bool) -> None:
    assert is_transient(error) is again


def test_a_call_that_fails_twice_is_made_three_times_and_each_wait_is_reported() -> None:
    world = World()
    answers: list[AzureError | str] = [outage(503), outage(429, retry_after=7), "done"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, AzureError):
            raise answer
        return answer

    assert world.waiter().retry(call) == "done"
    assert world.clock.slept == [1, 7]
    assert [type(event) for event in world.events] == [CallRetried, CallRetried]


def test_the_number_of_tries_is_limited() -> None:
    world = World()
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise outage(500)

    with pytest.raises(AzureError, match="ServerBusy"):
        world.waiter().retry(call)
    assert len(calls) == ATTEMPTS
    assert sum(world.clock.slept) < 120


def test_there_is_no_retry_after_the_deadline() -> None:
    world = World()
    with pytest.raises(AzureError):
        world.waiter(timeout=2).retry(lambda: (_ for _ in ()).throw(outage(500)))
    assert world.clock.now() <= 3


@pytest.mark.parametrize(
    "error", [outage(429, retry_after=45), JenkinsError(503, "restarting", "read", retry_after=45)]
)
def test_a_wait_longer_than_the_time_left_ends_at_once_with_both_numbers(error: AzureError | JenkinsError) -> None:
    world, calls = World(), [outage(503), error]
    with pytest.raises(type(error), match="asks to wait 45 s, and 4 s are left before the timeout"):
        world.waiter(timeout=5).retry(lambda: (_ for _ in ()).throw(calls.pop(0)))
    assert (world.clock.slept, calls) == ([1], [])


def test_a_wait_as_long_as_the_time_left_is_waited() -> None:
    world, answers = World(), [outage(429, retry_after=5), None]

    def call() -> str:
        if error := answers.pop(0):
            raise error
        return "done"

    assert world.waiter(timeout=5).retry(call) == "done"


def test_without_a_wanted_wait_the_last_try_is_at_the_deadline() -> None:
    world = World()
    with pytest.raises(AzureError, match="ServerBusy"):
        world.waiter(timeout=5).retry(lambda: (_ for _ in ()).throw(outage(500)))
    assert world.clock.slept == [1, 2, 2]


def test_an_operation_without_a_record_is_left_to_a_look_at_the_set() -> None:
    world = World()
    world.azure.faults["poll"] = [outage(404, "OperationNotFound")]
    with pytest.raises(AzureError, match="OperationLost") as lost:
        complete(world.azure, FakeOperation("update 0", ends=30.0), world.waiter())
    assert is_transient(lost.value)
    assert world.azure.calls == ["poll"]


def test_the_wait_for_an_operation_is_reported() -> None:
    world = World()
    complete(world.azure, FakeOperation("update 0", ends=3.0), world.waiter())
    assert 3 <= world.clock.now() <= 3.6
    assert [type(event) for event in world.events] == [OperationAccepted, OperationSucceeded]


def test_an_operation_that_ended_at_once_is_not_asked_again() -> None:
    world = World()
    complete(world.azure, FakeOperation("set image", ends=0, done=True), world.waiter())
    assert world.azure.calls == []
    assert world.clock.slept == []


def test_a_long_operation_is_reported_every_half_minute() -> None:
    world = World()
    complete(world.azure, FakeOperation("update 0", ends=140.0), world.waiter())
    assert 3 <= len(world.events_of(OperationProgress)) <= 4


def test_retry_after_is_obeyed_between_polls() -> None:
    world = World()
    complete(world.azure, FakeOperation("update 0", ends=15.0, retry_after=10), world.waiter())
    assert world.clock.slept == [10, 10]


def test_at_the_deadline_the_error_says_that_the_operation_continues() -> None:
    world = World()
    with pytest.raises(AzureError) as failed:
        complete(world.azure, FakeOperation("update 0", ends=500), world.waiter(timeout=60))
    assert failed.value.code == "TimedOut"
    assert "not done after 60 s" in str(failed.value)
    assert "the operation continues in Azure" in str(failed.value)
    assert world.clock.now() == 60


def test_a_transient_error_of_a_poll_does_not_end_the_wait() -> None:
    world = World()
    world.azure.faults["poll"] = [outage(503), outage(None, "NoAnswer")]
    complete(world.azure, FakeOperation("update 0", ends=1.0), world.waiter())
    assert len(world.events_of(CallRetried)) == 2


def test_ctrl_c_reports_the_operation_that_continues() -> None:
    world = World()
    world.azure.faults["poll"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        complete(world.azure, FakeOperation("update 0", ends=1.0), world.waiter())
    assert world.events[-1] == Interrupted("update 0", "request-1")


def test_a_failure_without_a_status_is_not_transient() -> None:
    assert not is_transient(AzureError("read", Failure("UnknownError", "?")))
