"""Waiting for Azure, and for Jenkins: how often to ask, what passes by itself, and when to give up."""

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
"""Seconds until an operation is asked for the first time."""
FIRST_LOOK = 2.0
"""Seconds until instances or a model are looked at again; such a call costs more than asking an operation."""
POLL_SHARE = 0.1
"""The interval grows to this share of the time gone, so that an operation's end is seen at most 10% late."""
LONGEST_POLL = 10.0
"""Seconds; at this interval no token bucket of Azure ever drains."""
PROGRESS_EVERY = 30.0
"""Seconds between two log lines of an operation that goes on."""

ATTEMPTS = 7
"""Tries of a call that fails in a way that passes: about a minute in all."""
LONGEST_WAIT = 30.0
"""Seconds between two tries."""
PASSING = frozenset({408, 409, 429, 500, 502, 503, 504})
"""HTTP states that pass by themselves: throttling, a concurrent operation, a server in trouble."""

T = TypeVar("T")


def next_poll(elapsed: float, retry_after: float | None, first: float = FIRST_POLL) -> float:
    """Seconds until Azure is asked again, `elapsed` seconds after the wait began.

    The server's `Retry-After` is obeyed. Without one the interval rises from `first` to 10 s, inside what
    Azure allows (its "Compute throttling limits"): 45 requests at once and 15 a minute for one operation,
    30 at once and 10 a minute for the list of a set's instances.
    """
    if retry_after is not None:
        return retry_after
    return min(max(first, POLL_SHARE * elapsed), LONGEST_POLL)


def look_again(elapsed: float) -> float:
    """Seconds until instances or a model are looked at again."""
    return next_poll(elapsed, None, FIRST_LOOK)


def passes(error: BaseException) -> bool:
    """Whether an error may be gone at the next try."""
    if isinstance(error, JenkinsError):
        return error.restarting
    return isinstance(error, AzureError) and (error.failure.status in PASSING or error.code == "NoAnswer")


@dataclass(frozen=True)
class Waiter:
    """The clock, the deadline and the listener of one command."""

    clock: Clock
    deadline: float
    """The clock's time at which to give up."""
    timeout: float
    """Seconds that were allowed, for the message."""
    on_event: OnEvent

    @classmethod
    def starting(cls, clock: Clock, timeout: float, on_event: OnEvent) -> Waiter:
        """Begin to wait, for at most `timeout` seconds from now."""
        return cls(clock, clock.now() + timeout, timeout, on_event)

    def retry(self, call: Callable[[], T]) -> T:
        """Call until it succeeds, fails for good, or the tries or the time are used up; each wait is told.

        Only for calls that may be repeated. `Retry-After` is obeyed.

        Raises:
            VmssJenkinsError: the last one.
        """
        backoff = wait_exponential(multiplier=1, max=LONGEST_WAIT)

        def pause(state: RetryCallState) -> float:
            asked = _retry_after(state)
            return asked if asked is not None else backoff(state)

        def tell(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait = state.next_action.sleep if state.next_action else 0.0
            self.on_event(CallRetried(str(error).splitlines()[0], state.attempt_number, wait))

        return Retrying(
            retry=retry_if_exception(passes),
            stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or self.clock.now() >= self.deadline,
            wait=pause,
            sleep=self.clock.sleep,
            before_sleep=tell,
            reraise=True,
        )(call)

    def until(self, action: str, arrived: Callable[[], bool], interval: Callable[[float], float] = look_again) -> None:
        """Ask `arrived` until it says so, `interval(seconds gone)` apart.

        Raises:
            AzureError: with the code `TimedOut` at the deadline.
        """
        began = self.clock.now()
        told = began
        while True:
            now = self.clock.now()
            if now >= self.deadline:
                raise AzureError(action, Failure("TimedOut", f"not done after {self.timeout:.0f} s"), _GOES_ON)
            if now - told >= PROGRESS_EVERY:
                told = now
                self.on_event(OperationProgress(action, now - began))
            self.clock.sleep(min(interval(now - began), self.deadline - now))
            if arrived():
                return


def complete(
    sets: Poller[OperationT], operation: OperationT, waiter: Waiter, beat: Callable[[], None] = lambda: None
) -> None:
    """Wait until an operation ended well.

    Args:
        sets: Azure.
        operation: what was begun.
        waiter: clock, deadline and listener.
        beat: called at each look, by who has a claim to renew.

    Raises:
        AzureError: where it ended badly, or is not done in time.
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


_GOES_ON = "Azure goes on by itself: run the same command again to wait for it, or look with `vmss-jenkins status`"


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, JenkinsError):
        return error.retry_after
    return error.failure.retry_after if isinstance(error, AzureError) else None
