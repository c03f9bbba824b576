"""The two steps of the retired plugin: set the image of a scale set, and update chosen instances.

Each is one attempt of observe, plan, act. After a transient error the whole attempt is repeated, so that no call is
repeated blindly: if an answer was lost, the next read shows what Azure did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vmss_jenkins.errors import AzureError, ConfigError, Failure, UnsafeRollout
from vmss_jenkins.events.calls import WaitingForInstances
from vmss_jenkins.events.steps import (
    InstanceSkipped,
    PreflightFound,
    UpdateFinished,
    UpdateInstancesFinished,
    UpdateInstancesStarted,
    UpdateStarted,
)
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import (
    ALL,
    PARKED,
    Instance,
    InstanceIds,
    ScaleSet,
    ScaleSetName,
    UpgradeMode,
    has_latest_model,
)
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.preflight import (
    InstancesPlan,
    Surroundings,
    UpdatePlan,
    plan_update,
    plan_update_instances,
)
from vmss_jenkins.rollout.ports import ScaleSets
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter, complete


@dataclass(frozen=True)
class UpdateResult:
    """The result of `update`."""

    image_before: Release | None
    image_after: Release
    changed: bool
    """False if the model had the image already, and in a dry run."""
    seconds: float
    request_ids: tuple[str, ...]
    """Azure's request ids of the changes, for Azure support."""
    findings: tuple[Finding, ...] = ()
    """The findings of the plan; in a dry run of the whole preflight."""


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


@dataclass(frozen=True)
class Options:
    """Options of a step."""

    dry_run: bool = False
    """Plan and report; change nothing."""
    allow_automatic_rollout: bool = False
    """Update the model although Azure then updates every instance by itself."""
    await_healthy: bool = False
    """Wait until the updated instances are healthy by the set's health extension or probe."""


@dataclass
class _Requests:
    """The request ids of the operations begun, over all attempts."""

    ids: list[str] = field(default_factory=list)

    def complete(self, sets: ScaleSets[OperationT], operation: OperationT, waiter: Waiter) -> None:
        self.ids.extend(filter(None, [operation.request_id]))
        complete(sets, operation, waiter)


def update(
    sets: ScaleSets[OperationT],
    name: ScaleSetName,
    image: Release,
    options: Options,
    waiter: Waiter,
    known: Sequence[Instance] | None = None,
) -> UpdateResult:
    """Set the image of a scale set's model; no instance changes in the mode Manual.

    Args:
        sets: Azure.
        name: the scale set.
        image: the image to set.
        options: how the step runs.
        waiter: clock, deadline and listener.
        known: the instances, if they were read just before: the list is a costly call.

    Raises:
        UnsafeRollout: Azure would update every instance by itself.
        ConfigError: Azure would refuse the image.
        AzureError: Azure refuses or cannot be reached.
    """
    began = waiter.clock.now()
    requests = _Requests()
    first: list[Release | None] = []
    mode = UpgradeMode.MANUAL

    def attempt() -> UpdatePlan:
        nonlocal mode
        scale_set = sets.get(name)
        mode = scale_set.upgrade_mode
        changes = not image.same_as(scale_set.release)
        instances = (sets.instances(scale_set) if known is None else known) if changes else ()
        plan = plan_update(scale_set, image, instances, _surroundings(sets, scale_set, options))
        if not first:
            first.append(scale_set.release)
            waiter.on_event(UpdateStarted(name, scale_set.release, image))
            _report_findings(plan.findings, options, waiter)
        _refuse(name, plan.findings, options)
        if plan.changes and not options.dry_run:
            requests.complete(sets, sets.begin_set_image(scale_set, image), waiter)
        elif scale_set.provisioning_state == "Updating" and not options.dry_run:
            _await_model(sets, name, waiter)
        return plan

    plan = waiter.retry(attempt)
    changed = not options.dry_run and not image.same_as(first[0])
    seconds = waiter.clock.now() - began
    if not options.dry_run:
        waiter.on_event(UpdateFinished(name, image, changed, seconds, mode))
    return UpdateResult(first[0], image, changed, seconds, tuple(requests.ids), plan.findings)


