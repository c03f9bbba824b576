"""What governing an upgrade consists of, and what a run remembers of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.rollout.plan.history import Stage


@dataclass(frozen=True)
class Judgement:
    """What the gates and the health of the upgraded instances say of the new version."""

    consequence: Consequence | None = None
    """GO_ON, FAIL or HALT; None if there is nothing to judge yet."""
    reason: str = ""


@dataclass(frozen=True)
class Approve:
    """Let Azure upgrade instances, or begin the upgrade of the set."""

    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Rejected in the same answer: the canary is smaller than Azure's batch. They follow at the end."""


@dataclass(frozen=True)
class Reject:
    """Keep Azure from upgrading these."""

    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Hold:
    """Answer nothing, and move the time until which Azure waits."""

    until: float
    """Seconds UTC."""
    reason: str


@dataclass(frozen=True)
class Measure:
    """Ask the gates about these instances."""

    stage: Stage
    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Cancel:
    """End the upgrade: Azure asks for no further batch."""

    reason: str


@dataclass(frozen=True)
class Follow:
    """Update instances that the canary left out, now that the version is judged good."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Wait:
    """Look again later."""

    reason: str
    instance_ids: tuple[str, ...] = ()


class End:
    """How a run ends."""


@dataclass(frozen=True)
class Upgraded(End):
    """Every approved instance has the new version, and it was judged good."""


@dataclass(frozen=True)
class Rejected(End):
    """The version was judged bad, and Azure upgrades no further instance."""

    reason: str


@dataclass(frozen=True)
class Stopped(End):
    """Nothing more is done; a person must look."""

    reason: str


@dataclass(frozen=True)
class Held(End):
    """A later run goes on: a window has to end, or Azure has to begin what was approved."""

    reason: str


@dataclass(frozen=True)
class Nothing(End):
    """Azure asks nothing."""


Answering: TypeAlias = Approve | Reject | Hold
Action: TypeAlias = Answering | Measure | Cancel | Follow | Wait | End


@dataclass(frozen=True)
class Memory:
    """What a run remembers; a run after `kill -9` judges again."""

    over: float | None = None
    """When an upgrade started that had ended before this run began, and is none of its own; seconds UTC."""
    deadline: float = 0.0
    """When it gives up, in seconds UTC."""
    judged: frozenset[str] = frozenset()
    """Instances on which the version was judged good."""
    judgement: Judgement = field(default_factory=Judgement)
    """The last one."""
    answered: float | None = None
    """When it last approved something."""
    asked: frozenset[str] = frozenset()
    """Instances of a deferred upgrade that it approved."""
    rejected: bool = False
    """It rejected a batch."""
    cannot_reject: bool = False
    """Azure refused a rejection: hooks cannot reject here."""
    cancelled: bool = False
    """It cancelled the upgrade."""

    def passed(self, instance_ids: tuple[str, ...]) -> Memory:
        """Remember a good judgement."""
        return replace(self, judged=self.judged | set(instance_ids), judgement=Judgement(Consequence.GO_ON))
