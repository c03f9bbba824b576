"""The state of each instance in a rollout, as reports show it."""

from __future__ import annotations

from vmss_jenkins.events.rollout import InstanceSeen, InstanceState
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance
from vmss_jenkins.rollout.plan.history import History, Observed, runs
from vmss_jenkins.rollout.plan.situation import Situation


def instance_states(observed: Observed, history: History, situation: Situation) -> tuple[InstanceSeen, ...]:
    """Return the state of each instance, in Azure's order."""
    return tuple(
        InstanceSeen(one.id, one.zone, _state(one, observed, history, situation)) for one in observed.instances
    )


def _state(instance: Instance, observed: Observed, history: History, situation: Situation) -> InstanceState:
    if instance.id in situation.failed or instance.id in situation.still_down:
        return InstanceState.UNHEALTHY
    new = _is_new(instance, observed, history)
    if transition := _transition(instance, history, situation):
        return transition
    if instance.id in situation.skipped and not new:
        return InstanceState.SKIPPED
    if runs(instance) and not instance.is_healthy:
        return InstanceState.UPDATING if instance.health is Health.INITIALIZING else InstanceState.UNHEALTHY
    return InstanceState.NEW if new else InstanceState.OLD


def _transition(instance: Instance, history: History, situation: Situation) -> InstanceState | None:
    """The transition that an instance is in; None for none."""
    record = history.records.get(instance.id)
    asked = record is not None and record.asked is not None and instance.id not in history.updated_since
    awaited = asked and instance.id in situation.in_flight
    if instance.id in situation.leaving:
        return InstanceState.DELETING
    if instance.id in situation.coming or (awaited and situation.surge):
        return InstanceState.CREATING
    return InstanceState.UPDATING if instance.is_updating or awaited else None


def _is_new(instance: Instance, observed: Observed, history: History) -> bool:
    """Whether it runs the new release; in a rollback that is the release that it rolls back from."""
    if history.rolling_back:
        left = history.rolled_back_from
        return not history.target.is_on(instance, observed.scale_set) and (
            not isinstance(left, ImageReference) or left.same_as(instance.image)
        )
    image = history.target.image
    other = isinstance(image, ImageReference) and instance.image is not None and not image.same_as(instance.image)
    return bool(history.target.is_on(instance, observed.scale_set)) and not other
