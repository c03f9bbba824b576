"""Waiting for Azure and Jenkins: how often to ask, which errors are transient, and when to give up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    return isinstance(error, AzureError) and (error.failure.status in TRANSIENT_STATES or error.code == "NoAnswer")


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

        Only for calls that may be repeated. Each wait is an event. `Retry-After` is obeyed.

        Raises:
            VmssJenkinsError: the last error.
        """
        backoff = wait_exponential(multiplier=1, max=LONGEST_WAIT)

        def pause(state: RetryCallState) -> float:
            asked = _retry_after(state)
            return asked if asked is not None else backoff(state)

        def report(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = state.next_action.sleep if state.next_action else 0.0
            self.on_event(CallRetried(str(error).splitlines()[0], state.attempt_number, wait))

        return Retrying(
            retry=retry_if_exception(is_transient),
            stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or self.clock.now() >= self.deadline,
            wait=pause,
            sleep=self.clock.sleep,
            before_sleep=report,
            reraise=True,
        )(call)

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
        AzureError: if it failed, or is not done in time.
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
    waiter.on_event(OperationSucceeded(operation.action, waiter.clock.now() - began))


_GOES_ON = "the operation continues in Azure: run the same command again to wait for it, or see `vmss-jenkins status`"


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, JenkinsError):
        return error.retry_after
    return error.failure.retry_after if isinstance(error, AzureError) else None
