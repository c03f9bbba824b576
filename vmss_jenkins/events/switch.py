"""What happens in a blue-green switch: the rule, and the set behind it."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.instances import ScaleSetName


@dataclass(frozen=True)
class TestRuleOpened(Event):
    """The idle set is reached through a rule of its own, for the check."""

    __test__ = False  # no test class, whatever its name
    load_balancer: str
    port: int
    pool: str


@dataclass(frozen=True)
class SwitchUnchanged(Event):
    """The rule leads there already."""

    rule: str
    pool: str
    watch_due: bool = False
    """Whether a run was killed after the switch, so that the gates of the watch are asked now."""


@dataclass(frozen=True)
class Switched(Event):
    """New connections go to the other set."""

    rule: str
    pool_before: str
    pool_after: str


@dataclass(frozen=True)
class NotSwitched(Event):
    """The gates refused the idle set: visitors never saw it."""

    reason: str


@dataclass(frozen=True)
class SwitchedBack(Event):
    """The gates refused it in production: new connections go to the set before again."""

    rule: str
    pool: str
    reason: str


@dataclass(frozen=True)
class ReleaseThere(Event):
    """The set that is to serve has the release on all its instances."""

    scale_set: ScaleSetName
    release: str
    serves: bool
    """Whether it serves too, so that nothing is to be done."""


@dataclass(frozen=True)
class SetScaled(Event):
    """A set of the pair has another number of instances."""

    scale_set: ScaleSetName
    before: int
    after: int
