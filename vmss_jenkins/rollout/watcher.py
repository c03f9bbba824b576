"""Reads a scale set with as few calls as possible.

While an operation runs, only the operation is read: that costs least. When it ended, its instances are read one by one:
each instance has a token bucket of its own, and the list of a large set has many pages. The list is read as often as
its bucket allows, to find instances that were added or deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Generic

from vmss_jenkins.errors import AzureError
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.rollout.plan import throttling
from vmss_jenkins.rollout.plan.history import History, Observed, OperationState
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.rollout.update_times import UpdateTimes
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import ATTEMPTS, LONGEST_WAIT, Waiter, is_transient

TICK = 0.25
"""Seconds between two checks for reads that are due."""
BLIND_EVERY, BLIND_LATE = 1.0, 0.04
"""Seconds between two reads of one operation, and the least share of its age, while the usual time of an update is
unknown."""
LATE = 0.02
"""An operation is read again after this share of its age, so that its end is seen 1% late on average."""
HEALTH_EVERY = 1.0
"""Seconds between two reads of an instance that is updated and not healthy yet; longer the longer it takes."""
HEALTH_LATE = 0.1
SINGLE_EVERY = 2.0
"""Seconds between two reads of an instance while its operation still updates others."""
PROOF_EVERY = 5.0
"""Seconds between two reads of an instance during its min_healthy_time."""
WORTH = 0.03
"""Seconds of expected delay from which a read is worth its call."""
FEW = 10
"""Up to so many instances are read one by one; more by the list."""
NOT_FOUND = 404


@dataclass
class PendingOperation(Generic[OperationT]):
    """An operation of this run that Azure accepted."""

    operation: OperationT
    instance_ids: tuple[str, ...]
    began: float
    polled: float
    tokens: throttling.Tokens = field(default_factory=throttling.operation_tokens)
    ended: float | None = None
    error: str | None = None
    resizes: bool = False
    lost: bool = False
    """Azure has no record of it: only the instances show what became of it."""

    @property
    def state(self) -> OperationState:
        """The part that the decision needs."""
        return OperationState(self.instance_ids, self.ended, self.error, self.resizes, self.began)


@dataclass
class _Retry:
    """Transient failures of one kind of call."""

    attempts: int = 0
    until: float = 0.0


class Watcher(Generic[OperationT]):
    """The last reads of a scale set.

    Args:
        sets: Azure.
        name: the scale set.
        healthy_time: seconds for which an instance has to be healthy.
        waiter: clock, deadline and listener.
    """

    def __init__(self, sets: ScaleSets[OperationT], name: ScaleSetName, healthy_time: float, waiter: Waiter) -> None:
        self._sets, self._name, self._waiter = sets, name, waiter
        self._healthy_time = healthy_time
        self._instances: dict[str, Instance] = {}
        self._read: dict[str, float] = {}
        self._tokens: dict[str, throttling.Tokens] = {}
        self._pending: list[PendingOperation[OperationT]] = []
        self._rate_limits = {"poll": throttling.operations(), "read": throttling.instances()}
        self._retries: dict[str, _Retry] = {}
        self._times = UpdateTimes()
        self._timed: set[str] = set()
        self._news = 0
        self.refresh()

    @property
    def pending(self) -> tuple[PendingOperation[OperationT], ...]:
        """The operations under way."""
        return tuple(pending for pending in self._pending if pending.ended is None)

    @property
    def observed(self) -> Observed:
        """The set as the last reads show it."""
        states = tuple(pending.state for pending in self._pending if not pending.lost)
        return Observed(self._scale_set, tuple(self._instances.values()), dict(self._read), states)

    def refresh(self) -> None:
        """Read the set and all its instances again, with retries."""
        self._waiter.retry(self._get)
        self._waiter.retry(self._list)

    def refresh_for_end(self, *, required: bool) -> None:
        """Read everything again before the end is reported.

        Args:
            required: raise if Azure does not answer, since the end cannot be confirmed; otherwise keep the last reads.
        """
        try:
            self.refresh()
        except AzureError:
            if required:
                raise

    def reread(self) -> None:
        """Read the set's model again."""
        self._waiter.retry(self._get)

    def reread_instances(self, instance_ids: Collection[str]) -> None:
        """Read some instances again: a few one by one, many by the list."""
        if len(instance_ids) > FEW:
            self._waiter.retry(self._list)
            return
        for key in self._instances.keys() & instance_ids:
            self._waiter.retry(lambda key=key: self._read_one(key))  # type: ignore[misc]

    def follow(self, operation: OperationT, instance_ids: tuple[str, ...], *, resizes: bool = False) -> None:
        """Watch an operation of this run."""
        now = self._now()
        self._pending = [pending for pending in self._pending if pending.ended is None or now - pending.ended < 600]  # noqa: PLR2004
        pending = PendingOperation(operation, instance_ids, now, now, resizes=resizes)
        self._pending.append(pending)
        if operation.done:
            self._end(pending)

    def look(self, history: History) -> bool:
        """Make the reads that are due; return whether they showed anything new."""
        before = self._news
        self._learn(history)
        for pending in self._due_operations(history):
            self._attempt("poll", lambda pending=pending: self._poll(pending))  # type: ignore[misc]
        for instance_id in self._due_instances(history):
            self._attempt("read", lambda key=instance_id: self._read_one(key))  # type: ignore[misc]
        now = self._now()
        if now - self._set_read >= throttling.SET_EVERY:
            self._attempt("get", self._get)
        if now - self._list_read >= throttling.list_interval(len(self._instances)):
            self._attempt("list", self._list)
        return before != self._news

    def _learn(self, history: History) -> None:
        for key in history.updated_since.keys() & history.records.keys() - self._timed:
            self._timed.add(key)
            self._times.add(history.updated_since[key] - (history.records[key].asked or history.records[key].at))

    def _due_operations(self, history: History) -> Iterator[PendingOperation[OperationT]]:
        now, rate_limit = self._now(), self._rate_limits["poll"]
        worth = [(self._worth(pending, history, now), number) for number, pending in enumerate(self._pending)]
        for _, number in sorted(((worth, number) for worth, number in worth if worth), reverse=True):
            pending = self._pending[number]
            if rate_limit.available(now) and pending.tokens.take(now):
                rate_limit.take()
                yield pending

    def _worth(self, pending: PendingOperation[OperationT], history: History, now: float) -> float:
        """Expected delay with which the end of an operation is seen now; 0 if it must not be read yet."""
        age, since = now - pending.began, now - pending.polled
        if pending.ended is not None:
            return 0.0
        if pending.operation.retry_after is not None:
            return since if since >= pending.operation.retry_after else 0.0
        spacing = pending.tokens.spacing(now) if self._times.known and len(pending.instance_ids) > 1 else 0.0
        least = LATE * age if self._times.known else max(BLIND_EVERY, BLIND_LATE * age)
        if since < max(least, spacing):
            return 0.0
        awaited = max(1, len(_not_updated(pending, history)))
        lateness = self._times.lateness(pending.polled - pending.began, age, awaited)
        return lateness if lateness >= WORTH else 0.0

    def _due_instances(self, history: History) -> Iterator[str]:
        now, rate_limit = self._now(), self._rate_limits["read"]
        known = (pending for pending in self._pending if not pending.lost)
        latest = {key: pending for pending in known for key in pending.instance_ids}
        waiting = [key for key, record in history.records.items() if record.asked is not None]
        due = [(self._urgency(key, latest.get(key), history, now), key) for key in waiting if key in self._instances]
        for urgency, key in sorted((urgency, key) for urgency, key in due if urgency is not None):
            del urgency
            if rate_limit.available(now) and self._tokens_of(key).take(now):
                rate_limit.take()
                yield key

    def _urgency(
        self, key: str, pending: PendingOperation[OperationT] | None, history: History, now: float
    ) -> tuple[int, float] | None:
        """Rank of an instance among those to read, the lowest first; None for not yet."""
        read, since = self._read[key], history.updated_since.get(key)
        age = now - read
        if since is not None:
            proven = read - since >= self._healthy_time
            return None if proven or (age < PROOF_EVERY and now < since + self._healthy_time) else (1, read)
        if pending is None or pending.began < (history.records[key].asked or 0.0):
            return (1, read) if age >= SINGLE_EVERY else None
        if pending.ended is not None:
            late = age >= max(HEALTH_EVERY, HEALTH_LATE * (now - pending.ended))
            return (0, read) if read < pending.ended else (1, read) if late else None
        alone = len(_not_updated(pending, history)) == 1
        worth = self._times.lateness(max(0.0, read - pending.began), now - pending.began)
        answered_soon = alone and pending.tokens.spacing(now) <= SINGLE_EVERY
        spacing = max(SINGLE_EVERY, self._tokens_of(key).spacing(now))
        return None if answered_soon or age < spacing or worth < WORTH else (2, -worth)

    def _tokens_of(self, key: str) -> throttling.Tokens:
        return self._tokens.setdefault(key, throttling.instance_tokens())

    def _attempt(self, kind: str, call: Callable[[], None]) -> None:
        """Make a call; after a transient failure make none of its kind for a while."""
        retry = self._retries.setdefault(kind, _Retry())
        if self._now() < retry.until:
            return
        try:
            call()
            retry.attempts = 0
        except AzureError as error:
            retry.attempts += 1
            if not is_transient(error) or retry.attempts >= ATTEMPTS:
                raise
            self._waiter.refuse_long_wait(error)
            backoff = min(LONGEST_WAIT, 2.0 ** (retry.attempts - 1))
            wait = error.failure.retry_after if error.failure.retry_after is not None else backoff
            retry.until = self._now() + wait
            self._waiter.on_event(CallRetried(str(error).splitlines()[0], retry.attempts, wait))

    def _poll(self, pending: PendingOperation[OperationT]) -> None:
        pending.polled = self._now()
        try:
            self._sets.poll(pending.operation)
        except AzureError as error:
            if not pending.operation.done and error.failure.status != NOT_FOUND:
                raise
            pending.lost = not pending.operation.done
            pending.error = f"{error.code}: {error.failure.message}"
            self._end(pending)
        if pending.operation.done and pending.ended is None:
            self._end(pending)

    def _end(self, pending: PendingOperation[OperationT]) -> None:
        self._news += 1
        pending.ended = self._now()
        if pending.resizes and not pending.instance_ids:
            self._list_read = -inf

    def _read_one(self, instance_id: str) -> None:
        began = self._now()
        try:
            found = self._sets.instance(self._scale_set, instance_id)
            self._news += found != self._instances[instance_id] or self._healthy_time > 0
            self._instances[instance_id], self._read[instance_id] = found, began
        except AzureError as error:
            if error.failure.status != NOT_FOUND:
                raise
            self._forget([instance_id])
            self._list_read = -inf  # Azure may have made another one in its place already

    def _forget(self, instance_ids: Iterable[str]) -> None:
        self._news += 1
        for instance_id in instance_ids:
            del self._instances[instance_id], self._read[instance_id]

    def _get(self) -> None:
        self._scale_set: ScaleSet = self._sets.get(self._name)
        self._set_read = self._now()
        self._news += 1

    def _list(self) -> None:
        self._list_read = began = self._now()
        self._news += 1
        self._instances = {instance.id: instance for instance in self._sets.instances(self._scale_set)}
        self._read = dict.fromkeys(self._instances, began)

    def _now(self) -> float:
        return self._waiter.clock.now()


def _not_updated(pending: PendingOperation[OperationT], history: History) -> list[str]:
    """The instances of an operation that are not updated yet."""
    return [key for key in pending.instance_ids if key not in history.updated_since]
