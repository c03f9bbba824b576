"""Lifecycle hooks: before Azure goes on with an automatic OS upgrade, it asks, and waits for the answer.

Sources: the compute API's models of ``LifecycleHooksProfile`` and ``VMScaleSetLifecycleHookEvent``, and Azure/azure-cli
issue 33328 for the times. Not documented, and chosen here: a batch begins once each of its instances has an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import invalid_parameter, not_allowed
from vmss_jenkins.emulator.compute.policies import HOOK_TIMES
from vmss_jenkins.emulator.compute.rolling_batches import seconds
from vmss_jenkins.emulator.state.automation.hook_event import Answer, HookEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.scale_set import ScaleSet

KEPT_EVENTS = 50
ROUNDED = 0.001
"""Seconds by which a time that a client sends back may differ from the one that it was shown."""
ANSWERS: tuple[Answer, ...] = ("Approved", "Rejected")


def active(scale_set: ScaleSet, kind: str) -> bool:
    """Whether an event of a kind waits for an answer."""
    return any(event.kind == kind and event.waits for event in scale_set.hook_events.values())


def ask(
    backend: Backend, scale_set: ScaleSet, kind: str, targets: Iterable[str], on_end: Callable[[HookEvent], None]
) -> bool:
    """Make an event if the set has a hook of the kind, and return whether it has; ``on_end`` gets its answers later."""
    profile = scale_set.body["properties"].get("lifecycleHooksProfile", {})
    hook = next((one for one in profile.get("lifecycleHooks", []) if one["type"] == kind), None)
    if hook is None:
        return False
    usual, longest = HOOK_TIMES[kind]
    wait = seconds(hook["waitDuration"]) if "waitDuration" in hook else None
    event = HookEvent(
        name=backend.guid(),
        kind=kind,
        created=backend.now,
        wait_until=backend.now + (usual if wait is None else wait),
        max_wait_until=backend.now + longest,
        default_action=hook.get("defaultAction", "Approve"),
        targets=dict.fromkeys(targets, "Waiting"),
        on_end=on_end,
    )
    kept = list(scale_set.hook_events.values())[1 - KEPT_EVENTS :]
    scale_set.hook_events = {one.name: one for one in (*kept, event)}
    backend.after(event.wait_until - backend.now, lambda: _expire(backend, event))
    return True


def answer(event: HookEvent, answers: Mapping[str, Answer]) -> None:
    """Answer for some targets of an event; raises ``ArmError`` 400 if one has another answer, 409 if all have."""
    if not event.waits:
        raise not_allowed(f"The lifecycle hook event '{event.name}' is completed.")
    for key, wanted in answers.items():
        if event.targets[key] not in ("Waiting", wanted):
            raise invalid_parameter(f"The target resource '{key}' is already {event.targets[key]}.", "targetResources")
    event.targets |= answers
    if "Waiting" not in event.targets.values():
        event.on_end(event)


def postpone(backend: Backend, event: HookEvent, until: float) -> None:
    """Move the time until which an event waits; raises ``ArmError`` 400 beyond its latest time, or in the past."""
    if not backend.now <= until <= event.max_wait_until + ROUNDED:
        raise invalid_parameter("waitUntil must be in the future, and not later than maxWaitUntil.", "waitUntil")
    event.wait_until = until
    backend.after(until - backend.now, lambda: _expire(backend, event))


def check_rejection(backend: Backend, *, rejects: bool) -> None:
    """Refuse to reject if the scenario's Azure does not know that yet, as in the preview; raises ``ArmError`` 400."""
    if rejects and not backend.scenario.hook_rejection:
        raise invalid_parameter("Lifecycle hooks cannot reject in the preview.", "lifecycleHooksProfile")


def rejects(changes: Json) -> bool:
    """Whether the body of a set has a hook that rejects by default."""
    hooks = changes.get("properties", {}).get("lifecycleHooksProfile", {}).get("lifecycleHooks", [])
    return any(hook.get("defaultAction") == "Reject" for hook in hooks)


def _expire(backend: Backend, event: HookEvent) -> None:
    if event.waits and backend.now >= event.wait_until:
        default: Answer = "Approved" if event.default_action == "Approve" else "Rejected"
        answer(event, {key: default for key, known in event.targets.items() if known == "Waiting"})
