"""Events of a blue-green release: the load balancer's rule, and the set behind it."""

from __future__ import annotations

from dataclasses import dataclass

from vmss_jenkins.events.base import Event
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.instances import ScaleSetName


@dataclass(frozen=True)
class TestRuleOpened(Event):
    """The idle set has a rule and a port of its own, for the check."""

    __test__ = False  # pytest takes a class of this name for tests
    load_balancer: str
    port: int
    pool: str


@dataclass(frozen=True)
class SwitchUnchanged(Event):
    """The load balancer's rule already sends traffic to this pool."""

    rule: str
    pool: str
    watch_due: bool = False
    """Whether an earlier run was killed after the switch, so that the gates run now."""


@dataclass(frozen=True)
class Switched(Event):
    """New connections go to the other set of the pair."""

    rule: str
    pool_before: str
    pool_after: str


@dataclass(frozen=True)
class NotSwitched(Event):
    """The gates failed on the idle set: it never got traffic."""

    reason: str


@dataclass(frozen=True)
class SwitchedBack(Event):
    """The gates failed after the switch: new connections go to the previous set again."""

    rule: str
    pool: str
    reason: str


@dataclass(frozen=True)
class AlreadyReleased(Event):
    """The set that is to serve already has the release on all its running instances."""

    scale_set: ScaleSetName
    release: str
    serves: bool
    """Whether it also serves, so that there is nothing to do."""
    final: FinalState
    """Which instances have the release."""


@dataclass(frozen=True)
class SetScaled(Event):
    """A set of the pair was scaled."""

    scale_set: ScaleSetName
    before: int
    after: int
