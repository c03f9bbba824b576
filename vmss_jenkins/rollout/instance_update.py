"""The second step of the retired plugin: update chosen instances of a scale set to the latest model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.events.calls import WaitingForInstances
from vmss_jenkins.events.steps import InstanceSkipped, UpdateInstancesFinished, UpdateInstancesStarted
from vmss_jenkins.model.final_state import FinalState, final_state
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.instances import ALL, PARKED, Instance, InstanceIds, ScaleSet, ScaleSetName, has_latest_model
from vmss_jenkins.rollout.plan.preflight import InstancesPlan, plan_update_instances
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.rollout.refusals import ID_IS_GONE
from vmss_jenkins.rollout.steps import Options, Requests, refuse, report_findings, surroundings
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import ATTEMPTS, Waiter


@dataclass(frozen=True)
class UpdateInstancesResult:
    """The result of `update_instances`."""

    instance_ids: tuple[str, ...]
    """The instances that were brought to the latest model; in a dry run, those that would be."""
    up_to_date: tuple[str, ...]
    """Chosen instances that had the latest model before."""
    skipped: Mapping[str, str]
    """Chosen instances that Azure does not update, with the reason."""
    seconds: float
    request_ids: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    final: FinalState = field(default_factory=FinalState)
    """Which of the chosen instances have the latest model, by a last read; empty in a dry run."""


def update_instances(
    sets: ScaleSets[OperationT], name: ScaleSetName, chosen: InstanceIds, options: Options, waiter: Waiter
) -> UpdateInstancesResult:
    """Update the chosen instances to the latest model, all at once, and wait.

    Instances that have the model, and those that Azure does not update, are left alone and named. Instances on which an
    operation runs are awaited first. An instance that somebody deletes meanwhile is named as gone.

    Raises:
        ConfigError: no instance has one of the ids, or none of the chosen ones can be updated; nothing was changed.
        AzureError: Azure refuses, cannot be reached, or an instance did not get the model.
    """
    began = waiter.clock.now()
    requests = Requests()
    first: list[InstancesPlan] = []

    def attempt() -> None:
        scale_set = sets.get(name)
        found, about = sets.instances(scale_set), surroundings(sets, scale_set, options)
        plan = plan_update_instances(scale_set, found, chosen, about, some_gone=bool(first))
        if not first:
            first.append(plan)
            _report(name, chosen, plan, waiter)
            report_findings(plan.findings, options, waiter)
        refuse(name, plan.findings, options)
        if options.dry_run:
            return
        if plan.busy:
            plan = _await_idle(sets, scale_set, chosen, plan, waiter)
        if plan.update:
            ids = [ALL] if chosen.is_all else list(plan.update)
            requests.complete(sets, sets.begin_update_instances(scale_set, ids), waiter)

    waiter.retry(lambda: _repeat_if_gone(attempt))
    plan, final = first[0], FinalState()
    if not options.dry_run:
        ids = plan.update or (plan.up_to_date if options.await_healthy else ())
        final = _confirm(sets, name, chosen, plan, ids, options, waiter)
    return _result(name, plan, final, waiter.clock.now() - began, requests, options, waiter)


def _result(
    name: ScaleSetName,
    plan: InstancesPlan,
    final: FinalState,
    seconds: float,
    requests: Requests,
    options: Options,
    waiter: Waiter,
) -> UpdateInstancesResult:
    updated = plan.update if options.dry_run else tuple(key for key in plan.update if key in final.have_it)
    if not options.dry_run:
        waiter.on_event(UpdateInstancesFinished(name, updated, seconds, final))
    return UpdateInstancesResult(
        updated, plan.up_to_date, plan.skipped, seconds, tuple(requests.ids), plan.findings, final
    )


def _repeat_if_gone(attempt: Callable[[], None], attempts: int = ATTEMPTS) -> None:
    """Make an attempt again if Azure refuses it since an instance was deleted after the read."""
    try:
        attempt()
    except AzureError as error:
        if error.failure.code not in ID_IS_GONE or attempts == 1:
            raise
        _repeat_if_gone(attempt, attempts - 1)


def _report(name: ScaleSetName, chosen: InstanceIds, plan: InstancesPlan, waiter: Waiter) -> None:
    waiter.on_event(UpdateInstancesStarted(name, str(chosen), plan.update))
    for instance_id in plan.up_to_date:
        waiter.on_event(InstanceSkipped(instance_id, "has the latest model already"))
    for instance_id, reason in plan.skipped.items():
        waiter.on_event(InstanceSkipped(instance_id, reason))


def _await_idle(
    sets: ScaleSets[OperationT], scale_set: ScaleSet, chosen: InstanceIds, plan: InstancesPlan, waiter: Waiter
) -> InstancesPlan:
    """Wait until no operation runs on the chosen instances, then plan again."""
    waiter.on_event(WaitingForInstances(plan.busy, "an operation runs on them"))
    plans = [plan]

    def idle() -> bool:
        instances = waiter.retry(lambda: sets.instances(scale_set))
        plans.append(plan_update_instances(scale_set, instances, chosen, some_gone=True))
        return not plans[-1].busy

    waiter.until(f"wait for instances {', '.join(plan.busy)} of {scale_set.name}", idle)
    return plans[-1]


def _confirm(
    sets: ScaleSets[OperationT],
    name: ScaleSetName,
    chosen: InstanceIds,
    plan: InstancesPlan,
    ids: tuple[str, ...],
    options: Options,
    waiter: Waiter,
) -> FinalState:
    """Read the instances after the operation: success means every chosen one, never "at least one"."""
    scale_set = waiter.retry(lambda: sets.get(name))
    instances: list[Instance] = []

    def unready() -> list[Instance]:
        instances[:] = waiter.retry(lambda: sets.instances(scale_set))
        there = [instance for instance in instances if instance.id in ids]
        _refuse_outdated(name, [one for one in there if has_latest_model(one, scale_set) is False])
        return [one for one in there if not one.is_healthy and one.power not in PARKED]

    waiting = unready()
    if options.await_healthy and waiting:
        waiter.on_event(WaitingForInstances(tuple(i.id for i in waiting), "not healthy yet"))
        waiter.until(f"wait for health of {', '.join(ids)}", lambda: not unready())
    return _final(scale_set, instances, chosen, plan)


def _refuse_outdated(name: ScaleSetName, outdated: list[Instance]) -> None:
    if outdated:
        states = "; ".join(f"{i.id}: {i.provisioning_state}{f', {i.error}' if i.error else ''}" for i in outdated)
        failure = Failure("NotUpdated", f"Azure ended the operation, but these do not have the latest model: {states}")
        raise AzureError(f"update instances of {name}", failure, "see `vmss-jenkins status`, then run it again")


def _final(scale_set: ScaleSet, instances: list[Instance], chosen: InstanceIds, plan: InstancesPlan) -> FinalState:
    """Count the chosen instances; of `*`, those that the plan saw and that may be updated are wanted."""
    planned: Mapping[str, None] = dict.fromkeys((*plan.update, *plan.up_to_date, *plan.skipped))
    there = {one.id: one for one in instances}
    gone = tuple(key for key in planned if key not in there)
    found = final_state(
        [there[key] for key in planned if key in there],
        lambda one: has_latest_model(one, scale_set) is not False,
        plan.skipped,
        lambda one: not chosen.is_all or one.id not in plan.skipped,
        lambda one: one.image.short_name if one.image else "another model",
        gone,
    )
    return replace(found, lacking=tuple(key for key in found.lacking if key not in gone)) if chosen.is_all else found
