"""Waiting for Azure and Jenkins: how often to ask, which errors are transient, and when to give up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from vmss_jenkins.errors import AzureError, Failure, JenkinsError
from vmss_jenkins.events.base import OnEvent
from vmss_jenkins.events.calls import CallRetried, Interrupted, OperationAccepted, OperationProgress, OperationSucceeded
from vmss_jenkins.runtime.ports import Clock, OperationT, Poller

FIRST_POLL = 0.25
"""Seconds until an operation is polled for the first time."""
FIRST_LOOK = 2.0
"""Seconds until instances or a model are read again; such a call costs more than polling an operation."""
POLL_SHARE = 0.1
"""The interval grows to this share of the elapsed time, so that an operation's end is seen at most 10% late."""
LONGEST_POLL = 10.0
"""Seconds; at this interval Azure never throttles."""
PROGRESS_EVERY = 30.0
"""Seconds between two log lines of a running operation."""

ATTEMPTS = 7
"""Tries of a call that fails with a transient error: about a minute in all."""
LONGEST_WAIT = 30.0
"""Seconds between two tries."""
TRANSIENT_STATES = frozenset({408, 409, 429, 500, 502, 503, 504})
"""HTTP status codes of transient errors: throttling, a concurrent operation, a server in trouble."""

NO_OPERATION = "OperationNotFound"
"""The code of a poll for which Azure has no record of the operation."""
OPERATION_LOST = "OperationLost"
"""The code of an operation whose record is gone: only the scale set shows what became of it."""

T = TypeVar("T")


def next_poll(elapsed: float, retry_after: float | None, first: float = FIRST_POLL) -> float:
    """Seconds until Azure is asked again, `elapsed` seconds after the wait started.

    The server's `Retry-After` is obeyed. Without one the interval rises from `first` to 10 s, within Azure's "Compute
    throttling limits": 45 requests at once and 15 a minute for one operation, 30 at once and 10 a minute for the list
    of a set's instances.
    """
    if retry_after is not None:
        return retry_after
    return min(max(first, POLL_SHARE * elapsed), LONGEST_POLL)


def look_again(elapsed: float) -> float:
    """Seconds until instances or a model are read again."""
    return next_poll(elapsed, None, FIRST_LOOK)


def is_transient(error: BaseException) -> bool:
    """Whether the next try may succeed after this error."""
    if isinstance(error, JenkinsError):
        return error.restarting
    lost = {"NoAnswer", OPERATION_LOST}
    return isinstance(error, AzureError) and (error.failure.status in TRANSIENT_STATES or error.code in lost)


@dataclass(frozen=True)
class Waiter:
    """The clock, the deadline and the listener of one command."""

    clock: Clock
    deadline: float
    """The time to give up, by the clock."""
    timeout: float
    """The allowed seconds, for the message."""
    on_event: OnEvent

    @classmethod
    def starting(cls, clock: Clock, timeout: float, on_event: OnEvent) -> Waiter:
        """Start to wait, for at most `timeout` seconds from now."""
        return cls(clock, clock.now() + timeout, timeout, on_event)

    def retry(self, call: Callable[[], T]) -> T:
        """Retry a call until it succeeds, fails with an error that is not transient, or tries or time are used up.

        Only for calls that may be repeated. Each wait is an event. `Retry-After` is obeyed; if it is longer than the
        time left, the call fails at once.

        Raises:
            VmssJenkinsError: the last error.
        """
        backoff = wait_exponential(multiplier=1, max=LONGEST_WAIT)

        def pause(state: RetryCallState) -> float:
            asked = retry_after(_error(state))
            return asked if asked is not None else min(backoff(state), max(0.0, self.deadline - self.clock.now()))

        def report(state: RetryCallState) -> None:
            error, wait = _error(state), state.next_action.sleep if state.next_action else 0.0
            self.on_event(CallRetried(str(error).splitlines()[0], state.attempt_number, wait))

        def is_over(state: RetryCallState) -> bool:
            self.refuse_long_wait(_error(state))
            return stop_after_attempt(ATTEMPTS)(state) or self.clock.now() >= self.deadline

        return Retrying(
            retry=retry_if_exception(is_transient),
            stop=is_over,
            wait=pause,
            sleep=self.clock.sleep,
            before_sleep=report,
            reraise=True,
        )(call)

    def refuse_long_wait(self, error: BaseException | None, deadline: float | None = None) -> None:
        """Refuse to wait for longer than the time left.

        Args:
            error: the failure of a call, which may name a wait.
            deadline: the time to give up, by the clock; by default the waiter's own.

        Raises:
            VmssJenkinsError: the same error with both numbers, if the server asked for a longer wait.
        """
        asked, left = retry_after(error), max(0.0, (deadline or self.deadline) - self.clock.now())
        if asked is None or asked <= left:
            return
        wait = f"the server asks to wait {asked:.0f} s, and {left:.0f} s are left before the timeout"
        step = f"{wait}: run the same command again in {asked:.0f} s, or give a longer --timeout"
        if isinstance(error, JenkinsError):
            raise JenkinsError(error.status, error.message, error.action, step, asked) from error
        if isinstance(error, AzureError):
            raise AzureError(error.action, error.failure, step) from error

    def until(self, action: str, arrived: Callable[[], bool], interval: Callable[[float], float] = look_again) -> None:
        """Call `arrived` until it returns true, every `interval(elapsed seconds)` seconds.

        Raises:
            AzureError: with the code `TimedOut` at the deadline.
        """
        began = self.clock.now()
        reported = began
        while True:
            now = self.clock.now()
            if now >= self.deadline:
                raise AzureError(action, Failure("TimedOut", f"not done after {self.timeout:.0f} s"), _GOES_ON)
            if now - reported >= PROGRESS_EVERY:
                reported = now
                self.on_event(OperationProgress(action, now - began))
            self.clock.sleep(min(interval(now - began), self.deadline - now))
            if arrived():
                return


def complete(
    sets: Poller[OperationT], operation: OperationT, waiter: Waiter, beat: Callable[[], None] = lambda: None
) -> None:
    """Wait until an operation has succeeded.

    Args:
        sets: Azure.
        operation: the operation.
        waiter: clock, deadline and listener.
        beat: called at each poll, to renew a lock.

    Raises:
        AzureError: if it failed, or is not done in time; with the code `OperationLost` if Azure has no record of it, so
            that the caller must read the scale set.
    """
    waiter.on_event(OperationAccepted(operation.action, operation.request_id))
    began = waiter.clock.now()

    def arrived() -> bool:
        beat()
        waiter.retry(lambda: sets.poll(operation))
        return operation.done

    try:
        if not operation.done:
            waiter.until(operation.action, arrived, lambda gone: next_poll(gone, operation.retry_after))
    except KeyboardInterrupt:
        waiter.on_event(Interrupted(operation.action, operation.request_id))
        raise
    except AzureError as error:
        if error.code != NO_OPERATION:
            raise
        failure = replace(error.failure, code=OPERATION_LOST, status=None)
        raise AzureError(operation.action, failure, error.next_step) from error
    waiter.on_event(OperationSucceeded(operation.action, waiter.clock.now() - began))


_GOES_ON = "the operation continues in Azure: run the same command again to wait for it, or see `vmss-jenkins status`"


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def retry_after(error: BaseException | None) -> float | None:
    """Seconds that a server asked to wait before the next try; None if it did not."""
    if isinstance(error, JenkinsError):
        return error.retry_after
    return error.failure.retry_after if isinstance(error, AzureError) else None
