"""One log line an event, for consoles without a terminal and for logging."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from functools import singledispatch

from vmss_jenkins.events import rollout as rollout_events
from vmss_jenkins.events.base import Event
from vmss_jenkins.events.calls import (
    AzureCalled,
    CallRetried,
    CommandFailed,
    Interrupted,
    OperationAccepted,
    OperationProgress,
    OperationSucceeded,
    StillWaiting,
    WaitingForInstances,
)
from vmss_jenkins.events.gates import GateJudged, GateMeasured, GateSampled, GateStarted
from vmss_jenkins.events.seeding import FolderCreated, JobChanged, SeedFinished, SeedPlanned
from vmss_jenkins.events.steps import (
    InstanceSkipped,
    PreflightFound,
    UpdateFinished,
    UpdateInstancesFinished,
    UpdateInstancesStarted,
    UpdateStarted,
)
from vmss_jenkins.gates.curves import totals
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.instances import UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.report.text import govern as govern_text


class Level(Enum):
    """How much is printed."""

    QUIET = 0
    """Only the result and errors."""
    NORMAL = 1
    VERBOSE = 2
    """Each call to Azure and each change of an instance, too."""


_DETAILS = (AzureCalled, GateSampled, rollout_events.InstanceChanged)
_ENDINGS = (
    CommandFailed,
    Interrupted,
    SeedFinished,
    UpdateFinished,
    UpdateInstancesFinished,
    rollout_events.InstanceFailed,
    rollout_events.InstanceLeft,
    rollout_events.RollbackStarted,
    rollout_events.RolloutFinished,
    rollout_events.RolloutHalted,
    rollout_events.RolloutInterrupted,
)


def level(event: Event) -> Level:
    """Return the lowest level that prints an event."""
    if isinstance(event, GateJudged):
        return Level.NORMAL if event.consequence is Consequence.GO_ON else Level.QUIET
    return (
        Level.VERBOSE if isinstance(event, _DETAILS) else Level.QUIET if isinstance(event, _ENDINGS) else Level.NORMAL
    )


@singledispatch
def line(event: Event) -> str:
    """Write an event as one line.

    Raises:
        TypeError: if the value is not an event.
    """
    return govern_text.line(event)


@line.register
def _(event: UpdateStarted) -> str:
    after, before = event.image_after, event.image_before
    if isinstance(after, ExtensionSettings):
        return (
            f"update {event.scale_set}: {after.kind} {before.short_name if before else 'unknown'} -> {after.short_name}"
        )
    return f"update {event.scale_set}: image {before or 'unknown'} -> {after}"


def _kind(release: Release) -> str:
    return release.kind if isinstance(release, ExtensionSettings) else "image"


@line.register
def _(event: UpdateInstancesStarted) -> str:
    what = f"updating {', '.join(event.update)}" if event.update else "nothing to update"
    return f"update instances {event.chosen} of {event.scale_set}: {what}"


@line.register
def _(event: InstanceSkipped) -> str:
    return f"instance {event.instance_id} skipped: {event.reason}"


@line.register
def _(event: PreflightFound) -> str:
    prefix = "" if event.finding.severity is Severity.NOTE else f"{event.finding.severity.value}: "
    allowed = f" {event.finding.flag} allows it." if event.finding.flag else ""
    return f"{prefix}{event.finding.text}{allowed}"


@line.register
def _(event: OperationAccepted) -> str:
    return f"{event.action}: accepted by Azure (request id {event.request_id or 'not given'})"


@line.register
def _(event: OperationProgress) -> str:
    return f"{event.action}: in progress for {event.seconds:.0f} s"


@line.register
def _(event: OperationSucceeded) -> str:
    return f"{event.action}: succeeded after {event.seconds:.1f} s"


@line.register
def _(event: WaitingForInstances) -> str:
    return f"waiting for {', '.join(event.instance_ids)}: {event.reason}"


@line.register
def _(event: CallRetried) -> str:
    return f"attempt {event.attempt} failed, next attempt in {event.wait:.1f} s: {event.reason}"


@line.register
def _(event: AzureCalled) -> str:
    status = event.status or "no answer"
    return f"azure: {event.method} {event.path}: {status} (request id {event.request_id or 'not given'})"


@line.register
def _(event: StillWaiting) -> str:
    return f"still waiting; no change for {event.seconds:.0f} s"


@line.register
def _(event: CommandFailed) -> str:
    return f"error: {event.error}"


@line.register
def _(event: Interrupted) -> str:
    return (
        f"interrupted: Azure still runs: {event.action} (request id {event.request_id or 'not given'}); "
        "run the same command again to wait for it, or `vmss-jenkins status` to see the instances"
    )


@line.register
def _(event: UpdateFinished) -> str:
    if not event.changed:
        return f"{event.scale_set} already has the {_kind(event.image)} {event.image.short_name}: nothing changed"
    model = f"{event.scale_set} now has the {_kind(event.image)} {event.image.short_name} in its model"
    if event.mode is UpgradeMode.MANUAL:
        return f"{model} ({event.seconds:.1f} s); no instance changed"
    return f"{model} ({event.seconds:.1f} s), and Azure updates its instances (upgrade mode {event.mode.value})"


@line.register
def _(event: UpdateInstancesFinished) -> str:
    updated = f"updated {', '.join(event.updated)}" if event.updated else "no instance was updated"
    return f"{event.scale_set}: {updated}; latest model: {event.final} ({event.seconds:.1f} s)"


@line.register
def _(event: GateStarted) -> str:
    return f"gate {event.gate} ({event.stage}): measuring {', '.join(event.instance_ids)}"


@line.register
def _(event: GateMeasured) -> str:
    return f"gate {event.gate}: {event.samples} of up to {event.planned} samples, no verdict yet"


@line.register
def _(event: GateSampled) -> str:
    sides = [f"{side}: {bad} of {samples} bad" for side, (samples, bad) in totals(event.points).items()]
    return f"gate {event.gate}: {', '.join(sides) or 'no usable answer'}"


@line.register
def _(event: GateJudged) -> str:
    verdict = event.verdict
    last = verdict.output.strip().splitlines()[-1:]
    output = f"; output: {last[0].strip()[:200]}" if last else ""
    more = f"; about {verdict.more_samples} more samples would decide" if verdict.more_samples else ""
    follows = "" if event.consequence is Consequence.GO_ON else f" -> {event.consequence.value}"
    reason = " ".join(verdict.reason.split())
    return f"gate {verdict.gate} {verdict.outcome.value}: {reason}{more}{output}{follows}"


@line.register
def _(event: SeedPlanned) -> str:
    found = Counter(type(action).__name__ for action in event.plan.actions)
    kinds = (
        ("Create", "create"),
        ("Update", "update"),
        ("Disable", "disable"),
        ("Delete", "delete"),
        ("Refused", "refuse"),
    )
    parts = [f"{found[kind]} to {word}" for kind, word in kinds if found[kind]]
    parts.append(f"{found['Unchanged']} unchanged")
    return f"{event.server}: {', '.join(parts)}"


@line.register
def _(event: FolderCreated) -> str:
    return f"folder {event.path}: created"


@line.register
def _(event: JobChanged) -> str:
    return f"job {event.path}: {event.change} ({event.done} of {event.total})"


@line.register
def _(event: SeedFinished) -> str:
    disabled = f"{event.disabled} disabled, " if event.disabled else ""
    return (
        f"{event.created} created, {event.updated} updated, {disabled}{event.deleted} deleted, "
        f"{event.unchanged} unchanged, in {event.seconds:.1f} s"
    )
