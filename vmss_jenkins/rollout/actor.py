"""Carry out the actions of a rollout: each method carries out one action and returns the next history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from vmss_jenkins.errors import AzureError
from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.gates.verdicts import Outcome as GateOutcome
from vmss_jenkins.model.automation.autoscale import AutoscaleSetting
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.claims.lease import Lease
from vmss_jenkins.rollout.plan import throttling
from vmss_jenkins.rollout.plan.actions import (
    Action,
    Drain,
    Remove,
    Restore,
    RestoreModel,
    RolloutSpec,
    RunGate,
    ScaleOut,
    SetModel,
    Shrink,
    Strategy,
    Update,
)
from vmss_jenkins.rollout.plan.claims import LEASE, fingerprint
from vmss_jenkins.rollout.plan.decision import strategy_of
from vmss_jenkins.rollout.plan.history import GateResult, History
from vmss_jenkins.rollout.ports import Drainer, Gates, ScaleSets
from vmss_jenkins.rollout.refusals import (
    CHANGED_MEANWHILE,
    CONFLICT,
    ID_IS_GONE,
    NOTHING_RUNS,
    THROTTLED,
    may_have_begun,
    until_next_try,
)
from vmss_jenkins.rollout.resizer import Resizer
from vmss_jenkins.rollout.watcher import Watcher
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import ATTEMPTS, Waiter


@dataclass
class Actor(Generic[OperationT]):
    """Makes the changes in Azure for one run."""

    sets: ScaleSets[OperationT]
    name: ScaleSetName
    spec: RolloutSpec
    gates: Gates | None
    drainer: Drainer | None
    options: steps.Options
    watcher: Watcher[OperationT]
    lease: Lease
    waiter: Waiter
    rate_limit: throttling.RateLimit = field(default_factory=throttling.updates)
    request_ids: list[str] = field(default_factory=list)
    resizer: Resizer[OperationT] | None = None
    """Changes the number of instances in a surge; None for the other strategies."""
    _autoscale: list[tuple[AutoscaleSetting, ...] | None] = field(default_factory=list)

    def autoscale(self) -> tuple[AutoscaleSetting, ...] | None:
        """The enabled autoscale settings of the set, read once a run; None if they cannot be read."""
        if not self._autoscale:
            self._autoscale.append(self.sets.autoscale_settings(self._set))
        return self._autoscale[0]

    def act(self, action: Action, history: History) -> History:
        """Carry out an action and return the next history."""
        match action:
            case SetModel():
                return self.set_model(action, history)
            case RestoreModel():
                return self.restore_model(action, history)
            case Drain():
                return self.drain(action, history)
            case Update():
                return self.update(action, history)
            case Restore():
                return self.restore(action, history)
        return self._act_else(action, history)

    def _act_else(self, action: Action, history: History) -> History:
        match action:
            case ScaleOut() | Shrink() | Remove() if self.resizer:
                return self.resizer.act(action, history)
            case RunGate():
                return self.run_gate(action, history)
        raise TypeError(f"no action to carry out: {action!r}")

    def set_model(self, action: SetModel, history: History) -> History:
        """Set the model to the release."""
        self._set_image(action.image, again=history.target.floats_as is not None)
        return replace(history, model_sent=True)

    def restore_model(self, action: RestoreModel, history: History) -> History:
        """Begin the rollback: restore the model.

        The claim records the rollback first, so that a run after a kill goes on with it.
        """
        self.watcher.reread()
        left = history.rolled_back_from if history.rolling_back else history.target.image
        there = history.target.model
        if not history.rolling_back and not (there is None or there.same_as(self._set.release)):
            return history  # somebody else changed the model just now: the next decision takes it into account
        if not history.rolling_back:
            self.waiter.on_event(rollout_events.RollbackStarted(left, action.image, action.cause))
        self.lease.renew(fingerprint(left, action.image))
        self._set_image(action.image)
        return history.begin_rollback(action.image, action.cause, self.now)

    def _set_image(self, image: Release, *, again: bool = False) -> None:
        """Set the model as `update` does; if the set changed since the last read, the next turn reads it again.

        Args:
            image: the release.
            again: send it even if the model names it already.
        """
        try:
            known = self.watcher.observed.instances
            result = steps.update(self.sets, self.name, image, self.options, self.waiter, known, again=again)
            self.request_ids.extend(result.request_ids)
        except AzureError as error:
            if error.failure.status != CHANGED_MEANWHILE:
                raise
        self.watcher.refresh()

    def drain(self, action: Drain, history: History) -> History:
        """Take instances out of the load balancer."""
        drainer, known = self.drainer, self._known(action.instance_ids)
        reasons = self.waiter.retry(lambda: drainer.drain(self._set, action.instance_ids)) if drainer else {}
        seconds = self.spec.drain or 0.0
        self.waiter.on_event(rollout_events.InstancesDraining(action.instance_ids, seconds, reasons))
        left_in = [instance for instance in known if instance.id in reasons]
        history = history.draining([instance for instance in known if instance not in left_in], self.now)
        return history.not_drained(left_in, self.now - seconds)

    def restore(self, action: Restore, history: History) -> History:
        """Put instances back into the load balancer."""
        drainer = self.drainer
        if drainer:
            self.waiter.retry(lambda: drainer.restore(self._set, action.instance_ids))
        self.waiter.on_event(rollout_events.InstancesRestored(action.instance_ids))
        return history.restored(action.instance_ids)

    def run_gate(self, action: RunGate, history: History) -> History:
        """Run the gates; a release without gates passes."""
        if self.gates is None:
            return history.add_gate(GateResult(action.stage, action.instance_ids, Consequence.GO_ON, self.now))
        judgement = self.gates.assess(action.stage.value, action.instance_ids, self._extend_lease)
        self.lease.renew()
        bad = [verdict for verdict in judgement.verdicts if verdict.outcome is not GateOutcome.PASSED]
        text = "; ".join(f"{verdict.gate}: {verdict.reason}" for verdict in bad or judgement.verdicts)
        reason = " ".join(text.split())
        ids, verdicts = action.instance_ids, tuple(judgement.verdicts)
        return history.add_gate(GateResult(action.stage, ids, judgement.consequence, self.now, reason, verdicts))

    def _extend_lease(self, seconds: float) -> None:
        """Extend the claim over a measurement: nobody renews it meanwhile."""
        self.lease.renew(lease=LEASE + seconds)

    def update(self, action: Update, history: History) -> History:
        """Ask Azure to update instances: one call for a wave; for a window as many calls as the limits allow.

        An operation ends when its last instance ends, and a window has to see the end of each instance.
        """
        count = 1
        if strategy_of(self.spec, history) is Strategy.WINDOW:
            count = self.rate_limit.available(self.now)
            if count == 0:
                return replace(history, held_until=self.now + throttling.MINUTE / self.rate_limit.per_minute)
        for ids in throttling.calls(action.instance_ids, count, self.spec.ids_per_call):
            held = history.held_until
            history = self._ask(ids, history)
            if history.held_until != held:
                break
        return history

    def _ask(self, ids: tuple[str, ...], history: History) -> History:
        """Make one call. If the answer is lost, the call is not repeated: the instances show whether Azure took it."""
        self.rate_limit.take()
        try:
            operation = self.sets.begin_update_instances(self._set, ids)
        except AzureError as error:
            if may_have_begun(error.failure):
                self.waiter.on_event(rollout_events.InstancesUpdating(ids, error.failure.request_id, answered=False))
                return history.asked(self._known(ids), self.now, answered=False)
            return self._refused(error, history)
        self.watcher.follow(operation, ids)
        self.request_ids.extend(filter(None, [operation.request_id]))
        self.waiter.on_event(rollout_events.InstancesUpdating(ids, operation.request_id))
        return history.asked(self._known(ids), self.now)

    def _refused(self, error: AzureError, history: History) -> History:
        """Wait and decide again after a refusal that may pass; else it is final.

        A conflict may pass as long as Azure works on the set: another operation is in the way.
        """
        failure = error.failure
        vanished = failure.code in ID_IS_GONE
        transient = vanished or not failure.sent or failure.status in {CONFLICT, THROTTLED}
        if not transient:
            raise error
        if history.refusals >= ATTEMPTS and not (failure.status == CONFLICT and self._is_busy()):
            raise AzureError(error.action, failure, error.next_step or NOTHING_RUNS) from error
        self.waiter.refuse_long_wait(error, history.began + self.spec.timeout)
        if vanished:
            self.watcher.refresh()
        overlapping = failure.status == CONFLICT and bool(self.watcher.pending)
        if overlapping and strategy_of(self.spec, history) is Strategy.WINDOW:
            self.waiter.on_event(rollout_events.FellBackToWaves(f"{failure.code}: {failure.message}"))
        wait = until_next_try(failure, history.refusals)
        self.waiter.on_event(CallRetried(str(error).splitlines()[0], history.refusals + 1, wait))
        return history.refused(self.now + wait, overlapping=overlapping)

    def _is_busy(self) -> bool:
        """Whether Azure works on the set, for this run or for somebody else."""
        self.watcher.refresh()
        updating = any(instance.is_updating for instance in self.watcher.observed.instances)
        return updating or bool(self.watcher.pending) or self._set.provisioning_state == "Updating"

    def _known(self, ids: Sequence[str]) -> list[Instance]:
        instances = self.watcher.observed.by_id()
        return [instances[key] for key in ids if key in instances]

    @property
    def _set(self) -> ScaleSet:
        return self.watcher.observed.scale_set

    @property
    def now(self) -> float:
        """The clock's time."""
        return self.waiter.clock.now()
