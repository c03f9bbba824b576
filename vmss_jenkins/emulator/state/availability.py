"""The record of when each instance went down and came up, and its summary. Pure, except for appending."""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Actor = Literal["client", "azure", "fault"]

_KEPT_CHANGES = 200_000


@dataclass(frozen=True)
class Cause:
    """Who caused a change."""

    by: Actor = "azure"
    """A client's request, Azure itself (rolling upgrades), or somebody else (a fault that was injected)."""
    method: str = ""
    path: str = ""
    """The path of the request; for a fault its text."""


@dataclass(frozen=True)
class Change:
    """One event in the life of an instance."""

    time: float
    """Emulated seconds since the epoch."""
    scale_set: str
    instance: str
    """Its id."""
    zone: str
    """Empty if the set has no zones."""
    act: str
    """update, reimage, stop, start, restart, create, scale-out, delete, scale-in, repair, surge, rebalance,
    fall-ill, terminate-notice, protect,
    or `present` for an instance that existed at the start."""
    phase: Literal["begin", "end", "failed"]
    up: bool
    """Whether the instance serves after the change."""
    healthy_at: float | None = None
    """If it is up: the time when its health is known to be good; None if it never is."""
    image: str = ""
    """The name of its image: the last segment of the id."""
    protected: bool = False
    """Whether it was protected from scale set actions at that time."""
    by: Actor = "azure"
    operation: str = ""
    """The id of the long-running operation."""
    request: str = ""
    """Method and path of the request that began the operation."""

    @property
    def gone(self) -> bool:
        """Whether the instance does not exist any more."""
        return self.act in ("delete", "scale-in") and self.phase == "end"

    @property
    def key(self) -> str:
        """The set and the id of the instance, such as web/3."""
        return f"{self.scale_set}/{self.instance}"


@dataclass(frozen=True)
class Summary:
    """The summary of a record, for one set or for all."""

    most_down: int = 0
    """The largest number of instances that were down at one time because of clients' operations."""
    most_unavailable: int = 0
    """The same, counted until each instance was healthy again."""
    least_up: Mapping[str, int] = field(default_factory=dict)
    """By zone, the smallest number of instances that served at one time."""
    updates: Mapping[str, int] = field(default_factory=dict)
    """How often each instance (`SET/ID`) was updated, without the instances that never were."""
    protected_touched: tuple[str, ...] = ()
    """Instances on which a client's operation worked although they were protected from it."""
    downtime: Mapping[str, float] = field(default_factory=dict)
    """By zone, the sum of the seconds in which instances did not serve, for any cause."""


class Availability:
    """The changes so far, the oldest first."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=_KEPT_CHANGES)

    def add(self, change: Change) -> None:
        """Record a change; none may be older than the last one."""
        self._changes.append(change)

    def changes(self, scale_set: str | None = None) -> list[Change]:
        """Return the changes of all sets, or of one."""
        named = scale_set.lower() if scale_set is not None else None
        return [change for change in tuple(self._changes) if named in (None, change.scale_set.lower())]

    def summary(self, until: float, scale_set: str | None = None) -> Summary:
        """Return the summary up to the emulated time ``until``, for all sets or for one."""
        return summarise(self.changes(scale_set), until)

    def as_json(self, until: float, scale_set: str | None = None) -> dict[str, Any]:
        """Return the changes and their summary."""
        changes = [asdict(change) for change in self.changes(scale_set)]
        return {"summary": asdict(self.summary(until, scale_set)), "changes": changes}


def summarise(changes: Iterable[Change], until: float) -> Summary:
    """Return the summary of changes, oldest first, up to the time ``until``."""
    record = [change for change in changes if change.time <= until]
    touched = (c.key for c in record if c.protected and c.by == "client" and c.act != "protect")
    down = _outages(record, until, lambda change: change.time)
    unavailable = _outages(record, until, lambda change: change.healthy_at)
    downtime: dict[str, float] = {}
    for outage in down:
        downtime[outage.zone] = downtime.get(outage.zone, 0.0) + outage.end - outage.start
    return Summary(
        most_down=_most_at_once(down),
        most_unavailable=_most_at_once(unavailable),
        least_up=_least_up(record),
        updates=dict(Counter(c.key for c in record if c.act == "update" and c.phase == "begin")),
        protected_touched=tuple(dict.fromkeys(touched)),
        downtime=downtime,
    )


@dataclass(frozen=True)
class _Outage:
    """The time between an instance going down and coming up again."""

    start: float
    end: float
    zone: str
    by: Actor
    """Who took it down."""


def _outages(record: Iterable[Change], until: float, back_at: Callable[[Change], float | None]) -> list[_Outage]:
    """Return the outages of instances that were up before; ``back_at`` gives the time when an outage ends."""
    found: list[_Outage] = []
    began: dict[str, Change] = {}
    back: dict[str, float] = {}

    def end(key: str, time: float) -> None:
        if first := began.pop(key, None):
            found.append(_Outage(first.time, time, first.zone, first.by))

    for change in record:
        key, known = change.key, back.get(change.key, math.inf)
        if was_up := known <= change.time:
            end(key, known)
        if change.gone:
            end(key, change.time)
        at = back_at(change) if change.up else None
        back[key] = math.inf if at is None else at
        if was_up and not change.gone and back[key] > change.time:
            began[key] = change
    for key in list(began):
        end(key, min(back[key], until))
    return found


def _most_at_once(outages: Iterable[_Outage]) -> int:
    """Return the largest number at one time of outages that clients caused; one may begin as another ends."""
    ours = [outage for outage in outages if outage.by == "client"]
    steps = sorted([(outage.start, 1) for outage in ours] + [(outage.end, -1) for outage in ours])
    return max(itertools.accumulate((step for _, step in steps), initial=0))


def _least_up(record: Iterable[Change]) -> dict[str, int]:
    up: dict[str, set[str]] = {}
    least: dict[str, int] = {}
    for change in record:
        zone = up.setdefault(change.zone, set())
        goes = change.key in zone and not change.up
        (zone.add if change.up else zone.discard)(change.key)
        if goes or change.act == "present":
            least[change.zone] = min(least.get(change.zone, len(zone)), len(zone)) if goes else len(zone)
    return least