def update_instances(
    sets: ScaleSets[OperationT], name: ScaleSetName, chosen: InstanceIds, options: Options, waiter: Waiter
) -> UpdateInstancesResult:
    """Bring the chosen instances to the latest model, at once and in parallel, and wait.

    Instances that have it and instances protected from scale set actions are left alone, as Azure
    does, and named. Those on which an operation runs are awaited first.

    Raises:
        ConfigError: for ids that no instance has; nothing was changed.
        AzureError: where Azure refuses, cannot be reached, or an instance did not get the model.
    """
    began = waiter.clock.now()
    requests = _Requests()
    first: list[InstancesPlan] = []

    def attempt() -> None:
        scale_set = sets.get(name)
        plan = plan_update_instances(
            scale_set, sets.instances(scale_set), chosen, _surroundings(sets, scale_set, options)
        )
        if not first:
            first.append(plan)
            _report_instances(name, chosen, plan, waiter)
            _report_findings(plan.findings, options, waiter)
        _refuse(name, plan.findings, options)
        if options.dry_run:
            return
        if plan.busy:
            plan = _await_idle(sets, scale_set, chosen, plan, waiter)
        if plan.update:
            ids = [ALL] if chosen.is_all else list(plan.update)
            requests.complete(sets, sets.begin_update_instances(scale_set, ids), waiter)

    waiter.retry(attempt)
    plan = first[0]
    if plan.update and not options.dry_run:
        _confirm(sets, name, plan.update, options, waiter)
    elif options.await_healthy and not options.dry_run:
        _confirm(sets, name, plan.up_to_date, options, waiter)
    seconds = waiter.clock.now() - began
    if not options.dry_run:
        waiter.on_event(UpdateInstancesFinished(name, plan.update, seconds))
    return UpdateInstancesResult(
        plan.update, plan.up_to_date, plan.skipped, seconds, tuple(requests.ids), plan.findings
    )


def _report_instances(name: ScaleSetName, chosen: InstanceIds, plan: InstancesPlan, waiter: Waiter) -> None:
    waiter.on_event(UpdateInstancesStarted(name, str(chosen), plan.update))
    for instance_id in plan.up_to_date:
        waiter.on_event(InstanceSkipped(instance_id, "has the latest model already"))
    for instance_id, reason in plan.skipped.items():
        waiter.on_event(InstanceSkipped(instance_id, reason))


def _surroundings(sets: ScaleSets[OperationT], scale_set: ScaleSet, options: Options) -> Surroundings | None:
    """Read what only a dry run reports; a real run saves these calls."""
    return Surroundings(sets.autoscale_settings(scale_set), dict(sets.remaining)) if options.dry_run else None


def _report_findings(findings: tuple[Finding, ...], options: Options, waiter: Waiter) -> None:
    """Report the findings of the plan. A real run reports refusals by its error."""
    for finding in findings:
        if options.dry_run or finding.severity in {Severity.WARNING, Severity.NOTE}:
            waiter.on_event(PreflightFound(finding))


def _refuse(name: ScaleSetName, findings: tuple[Finding, ...], options: Options) -> None:
    """Raise for findings that forbid the step; a dry run only reports them."""
    impossible = [finding.text for finding in findings if finding.severity is Severity.IMPOSSIBLE]
    unsafe = [finding for finding in findings if finding.severity is Severity.UNSAFE]
    if options.dry_run:
        return
    if impossible:
        raise ConfigError(f"scale set {name}", impossible)
    if unsafe and not options.allow_automatic_rollout:
        raise UnsafeRollout(unsafe[0].text, unsafe[0].flag or "")


def _await_model(sets: ScaleSets[OperationT], name: ScaleSetName, waiter: Waiter) -> None:
    """Wait for the end of a model change that is under way."""
    waiter.until(
        f"wait for the model of {name}",
        lambda: waiter.retry(lambda: sets.get(name)).provisioning_state != "Updating",
    )


def _await_idle(
    sets: ScaleSets[OperationT], scale_set: ScaleSet, chosen: InstanceIds, plan: InstancesPlan, waiter: Waiter
) -> InstancesPlan:
    """Wait until no operation runs on the chosen instances, then plan again."""
    waiter.on_event(WaitingForInstances(plan.busy, "an operation runs on them"))
    plans = [plan]

    def idle() -> bool:
        instances = waiter.retry(lambda: sets.instances(scale_set))
        plans.append(plan_update_instances(scale_set, instances, chosen))
        return not plans[-1].busy

    waiter.until(f"wait for instances {', '.join(plan.busy)} of {scale_set.name}", idle)
    return plans[-1]


def _confirm(
    sets: ScaleSets[OperationT], name: ScaleSetName, ids: tuple[str, ...], options: Options, waiter: Waiter
) -> None:
    """Look at the instances after the operation: success means every chosen one, never "at least one"."""
    scale_set = waiter.retry(lambda: sets.get(name))

    def unready() -> list[Instance]:
        there = [instance for instance in waiter.retry(lambda: sets.instances(scale_set)) if instance.id in ids]
        outdated = [instance for instance in there if has_latest_model(instance, scale_set) is False]
        if outdated:
            states = "; ".join(f"{i.id}: {i.provisioning_state}{f', {i.error}' if i.error else ''}" for i in outdated)
            failure = Failure(
                "NotUpdated", f"Azure ended the operation, but these do not have the latest model: {states}"
            )
            raise AzureError(f"update instances of {name}", failure, "see `vmss-jenkins status`, then run it again")
        return [instance for instance in there if not instance.is_healthy and instance.power not in PARKED]

    waiting = unready()
    if options.await_healthy and waiting:
        waiter.on_event(WaitingForInstances(tuple(i.id for i in waiting), "not healthy yet"))
        waiter.until(f"wait for health of {', '.join(ids)}", lambda: not unready())
