"""The first step of the retired plugin, which sets the image of a scale set, and what it shares with the second one.

Each step is one attempt of observe, plan, act. After a transient error the whole attempt is repeated, so that no call
is repeated blindly: if an answer was lost, the next read shows what Azure did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vmss_jenkins.errors import AzureError, ConfigError, Failure, UnsafeRollout
from vmss_jenkins.events.steps import (
    PreflightFound,
    UpdateFinished,
    UpdateStarted,
)
from vmss_jenkins.model.automation.autoscale import names
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.instances import (
    Instance,
    ScaleSet,
    ScaleSetName,
    UpgradeMode,
)
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.preflight import (
    Surroundings,
    UpdatePlan,
    plan_update,
)
from vmss_jenkins.rollout.plan.preview import unsuspended
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
class Options:
    """Options of a step."""

    dry_run: bool = False
    """Plan and report; change nothing."""
    allow_automatic_rollout: bool = False
    """Update the model although Azure then updates every instance by itself."""
    await_healthy: bool = False
    """Wait until the updated instances are healthy by the set's health extension or probe."""


@dataclass
class Requests:
    """The request ids of the operations begun, over all attempts."""

    ids: list[str] = field(default_factory=list)

    def complete(self, sets: ScaleSets[OperationT], operation: OperationT, waiter: Waiter) -> None:
        """Keep the request id of an operation, and wait for its end."""
        self.ids.extend(filter(None, [operation.request_id]))
        complete(sets, operation, waiter)


def update(
    sets: ScaleSets[OperationT],
    name: ScaleSetName,
    image: Release,
    options: Options,
    waiter: Waiter,
    known: Sequence[Instance] | None = None,
    *,
    again: bool = False,
) -> UpdateResult:
    """Set the image of a scale set's model; no instance changes in the mode Manual.

    Args:
        sets: Azure.
        name: the scale set.
        image: the image to set.
        options: how the step runs.
        waiter: clock, deadline and listener.
        known: the instances, if they were read just before: the list is a costly call.
        again: send the image even if the model names it already: Azure notices a new version of `latest` only then.

    Raises:
        UnsafeRollout: Azure would update every instance by itself.
        ConfigError: Azure would refuse the image.
        AzureError: Azure refuses or cannot be reached.
    """
    began = waiter.clock.now()
    requests = Requests()
    first: list[Release | None] = []
    mode, sent = UpgradeMode.MANUAL, False

    def attempt() -> UpdatePlan:
        nonlocal mode, sent
        scale_set = sets.get(name)
        mode = scale_set.upgrade_mode
        changes = again or not image.same_as(scale_set.release)
        instances = (sets.instances(scale_set) if known is None else known) if changes else ()
        plan = plan_update(scale_set, image, instances, surroundings(sets, scale_set, options), again=again)
        if known is None and plan.changes:
            plan = replace(plan, findings=(*plan.findings, *unsuspended(scale_set)))
        if not first:
            first.append(scale_set.release)
            waiter.on_event(UpdateStarted(name, scale_set.release, image))
            report_findings(plan.findings, options, waiter)
        refuse(name, plan.findings, options)
        if (plan.changes or (again and not sent)) and not options.dry_run:
            requests.complete(sets, sets.begin_set_image(scale_set, image), waiter)
            sent = True
        elif scale_set.provisioning_state == "Updating" and not options.dry_run:
            _await_model(sets, name, waiter)
        return plan

    plan = waiter.retry(attempt)
    if plan.changes and known is None and not options.dry_run:
        _confirm(sets, name, image, waiter)
    changed = not options.dry_run and (again or not image.same_as(first[0]))
    seconds = waiter.clock.now() - began
    if not options.dry_run:
        waiter.on_event(UpdateFinished(name, image, changed, seconds, mode))
    return UpdateResult(first[0], image, changed, seconds, tuple(requests.ids), plan.findings)


def surroundings(sets: ScaleSets[OperationT], scale_set: ScaleSet, options: Options) -> Surroundings | None:
    """Read what only a dry run reports; a real run saves these calls."""
    return Surroundings(names(sets.autoscale_settings(scale_set)), dict(sets.remaining)) if options.dry_run else None


def report_findings(findings: tuple[Finding, ...], options: Options, waiter: Waiter) -> None:
    """Report the findings of the plan. A real run reports refusals by its error."""
    for finding in findings:
        if options.dry_run or finding.severity in {Severity.WARNING, Severity.NOTE}:
            waiter.on_event(PreflightFound(finding))


def refuse(name: ScaleSetName, findings: tuple[Finding, ...], options: Options) -> None:
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


def _confirm(sets: ScaleSets[OperationT], name: ScaleSetName, image: Release, waiter: Waiter) -> None:
    """Read the model again after the operation: somebody else may have changed it meanwhile."""
    found = waiter.retry(lambda: sets.get(name)).release
    if not image.same_as(found):
        failure = Failure("ModelChanged", f"Azure ended the operation, but the model has {found or 'no release'}")
        step = "find out who changed the model, then run the command again"
        raise AzureError(f"set {image.short_name} in the model of {name}", failure, step)
