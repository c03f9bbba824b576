"""What happens in a blue-green switch: the events of `events.Event` that only switches have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vmss_jenkins.instances import ScaleSetName


@dataclass(frozen=True)
class TestRuleOpened:
    """The idle set is reached through a rule of its own, for the check."""

    __test__ = False  # no test class, whatever its name
    load_balancer: str
    port: int
    pool: str


@dataclass(frozen=True)
class SwitchUnchanged:
    """The rule leads there already."""

    rule: str
    pool: str
    watch_due: bool = False
    """Whether a run was killed after the switch, so that the gates of the watch are asked now."""


@dataclass(frozen=True)
class Switched:
    """New connections go to the other set."""

    rule: str
    pool_before: str
    pool_after: str


@dataclass(frozen=True)
class NotSwitched:
    """The gates refused the idle set: visitors never saw it."""

    reason: str


@dataclass(frozen=True)
class SwitchedBack:
    """The gates refused it in production: new connections go to the set before again."""

    rule: str
    pool: str
    reason: str


@dataclass(frozen=True)
class ReleaseThere:
    """The set that is to serve has the release on all its instances."""

    scale_set: ScaleSetName
    release: str
    serves: bool
    """Whether it serves too, so that nothing is to be done."""


@dataclass(frozen=True)
class SetScaled:
    """A set of the pair has another number of instances."""

    scale_set: ScaleSetName
    before: int
    after: int


SwitchEvent: TypeAlias = (
    TestRuleOpened | SwitchUnchanged | Switched | NotSwitched | SwitchedBack | ReleaseThere | SetScaled
)
"""Any event of a switch."""
