"""What a run notes and refuses before it changes anything."""

from __future__ import annotations

from dataclasses import replace

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.actor import Actor
from vmss_jenkins.rollout.plan.actions import Strategy
from vmss_jenkins.rollout.plan.down_before import at_start, down_before, findings
from vmss_jenkins.rollout.plan.history import History
from vmss_jenkins.runtime.ports import OperationT


def note_down_before(actor: Actor[OperationT], image: Release | None, history: History, *, resumed: bool) -> History:
    """Note which instances are down before the run, and report them.

    Args:
        actor: what acts for the run.
        image: the release; None for the release of the model.
        history: the run, which did nothing yet.
        resumed: whether an earlier run was killed.

    Raises:
        ConfigError: these instances make the rollout impossible; nothing was changed.
    """
    observed = actor.watcher.observed
    back = history.rolling_back or history.cause is not None
    target, selection = at_start(actor.spec, image, observed.scale_set, observed.instances)
    down = down_before(observed, None if back else target, resumed=resumed)
    if not back and actor.spec.strategy is not Strategy.SURGE:
        found = findings(actor.spec, observed.instances, selection, down)
        if reasons := [one.text for one in found if one.severity is Severity.IMPOSSIBLE]:
            raise ConfigError(f"scale set {actor.name}", reasons)
        for one in found:
            actor.waiter.on_event(PreflightFound(one))
    return replace(history, down_before=down)
