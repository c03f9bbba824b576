"""The end of a rollout: which instances have the release by the last read, and whether all wanted ones do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vmss_jenkins.model.final_state import FinalState, final_state, grouped
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance
from vmss_jenkins.model.releases import Release
from vmss_jenkins.rollout.plan.actions import Action, Done, Halt, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.history import History, Observed, runs
from vmss_jenkins.rollout.plan.rollback import state_of
from vmss_jenkins.rollout.plan.selection import Selection, missing


def account(spec: RolloutSpec, observed: Observed, history: History, left_out: Mapping[str, str]) -> FinalState:
    """Count the instances of a rollout or a rollback.

    Wanted are, by default, all instances that run and may be updated: an instance that failed is wanted, one that is
    deallocated or protected is not. Instances that are named by id are all wanted. A canary-only rollout wants as many
    instances as the canary has; a rollback those that it updates.

    Args:
        spec: what was wanted.
        observed: a read after the last action.
        history: what the run did.
        left_out: why instances were skipped.
    """
    rollout = not history.rolling_back
    ids = {value.lower() for value in spec.scope.ids.ids} if rollout else set()
    chosen = [one for one in observed.instances if not ids or one.id.lower() in ids]
    gone = missing(spec.scope, observed.instances) if rollout else ()
    canary = rollout and spec.canary_only and _has_canary(spec, observed, history, chosen, left_out)

    def wanted(instance: Instance) -> bool:
        if canary:
            return False
        return bool(ids) or (not _set_aside(spec, instance) and (rollout or history.in_rollback(instance)))

    return final_state(
        chosen,
        lambda one: history.target.is_on(one, observed.scale_set),
        left_out,
        wanted,
        lambda one: _release_of(one, observed, history),
        () if canary else gone,
    )


def as_found(action: Action, final: FinalState, observed: Observed, history: History) -> Action:
    """An action as it is reported: a run that ends before every wanted instance has the release is halted."""
    if not isinstance(action, Done) or final.complete:
        return action
    release = history.target.image
    name = release.short_name if release else "the release of the model"
    states = {one.id: state_of(one, observed.scale_set) for one in observed.instances}
    return Halt(f"not every wanted instance has {name}: {final}", states)


def _release_of(instance: Instance, observed: Observed, history: History) -> str:
    """The release that an instance runs, as far as Azure shows it: never which script it ran."""
    target = history.target.image
    if observed.scale_set.extension is not None or instance.image is None:
        return f"another release than {target.short_name}" if target else "another release"
    same = isinstance(target, ImageReference) and target.same_as(instance.image)
    return f"{instance.image.short_name} without the latest model" if same else instance.image.short_name


def _has_canary(
    spec: RolloutSpec, observed: Observed, history: History, chosen: list[Instance], left_out: Mapping[str, str]
) -> bool:
    """Whether as many instances have the release as the canary has."""
    having = [one for one in chosen if history.target.is_on(one, observed.scale_set)]
    total = history.headcount.wanted if history.headcount else sum(one.id not in left_out for one in chosen)
    return len(having) >= spec.canary_of(total) > 0


def _set_aside(spec: RolloutSpec, instance: Instance) -> bool:
    """Whether an instance is no part of a rollout unless it is asked for: protected, stopped or being deleted."""
    stays = spec.strategy is Strategy.SURGE and instance.protected_from_scale_in
    stopped = not runs(instance) or instance.provisioning_state == "Deleting"
    return stays or stopped or instance.protected_from_scale_set_actions


def nothing_to_do(release: Release | None, selection: Selection, instances: Iterable[Instance]) -> tuple[Finding, ...]:
    """The finding that forbids a plan which can bring the release to no instance; none if it can.

    Args:
        release: the release to bring; None for the release of the model.
        selection: the instances of the scope.
        instances: all instances: those that Azure works on may be updated later.
    """
    busy = any(one.is_updating for one in instances)
    if busy or selection.pending or selection.have_it or not selection.skipped:
        return ()
    name = release.short_name if release else "the release of the model"
    reasons = "; ".join(f"{ids}: {reason}" for reason, ids in grouped(selection.skipped))
    return (Finding(Severity.IMPOSSIBLE, f"no instance can get {name}: {reasons}"),)
