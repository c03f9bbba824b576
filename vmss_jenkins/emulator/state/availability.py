"""The record of every instance's going down and coming up, and what it proves. Pure but for the appending."""

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
    """Who is behind a change."""

    by: Actor = "azure"
    """A client's request, Azure itself (rolling upgrades), or somebody else (a fault that was injected)."""
    method: str = ""
    path: str = ""
    """The request's; of a fault its text."""


@dataclass(frozen=True)
class Change:
    """One event in the life of an instance."""

    time: float
    """Emulated seconds since the epoch."""
    scale_set: str
    instance: str
    """Its id."""
    zone: str
    """Empty where the set has none."""
    act: str
    """update, reimage, stop, start, restart, create, scale-out, delete, scale-in, protect; `present` opens it."""
    phase: Literal["begin", "end", "failed"]
    up: bool
    """Whether it serves from now on."""
    healthy_at: float | None = None
    """Where it is up: when its health is known to be good; None where it never gets so."""
    image: str = ""
    """What it runs, by its last name."""
    protected: bool = False
    """Whether it was protected from scale set actions at that moment."""
    by: Actor = "azure"
    operation: str = ""
    """The id of the long-running operation."""
    request: str = ""
    """Method and path of what began that."""

    @property
    def gone(self) -> bool:
        """Whether the instance exists no more."""
        return self.act in ("delete", "scale-in") and self.phase == "end"

    @property
    def key(self) -> str:
        """The instance among those of all sets, such as web/3."""
        return f"{self.scale_set}/{self.instance}"


@dataclass(frozen=True)
class Summary:
    """What a record shows of one set, or of all."""

    most_down: int = 0
    """The largest number of instances that clients' operations kept from serving at one time."""
    most_unavailable: int = 0
    """The same, counted until each was healthy again."""
    least_up: Mapping[str, int] = field(default_factory=dict)
    """By zone, the smallest number of instances that served at one time."""
    updates: Mapping[str, int] = field(default_factory=dict)
    """How often each instance (`SET/ID`) was updated, those never updated left out."""
    protected_touched: tuple[str, ...] = ()
    """Instances that a client's operation worked on while they were protected from it."""
    downtime: Mapping[str, float] = field(default_factory=dict)
    """By zone, seconds in which instances did not serve, whoever was behind it."""


class Availability:
    """The changes so far, the oldest first."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=_KEPT_CHANGES)

    def add(self, change: Change) -> None:
        """Record a change; none may be older than the last one."""
        self._changes.append(change)

    def changes(self, scale_set: str | None = None) -> list[Change]:
        """Return the changes, of one set where it is named."""
        named = scale_set.lower() if scale_set is not None else None
        return [change for change in tuple(self._changes) if named in (None, change.scale_set.lower())]

    def summary(self, until: float, scale_set: str | None = None) -> Summary:
        """Return what the record shows by the emulated time ``until``, of one set where it is named."""
        return summarise(self.changes(scale_set), until)

    def as_json(self, until: float, scale_set: str | None = None) -> dict[str, Any]:
        """Return the changes and their summary."""
        changes = [asdict(change) for change in self.changes(scale_set)]
        return {"summary": asdict(self.summary(until, scale_set)), "changes": changes}


def summarise(changes: Iterable[Change], until: float) -> Summary:
    """Return what changes, in their order, show by the time ``until``."""
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
    """From an instance's going down to its coming back."""

    start: float
    end: float
    zone: str
    by: Actor
    """Who took it down."""


def _outages(record: Iterable[Change], until: float, back_at: Callable[[Change], float | None]) -> list[_Outage]:
    """Return the outages of instances that were up before; ``back_at`` tells when one that comes up is back."""
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
    """Count those that clients began. One that ends makes room for one that begins in the same moment."""
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
