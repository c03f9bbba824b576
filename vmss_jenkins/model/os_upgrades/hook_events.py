"""Events of lifecycle hooks: Azure's question whether it may upgrade these targets, and the answers so far.

Shape: `VMScaleSetLifecycleHookEvent` of the compute API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from vmss_jenkins.model.arm_bodies import moment
from vmss_jenkins.model.os_upgrades.hooks import DefaultAction, HookKind

Body = Mapping[str, Any]


class Answer(Enum):
    """The answer for one target."""

    WAITING = "Waiting"
    APPROVED = "Approved"
    REJECTED = "Rejected"


@dataclass(frozen=True)
class Target:
    """A scale set or an instance that Azure asks about."""

    resource_id: str
    """Its ARM id."""
    answer: Answer = Answer.WAITING

    @property
    def name(self) -> str:
        """The instance's id, or the VM's name in a flexible set; the set's name if the target is the set."""
        return self.resource_id.rpartition("/")[2]


@dataclass(frozen=True)
class HookEvent:
    """One question; times in seconds UTC."""

    name: str
    kind: HookKind
    created: float
    wait_until: float
    """When Azure does the default action for the targets without an answer."""
    max_wait_until: float
    """The latest time to which `wait_until` can be moved."""
    default_action: DefaultAction
    targets: tuple[Target, ...]

    @property
    def waiting(self) -> tuple[str, ...]:
        """The names of the targets without an answer."""
        return self.answered(Answer.WAITING)

    @property
    def waits(self) -> bool:
        """Whether a target has no answer yet."""
        return bool(self.waiting)

    @property
    def fate(self) -> str:
        """What becomes of the targets without an answer, for people."""
        return f"{without_answer(self.default_action.value, self.wait_until)}: {', '.join(self.waiting)}"

    def answered(self, answer: Answer) -> tuple[str, ...]:
        """The names of the targets with an answer."""
        return tuple(one.name for one in self.targets if one.answer is answer)


def without_answer(default_action: str, until: float) -> str:
    """What Azure does with targets that get no answer, for people."""
    verb = "rejects" if default_action == DefaultAction.REJECT.value else "approves"
    at = datetime.fromtimestamp(until, timezone.utc)
    return f"without an answer Azure {verb} them at {at:%Y-%m-%d %H:%M:%S} UTC"


def events_from(bodies: list[Body]) -> tuple[HookEvent, ...]:
    """Read events, the oldest first; events of kinds that are newer than this code are left out."""
    kinds = {kind.value for kind in HookKind}
    known = (body for body in bodies if (body.get("properties") or {}).get("type") in kinds)
    return tuple(sorted(map(_event_from, known), key=lambda event: event.created))


def _event_from(body: Body) -> HookEvent:
    properties = body["properties"]
    until = moment(properties.get("waitUntil")) or 0.0
    rejects = properties.get("defaultAction") == DefaultAction.REJECT.value
    return HookEvent(
        name=str(body.get("name")),
        kind=HookKind(properties["type"]),
        created=moment(properties.get("timeCreated")) or 0.0,
        wait_until=until,
        max_wait_until=moment(properties.get("maxWaitUntil")) or until,
        default_action=DefaultAction.REJECT if rejects else DefaultAction.APPROVE,
        targets=tuple(_target_from(one) for one in properties.get("targetResources") or ()),
    )


def _target_from(body: Body) -> Target:
    return Target(str((body.get("resource") or {}).get("id")), Answer(body.get("actionState") or "Waiting"))


def answer_body(event: HookEvent, answers: Mapping[str, Answer]) -> dict[str, Any]:
    """The body that answers for some targets, given by their names; the others keep waiting."""
    targets = [
        {"resource": {"id": one.resource_id}, "actionState": answers[one.name].value}
        for one in event.targets
        if one.name in answers
    ]
    return {"properties": {"targetResources": targets}}


def postponement_body(until: float) -> dict[str, Any]:
    """The body that moves the time until which an event waits; in whole seconds, so never later than asked."""
    return {"properties": {"waitUntil": f"{datetime.fromtimestamp(int(until), timezone.utc):%Y-%m-%dT%H:%M:%SZ}"}}
