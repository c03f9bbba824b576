"""What a rollout would do: the dry run of `vmss-jenkins rollout`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.final_state import grouped
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, OrchestrationMode, ScaleSet
from vmss_jenkins.model.machines import differing
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.accounting import nothing_to_do
from vmss_jenkins.rollout.plan.actions import SERVICES, Repairs, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.down_before import at_start, down_before, findings
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.preflight import plan_update
from vmss_jenkins.rollout.plan.rollback import rollback_target, start
from vmss_jenkins.rollout.plan.selection import (
    Include,
    Scope,
    Selection,
    Target,
    choose_canary,
    reason_to_stay,
    select,
    spread,
)

UNDRAINED = Finding(
    Severity.NOTE,
    "connections to an instance that goes down are refused until the load balancer's probe fails; --drain SECONDS "
    "takes the instance out of the load balancer first",
)


@dataclass(frozen=True)
class Preview:
    """What a rollout would do, and what forbids it."""

    image: Release | None
    changes_model: bool
    """Whether the model gets another release, or the same name that moves once more."""
    canary: tuple[str, ...]
    """Ids that would be updated first."""
    others: tuple[str, ...]
    """Ids that would follow; empty for a canary alone."""
    have_it: tuple[str, ...]
    skipped: Mapping[str, str]
    """Ids that would not be updated, with the reason."""
    at_most_down: int
    """How many instances may be down at a time; 0 if new ones replace them."""
    findings: tuple[Finding, ...]
    down: tuple[str, ...] = ()
    """Ids that would go before the canary, since they are down."""
    rolling_back: bool = False
    floats_as: ImageReference | None = None
    """The name that the model keeps, if it moves."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """The releases of the instances that a rollback would update, by id."""
    actors: tuple[OtherActor, ...] = ()
    """Who else may act on the set meanwhile."""

    def refused(self, *, allow_automatic_rollout: bool) -> bool:
        """Whether the rollout would be refused."""
        stops = {Severity.IMPOSSIBLE} if allow_automatic_rollout else {Severity.IMPOSSIBLE, Severity.UNSAFE}
        return any(finding.severity in stops for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """Describe it, one line each."""
        name = model_name(self.image, self.floats_as)
        change = "roll the model back to" if self.rolling_back else "set the model to"
        if self.image or not self.rolling_back:
            yield f"would {change if self.changes_model else 'leave the model at'} {name}"
            yield from self._updates()
        if self.have_it:
            yield f"have the release already: {', '.join(self.have_it)}"
        yield from (f"would leave {key} alone: {reason}" for key, reason in self.skipped.items())
        yield from (f"also acts: {actor}" for actor in self.actors)
        yield from (f"{finding.severity.value}: {finding.text}" for finding in self.findings)

    def _updates(self) -> Iterator[str]:
        limit = f"{f'at most {self.at_most_down}' if self.at_most_down else 'none'} down at a time"
        if self.rolling_back:
            verb = "update" if self.at_most_down else "replace"
            which = "; ".join(f"{ids} ({release})" for release, ids in grouped(self.runs)) or ", ".join(self.others)
            yield f"would {verb}: {which or 'none'}; {limit}"
            return
        if self.down:
            yield f"would update before, since they are down: {', '.join(self.down)}"
        yield f"would update first, as the canary: {', '.join(self.canary) or 'none'}"
        yield f"would update then: {', '.join(self.others) or 'none'}; {limit}"


def model_name(release: Release | None, floats_as: ImageReference | None) -> str:
    """What the model has in the end, for people.

    Args:
        release: the exact release; None for that of the model.
        floats_as: the name that the model has for it, if it moves.
    """
    name = release.short_name if release else "the release of the model"
    return f"{floats_as.short_name}, which means {name} now" if floats_as else name


def preview(spec: RolloutSpec, image: Release | None, scale_set: ScaleSet, instances: Sequence[Instance]) -> Preview:
    """Plan a rollout, without running gates.

    Raises:
        ConfigError: no instance has one of the ids.
    """
    spec.scope.ids.choose(instances)
    release = image or scale_set.release
    target, selection = at_start(spec, image, scale_set, instances)
    selection = _staying(spec, selection)
    floats_as = target.floats_as if target else None
    canary = choose_canary(spec.canary, selection) if spec.canary else ()
    left = () if spec.canary_only else [each for each in selection.pending if each not in canary]
    first, rest = [each for each in left if not each.is_healthy], [each for each in left if each.is_healthy]
    down = down_before(Observed(scale_set, tuple(instances), {}), target, resumed=False)
    return Preview(
        image=release,
        changes_model=_changes(target.model if target else release, scale_set) or bool(floats_as and left),
        canary=tuple(each.id for each in canary),
        others=tuple(each.id for each in spread(rest, canary)),
        down=tuple(each.id for each in first),
        have_it=tuple(each.id for each in selection.have_it),
        skipped=selection.skipped,
        at_most_down=_at_most_down(spec, instances),
        floats_as=floats_as,
        findings=(
            *moving_note(spec),
            *(plan_update(scale_set, image, instances).findings if image else ()),
            *nothing_to_do(release, selection, instances),
            *model_changes(scale_set, release, selection),
            *(services_kept(spec, scale_set) if selection.pending else ()),
            *findings(spec, instances, selection, down),
            *_undrained(spec, scale_set, selection),
        ),
    )


def moving_note(spec: RolloutSpec) -> tuple[Finding, ...]:
    """What a moving name means now, and what the model gets."""
    return (Finding(Severity.NOTE, spec.resolved.explained),) if spec.resolved else ()


def model_changes(scale_set: ScaleSet, release: Release | None, selection: Selection) -> Iterator[Finding]:
    """What instances get with an update beside the release: an update brings the whole model; others lack the rest."""
    found: dict[str, str] = {}
    for one in selection.have_it:
        if one.latest_model_applied is False and release is not None and release.same_as(scale_set.release):
            found[one.id] = "the image is there, not the latest model; `vmss-jenkins rollout` with no image brings it"
    for one in selection.pending:
        differs = "; ".join(differing(one.settings, scale_set.settings))
        if differs:
            found[one.id] = f"an update brings the whole model, not only the release: {differs}"
        elif one.latest_model_applied is False and one.image and one.image.same_as(release):
            found[one.id] = (
                "the image is the model's already, and the model has changed in what Azure does not show of an "
                "instance, such as custom data, secrets or extensions"
            )
    yield from (Finding(Severity.NOTE, f"{ids}: {text}") for text, ids in grouped(found))


def unsuspended(scale_set: ScaleSet) -> Iterator[Finding]:
    """The warning of a change of the model alone: nothing is suspended after it."""
    names = " and ".join(SERVICES[name] for name in scale_set.services)
    if names:
        text = (
            f"{names} of {scale_set.name} (unless suspended) give the new release to an instance that falls ill, "
            "before anybody judged it; `vmss-jenkins rollout` sets the model too, and suspends them"
        )
        yield Finding(Severity.WARNING, text)


def services_kept(spec: RolloutSpec, scale_set: ScaleSet) -> tuple[Finding, ...]:
    """The warning of services by which Azure replaces instances by ones of the new model, if they are not suspended."""
    kept = why_kept(spec.repairs, scale_set)
    names = [SERVICES[name] for name in scale_set.services] if kept else []
    return tuple(Finding(Severity.WARNING, f"{name} of {scale_set.name}: {kept}") for name in names)


def why_kept(repairs: Repairs, scale_set: ScaleSet) -> str:
    """That these services are not suspended, and what may follow; empty if they are.

    Azure refuses the instance view of a flexible set, which shows whether somebody else suspended them.
    """
    unseen = scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE
    if repairs is not Repairs.KEEP and not unseen:
        return ""
    why = ", since Azure does not show their state in Flexible mode" if unseen else ""
    return f"kept{why}: an ill instance may get the new release before it is judged"


def preview_rollback(spec: RolloutSpec, scale_set: ScaleSet, instances: Sequence[Instance]) -> Preview:
    """Plan a requested rollback: all instances that do not run the previous release get it.

    Args:
        spec: how; `rollback_to` is the release to roll back to.
        scale_set: the set as observed.
        instances: all its instances.
    """
    observed = Observed(scale_set, tuple(instances), {})
    history = start(observed, spec, None, 0.0, rolling_back=True)
    release, obstacle = _rollback_release(spec, observed, history)
    if release is None:
        blocked = Finding(Severity.IMPOSSIBLE, f"the release to roll back to is not known: {obstacle}")
        return Preview(
            None,
            changes_model=False,
            canary=(),
            others=(),
            have_it=(),
            skipped={},
            at_most_down=0,
            findings=(blocked,),
            rolling_back=True,
        )
    selection = _rollback_selection(spec, release, scale_set, instances)
    images = {each.id: each.image.short_name for each in selection.pending if each.image}
    return Preview(
        image=release,
        changes_model=_changes(release, scale_set),
        canary=(),
        others=tuple(each.id for each in selection.pending),
        have_it=tuple(each.id for each in selection.have_it),
        skipped=selection.skipped,
        at_most_down=0 if spec.strategy is Strategy.SURGE else _at_most_down(spec, instances),
        findings=(
            *plan_update(scale_set, release, instances).findings,
            *nothing_to_do(release, selection, instances),
            *(services_kept(spec, scale_set) if selection.pending else ()),
            *_undrained(spec, scale_set, selection),
        ),
        rolling_back=True,
        runs={} if scale_set.extension else images,
    )


def idle_findings(spec: RolloutSpec, observed: Observed, history: History) -> tuple[Finding, ...]:
    """Why a run that is about to begin can do nothing; none if it can.

    Args:
        spec: what is wanted.
        observed: the set before anything is changed.
        history: the first history of the run.
    """
    scale_set, instances = observed.scale_set, observed.instances
    if history.rolling_back or history.cause:
        release, _ = _rollback_release(spec, observed, history)
        selection = _rollback_selection(spec, release, scale_set, instances)
    else:
        release = history.target.image
        image = release if history.target.named or isinstance(release, ExtensionSettings) else None
        selection = _staying(spec, at_start(spec, image, scale_set, instances)[1])
    return nothing_to_do(release, selection, instances) if release else ()


def _rollback_release(spec: RolloutSpec, observed: Observed, history: History) -> tuple[Release | None, str]:
    return (history.target.image, "") if history.rolling_back else rollback_target(spec, observed, history)


def _changes(release: Release | None, scale_set: ScaleSet) -> bool:
    return release is not None and not release.same_as(scale_set.release)


def _rollback_selection(
    spec: RolloutSpec, release: Release | None, scale_set: ScaleSet, instances: Sequence[Instance]
) -> Selection:
    """A rollback updates all instances, also those that failed; of a new script none has the latest model."""
    if _changes(release, scale_set) and isinstance(release, ExtensionSettings):
        instances = [replace(each, latest_model_applied=False) for each in instances]
    scope = Scope(include=spec.scope.include | {Include.FAILED})
    return _staying(spec, select(scope, Target(release, by_image=True), scale_set, instances))


def _staying(spec: RolloutSpec, found: Selection) -> Selection:
    """A surge also skips the instances that are protected from scale-in."""
    if spec.strategy is not Strategy.SURGE:
        return found
    staying = {one.id: reason for one in found.pending if (reason := reason_to_stay(one, frozenset(Include)))}
    pending = tuple(one for one in found.pending if one.id not in staying)
    return Selection(found.have_it, pending, {**found.skipped, **staying})


def _at_most_down(spec: RolloutSpec, instances: Sequence[Instance]) -> int:
    return max(1, spec.max_unavailable.rounded_down(len(instances)))


def _undrained(spec: RolloutSpec, scale_set: ScaleSet, selection: Selection) -> tuple[Finding, ...]:
    return (UNDRAINED,) if scale_set.load_balanced and spec.drain is None and selection.pending else ()
