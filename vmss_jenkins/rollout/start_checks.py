"""What a run notes, records and refuses before it changes anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.model.automation.autoscale import names
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.release_log import Record
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.actor import Actor
from vmss_jenkins.rollout.ending import before_of
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.down_before import at_start, down_before, findings
from vmss_jenkins.rollout.plan.headcount import Headcount, Headcounts
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.preflight import ALLOW_AUTOMATIC, plan_update, same_script
from vmss_jenkins.rollout.plan.preview import idle_findings, model_changes
from vmss_jenkins.rollout.plan.rollback import (
    missing_release,
    missing_target,
    other_images,
    recorded_rollback,
    rolled_back_before,
)
from vmss_jenkins.rollout.plan.selection import Target
from vmss_jenkins.rollout.plan.surge import checks as surge_checks
from vmss_jenkins.rollout.ports import ReleaseLog
from vmss_jenkins.rollout.resizer import Resizer
from vmss_jenkins.runtime.ports import OperationT
from vmss_jenkins.runtime.waiting import Waiter


def known_releases(log: ReleaseLog | None, waiter: Waiter) -> tuple[Record, ...]:
    """The records of earlier runs; none if they cannot be read, which is said."""
    if log is None:
        return ()
    try:
        return waiter.retry(log.read)
    except AzureError as error:
        text = f"the releases before are not known: {str(error).splitlines()[0]}"
        waiter.on_event(PreflightFound(Finding(Severity.WARNING, text)))
        return ()


def with_recorded(
    spec: RolloutSpec,
    image: Release | None,
    observed: Observed,
    known: tuple[Record, ...],
    waiter: Waiter,
    *,
    rolling_back: bool,
) -> RolloutSpec:
    """Roll back to the recorded release, if none was given; a rollout takes it if instances run several others."""
    if not rolling_back:
        if spec.resolved:
            waiter.on_event(PreflightFound(Finding(Severity.NOTE, spec.resolved.explained)))
        new = image or observed.scale_set.release
        for warning in rolled_back_before(known, new):
            waiter.on_event(PreflightFound(warning))
        several = len(other_images(observed.instances, new)) > 1
        before = before_of(known, new, observed) if several and isinstance(new, ImageReference) else None
        return replace(spec, rollback_to=spec.rollback_to or before)
    found, notes = recorded_rollback(spec, observed, known)
    for note in notes:
        waiter.on_event(PreflightFound(note))
    return found


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
    blamed = Target(history.rolled_back_from, by_image=True) if resumed and history.rolled_back_from else None
    down = down_before(observed, blamed if back else target, resumed=resumed)
    if not back and actor.spec.strategy is not Strategy.SURGE:
        found = findings(actor.spec, observed.instances, selection, down)
        if reasons := [one.text for one in found if one.severity is Severity.IMPOSSIBLE]:
            raise ConfigError(f"scale set {actor.name}", reasons)
        for one in (*model_changes(observed.scale_set, image or observed.scale_set.release, selection), *found):
            actor.waiter.on_event(PreflightFound(one))
    return replace(history, down_before=down)


def refuse_idle(actor: Actor[OperationT], history: History, options: steps.Options) -> None:
    """Refuse a run that can bring its release to no instance.

    Raises:
        ConfigError: the reasons for each instance; nothing was changed.
    """
    steps.refuse(actor.name, idle_findings(actor.spec, actor.watcher.observed, history), options)


def check_release(
    actor: Actor[OperationT],
    image: Release | None,
    history: History,
    why_missing: Callable[[ImageReference], str | None] | None,
) -> None:
    """Refuse a rollout of a version that is gone, as the model, or an earlier command of the job, may name it.

    Args:
        actor: what acts for the run.
        image: the release; None for the release of the model.
        history: the run, which did nothing yet.
        why_missing: tells why no instance can be made of an image; None if nobody can tell.

    Raises:
        ConfigError: no instance can get that version; nothing was changed.
        AzureError: Azure cannot be reached.
    """
    wanted = history.target.image
    forward = not history.rolling_back and history.cause is None
    if why_missing is None or not forward or not isinstance(wanted, ImageReference):
        return
    if _pending(actor, image) and (found := missing_release(wanted, why_missing(wanted))):
        raise ConfigError(f"rollout of {wanted.short_name}", [one.text for one in found])


def check_rollback_target(
    actor: Actor[OperationT],
    image: Release | None,
    history: History,
    why_missing: Callable[[ImageReference], str | None] | None,
    named: Release | None,
) -> None:
    """Refuse a rollback to a version that is gone, and a rollout for which somebody named one; warn of other rollouts.

    Args:
        actor: what acts for the run.
        image: the release to roll out; None for the release of the model.
        history: the run, which did nothing yet.
        why_missing: tells why no instance can be made of an image; None if nobody can tell.
        named: the release to roll back to that somebody named; None for none.

    Raises:
        ConfigError: no instance can go back to that version; nothing was changed.
        AzureError: Azure cannot be reached.
    """
    spec, back = actor.spec, history.rolling_back or history.cause is not None
    if why_missing is None or not (back or _pending(actor, image)):
        return
    for to in [spec.rollback_to] if spec.rollback_to else history.previous:
        if not isinstance(to, ImageReference):
            continue
        for one in missing_target(to, why_missing(to), actor.watcher.observed, wanted=back or named is not None):
            if one.severity is Severity.IMPOSSIBLE:
                raise ConfigError(f"rollback to {to.short_name}", [one.text])
            actor.waiter.on_event(PreflightFound(one))


def _pending(actor: Actor[OperationT], image: Release | None) -> bool:
    """Whether a rollout has an instance to update."""
    observed = actor.watcher.observed
    return bool(at_start(actor.spec, image, observed.scale_set, observed.instances)[1].pending)


def warn_of_same_script(actor: Actor[OperationT], image: Release | None, history: History) -> None:
    """Warn of a script that the model and all instances have already: it runs on none of them again."""
    observed, forward = actor.watcher.observed, not history.rolling_back and history.cause is None
    if not (image and forward and image.same_as(observed.scale_set.release)):
        return
    if not _pending(actor, image):
        for finding in same_script(image):
            actor.waiter.on_event(PreflightFound(finding))


def begin_surge(actor: Actor[OperationT], headcounts: Headcounts | None, history: History) -> History:
    """Give the actor a resizer, and add the headcount to the history.

    Raises:
        ConfigError: all reasons against the surge.
        AzureError: Azure cannot be reached, or refuses to record the headcount.
    """
    resizer = Resizer(actor.sets, actor.spec, actor.watcher, headcounts, actor.waiter, actor.request_ids)
    actor.resizer, observed = resizer, actor.watcher.observed
    headcount = resizer.begin()
    if _is_there(observed, history, headcount):
        return replace(history, headcount=headcount)
    _refuse(actor, observed, headcount, actor.spec.rollback_to if history.cause else history.target.image)
    resizer.record(headcount)
    return replace(history, headcount=headcount)


def refuse_unfinished(headcounts: Headcounts, scale_set: ScaleSet, waiter: Waiter) -> None:
    """Refuse a set with the surplus of an unfinished surge: another strategy would leave the surplus there.

    Raises:
        ConfigError: an earlier surge is unfinished.
        AzureError: the record cannot be read.
    """
    found = waiter.retry(headcounts.read)
    if found and (wanted := found.seen(scale_set.capacity).wanted) < scale_set.capacity:
        reason = (
            f"an earlier surge is unfinished: the set has {scale_set.capacity} instances, wanted {wanted}; "
            "finish it with --strategy surge, or roll back with `vmss-jenkins rollback --strategy surge`"
        )
        raise ConfigError(f"scale set {scale_set.name}", [reason])


def _is_there(observed: Observed, history: History, headcount: Headcount) -> bool:
    """Whether every instance has the release and the capacity is the wanted one."""
    scale_set, wanted = observed.scale_set, history.target.image
    if history.cause or not (wanted and wanted.same_as(scale_set.release)):
        return False
    have_it = (history.target.is_on(instance, scale_set) for instance in observed.instances)
    return scale_set.capacity == headcount.wanted > 0 and all(have_it)


def _refuse(actor: Actor[OperationT], observed: Observed, headcount: Headcount, release: Release | None) -> None:
    scale_set = observed.scale_set
    autoscale = names(actor.autoscale())
    found = surge_checks.findings(actor.spec, observed, headcount, release, autoscale)
    model = plan_update(scale_set, release, observed.instances).findings if release else ()
    allowed = [ALLOW_AUTOMATIC] if actor.options.allow_automatic_rollout else []
    allowed += [surge_checks.ALLOW_UNKNOWN_AUTOSCALE] if actor.spec.allow_unknown_autoscale else []
    if reasons := surge_checks.refused((*model, *found), allowed):
        raise ConfigError(f"surge of {scale_set.name}", reasons)
    for finding in found:
        if finding.severity in {Severity.WARNING, Severity.NOTE}:
            actor.waiter.on_event(PreflightFound(finding))
