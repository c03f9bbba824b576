"""What a surge would do: the dry run of `vmss-jenkins rollout --strategy surge`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vmss_jenkins.model.automation.other_actors import OtherActor
from vmss_jenkins.model.findings import Finding
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.preflight import ALLOW_AUTOMATIC, plan_update
from vmss_jenkins.rollout.plan.preview import UNDRAINED, idle_findings, model_name, moving_note, services_kept
from vmss_jenkins.rollout.plan.surge import checks as surge_checks
from vmss_jenkins.rollout.plan.surge.scale_in import order
from vmss_jenkins.rollout.plan.surge.situation import survey


@dataclass(frozen=True)
class SurgePreview:
    """What a surge would do, and what forbids it."""

    image: Release | None
    changes_model: bool
    wanted: int
    """Instances in the end."""
    capacity: int
    """The capacity of the set now."""
    canary: int
    """How many would be made first; 0 for no canary."""
    canary_only: bool
    surge: int
    """How many additional instances there would be at a time."""
    replaced: tuple[str, ...]
    """Ids that would be deleted, in this order unless Azure's choice of zones changes it."""
    have_it: tuple[str, ...]
    skipped: Mapping[str, str]
    """Ids that would not be replaced, with the reason."""
    findings: tuple[Finding, ...]
    allowed: tuple[str, ...]
    """Options that were given."""
    actors: tuple[OtherActor, ...] = ()
    """Who else may act on the set meanwhile."""
    floats_as: ImageReference | None = None
    """The name that the model keeps, if it moves."""

    def refused(self, *, allow_automatic_rollout: bool) -> bool:
        """Whether the rollout would be refused."""
        allowed = [*self.allowed, *([ALLOW_AUTOMATIC] if allow_automatic_rollout else [])]
        return bool(surge_checks.refused(self.findings, allowed))

    def lines(self) -> Iterator[str]:
        """Describe it, one line each."""
        name = model_name(self.image, self.floats_as)
        yield f"would {'set the model to' if self.changes_model else 'leave the model at'} {name}"
        if self.have_it:
            yield f"have the release already: {', '.join(self.have_it)}"
        if self.replaced:
            yield from self._steps()
        yield from (f"would leave {key} alone: {reason}" for key, reason in self.skipped.items())
        yield from (f"also acts: {actor}" for actor in self.actors)
        yield from (f"{finding.severity.value}: {finding.text}" for finding in self.findings)

    def _steps(self) -> Iterator[str]:
        capacity = self.capacity
        if missing := min(max(0, self.canary - len(self.have_it)), len(self.replaced)):
            yield f"would scale out from {capacity} to {capacity + missing}: {missing} new, the canary"
            capacity += missing
        if self.canary_only:
            yield f"would then have {capacity} instances, until the next rollout continues"
            return
        yield f"would replace, in this order: {', '.join(self.replaced)}"
        at_a_time = f"{self.surge} more than {self.wanted}"
        yield f"would make new ones first, up to {at_a_time} at a time, run the gates, and delete as many old ones"
        yield f"would end with {self.wanted} instances"


def preview_surge(
    spec: RolloutSpec,
    image: Release | None,
    observed: Observed,
    headcount: Headcount,
    autoscale: tuple[str, ...] | None,
) -> SurgePreview:
    """Plan a surge, without running gates.

    Args:
        spec: the specification of the surge.
        image: the release; None for the release of the model.
        observed: the set and its instances.
        headcount: what an earlier run recorded, otherwise the capacity of the set.
        autoscale: the enabled autoscale settings of the set; None if they cannot be read.
    """
    scale_set, counted = observed.scale_set, headcount.seen(observed.scale_set.capacity)
    release = image or scale_set.release
    changes = image is not None and not image.same_as(scale_set.release)
    target = spec.target_of(image, scale_set.release)
    history = History(0.0, target)
    idle = idle_findings(spec, observed, history)
    observed = _before_script(observed) if changes and isinstance(release, ExtensionSettings) else observed
    found = survey(spec, observed, history, 0.0)
    ready = spec.drain is not None or not scale_set.load_balanced
    return SurgePreview(
        image=release,
        changes_model=bool(target.model and not target.model.same_as(scale_set.release))
        or bool(target.floats_as and found.old),
        floats_as=target.floats_as,
        wanted=counted.wanted,
        capacity=scale_set.capacity,
        canary=spec.canary_of(counted.wanted),
        canary_only=spec.canary_only,
        surge=spec.surge_of(counted.wanted),
        replaced=tuple(one.id for one in order(scale_set.scale_in, found.old, observed.instances)),
        have_it=tuple(one.id for one in found.new),
        skipped=found.skipped,
        findings=(
            *moving_note(spec),
            *(plan_update(scale_set, image, observed.instances).findings if image else ()),
            *idle,
            *surge_checks.findings(spec, observed, counted, release, autoscale),
            *(services_kept(spec, scale_set) if found.old else ()),
            *([] if ready or not found.old else [UNDRAINED]),
        ),
        allowed=(surge_checks.ALLOW_UNKNOWN_AUTOSCALE,) if spec.allow_unknown_autoscale else (),
    )


def _before_script(observed: Observed) -> Observed:
    """The set after the model got a new script: no instance has the latest model."""
    return replace(observed, instances=tuple(replace(one, latest_model_applied=False) for one in observed.instances))
